//! What came lately: a window that slides by a sixth of its length.

use std::time::Duration;

use event::Timestamp;

/// Parts of the window.
const PARTS: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Part {
    events: f64,
    secs: f64,
}

/// What came in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    /// Events of the whole window.
    pub(super) events: f64,
    /// How long the window was in truth.
    pub(super) secs: f64,
    /// Events of its newest part.
    pub(super) newest: f64,
    /// Length of its newest part.
    pub(super) newest_secs: f64,
}

/// Counts of the last parts. Kept in memory only.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Window {
    parts: [Part; PARTS],
    at: usize,
    filled: usize,
    from: Option<Timestamp>,
    events: f64,
}

impl Window {
    /// Takes in what came since the last look; gives the measure when a part is full and all parts are. It begins with the
    /// first event: what was silent before is not measured.
    pub(super) fn take(&mut self, events: u64, now: Timestamp, length: Duration) -> Option<Measured> {
        if events == 0 && self.from.is_none() {
            return None;
        }
        let from = *self.from.get_or_insert(now);
        self.events += events as f64;
        let secs = now.since(from).as_secs_f64();
        if secs < length.as_secs_f64() / PARTS as f64 {
            return None;
        }
        let part = Part { events: self.events, secs };
        if let Some(place) = self.parts.get_mut(self.at) {
            *place = part;
        }
        self.at = (self.at + 1) % PARTS;
        self.filled = (self.filled + 1).min(PARTS);
        (self.from, self.events) = (Some(now), 0.0);
        let (events, secs) = self.parts.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.events, sum.1 + one.secs));
        let measured = Measured { events, secs, newest: part.events, newest_secs: part.secs };
        (self.filled == PARTS).then_some(measured)
    }

    /// Forgets everything: what was not watched is not measured.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut window = Window::default();
        let at = |secs: i64| Timestamp::from_secs(1_793_664_000 + secs);
        let length = Duration::from_secs(60);
        let measured: Vec<_> = (0..=60).filter_map(|second| window.take(2, at(second), length)).collect();
        assert_eq!(measured.len(), 1);
        assert_eq!((measured[0].secs, measured[0].newest_secs), (60.0, 10.0));
        assert!((measured[0].events - 122.0).abs() < 1e-9);
        let measured: Vec<_> = (61..=80).filter_map(|second| window.take(0, at(second), length)).collect();
        assert_eq!(measured.iter().map(|one| one.newest).collect::<Vec<_>>(), [0.0, 0.0]);
        assert!(measured[1].events < measured[0].events);
        window.clear();
        assert_eq!(window.take(0, at(100), length), None);
        assert_eq!(window.take(5, at(200), length), None);
        assert_eq!(window.from, Some(at(200)));
    }
}

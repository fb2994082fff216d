//! What a source does at each hour of the week, as a decayed mean of the weeks before.

use event::Timestamp;

/// Hours of a week.
pub(super) const HOURS: usize = 168;
/// The least weight of a new week in the mean: older weeks fade.
const WEIGHT_MIN: f32 = 0.25;
/// A week counts at most so many times the mean before: one wild hour does not become the rule.
const GROWTH_MAX: f32 = 4.0;

/// One hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cell {
    /// Events in an hour, mean.
    pub(super) events: f32,
    /// Usual interval in seconds, mean.
    pub(super) gap_secs: f32,
    /// Weeks that are in the means, 255 at most.
    pub(super) weeks: u8,
}

impl Cell {
    fn learn(&mut self, events: f32, gap_secs: f32) {
        if self.weeks == 0 {
            *self = Self { events, gap_secs, weeks: 1 };
            return;
        }
        let weight = (1.0 / (f32::from(self.weeks) + 1.0)).max(WEIGHT_MIN);
        let events = events.min(self.events * GROWTH_MAX + 60.0);
        let gap_secs = gap_secs.min(self.gap_secs * GROWTH_MAX + 60.0);
        self.events += weight * (events - self.events);
        self.gap_secs += weight * (gap_secs - self.gap_secs);
        self.weeks = self.weeks.saturating_add(1);
    }
}

/// The hours of a week; hour 0 begins on Thursday at 00:00 UTC, as the epoch does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Week {
    cells: Box<[Cell; HOURS]>,
}

impl Default for Week {
    fn default() -> Self {
        Self { cells: Box::new([Cell::default(); HOURS]) }
    }
}

/// Hours since the epoch.
pub(super) fn hour_of(time: Timestamp) -> i64 {
    time.secs().div_euclid(3_600)
}

fn place(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(HOURS as i64)).unwrap_or(0)
}

impl Week {
    /// Takes in an hour that was watched.
    pub(super) fn learn(&mut self, hour: i64, events: f32, gap_secs: f32) {
        if let Some(cell) = self.cells.get_mut(place(hour)) {
            cell.learn(events, gap_secs);
        }
    }

    /// What is usual at an hour: of this hour of the week, else the mean of this hour on the days that are known.
    pub(super) fn at(&self, hour: i64) -> Option<Cell> {
        let own = self.cells.get(place(hour)).copied().filter(|cell| cell.weeks > 0);
        own.or_else(|| {
            let same = (0..7).filter_map(|day| self.cells.get(place(hour + day * 24)));
            let known: Vec<&Cell> = same.filter(|cell| cell.weeks > 0).collect();
            let count = known.len() as f32;
            (!known.is_empty()).then(|| Cell {
                events: known.iter().map(|cell| cell.events).sum::<f32>() / count,
                gap_secs: known.iter().map(|cell| cell.gap_secs).fold(0.0, f32::max),
                weeks: 1,
            })
        })
    }

    /// The hours that are known, by their place in the week.
    pub(super) fn known(&self) -> impl Iterator<Item = (usize, &Cell)> {
        self.cells.iter().enumerate().filter(|(_, cell)| cell.weeks > 0)
    }

    /// Puts back what [`Week::known`] gave.
    pub(super) fn restore(&mut self, place: usize, cell: Cell) {
        if let Some(own) = self.cells.get_mut(place) {
            *own = cell;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_of_the_week_has_its_own_mean() {
        let mut week = Week::default();
        assert_eq!(week.at(5), None);
        week.learn(5, 100.0, 60.0);
        assert_eq!(week.at(5).map(|cell| cell.events), Some(100.0));
        // The same hour of another day is a first guess, another hour is none.
        assert_eq!(week.at(5 + 24).map(|cell| cell.gap_secs), Some(60.0));
        assert_eq!(week.at(6), None);
        week.learn(5 + 24, 10.0, 600.0);
        assert_eq!(week.at(5 + 24).map(|cell| cell.events), Some(10.0));
        assert_eq!(week.at(5 + 48).map(|cell| (cell.events, cell.gap_secs)), Some((55.0, 600.0)));
        // A week later it is the same hour again; the mean moves, and an outlier moves it by a bounded step.
        week.learn(5 + 168, 200.0, 60.0);
        assert_eq!(week.at(5).map(|cell| cell.events), Some(150.0));
        week.learn(5, 1e9, 1e9);
        let cell = week.at(5).unwrap();
        assert!(cell.events < 400.0 && cell.gap_secs < 200.0, "{cell:?}");
        for _ in 0..40 {
            week.learn(5, 10.0, 1.0);
        }
        assert!(week.at(5).unwrap().events < 11.0);
        assert_eq!(place(-1), 167);
    }
}

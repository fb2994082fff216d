//! How much room the disk of the data directory has: an alarm first, then nothing more is acknowledged, and by itself back.
//!
//! What is left below the second mark is for what was acknowledged already: index, alerts and ledger of what the spool holds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use event::Act;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::api::App;
use crate::config;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A level is left when there is so much more room than it takes to enter it: a quarter.
const MARGIN_DIVISOR: u64 = 4;

/// How the disk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ample = 0,
    /// Below the first mark.
    Low = 1,
    /// Below the second.
    Full = 2,
}

/// What was seen last; shared with who asks whether the server is ready.
#[derive(Debug, Default)]
pub struct Disk {
    level: AtomicU8,
    free_bytes: AtomicU64,
}

impl Disk {
    fn level(&self) -> Level {
        match self.level.load(Ordering::Acquire) {
            0 => Level::Ample,
            1 => Level::Low,
            _ => Level::Full,
        }
    }

    /// Why nothing is acknowledged, while nothing is.
    pub fn fault(&self) -> Option<String> {
        let free = self.free_bytes.load(Ordering::Acquire);
        (self.level() == Level::Full)
            .then(|| format!("{} MiB are free, less than `disk.stop_below`: inputs acknowledge nothing", free >> 20))
    }

    /// That there is little room.
    pub fn warning(&self) -> Option<&'static str> {
        (self.level() >= Level::Low).then_some("disk_low")
    }
}

/// Free and all bytes of the file system that a folder lies on.
fn room(folder: &Path) -> std::io::Result<(u64, u64)> {
    let about = rustix::fs::statvfs(folder)?;
    Ok((about.f_bavail.saturating_mul(about.f_frsize), about.f_blocks.saturating_mul(about.f_frsize)))
}

fn judge(before: Level, (free, total): (u64, u64), marks: &config::Disk) -> Level {
    let (warn, stop) = (marks.warn_below.of(total), marks.stop_below.of(total));
    let with_margin = |mark: u64, inside: bool| if inside { mark.saturating_add(mark / MARGIN_DIVISOR) } else { mark };
    if free < with_margin(stop, before == Level::Full) {
        Level::Full
    } else if free < with_margin(warn, before >= Level::Low) {
        Level::Low
    } else {
        Level::Ample
    }
}

/// Looks until cancelled; holds the spool while there is no room.
pub async fn watch(app: Arc<App>, cancel: CancellationToken) {
    let mut unreadable = false;
    loop {
        match room(&app.data) {
            Ok(found) => {
                unreadable = false;
                look(&app, found);
            }
            Err(error) if !unreadable => {
                tracing::error!(%error, path = %app.data.display(), "room on the disk cannot be told");
                unreadable = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return,
        }
    }
}

fn look(app: &App, (free, total): (u64, u64)) {
    let before = app.disk.level();
    let level = judge(before, (free, total), &app.loaded.config.disk);
    app.disk.free_bytes.store(free, Ordering::Release);
    metrics::gauge!("metrosoc_disk_free_bytes").set(free as f64);
    metrics::gauge!("metrosoc_disk_level").set(f64::from(level as u8));
    if level == before {
        return;
    }
    app.disk.level.store(level as u8, Ordering::Release);
    app.spool.hold(level == Level::Full);
    let action = match level {
        Level::Full => "disk_full",
        Level::Low if before == Level::Ample => "disk_low",
        Level::Low | Level::Ample => "disk_recovered",
    };
    match level {
        Level::Full => tracing::error!(free, total, "disk nearly full: inputs acknowledge nothing until there is room"),
        Level::Low if before == Level::Ample => tracing::warn!(free, total, "disk is getting full"),
        Level::Low | Level::Ample => tracing::info!(free, total, "disk has room again"),
    }
    let detail = json!({ "free_bytes": free, "total_bytes": total, "inputs_stopped": level == Level::Full });
    app.acts.happened(Act { actor: super::OURSELVES.to_owned(), action, object: "disk".to_owned(), detail });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Amount;

    fn check(before: Level, free: u64, expected: Level) {
        let marks = config::Disk { warn_below: Amount::Share(1_000), stop_below: Amount::Bytes(40) };
        assert_eq!(judge(before, (free, 1_000), &marks), expected, "{before:?} {free}");
    }

    #[test]
    fn marks_are_entered_at_once_and_left_with_a_margin() {
        for (free, expected) in
            [(100, Level::Ample), (99, Level::Low), (40, Level::Low), (39, Level::Full), (0, Level::Full)]
        {
            check(Level::Ample, free, expected);
        }
        for (free, expected) in [(49, Level::Full), (50, Level::Low), (124, Level::Low), (125, Level::Ample)] {
            check(Level::Full, free, expected);
        }
        check(Level::Low, 124, Level::Low);
        check(Level::Low, 39, Level::Full);
    }

    #[test]
    fn marks_of_nothing_are_never_reached() {
        let never = config::Disk { warn_below: Amount::Bytes(0), stop_below: Amount::Bytes(0) };
        assert_eq!(judge(Level::Full, (0, 1_000), &never), Level::Ample);
    }

    #[test]
    fn the_disk_of_a_folder_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let (free, total) = room(folder.path()).unwrap();
        assert!(free <= total && total > 0);
    }
}

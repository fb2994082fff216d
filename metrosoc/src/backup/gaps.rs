//! Numbers of events that no event will ever have: what a restore leaps over.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

/// The file in the data directory.
const FILE: &str = "event-gaps.json";
const VERSION: u32 = 1;
/// How far a restore leaps at least: what thirty thousand events a second give out in more than a year.
const LEAP: u64 = 1 << 40;
/// Numbers beyond are not exact in JSON's numbers as browsers read them.
const NUMBERS_MAX: u64 = 1 << 53;

/// A range of numbers without events, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Events from this one on are missing.
    pub from: EventId,
    /// Events go on with this one.
    pub to: EventId,
    /// The backup that was restored.
    pub backup: String,
    /// When that was.
    pub restored: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    gaps: Vec<Gap>,
}

/// The first number for events after a restore, when `known` is the greatest that anybody knows of; `None` when there are
/// none left, which is after eight thousand restores.
pub fn beyond(known: EventId) -> Option<EventId> {
    let next = (known.0 / LEAP).checked_add(1)?.checked_mul(LEAP)?;
    (next < NUMBERS_MAX).then_some(EventId(next))
}

/// The position behind the gap that `position` lies in; itself when it lies in none.
pub fn across(gaps: &[Gap], position: EventId) -> EventId {
    gaps.iter().fold(position, |at, gap| if (gap.from..gap.to).contains(&at) { gap.to } else { at })
}

/// No spool has a record before this one: the last restore began it there.
pub fn spool_begins(gaps: &[Gap]) -> EventId {
    gaps.iter().map(|gap| gap.to).max().unwrap_or_default()
}

/// Reads the gaps of a data directory.
///
/// # Errors
/// When the file cannot be read, or a newer program wrote it.
pub fn read(data: &Path) -> anyhow::Result<Vec<Gap>> {
    let path = data.join(FILE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("`{}`", path.display()))?,
    };
    parse(&bytes).with_context(|| format!("`{}`", path.display()))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Vec<Gap>> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes)?;
    anyhow::ensure!(
        version == VERSION,
        "it has form {version}, and this program reads form {VERSION}; start the newer program that wrote it"
    );
    Ok(serde_json::from_slice::<Form>(bytes)?.gaps)
}

/// Writes them down behind those that are there.
///
/// # Errors
/// When the file cannot be read or written.
pub(super) fn add(data: &Path, gap: Gap) -> anyhow::Result<()> {
    let mut gaps = read(data)?;
    gaps.push(gap);
    let path = data.join(FILE);
    let bytes = serde_json::to_vec_pretty(&Form { version: VERSION, gaps })?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh).with_context(|| format!("`{}`", fresh.display()))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).with_context(|| format!("`{}`", fresh.display()))?;
    fs::rename(&fresh, &path).with_context(|| format!("`{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gap(from: u64, to: u64) -> Gap {
        let (from, to) = (EventId(from), EventId(to));
        Gap { from, to, backup: "b".to_owned(), restored: Timestamp::from_secs(1_793_664_000) }
    }

    #[test]
    fn positions_leap_over_gaps() {
        let gaps = [gap(10, 100), gap(100, 1_000), gap(2_000, 3_000)];
        for (position, expected) in
            [(9, 9), (10, 1_000), (99, 1_000), (100, 1_000), (1_000, 1_000), (2_999, 3_000), (3_000, 3_000)]
        {
            assert_eq!(across(&gaps, EventId(position)), EventId(expected), "{position}");
        }
        assert_eq!((spool_begins(&gaps), spool_begins(&[])), (EventId(3_000), EventId(0)));
    }

    #[test]
    fn gaps_are_kept_and_newer_forms_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), []);
        add(folder.path(), gap(1, 2)).unwrap();
        add(folder.path(), gap(3, 4)).unwrap();
        assert_eq!(read(folder.path()).unwrap(), [gap(1, 2), gap(3, 4)]);
        let refused = parse(br#"{"version":2,"gaps":[]}"#).unwrap_err().to_string();
        assert!(refused.contains("newer program"), "{refused}");
    }

    proptest! {
        #[test]
        fn a_leap_leaves_a_year_of_numbers(known in 0..NUMBERS_MAX - 2 * LEAP) {
            let next = beyond(EventId(known)).unwrap();
            prop_assert!(next.0 > known && next.0.is_multiple_of(LEAP) && next.0 - known <= LEAP);
            prop_assert!(beyond(next).is_none_or(|again| again.0 - next.0 == LEAP));
        }
    }
}

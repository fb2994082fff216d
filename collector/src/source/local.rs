//! This machine's own log: the journal through `journalctl`, or else the files of `/var/log`.
//!
//! Where there is neither, [`LocalLog::find`] says so, and [`SAMPLE`] holds lines to try the product with. Our own lines
//! are left out.

mod checkpoint;
mod journal;
mod resume;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use event::{KnownBy, Origin, SiteId, SourceId, Transport};
use tokio_util::sync::CancellationToken;

use super::FrameLimits;
use crate::sites::{Attribution, Lane};
use crate::spool::{Intake, Spool};
use crate::{IntakeError, Record, SourceError, SpoolError};

pub use journal::{JournalEntry, entry};

/// Lines of an invented server, to be imported where a machine has no log of its own.
pub const SAMPLE: &str = include_str!("../../demo/sample.log");

/// Files of `/var/log` that are followed where they are there.
const FILES: [&str; 10] =
    ["syslog", "messages", "auth.log", "secure", "kern.log", "daemon.log", "user.log", "cron", "cron.log", "maillog"];

/// How this machine's own log is read.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Where positions are kept, so that a restart goes on where it stood.
    pub state_dir: PathBuf,
    /// Where journals lie. Default `/var/log/journal` and `/run/log/journal`.
    pub journal_dirs: Vec<PathBuf>,
    /// Where log files lie. Default `/var/log`.
    pub log_dir: PathBuf,
    /// Lines of the past that the very first start reads. Default 1,000.
    pub first_lines: usize,
    /// Bounds of a line.
    pub frame: FrameLimits,
    /// How often files are looked at. Default 1 s.
    pub look_every: Duration,
}

impl LocalSettings {
    /// The defaults, with positions in `state_dir`.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            journal_dirs: vec!["/var/log/journal".into(), "/run/log/journal".into()],
            log_dir: "/var/log".into(),
            first_lines: 1_000,
            frame: FrameLimits::default(),
            look_every: Duration::from_secs(1),
        }
    }
}

/// The log that a machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalLog {
    /// A journal; `journalctl` is there and the journal has entries.
    Journal,
    /// Log files.
    Files(Vec<PathBuf>),
    /// Neither; why, for the operator to read.
    Nothing(String),
}

impl LocalLog {
    /// Looks for this machine's log.
    pub async fn find(settings: &LocalSettings) -> Self {
        let journal = match journal::is_there(&settings.journal_dirs).await {
            Ok(()) => return Self::Journal,
            Err(reason) => reason,
        };
        let files = files(&settings.log_dir);
        if !files.is_empty() {
            return Self::Files(files);
        }
        let dir = settings.log_dir.display();
        Self::Nothing(format!("this machine has no log to read: {journal}, and `{dir}` has no readable system log"))
    }
}

/// Lets the spool go where the journal was followed before and is not any more: nobody tells it then what may be destroyed.
///
/// # Errors
/// When the spool cannot note it.
pub fn without_journal(spool: &Spool) -> Result<(), SpoolError> {
    spool.forget(resume::CONSUMER)
}

/// Reads this machine's log until `cancel` is cancelled. Returns at once where there is none. Of the spool behind the intake
/// it learns which entries of the journal it has, so that a crash stores none twice.
///
/// # Errors
/// When the log cannot be followed; the other sources go on.
pub async fn serve(
    log: LocalLog,
    settings: LocalSettings,
    spool: Arc<Spool>,
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
) -> Result<(), SourceError> {
    let io = |source| SourceError::Local { doing: "create", path: settings.state_dir.clone(), source };
    std::fs::create_dir_all(&settings.state_dir).map_err(io)?;
    let sink = Sink { intake, attribution, cancel };
    match log {
        LocalLog::Journal => journal::follow(&settings, &spool, &sink).await,
        LocalLog::Files(files) => tail::follow(&files, &settings, &sink).await,
        LocalLog::Nothing(reason) => {
            tracing::warn!(reason, "no local log");
            Ok(())
        }
    }
}

/// The files that are followed.
fn files(dir: &Path) -> Vec<PathBuf> {
    let readable = |path: &PathBuf| path.is_file() && std::fs::File::open(path).is_ok();
    FILES.iter().map(|name| dir.join(name)).filter(readable).collect()
}

/// Where records of this machine go.
#[derive(Debug)]
struct Sink {
    intake: Intake,
    attribution: Arc<Attribution>,
    cancel: CancellationToken,
}

impl Sink {
    /// The lane of one stream of this machine's logs.
    fn lane(&self, name: &str) -> Lane {
        self.attribution.lane(Origin {
            site: SiteId::local(),
            agency: None,
            known_by: KnownBy::Operator,
            source: SourceId::of(Transport::Local, name),
            transport: Transport::Local,
            peer: None,
        })
    }

    /// Stores records; the caller notes its position behind them afterwards.
    async fn store(&self, lane: &Lane, records: Vec<Record>) -> Result<(), IntakeError> {
        if records.is_empty() {
            return Ok(());
        }
        let (count, bytes) = (records.len(), records.iter().map(|record| record.bytes.len()).sum());
        self.intake.submit_until_stored(records, &self.cancel).await?;
        lane.source.stored(count, bytes, self.attribution.now());
        Ok(())
    }
}

#[cfg(test)]
#[path = "local/tests.rs"]
mod tests;

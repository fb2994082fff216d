//! Log files that the configuration names, by path or pattern, followed through rotation, truncation and restarts.
//!
//! Every record carries its file (device, inode and a check of its first bytes) and the place behind it, so that where a file
//! is to be read on is durable with the record itself: after `kill -9` each whole line is there exactly once. A line without
//! an end waits for it, and is taken as it is when its file was rotated away and has been quiet for a while.
//!
//! What was truncated or replaced between two looks, before it was read, is lost: `copytruncate` cannot be told from that.
//! Compressed files are never read: they are what was read before.

mod file;
mod pattern;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{KnownBy, Origin, SiteId, SourceId, Transport};
use tokio_util::sync::CancellationToken;

pub use pattern::matching;

use super::identity::{FileId, Identities, file_note};
use super::own;
use crate::sites::{Attribution, Lane};
use crate::spool::Intake;
use crate::{Format, IntakeError, Record, SourceError};
use file::{Followed, Lines};

/// Most files that are followed at once.
const FILES_MAX: usize = 1_024;
/// How long a file that was rotated away is kept open after its last line.
const QUIET: Duration = Duration::from_secs(30);
/// Ends of names of compressed files.
const PACKED: [&str; 7] = ["gz", "zst", "xz", "bz2", "lz4", "zip", "Z"];

/// What is followed and how.
#[derive(Debug, Clone)]
pub struct TailSettings {
    /// Paths; `*` and `?` stand for characters of one name.
    pub paths: Vec<String>,
    /// The site that the lines belong to.
    pub site: SiteId,
    /// Longest line in bytes; of a longer one the beginning is kept.
    pub line_bytes_max: usize,
    /// How often files are looked at. Default 1 s.
    pub look_every: Duration,
}

/// Where records go.
#[derive(Debug)]
pub struct TailSink {
    /// The spool.
    pub intake: Intake,
    /// Counts by source.
    pub attribution: Arc<Attribution>,
    /// Remembers where files are to be read on.
    pub identities: Arc<Identities>,
    /// Ends it.
    pub cancel: CancellationToken,
}

/// Follows the files until cancelled.
///
/// # Errors
/// Never at present: a file that cannot be read is told and looked at again.
pub async fn serve(settings: TailSettings, sink: TailSink) -> Result<(), SourceError> {
    let mut tail = Tail::new(settings, sink);
    loop {
        let looked = tail.look().await;
        if looked == Err(IntakeError::Closed) {
            return Ok(());
        }
        tokio::select! {
            () = tail.sink.cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(tail.settings.look_every) => {}
        }
    }
}

/// The files that are followed.
pub(super) struct Tail {
    settings: TailSettings,
    sink: TailSink,
    files: HashMap<FileId, Open>,
    /// Files that were told to be unreadable.
    told: HashSet<PathBuf>,
}

struct Open {
    path: PathBuf,
    lane: Lane,
    followed: Followed,
    /// When there was something new last.
    grown: Instant,
}

impl Tail {
    pub(super) fn new(settings: TailSettings, sink: TailSink) -> Self {
        Self { settings, sink, files: HashMap::new(), told: HashSet::new() }
    }

    /// Reads what is new in every file.
    pub(super) async fn look(&mut self) -> Result<(), IntakeError> {
        let named = self.find();
        let mut ids: Vec<FileId> = self.files.keys().copied().collect();
        // Rotated files first: their lines are older.
        ids.sort_by_key(|id| named.contains(id));
        for id in ids {
            self.read(id, named.contains(&id)).await?;
        }
        Ok(())
    }

    /// Opens what is new, and gives what the paths name now.
    fn find(&mut self) -> HashSet<FileId> {
        let mut named = HashSet::new();
        let mut folders = HashSet::new();
        for pattern in self.settings.paths.clone() {
            for path in matching(&pattern) {
                folders.extend(path.parent().map(Path::to_path_buf));
                named.extend(self.open(&path, false));
            }
        }
        // What was rotated away while nobody looked has another name in the same folder.
        for folder in folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries.take(FILES_MAX).map(|entry| entry.path()) {
                self.open(&path, true);
            }
        }
        named
    }

    /// Opens a file that is not followed yet; one that is `only_known` must have been read before.
    fn open(&mut self, path: &Path, only_known: bool) -> Option<FileId> {
        let about = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let id = FileId { device: about.dev(), inode: about.ino() };
        if self.files.contains_key(&id) {
            return Some(id);
        }
        let place = self.sink.identities.file_place(id);
        let unread = place.is_some_and(|place| place.offset < about.len());
        let packed = path.extension().is_some_and(|end| PACKED.iter().any(|packed| end == *packed));
        if packed || self.files.len() >= FILES_MAX || (only_known && !unread) {
            return None;
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                if self.told.len() < FILES_MAX && self.told.insert(path.to_path_buf()) {
                    tracing::warn!(path = %path.display(), %error, "log file cannot be read");
                }
                return None;
            }
        };
        let followed = Followed::new(file, place, self.settings.line_bytes_max);
        if followed.is_packed() || (only_known && followed.offset() == 0) {
            return None;
        }
        tracing::info!(path = %path.display(), offset = followed.offset(), "following a log file");
        let lane = self.lane(path);
        self.files.insert(id, Open { path: path.to_path_buf(), lane, followed, grown: Instant::now() });
        Some(id)
    }

    fn lane(&self, path: &Path) -> Lane {
        let site = self.settings.site.clone();
        let agency = self.sink.attribution.sites().by_id(&site).map(|site| site.agency.clone());
        self.sink.attribution.lane(Origin {
            site,
            agency,
            known_by: KnownBy::Operator,
            source: SourceId::of(Transport::File, &path.display().to_string()),
            transport: Transport::File,
            peer: None,
        })
    }

    /// Stores what is new in one file; lets it go when it was rotated away and is quiet.
    async fn read(&mut self, id: FileId, is_named: bool) -> Result<(), IntakeError> {
        loop {
            let Some(open) = self.files.get_mut(&id) else { return Ok(()) };
            let over = !is_named && open.grown.elapsed() >= QUIET;
            let lines = match open.followed.next(over) {
                Ok(lines) => lines,
                Err(error) => {
                    tracing::warn!(path = %open.path.display(), %error, "log file cannot be read");
                    Lines::default()
                }
            };
            if lines.is_empty() {
                if over {
                    self.files.remove(&id);
                }
                return Ok(());
            }
            open.grown = Instant::now();
            store(&self.sink, &open.lane, id, lines).await?;
        }
    }
}

/// Makes lines durable, with the place behind each.
async fn store(sink: &TailSink, lane: &Lane, id: FileId, lines: Lines) -> Result<(), IntakeError> {
    let now = sink.attribution.now();
    let (_, claim) = sink.identities.claim(Vec::new());
    let (mut records, mut bytes, mut skipped) = (Vec::with_capacity(lines.len()), 0, 0);
    let last = lines.last_place();
    for (line, truncated, place) in lines {
        if own::is_own(&line) {
            skipped += 1;
            continue;
        }
        bytes += line.len();
        let record = Record::new(Arc::clone(&lane.origin), now, line).with_format(Format::Line);
        records.push(Record { truncated, dedupe: Some(file_note(id, place)), ..record });
    }
    own::skipped(skipped);
    let count = records.len();
    if count > 0 {
        sink.intake.submit_until_stored(records, &sink.cancel).await?;
        lane.source.stored(count, bytes, now);
    }
    if let Some(place) = last {
        claim.stored_file(id, place);
    }
    Ok(())
}

//! The writer thread: gathers what waits, writes it in one go, one fsync, then answers everybody.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use event::EventId;
use tokio::sync::oneshot;

use super::codec::{self, RECORD_OVERHEAD_BYTES};
use super::intake::{Accepted, Answer, Intake, Job, Message};
use super::segment::Segment;
use super::shared::{Recent, Shared};
use crate::{IntakeError, Record, SpoolError};

/// Most bytes that one fsync covers, unless a single batch is larger.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A frame is finished at this size.
const FRAME_BYTES: usize = 1024 * 1024;
/// Bytes that a batch may take on disk beside its records: a new segment's header, frame headers, its origin.
const JOB_OVERHEAD_BYTES: u64 = 1_024;
/// Upper bound of `commit_delay`.
const COMMIT_DELAY_MAX: Duration = Duration::from_millis(20);
/// How often an idle writer looks whether its segment has come of age.
const IDLE: Duration = Duration::from_secs(1);

/// A file that is written behind its end; tests put failing ones in its place.
pub(super) trait Append: Send {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// Makes an [`Append`] of a segment's file.
pub(super) type MakeAppender = Box<dyn Fn(File, &Path) -> Box<dyn Append> + Send>;

/// The real one.
pub(super) fn file_appender() -> MakeAppender {
    Box::new(|file, _| Box::new(file))
}

impl Append for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.sync_all()
    }
}

/// Starts the thread; it ends when told to close or when nobody can submit any more.
pub(super) fn start(shared: &Arc<Shared>, appender: MakeAppender) -> Result<Intake, SpoolError> {
    let (queue, messages) = mpsc::channel();
    let writer = Writer {
        shared: Arc::clone(shared),
        next: shared.durable(),
        appender,
        current: None,
        wounded: false,
        spent: false,
        crowded: false,
    };
    thread::Builder::new()
        .name("spool-writer".to_owned())
        .spawn(move || writer.run(&messages))
        .map_err(|source| SpoolError::Io { doing: "start a thread for", path: shared.settings.dir.clone(), source })?;
    Ok(Intake::new(queue, shared.settings.waiting_bytes_max))
}

struct Writer {
    shared: Arc<Shared>,
    next: u64,
    appender: MakeAppender,
    current: Option<Current>,
    /// The current segment has bytes behind its durable end that could not be cut off.
    wounded: bool,
    /// A flush of the current segment failed: what the kernel holds of it is not known any more, and nothing is written to
    /// it again, whether what is behind its durable end could be cut off at once or not.
    spent: bool,
    /// The last group had several submitters: it is worth waiting for more.
    crowded: bool,
}

struct Current {
    segment: Arc<Segment>,
    file: Box<dyn Append>,
    begun: Instant,
}

/// Batches that one fsync will cover.
#[derive(Default)]
struct Group {
    records: Vec<Record>,
    /// Number of records, and who waits for them.
    submitters: VecDeque<(usize, oneshot::Sender<Answer>)>,
    rooms: Vec<tokio::sync::OwnedSemaphorePermit>,
    bytes: usize,
}

impl Group {
    fn add(&mut self, job: Job) {
        let Job { records, bytes, reply, _room: room, .. } = job;
        self.submitters.push_back((records.len(), reply));
        self.records.extend(records);
        self.rooms.push(room);
        self.bytes += bytes;
    }

    /// Gives everybody his records back.
    fn refuse(mut self, error: &IntakeError) {
        metrics::counter!("metrosoc_spool_refused_records_total").increment(self.records.len() as u64);
        while let Some((count, reply)) = self.submitters.pop_back() {
            let records = self.records.split_off(self.records.len().saturating_sub(count));
            let _ = reply.send(Err((error.clone(), records)));
        }
    }
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut closing = None;
        while closing.is_none() {
            match messages.recv_timeout(IDLE) {
                Ok(Message::Job(job)) => closing = self.gather_and_write(job, messages),
                Ok(Message::Close(done)) => closing = Some(done),
                Err(RecvTimeoutError::Timeout) => self.finish_of_age(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finish();
        // Whoever waits may open the directory again: the lock must be free by then.
        drop(self);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    /// One group: `first` and what else waits. Gives back who wants the writer to close.
    fn gather_and_write(&mut self, first: Job, messages: &Receiver<Message>) -> Option<oneshot::Sender<()>> {
        let mut group = Group::default();
        let mut free = self.shared.settings.bytes_max.saturating_sub(self.shared.disk_bytes());
        let mut closing = None;
        self.take(&mut group, first, &mut free);
        let delay = self.shared.settings.commit_delay.min(COMMIT_DELAY_MAX);
        let until = Instant::now() + if self.crowded { delay } else { Duration::ZERO };
        while group.bytes < GROUP_BYTES_MAX {
            match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Job(job)) => self.take(&mut group, job, &mut free),
                Ok(Message::Close(done)) => {
                    closing = Some(done);
                    break;
                }
                Err(_) => break,
            }
        }
        self.crowded = group.submitters.len() > 1;
        if !group.submitters.is_empty() {
            self.write(group);
        }
        closing
    }

    fn take(&mut self, group: &mut Group, job: Job, free: &mut u64) {
        let needed = job.bytes as u64 + JOB_OVERHEAD_BYTES;
        let held = !job.reserved && self.shared.state().held;
        if !held && let Some(left) = free.checked_sub(needed) {
            *free = left;
            group.add(job);
            return;
        }
        // What an empty spool could not take either must not be sent again as it is.
        let bytes_max = self.shared.settings.bytes_max;
        let error = if needed > bytes_max {
            let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
            IntakeError::TooLarge { records: job.records.len(), bytes: job.bytes, bytes_max }
        } else {
            // What fills the spool may be the current segment, which is destroyed only when it is finished.
            self.finish();
            IntakeError::Full
        };
        let mut refused = Group::default();
        refused.add(job);
        refused.refuse(&error);
    }

    fn write(&mut self, group: Group) {
        match self.store(&group.records) {
            Ok(next) => self.acknowledge(group, next),
            Err(reason) => {
                tracing::error!(reason, records = group.records.len(), "spool cannot be written");
                self.shared.in_trouble(&reason);
                group.refuse(&IntakeError::Storage { reason });
            }
        }
    }

    /// Makes the records durable and gives the number behind the last.
    fn store(&mut self, records: &[Record]) -> Result<u64, String> {
        if records.is_empty() {
            return Ok(self.next);
        }
        self.heal()?;
        self.begin_segment_if_needed().map_err(|error| chain(&error))?;
        let Some(current) = &mut self.current else { return Err("no segment".to_owned()) };
        let compress = self.shared.settings.compress;
        let mut bytes = Vec::with_capacity(FRAME_BYTES / 2);
        let mut next = self.next;
        for chunk in chunks(records) {
            let count = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let mut raw = Vec::with_capacity(FRAME_BYTES);
            codec::encode(chunk.iter(), &mut raw);
            current.segment.seal(next, count, raw, compress, &mut bytes).map_err(|error| error.to_string())?;
            next += u64::from(count);
        }
        let len = current.segment.len();
        if let Err(error) = current.file.write_at(&bytes, len) {
            self.wounded = true;
            let _ = self.heal();
            return Err(error.to_string());
        }
        if let Err(error) = current.file.sync() {
            (self.wounded, self.spent) = (true, true);
            let _ = self.heal();
            return Err(error.to_string());
        }
        current.segment.grown(len + bytes.len() as u64, next);
        metrics::counter!("metrosoc_spool_commits_total").increment(1);
        metrics::counter!("metrosoc_spool_written_bytes_total").increment(bytes.len() as u64);
        Ok(next)
    }

    fn acknowledge(&mut self, mut group: Group, next: u64) {
        let first = self.next;
        self.next = next;
        metrics::counter!("metrosoc_spool_records_total").increment(group.records.len() as u64);
        let recent = Recent { first, records: std::mem::take(&mut group.records), bytes: group.bytes };
        self.shared.publish(if next > first { vec![recent] } else { Vec::new() }, next);
        let mut at = first;
        for (count, reply) in group.submitters {
            let _ = reply.send(Ok(Accepted { first: EventId(at), count }));
            at += count as u64;
        }
    }

    /// Cuts off what a failed write left, so that it can never be taken for records.
    fn heal(&mut self) -> Result<(), String> {
        if !self.wounded {
            return Ok(());
        }
        if let Some(current) = &mut self.current {
            current.file.cut(current.segment.len()).map_err(|error| error.to_string())?;
        }
        self.wounded = false;
        if std::mem::take(&mut self.spent) {
            self.finish();
        }
        Ok(())
    }

    fn begin_segment_if_needed(&mut self) -> Result<(), SpoolError> {
        let settings = &self.shared.settings;
        if let Some(current) = &self.current {
            if current.segment.len() < settings.segment_bytes && current.begun.elapsed() < settings.segment_age {
                return Ok(());
            }
            self.finish();
        }
        let (dir, now) = (&self.shared.settings.dir, self.shared.clock.now());
        let (segment, file) = Segment::create(dir, &self.shared.sealer, self.next, now)?;
        let segment = Arc::new(segment);
        let file = (self.appender)(file, segment.path());
        let mut state = self.shared.state();
        state.segments.push_back(Arc::clone(&segment));
        state.writing = true;
        drop(state);
        self.current = Some(Current { segment, file, begun: Instant::now() });
        Ok(())
    }

    fn finish_of_age(&mut self) {
        if self.current.as_ref().is_some_and(|current| current.begun.elapsed() >= self.shared.settings.segment_age) {
            self.finish();
        }
    }

    /// Finishes the current segment: the next batch begins another one, and this one may be destroyed.
    fn finish(&mut self) {
        if self.heal().is_err() {
            return;
        }
        let Some(current) = self.current.take() else { return };
        let empty = current.segment.next() == current.segment.first;
        let mut state = self.shared.state();
        state.writing = false;
        if empty {
            state.segments.pop_back();
        }
        drop(state);
        let tidied = if empty { current.segment.destroy() } else { self.shared.trim() };
        if let Err(error) = tidied {
            tracing::warn!(error = chain(&error), "spool: finished segment not tidied");
        }
    }
}

/// Splits records into frames of about [`FRAME_BYTES`].
fn chunks(records: &[Record]) -> impl Iterator<Item = &[Record]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |record: &&Record| {
            bytes += record.bytes.len() + RECORD_OVERHEAD_BYTES;
            bytes <= FRAME_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (chunk, behind) = rest.split_at_checked(count)?;
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! Shipping: read the lanes, choose, pack, send, and only when the server has it go on.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::edge::{BatchFault, Priority, StreamId, encode};
use collector::spool::Spool;
use event::{Clock, EventId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::config::{EdgeConfig, Ship};
use super::health::{Progress, Shipped};
use super::identity::{read, write_whole};
use super::lanes::{Lane, Rules, choose};
use super::link::{Link, LinkFault};
use super::pace::{Backoff, Pace};

/// The file with the spool's own id, beside its segments: who removes the one removes the other.
const STREAM: &str = "stream";
/// How often the positions are made durable; what lies between is recognised by the server when it is sent again.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How often a pause tells what waits by now.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for a first record.
const WAIT: Duration = Duration::from_secs(1);
/// A batch is not made smaller than this on a link that is slow.
const BATCH_BYTES_MIN: usize = 4 * 1024;

/// Ships what the spool holds.
pub struct Shipper {
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    spool: Arc<Spool>,
    progress: Arc<Progress>,
    settings: Ship,
    behind_max: u64,
    folder: std::path::PathBuf,
    stream: StreamId,
    /// The number that the next record had when the spool was opened.
    opened_at: EventId,
    urgent: Lane,
    ordinary: Lane,
    pace: Pace,
    backoff: Backoff,
    resumed: bool,
    /// Bytes of a batch that the link bears now.
    bytes: usize,
    turn: u64,
    committed: Instant,
}

impl Shipper {
    /// Opens both lanes.
    ///
    /// # Errors
    /// When positions, the spool's id or the tests of the lanes cannot be read or written.
    pub fn open(
        config: &EdgeConfig,
        folder: &Path,
        spool: Arc<Spool>,
        link: Arc<Link>,
        clock: Arc<dyn Clock>,
        progress: Arc<Progress>,
    ) -> anyhow::Result<Self> {
        let report = spool.report().clone();
        let rules = Rules::open(folder, &config.urgent.urgency(), report.oldest, report.next)?;
        let urgent = Lane::open(Priority::Urgent, &spool, Arc::clone(&rules))?;
        let ordinary = Lane::open(Priority::Ordinary, &spool, rules)?;
        let settings = config.ship.clone();
        let (first, max) = (settings.backoff_ms_first, settings.backoff_ms_max);
        let pace = Pace::new(settings.bytes_per_second);
        let bytes = settings.batch_bytes_max.min(pace.burst_bytes()).max(BATCH_BYTES_MIN);
        let stream = open_stream(folder)?;
        progress.change(|shipped| shipped.stream = stream.to_string());
        Ok(Self {
            link,
            clock,
            spool,
            progress,
            behind_max: config.urgent.behind_records,
            folder: folder.to_owned(),
            stream,
            opened_at: report.next,
            urgent,
            ordinary,
            backoff: Backoff::new(Duration::from_millis(first), Duration::from_millis(max)),
            pace,
            resumed: false,
            bytes,
            turn: 0,
            committed: Instant::now(),
            settings,
        })
    }

    /// Ships until `cancel`. What a link that is down holds up waits in the spool.
    ///
    /// # Errors
    /// When the spool cannot be read or its position not be written.
    pub async fn run(mut self, cancel: CancellationToken) -> anyhow::Result<()> {
        loop {
            let step = tokio::select! {
                step = self.step() => step?,
                () = cancel.cancelled() => break,
            };
            if let Err(fault) = step {
                let pause = self.failed(&fault);
                tokio::select! {
                    () = self.pause(pause) => {}
                    () = cancel.cancelled() => break,
                }
            }
        }
        self.commit().await
    }

    /// Waits; what comes meanwhile is told as waiting.
    async fn pause(&mut self, pause: Duration) {
        let end = Instant::now() + pause;
        while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
            tokio::time::sleep(rest.min(TELL_EVERY)).await;
            self.tell();
        }
    }

    /// One batch, or a wait for one. The inner error is the link's.
    async fn step(&mut self) -> anyhow::Result<Result<(), LinkFault>> {
        if !self.resumed {
            // Also an edge that starts while its link is down knows since when its records wait.
            let (records, bytes) = (self.settings.batch_records_max, self.bytes);
            self.urgent.fill(records, bytes, Duration::ZERO).await?;
            self.ordinary.fill(records, bytes, Duration::ZERO).await?;
            if let Err(fault) = self.resume().await? {
                return Ok(Err(fault));
            }
        }
        self.fill().await?;
        self.tell();
        let is_behind = self.behind() > self.behind_max;
        let outcome = match choose(self.urgent.next(), self.ordinary.next(), is_behind, self.turn) {
            Some(priority) => {
                self.turn = if is_behind { self.turn.wrapping_add(1) } else { 0 };
                self.ship(priority).await
            }
            None => Ok(()),
        };
        if self.committed.elapsed() >= COMMIT_EVERY {
            self.commit().await?;
        }
        Ok(outcome)
    }

    /// Asks once a start how far the server has our records.
    async fn resume(&mut self) -> anyhow::Result<Result<(), LinkFault>> {
        let asked = self.clock.now();
        let position = match self.link.position(self.stream).await {
            Ok(position) => position,
            Err(fault) => return Ok(Err(fault)),
        };
        self.connected(asked, position.time, |_| {});
        if position.marks.highest().is_some_and(|highest| highest >= self.opened_at) {
            // The server has numbers that this spool had not given yet: it was brought back from an older copy. Under
            // its old name, new records would be taken for old ones.
            tracing::error!(
                stream = %self.stream, "the spool is older than what the server has of it; it goes on under another name"
            );
            self.stream = new_stream(&self.folder)?;
            self.progress.change(|shipped| shipped.stream = self.stream.to_string());
        } else {
            self.urgent.resume(position.marks.urgent);
            self.ordinary.resume(position.marks.ordinary);
        }
        tracing::info!(stream = %self.stream, waiting = self.behind(), "connected to the server");
        self.resumed = true;
        Ok(Ok(()))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let (records, bytes) = (self.settings.batch_records_max, self.bytes);
        self.urgent.fill(records, bytes, Duration::ZERO).await?;
        let wait = if self.urgent.next().is_none() { WAIT } else { Duration::ZERO };
        self.ordinary.fill(records, bytes, wait).await?;
        let few = self.urgent.len() + self.ordinary.len() < records && self.ordinary.unread() == 0;
        if few && self.settings.linger_ms > 0 && self.urgent.len() + self.ordinary.len() > 0 {
            // A little later there may be more, and one request for all of it.
            tokio::time::sleep(Duration::from_millis(self.settings.linger_ms)).await;
            self.ordinary.fill(records, bytes, Duration::ZERO).await?;
        }
        // What came while the other lane waited.
        self.urgent.fill(records, bytes, Duration::ZERO).await
    }

    async fn ship(&mut self, priority: Priority) -> Result<(), LinkFault> {
        let lane = match priority {
            Priority::Urgent => &mut self.urgent,
            Priority::Ordinary => &mut self.ordinary,
        };
        let records = lane.batch(self.settings.batch_records_max, self.bytes);
        let Some((last, _)) = records.last() else { return Ok(()) };
        let (last, count) = (last.0, records.len() as u64);
        let body = match encode(self.stream, priority, records) {
            Ok(body) => body,
            // Too many origins in one batch, perhaps.
            Err(BatchFault::TooLarge { .. }) => return Err(LinkFault::TooLarge),
            Err(_) => return Err(LinkFault::Strange),
        };
        let bytes = body.len();
        self.pace.wait(bytes).await;
        let asked = self.clock.now();
        let answer = self.link.send(body).await?;
        if answer.acknowledged.is_none_or(|sequence| sequence < last) {
            return Err(LinkFault::Strange);
        }
        lane.acknowledged(last);
        self.backoff.reset();
        self.grow();
        self.connected(asked, answer.time, |shipped| {
            shipped.batches += 1;
            shipped.body_bytes += bytes as u64;
            shipped.resent += answer.resent;
            match priority {
                Priority::Urgent => shipped.urgent += count,
                Priority::Ordinary => shipped.ordinary += count,
            }
        });
        Ok(())
    }

    /// Notes why it failed; gives the pause before the next try.
    fn failed(&mut self, fault: &LinkFault) -> Duration {
        let asked = match fault {
            LinkFault::Refused { retry_after, .. } => *retry_after,
            LinkFault::TooLarge | LinkFault::Unreachable { slow: true, .. } => {
                self.bytes = (self.bytes / 2).max(BATCH_BYTES_MIN);
                None
            }
            LinkFault::Unreachable { .. } | LinkFault::Strange => None,
        };
        let pause = self.backoff.next(asked);
        let news = self.progress.change(|shipped| {
            shipped.failures += 1;
            shipped.fault = Some(fault.to_string());
            std::mem::replace(&mut shipped.connected, false) || shipped.failures == 1
        });
        if news {
            tracing::warn!(error = %fault, "the link is down; records wait in the spool");
        } else {
            tracing::debug!(error = %fault, pause_ms = pause.as_millis() as u64, "the link is still down");
        }
        self.tell();
        pause
    }

    /// A slow link that works again bears larger batches, by and by.
    fn grow(&mut self) {
        let most = self.settings.batch_bytes_max.min(self.pace.burst_bytes()).max(BATCH_BYTES_MIN);
        self.bytes = (self.bytes + self.bytes / 4).min(most);
    }

    fn connected(&self, asked: Timestamp, server: Timestamp, change: impl FnOnce(&mut Shipped)) {
        let now = self.clock.now();
        // The server said its time somewhere between question and answer.
        let middle = asked.nanos() + (now.nanos() - asked.nanos()) / 2;
        self.progress.change(|shipped| {
            shipped.connected = true;
            shipped.fault = None;
            shipped.answered = Some(now);
            shipped.clock_ahead_ms = middle.saturating_sub(server.nanos()) / 1_000_000;
            change(shipped);
        });
    }

    /// Records that are not known to be at the server; urgent ones that overtook are counted once more.
    fn behind(&self) -> u64 {
        let floor = self.urgent.floor().min(self.ordinary.floor());
        self.spool.next_id().0.saturating_sub(floor.0)
    }

    fn tell(&self) {
        let (behind, unread) = (self.behind(), self.ordinary.unread());
        let oldest = match (self.urgent.oldest(), self.ordinary.oldest()) {
            (Some(urgent), Some(ordinary)) => Some(urgent.min(ordinary)),
            (urgent, ordinary) => urgent.or(ordinary),
        };
        self.progress.change(|shipped| {
            shipped.oldest = oldest;
            shipped.waiting = if oldest.is_none() && unread == 0 { 0 } else { behind };
        });
    }

    async fn commit(&mut self) -> anyhow::Result<()> {
        self.committed = Instant::now();
        self.urgent.commit().await?;
        self.ordinary.commit().await
    }
}

/// The spool's id, made at the first start.
fn open_stream(folder: &Path) -> anyhow::Result<StreamId> {
    let path = folder.join(STREAM);
    if !path.exists() {
        return new_stream(folder);
    }
    read(&path)?.trim().parse().with_context(|| format!("`{}` is not 32 hexadecimal digits", path.display()))
}

fn new_stream(folder: &Path) -> anyhow::Result<StreamId> {
    let stream = StreamId::draw().context("this machine gives no random bytes")?;
    let path = folder.join(STREAM);
    write_whole(&path, format!("{stream}\n").as_bytes(), 0o600).with_context(|| format!("`{}`", path.display()))?;
    Ok(stream)
}

//! The product's own record on its way into detection: what the ledger says becomes events that rules watch.
//!
//! The ledger is followed by position. Each entry of a kind that `translate` knows becomes records of the spool, from a
//! source that no sender can have, and goes the way of every record from there: matched, correlated, indexed. The
//! position is written after the spool has the records, so that a crash between the two feeds the last batch again:
//! **at least once, with an `event.id` that stays** (`ledger:ENTRY`).
//!
//! Nothing goes in a circle: what the pipeline itself records (`batch_indexed`) is not fed, the feed records nothing,
//! and its rate is bounded. Log lines of the product are never taken in; these are no log lines.

mod position;
mod recorder;
mod senders;
mod translate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use collector::Record;
use collector::sites::Sites;
use collector::spool::Intake;
use event::{Clock, KnownBy, Origin, OwnEvent, OwnRecord, SiteId, Subject, Transport};
use ledger::{Ledger, LedgerError, StoredEntry};
use policy::Accounts;
use tokio_util::sync::CancellationToken;

pub use recorder::{Recorder, record};
pub use senders::watch;

/// Entries that are read at a time.
const BATCH_ENTRIES: u64 = 128;
/// How often the ledger is asked whether it has grown.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Wait after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Pause for each event fed: at most five hundred a second.
const PAUSE_EACH: Duration = Duration::from_millis(2);
/// Entries that are passed without an event before the position is written all the same.
const UNWRITTEN_MAX: u64 = 2_000;

/// Follows the ledger.
pub struct Feed {
    ledger: Ledger,
    intake: Intake,
    accounts: Accounts,
    sites: Arc<Sites>,
    clock: Arc<dyn Clock>,
    file: PathBuf,
    origins: BTreeMap<OwnRecord, Arc<Origin>>,
}

/// How far it is.
struct Place {
    /// The next entry to be read.
    next: u64,
    /// What the file says.
    written: u64,
}

impl Feed {
    /// A feed that remembers in `file` how far it came. Without the file it begins at the first entry: what was fed
    /// before comes again, and nothing is left out.
    pub fn new(
        ledger: Ledger,
        intake: Intake,
        accounts: Accounts,
        sites: Arc<Sites>,
        clock: Arc<dyn Clock>,
        file: PathBuf,
    ) -> Self {
        let origin = |record: OwnRecord| Origin {
            site: SiteId::local(),
            agency: None,
            known_by: KnownBy::Operator,
            source: record.source(),
            transport: Transport::Own,
            peer: None,
        };
        let origins = OwnRecord::ALL.into_iter().map(|record| (record, Arc::new(origin(record)))).collect();
        Self { ledger, intake, accounts, sites, clock, file, origins }
    }

    /// Feeds until `cancel` is cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let start = position::read(&self.file);
        let next = start.min(self.ledger.len());
        if next < start {
            tracing::warn!(start, next, "the ledger is shorter than what was fed of it; feeding goes on at its end");
        }
        let mut place = Place { next, written: start };
        loop {
            let pause = if place.next < self.ledger.len() {
                match self.step(&mut place, &cancel).await {
                    Ok(pause) => pause,
                    Err(error) => {
                        tracing::error!(error = format!("{error:#}"), "own record not fed; trying again");
                        metrics::counter!("metrosoc_own_events_retries_total").increment(1);
                        RETRY_AFTER
                    }
                }
            } else {
                LOOK_EVERY
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => break,
            }
        }
        if place.written != place.next
            && let Err(error) = position::write(&self.file, place.next)
        {
            tracing::warn!(error = format!("{error:#}"), "position of the own record not kept; the end is fed again");
        }
    }

    /// Feeds the next entries; gives the pause that keeps to the rate.
    async fn step(&self, place: &mut Place, cancel: &CancellationToken) -> anyhow::Result<Duration> {
        // Step 1: entries, the unreadable ones as events of their own.
        let range = place.next..self.ledger.len().min(place.next + BATCH_ENTRIES);
        let next = range.end;
        let ledger = self.ledger.clone();
        let read = tokio::task::spawn_blocking(move || read(&ledger, range)).await??;

        // Step 2: events.
        let subjects = self.subjects(&read.entries).await?;
        let known = translate::Known { subjects: &subjects, site: &|id| self.sites.by_id(id) };
        let mut events: Vec<OwnEvent> =
            read.entries.iter().flat_map(|entry| translate::events(entry, &known)).collect();
        events.extend(read.damaged.iter().map(|index| translate::damaged(*index, self.clock.now())));
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);

        // Step 3: the spool, and only then the position.
        let records: Vec<Record> = events.iter().filter_map(|event| self.record(event)).collect();
        if !records.is_empty() {
            self.intake.submit_until_stored(records, cancel).await?;
            metrics::counter!("metrosoc_own_events_total").increment(u64::from(count));
        }
        place.next = next;
        if count > 0 || next - place.written >= UNWRITTEN_MAX {
            position::write(&self.file, next)?;
            place.written = next;
        }
        Ok(PAUSE_EACH * count)
    }

    fn record(&self, event: &OwnEvent) -> Option<Record> {
        let origin = self.origin(event)?;
        let id = event.fields.get("event.id").and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(Record { dedupe: id, ..Record::new(origin, self.clock.now(), event.to_bytes()) })
    }

    /// What became known of a registered site belongs to it, so that its agency sees it; the rest is this machine's.
    fn origin(&self, event: &OwnEvent) -> Option<Arc<Origin>> {
        let origin = self.origins.get(&event.record)?;
        let id = event.fields.get("site.id").filter(|_| event.record == OwnRecord::Site);
        let site = id.and_then(|id| SiteId::new(id.as_str()?).ok()).and_then(|id| self.sites.by_id(&id));
        Some(match site {
            Some(site) => {
                let (id, agency) = (site.id.clone(), Some(site.agency.clone()));
                Arc::new(Origin { site: id, agency, ..(**origin).clone() })
            }
            None => Arc::clone(origin),
        })
    }

    /// Who the actors are now; roles do not stand in the ledger.
    async fn subjects(&self, entries: &[StoredEntry]) -> anyhow::Result<BTreeMap<String, Subject>> {
        let mut subjects = BTreeMap::new();
        for entry in entries {
            let name = &entry.entry.actor;
            if subjects.contains_key(name) || name.contains(':') || translate::is_left_out(entry) {
                continue;
            }
            if let Some(subject) = self.accounts.subject_of(name).await? {
                subjects.insert(name.clone(), subject);
            }
        }
        Ok(subjects)
    }
}

/// Entries that were read, and the numbers of those that were changed.
struct Entries {
    entries: Vec<StoredEntry>,
    damaged: Vec<u64>,
}

fn read(ledger: &Ledger, range: std::ops::Range<u64>) -> Result<Entries, LedgerError> {
    match ledger.read(range.clone()) {
        Ok(entries) => return Ok(Entries { entries, damaged: Vec::new() }),
        Err(LedgerError::Damaged(_)) => {}
        Err(error) => return Err(error),
    }
    let mut read = Entries { entries: Vec::new(), damaged: Vec::new() };
    for index in range {
        match ledger.read(index..index + 1) {
            Ok(entries) => read.entries.extend(entries),
            Err(LedgerError::Damaged(fault)) => {
                tracing::error!(index, %fault, "an entry of the ledger was changed");
                read.damaged.push(index);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

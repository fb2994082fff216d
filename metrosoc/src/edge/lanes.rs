//! The two lanes: which of them a record belongs to for good, what waits in each, and which goes next.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::Record;
use collector::edge::{Priority, Urgency};
use collector::spool::{Consumer, Spool};
use event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::identity::{read, write_whole};

/// The file in which every test that ever decided over a waiting record stands.
const FILE: &str = "lanes.json";
/// Most tests that are remembered: one for each change of the configuration while records wait.
const RULES_MAX: usize = 1_000;
/// Records read from the spool at once.
const READ_RECORDS: usize = 1_000;
/// Readings of one turn: urgent records may lie far behind, and the others must not wait for ever.
const READS_MAX: usize = 256;
/// While the edge is behind, one batch of so many is an ordinary one.
const ORDINARY_ONE_OF: u64 = 8;

/// A test and the record from which on it decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rule {
    from: u64,
    urgency: Urgency,
}

/// Tells each record's lane by the test that was in force when it came: a record is always in one lane and never in
/// two, whatever is configured while it waits.
#[derive(Debug)]
pub struct Rules {
    /// By `from`, lowest first.
    rules: Vec<Rule>,
}

impl Rules {
    /// Reads the tests of records that wait, and puts `urgency` in force for those from `next` on. Call it before
    /// anything is received.
    ///
    /// # Errors
    /// When the file cannot be read or written; without it records that wait could be shipped twice or never.
    pub fn open(folder: &Path, urgency: &Urgency, oldest: EventId, next: EventId) -> anyhow::Result<Arc<Self>> {
        let path = folder.join(FILE);
        let mut rules: Vec<Rule> = match path.exists() {
            true => serde_json::from_str(&read(&path)?).with_context(|| format!("`{}`", path.display()))?,
            false => Vec::new(),
        };
        let before = rules.clone();
        // One that begins at the end of the spool decided over nothing; when nothing is there, none did.
        rules.retain(|rule| oldest < next && rule.from < next.0);
        if rules.last().is_none_or(|rule| rule.urgency != *urgency) {
            let from = if rules.is_empty() { 0 } else { next.0 };
            rules.push(Rule { from, urgency: urgency.clone() });
        }
        // A test is needed as long as a record lies before the next one begins.
        while rules.get(1).is_some_and(|second| second.from <= oldest.0) || rules.len() > RULES_MAX {
            rules.remove(0);
        }
        if rules != before {
            write(&path, &rules)?;
        }
        Ok(Arc::new(Self { rules }))
    }

    /// A record's lane.
    pub fn lane(&self, id: EventId, record: &Record) -> Priority {
        let at = self.rules.partition_point(|rule| rule.from <= id.0);
        let rule = self.rules.get(at.saturating_sub(1));
        match rule.is_some_and(|rule| rule.urgency.marks(record)) {
            true => Priority::Urgent,
            false => Priority::Ordinary,
        }
    }
}

fn write(path: &Path, rules: &[Rule]) -> anyhow::Result<()> {
    write_whole(path, &serde_json::to_vec(rules)?, 0o600).with_context(|| format!("`{}`", path.display()))
}

/// One lane: what was read of it and is not acknowledged.
#[derive(Debug)]
pub struct Lane {
    /// Which one.
    pub priority: Priority,
    rules: Arc<Rules>,
    consumer: Consumer,
    waiting: VecDeque<(EventId, Record)>,
    waiting_bytes: usize,
    /// What the server has already, from before this start.
    known: Option<u64>,
    committed: EventId,
}

impl Lane {
    /// Opens the lane where it was committed last.
    ///
    /// # Errors
    /// When the spool's position cannot be read.
    pub fn open(priority: Priority, spool: &Spool, rules: Arc<Rules>) -> anyhow::Result<Self> {
        let consumer = spool.reader(priority.as_str(), None).context("the spool")?;
        let committed = consumer.position();
        let waiting = VecDeque::new();
        Ok(Self { priority, rules, consumer, waiting, waiting_bytes: 0, known: None, committed })
    }

    /// The server has this lane up to `known`: that is not sent again.
    pub fn resume(&mut self, known: Option<u64>) {
        self.known = known;
        while self.waiting.front().is_some_and(|(id, _)| Some(id.0) <= known) {
            self.pop();
        }
    }

    /// Reads on until a batch of so many records and bytes is there, or nothing more is, or it is the other lane's turn.
    /// Waits for a first record at most `wait`. May be cancelled without loss.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub async fn fill(&mut self, records: usize, bytes: usize, wait: Duration) -> anyhow::Result<()> {
        let mut wait = wait;
        for _ in 0..READS_MAX {
            if self.waiting.len() >= records || self.waiting_bytes >= bytes {
                return Ok(());
            }
            let before = self.consumer.position();
            let batch = self.consumer.next_batch(READ_RECORDS, wait).await.context("reading the spool")?;
            if batch.is_empty() && self.consumer.position() == before {
                return Ok(());
            }
            for (id, record) in batch {
                if self.rules.lane(id, &record) == self.priority && Some(id.0) > self.known {
                    self.waiting_bytes += record.bytes.len();
                    self.waiting.push_back((id, record));
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// The next batch: as many records as fit, at least one when one waits.
    pub fn batch(&mut self, records: usize, bytes: usize) -> &[(EventId, Record)] {
        let mut total = 0;
        let fits = |(_, record): &&(EventId, Record)| {
            total += record.bytes.len();
            total <= bytes
        };
        let count = self.waiting.iter().take(records.max(1)).take_while(fits).count().max(1).min(self.waiting.len());
        self.waiting.make_contiguous().get(..count).unwrap_or_default()
    }

    /// Everything up to `sequence` is durable at the server.
    pub fn acknowledged(&mut self, sequence: u64) {
        while self.waiting.front().is_some_and(|(id, _)| id.0 <= sequence) {
            self.pop();
        }
    }

    /// The first record that waits.
    pub fn next(&self) -> Option<EventId> {
        self.waiting.front().map(|(id, _)| *id)
    }

    /// When the first record that waits was received.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(_, record)| record.received)
    }

    /// Records read that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Everything below is done with, in this lane.
    pub fn floor(&self) -> EventId {
        self.next().unwrap_or_else(|| self.consumer.position())
    }

    /// Records of the spool that this lane has not looked at.
    pub fn unread(&self) -> u64 {
        self.consumer.behind()
    }

    /// Makes the floor durable, so that the spool may go that far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn commit(&mut self) -> anyhow::Result<()> {
        let floor = self.floor();
        if floor > self.committed {
            self.consumer.commit(floor).await.context("the spool's position")?;
            self.committed = floor;
        }
        Ok(())
    }

    fn pop(&mut self) {
        if let Some((_, record)) = self.waiting.pop_front() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(record.bytes.len());
        }
    }
}

/// Which lane goes next: as things came while the edge keeps up, urgent ones first while it is behind, and then still one
/// ordinary batch of eight.
pub fn choose(urgent: Option<EventId>, ordinary: Option<EventId>, is_behind: bool, turn: u64) -> Option<Priority> {
    match (urgent, ordinary) {
        (None, None) => None,
        (Some(_), None) => Some(Priority::Urgent),
        (None, Some(_)) => Some(Priority::Ordinary),
        (Some(urgent), Some(ordinary)) if !is_behind => {
            Some(if urgent < ordinary { Priority::Urgent } else { Priority::Ordinary })
        }
        _ if turn % ORDINARY_ONE_OF == ORDINARY_ONE_OF - 1 => Some(Priority::Ordinary),
        _ => Some(Priority::Urgent),
    }
}

#[cfg(test)]
mod tests {
    use event::{KnownBy, Origin, SiteId, SourceId, Transport};

    use super::*;

    #[test]
    fn urgent_records_overtake_when_the_edge_is_behind() {
        let check = |urgent: Option<u64>, ordinary: Option<u64>, is_behind, turn, expected| {
            assert_eq!(choose(urgent.map(EventId), ordinary.map(EventId), is_behind, turn), expected);
        };
        let (first, second) = (Some(Priority::Urgent), Some(Priority::Ordinary));
        check(None, None, true, 0, None);
        check(Some(9), None, true, 7, first);
        check(None, Some(9), true, 0, second);
        check(Some(9), Some(3), false, 0, second);
        check(Some(3), Some(9), false, 7, first);
        check(Some(9), Some(3), true, 0, first);
        check(Some(9), Some(3), true, 6, first);
        check(Some(9), Some(3), true, 7, second);
        check(Some(9), Some(3), true, 8, first);
    }

    fn record(line: &str) -> Record {
        let origin = Origin {
            site: SiteId::unknown(),
            agency: None,
            known_by: KnownBy::Unknown,
            source: SourceId::of(Transport::SyslogUdp, "x"),
            transport: Transport::SyslogUdp,
            peer: None,
        };
        Record::new(Arc::new(origin), Timestamp::from_secs(1), line.to_owned())
    }

    #[test]
    fn a_record_keeps_the_lane_that_it_came_under() {
        let folder = tempfile::tempdir().unwrap();
        let open = |programs: &[&str], oldest, next| {
            let programs = programs.iter().map(|name| (*name).to_owned()).collect();
            let urgency = Urgency { programs, ..Urgency::default() };
            Rules::open(folder.path(), &urgency, EventId(oldest), EventId(next)).unwrap()
        };
        let app = record("<14>Nov  3 10:00:00 host app[1]: x");
        let lanes = |rules: &Rules, ids: &[u64]| {
            ids.iter().map(|id| rules.lane(EventId(*id), &app) == Priority::Urgent).collect::<Vec<_>>()
        };
        assert_eq!(lanes(&open(&["app"], 0, 0), &[0, 50]), [true, true]);
        assert_eq!(lanes(&open(&["other"], 0, 100), &[0, 99, 100, 500]), [true, true, false, false]);
        assert_eq!(lanes(&open(&["app"], 50, 200), &[60, 99, 100, 199, 200]), [true, true, false, false, true]);
        // Nothing was received in between: the last word counts.
        assert_eq!(lanes(&open(&["other"], 50, 200), &[60, 100, 199, 200]), [true, false, false, false]);
        assert_eq!(lanes(&open(&["other"], 50, 300), &[60, 100, 250]), [true, false, false]);
        // Everything before has gone.
        assert_eq!(lanes(&open(&["app"], 300, 300), &[300]), [true]);
        assert_eq!(open(&["app"], 300, 300).rules.len(), 1);
    }
}

//! Decoding and matching on all cores: a batch is cut into runs, threads take one run after another, and what they found
//! comes back in the order of the events, so that what follows (correlations, alerts, index, acknowledgement) sees no
//! difference.

use std::cell::RefCell;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};

use collector::join::Unit;
use collector::pipeline::Pipeline;
use detector::exception::{Exceptions, Hiding};
use detector::rulebook::{Matched, Rulebook};
use detector::sigma::Scratch;
use event::{Event, RuleId, Timestamp};

use crate::config::THREADS_MAX;

/// A run shorter than this is not worth a thread.
const RUN_UNITS_MIN: usize = 64;
/// Runs of a batch for each thread: who is done early takes another.
const RUNS_PER_THREAD: usize = 2;

/// What a batch is read with.
pub struct Reading<'a> {
    pub decoder: &'a Pipeline,
    pub book: &'a Rulebook,
    pub exceptions: &'a Exceptions,
    /// When exceptions must be in force.
    pub now: Timestamp,
}

/// What each thread works in, kept from batch to batch.
pub struct Readers {
    scratches: Vec<Scratch>,
}

/// What a batch says, event by event, and what exceptions hide of it.
#[derive(Debug, Default)]
pub struct Read {
    pub matched: Vec<Matched>,
    pub hidden: Vec<Hiding>,
}

/// How many threads a setting means: 0 is one a core. [`THREADS_MAX`] at most.
pub fn threads_of(setting: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if setting == 0 { cores() } else { setting };
    threads.clamp(1, THREADS_MAX)
}

impl Readers {
    /// On so many threads, as [`threads_of`] reads the setting.
    pub fn new(threads: usize) -> Self {
        let scratches = (0..threads_of(threads)).map(|_| Scratch::default()).collect();
        Self { scratches }
    }

    /// Fills `events`, one for each unit of the batch, and asks the rules about them.
    pub fn read(&mut self, with: &Reading<'_>, batch: &[Unit], events: &mut Vec<Event>) -> Read {
        events.resize_with(batch.len(), Event::new);
        let length = batch.len().div_ceil(self.scratches.len() * RUNS_PER_THREAD).max(RUN_UNITS_MIN);
        let runs = batch.len().div_ceil(length);
        let waiting = Mutex::new(batch.chunks(length).zip(events.chunks_mut(length)).enumerate());
        let done: Mutex<Vec<(usize, Read)>> = Mutex::new(Vec::with_capacity(runs));
        let work = |scratch: &mut Scratch| {
            loop {
                let Some((number, (units, events))) = lock(&waiting).next() else { return };
                let read = with.run(units, events, scratch);
                lock(&done).push((number, read));
            }
        };
        std::thread::scope(|scope| {
            let Some((own, others)) = self.scratches.split_first_mut() else { return };
            for scratch in others.iter_mut().take(runs.saturating_sub(1)) {
                let thread = std::thread::Builder::new().name("reader".to_owned());
                if let Err(error) = thread.spawn_scoped(scope, || work(scratch)) {
                    tracing::warn!(%error, "no further thread to decode on; the batch takes longer");
                    break;
                }
            }
            work(own);
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().fold(Read::default(), |mut whole, (_, read)| {
            whole.matched.extend(read.matched);
            whole.hidden.extend(read.hidden);
            whole
        })
    }
}

impl Reading<'_> {
    fn run(&self, units: &[Unit], events: &mut [Event], scratch: &mut Scratch) -> Read {
        let hidden = RefCell::new(Vec::new());
        let is_hidden = |rule: &RuleId, event: &Event| {
            let hiding = self.hiding(rule, event);
            let is_hidden = hiding.is_some();
            hidden.borrow_mut().extend(hiding);
            is_hidden
        };
        let mut matched = Vec::with_capacity(units.len());
        for (unit, event) in units.iter().zip(events) {
            match unit {
                Unit::One(id, record) => self.decoder.event(*id, record, event),
                Unit::Joined(records) => self.decoder.joined(records, event),
            }
            matched.push(self.book.matched(event, scratch, true, is_hidden));
        }
        Read { matched, hidden: hidden.into_inner() }
    }

    /// The exception that hides a rule's match.
    pub fn hiding(&self, rule: &RuleId, event: &Event) -> Option<Hiding> {
        let exception = self.exceptions.hides(rule, event, self.now).cloned()?;
        Some(Hiding { event: event.id, exception })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked ends the batch; what it left is not used.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use collector::Record;
    use collector::pipeline::PipelineSettings;
    use detector::rulebook::Dialect;
    use detector::sigma::RuleSource;
    use event::{EventId, KnownBy, Origin, SiteId, SourceId, Transport};

    use super::*;

    const RULE: &str = "title: refused\nid: 6f6a2f5e-7d0e-4d0b-8a57-0f2a3d1c9b10\nlogsource:\n  product: linux\n\
        detection:\n  selection:\n    message|contains: refused\n  condition: selection\nlevel: low\n";

    fn record(number: u64) -> Record {
        let origin = Origin {
            site: SiteId::new("q1").unwrap(),
            agency: None,
            known_by: KnownBy::Address,
            source: SourceId::new(format!("udp:{}", number % 7)).unwrap(),
            transport: Transport::SyslogUdp,
            peer: None,
        };
        let word = if number.is_multiple_of(3) { "refused" } else { "accepted" };
        let line = format!("<86>1 2026-11-03T01:11:59Z srv sshd {number} - - connection {number} {word}");
        Record::new(Arc::new(origin), Timestamp::from_secs(1_793_664_000), line)
    }

    /// What `threads` read of a batch: ids and texts of the events, ids of those that a rule matches.
    fn read(threads: usize, count: u64) -> (Vec<(u64, String)>, Vec<Vec<u64>>) {
        let source = RuleSource::Text { path: "r.yml".into(), yaml: RULE.into() };
        let book = Rulebook::load(&[source], &Dialect::embedded().unwrap());
        assert_eq!(book.len(), 1, "{:?}", book.rejected());
        let decoder = Pipeline::new(PipelineSettings::default());
        let with = Reading {
            decoder: &decoder,
            book: &book,
            exceptions: &Exceptions::default(),
            now: Timestamp::from_secs(1_793_664_000),
        };
        let batch: Vec<_> = (0..count).map(|number| Unit::One(EventId(number), record(number))).collect();
        let (mut readers, mut events) = (Readers::new(threads), Vec::new());
        // The second time with everything as the first left it.
        readers.read(&with, &batch, &mut events);
        let found = readers.read(&with, &batch, &mut events);
        assert_eq!(found.matched.len(), batch.len());
        let text = |event: &Event| event.get_str("message").unwrap_or_default().to_owned();
        let matched = found.matched.iter().map(|one| one.events().map(|id| id.0).collect());
        (events.iter().map(|event| (event.id.0, text(event))).collect(), matched.collect())
    }

    #[test]
    fn however_many_threads_read_a_batch_it_is_the_same() {
        for count in [0, 1, 63, 64, 65, 1_000] {
            let (events, matched) = read(1, count);
            assert_eq!(events.len() as u64, count);
            assert!(
                events.iter().zip(0..).all(|((id, text), number)| *id == number && text.contains(&number.to_string()))
            );
            for (number, ids) in (0_u64..).zip(&matched) {
                assert_eq!(ids.as_slice(), &[number][..usize::from(number.is_multiple_of(3))], "event {number}");
            }
            for threads in [2, 3, 8, 0] {
                assert_eq!(
                    read(threads, count),
                    (events.clone(), matched.clone()),
                    "{threads} threads, {count} events"
                );
            }
        }
    }
}

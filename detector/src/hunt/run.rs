//! The order of a hunt: check → segments → read and ask → in order to the correlations → answer.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event::{Event, Permit, RuleId, Timestamp};
use tantivy::DocId;

use super::answer::{AlertEstimate, Counted, DayCount, HuntAnswer};
use super::door::Door;
use super::read::EventReader;
use super::scan::{self, Scan, Unit};
use super::tally::{Tally, Wanted, day_text};
use super::{HuntError, HuntRequest, Hunter, Renew, Watch};
use crate::correlate::Settings;
use crate::rulebook::Stream;
use crate::search::check_field;
use crate::sigma::{Scratch, need};

/// What a thread does: takes numbers of slices until there is none.
type Work<'w> = dyn Fn(&dyn Fn() -> Option<usize>) -> Result<(), HuntError> + Sync + 'w;

/// Most events that wait for the correlations; 16 bytes each.
const WAITING_MAX: usize = 4_000_000;
/// Most threads.
const THREADS_MAX: usize = 16;
/// How often a stream is told the time.
const ADVANCE_EVERY: Duration = Duration::from_secs(1);
/// What alerts are grouped by.
const GROUPED_BY: [&str; 5] = ["metrosoc.site.id", "source.ip", "host.name", "user.name", "destination.ip"];

/// An event that a rule beneath a correlation matched: its id, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    id: u64,
    unit: u32,
    doc: DocId,
}

pub(super) fn run(
    hunter: &Hunter,
    permit: &Permit,
    renew: Renew<'_>,
    request: &HuntRequest,
    watch: &Watch,
) -> Result<HuntAnswer, HuntError> {
    hunter.check(permit, request)?;
    let book = &request.picked.book;
    let lead = lead(request);
    let from = request.from.minus(lead);
    let (views, units) = scan::units(&hunter.index, from, request.to)?;
    let need = hunter.settings.prune.then(|| need::of_rules(book.rules().rules().iter(), book.rules().names()));
    let scan = Scan {
        views,
        units,
        need: need.flatten(),
        from,
        to: request.to,
        restore: &*hunter.restore,
        door: Door::new(permit, renew, &request.picked.reads, hunter.clock.clone()),
        watch,
    };
    watch.begin(scan.views.len() as u64, scan.documents());
    let hunt = Hunt { hunter, request, scan, now: hunter.clock.now() };
    let mut told = Vec::new();
    let tally = if book.plan().is_empty() { hunt.apart()? } else { hunt.in_order(&mut told)? };
    hunt.answer(tally, told)
}

/// How long before the range correlations begin: their windows, one above the other, and what comes late.
fn lead(request: &HuntRequest) -> Duration {
    let plan = request.picked.book.plan();
    if plan.is_empty() {
        return Duration::ZERO;
    }
    let spans: u64 = plan.specs().iter().map(|spec| spec.timespan_nanos.unsigned_abs()).fold(0, u64::saturating_add);
    Duration::from_nanos(spans).saturating_add(Settings::default().lateness * 2)
}

struct Hunt<'h> {
    hunter: &'h Hunter,
    request: &'h HuntRequest,
    scan: Scan<'h>,
    now: Timestamp,
}

impl Hunt<'_> {
    fn tally(&self) -> Tally {
        Tally::new(Wanted {
            rules: self.request.picked.rules.clone(),
            from: self.request.from,
            to: self.request.to,
            samples: self.request.samples,
            zone: self.request.picked.zone.clone(),
            window: self.request.window,
        })
    }

    fn stream(&self) -> Stream {
        Stream::new(self.request.picked.book.clone(), Settings::default()).without_atoms()
    }

    /// Gives one event to a stream and counts what comes of it.
    fn take(&self, event: &Event, stream: &mut Stream, tally: &RefCell<Tally>) {
        let mut findings = Vec::new();
        let is_hidden = |rule: &RuleId, event: &Event| {
            let exceptions = self.request.exceptions.as_ref();
            let hides = exceptions.is_some_and(|exceptions| exceptions.hides(rule, event, self.now).is_some());
            if hides {
                tally.borrow_mut().hide(rule, event);
            }
            hides
        };
        stream.take(event, is_hidden, &mut findings);
        let mut tally = tally.borrow_mut();
        let counted = findings.iter().filter(|finding| tally.see(finding)).count();
        self.scan.watch.found(counted as u64);
    }

    /// Rules about single events: every segment by itself, the newest first.
    fn apart(&self) -> Result<Tally, HuntError> {
        let mut units: Vec<&Unit> = self.scan.units.iter().collect();
        units.sort_by_key(|unit| Reverse(unit.greatest));
        let whole = Mutex::new(self.tally());
        self.in_threads(units.len(), &|next| {
            let tally = RefCell::new(self.tally());
            let (mut stream, mut event) = (self.stream(), Event::new());
            while let Some(unit) = next().and_then(|at| units.get(at)) {
                self.scan.each(unit, &mut event, &mut |event, _| {
                    self.take(event, &mut stream, &tally);
                    Ok(())
                })?;
            }
            whole.lock().unwrap_or_else(PoisonError::into_inner).merge(tally.into_inner());
            Ok(())
        })?;
        Ok(whole.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Correlations: what matches is found slice by slice, then given to one stream in the order of its receipt.
    fn in_order(&self, told: &mut Vec<String>) -> Result<Tally, HuntError> {
        let mut numbered: Vec<(u32, &Unit)> = (0_u32..).zip(&self.scan.units).collect();
        numbered.sort_by_key(|(_, unit)| (unit.slice, unit.first_id));
        let (mut stream, tally) = (self.stream(), RefCell::new(self.tally()));
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut dropped = false;
        for slice in 0..self.scan.views.len() {
            let of_slice: Vec<(u32, &Unit)> =
                numbered.iter().filter(|(_, unit)| unit.slice == slice).copied().collect();
            dropped |= self.matching(&of_slice, &mut waiting)?;
            waiting.sort_unstable();
            let later = self.scan.units.iter().filter(|unit| unit.slice > slice).map(|unit| unit.first_id).min();
            let ready = waiting.partition_point(|one| later.is_none_or(|later| one.id < later));
            let rest = waiting.split_off(ready);
            self.feed(&waiting, &mut stream, &tally)?;
            waiting = rest;
        }
        self.conclude(&mut stream, &tally);
        if dropped {
            told.push(format!("more than {WAITING_MAX} events that correlations count at one time; narrow the range"));
        }
        let totals = stream.totals();
        if totals.evicted > 0 || totals.dropped > 0 {
            told.push(format!("correlations let {} groups and {} hits go", totals.evicted, totals.dropped));
        }
        Ok(tally.into_inner())
    }

    /// Adds the events of some segments that a rule matches; says whether there were too many.
    fn matching(&self, units: &[(u32, &Unit)], waiting: &mut Vec<Waiting>) -> Result<bool, HuntError> {
        let found = Mutex::new((waiting, false));
        let rules = self.request.picked.book.rules();
        self.in_threads(units.len(), &|next| {
            let (mut scratch, mut event) = (Scratch::default(), Event::new());
            while let Some((number, unit)) = next().and_then(|at| units.get(at)) {
                self.scan.each(unit, &mut event, &mut |event, doc| {
                    if rules.evaluate(event, &mut scratch).is_empty() {
                        return Ok(());
                    }
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    if found.0.len() >= WAITING_MAX {
                        found.1 = true;
                    } else {
                        found.0.push(Waiting { id: event.id.0, unit: *number, doc });
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Gives events to the stream, which is told the time as it was when each came.
    fn feed(&self, events: &[Waiting], stream: &mut Stream, tally: &RefCell<Tally>) -> Result<(), HuntError> {
        let mut readers: HashMap<u32, EventReader<'_>> = HashMap::new();
        let mut event = Event::new();
        for (number, one) in events.iter().enumerate() {
            if number.is_multiple_of(1_024) {
                self.scan.look()?;
            }
            let Some(unit) = self.scan.units.get(one.unit as usize) else { continue };
            let reader = match readers.entry(one.unit) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(self.scan.reader(unit)?),
            };
            reader.read(one.doc, &mut event)?;
            self.tell_time(event.received, stream, tally);
            self.take(&event, stream, tally);
        }
        Ok(())
    }

    /// What the clock told the stream once a second.
    fn tell_time(&self, now: Timestamp, stream: &mut Stream, tally: &RefCell<Tally>) {
        if stream.clock().is_some_and(|clock| clock.plus(ADVANCE_EVERY) > now) {
            return;
        }
        let mut findings = Vec::new();
        stream.advance(now, &mut findings);
        let mut tally = tally.borrow_mut();
        let counted = findings.iter().filter(|finding| tally.see(finding)).count();
        self.scan.watch.found(counted as u64);
    }

    /// Windows that are over by now would have been decided by now.
    fn conclude(&self, stream: &mut Stream, tally: &RefCell<Tally>) {
        self.tell_time(self.now, stream, tally);
    }

    /// Runs `work` in threads, each with the way to the next of `count` numbers; the first failure ends all.
    fn in_threads(&self, count: usize, work: &Work<'_>) -> Result<(), HuntError> {
        let (at, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let next = || {
            let number = at.fetch_add(1, Ordering::Relaxed);
            (number < count && !failed.load(Ordering::Relaxed)).then_some(number)
        };
        let one = || work(&next).inspect_err(|_| failed.store(true, Ordering::Relaxed));
        let threads = self.hunter.settings.threads.clamp(1, THREADS_MAX).min(count.max(1));
        let outcomes: Vec<Result<(), HuntError>> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
            let own = one();
            let gone = |_| Err(HuntError::index(std::io::Error::other("a thread of the hunt ended early")));
            std::iter::once(own).chain(others.into_iter().map(|other| other.join().unwrap_or_else(gone))).collect()
        });
        outcomes.into_iter().collect()
    }

    fn answer(&self, tally: Tally, mut truncated: Vec<String>) -> Result<HuntAnswer, HuntError> {
        let permit = self.scan.door.permit()?;
        let wanted = self.tally();
        let (mut seen, mut hidden, alerts, is_truncated) = tally.finish();
        if is_truncated {
            truncated.push("days or sites beyond 4096 are in the total alone".to_owned());
        }
        if alerts.is_truncated {
            truncated.push("alerts are at least so many: more than 1000000 different ones".to_owned());
        }
        self.show(&permit, &mut seen)?;
        self.show(&permit, &mut hidden)?;
        let may_group = GROUPED_BY.iter().all(|name| check_field(&permit, name).is_ok());
        let by_day = alerts.by_day(|time| day_text(wanted.day(time)));
        let total: u64 = by_day.values().sum();
        let estimate = AlertEstimate {
            total,
            per_day: total as f64 / self.days(&wanted).max(1) as f64,
            by_day: by_day.into_iter().map(|(day, count)| DayCount { day, count }).collect(),
        };
        Ok(HuntAnswer {
            seen,
            hidden,
            alerts: may_group.then_some(estimate),
            work: self.scan.watch.progress(),
            pruned: self.scan.need.is_some(),
            truncated,
            explanation: permit.because().to_vec(),
        })
    }

    /// The days of the range that the segments reach into.
    fn days(&self, tally: &Tally) -> i64 {
        let least = self.scan.units.iter().map(|unit| unit.least).min().unwrap_or(0);
        let greatest = self.scan.units.iter().map(|unit| unit.greatest).max().unwrap_or(0);
        let first = self.request.from.max(Timestamp::from_nanos(least));
        let last = self.request.to.min(Timestamp::from_nanos(greatest));
        tally.day(last).saturating_sub(tally.day(first)).saturating_add(1)
    }

    /// Adds the events to the samples, as the permit lets them be seen.
    fn show(&self, permit: &Permit, counted: &mut Counted) -> Result<(), HuntError> {
        for sample in &mut counted.samples {
            if let Some(id) = sample.events.last() {
                sample.hit = self.hunter.search.get(permit, *id)?;
            }
        }
        Ok(())
    }
}

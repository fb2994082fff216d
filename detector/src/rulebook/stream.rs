//! One event after another through the rules and, above them, the correlations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use event::{Atom, Entities, Event, EventId, Finding, KnownBy, RuleId, Timestamp};

use super::{Matched, Rulebook};
use crate::correlate::{CheckpointError, Correlated, Hit, Settings, State, Totals};
use crate::sigma::explain;
use crate::sigma::{Scratch, entities_of};

/// Most steps through a silence.
const STEPS_MAX: u32 = 64;
/// Shortest step.
const STEP_MIN: Duration = Duration::from_secs(1);
/// Most ids that are remembered of events whose sender proved nothing.
const UNPROVEN_MAX: usize = 200_000;

/// A rulebook at work, with what its correlations remember. One for each ordered stream of events.
#[derive(Debug)]
pub struct Stream {
    book: Arc<Rulebook>,
    scratch: Scratch,
    state: State,
    correlated: Vec<Correlated>,
    unproven: Unproven,
    /// How late the correlations think it is; nothing before the first event.
    clock: Option<Timestamp>,
    lateness: Duration,
    /// Whether findings carry their atoms.
    keeps_atoms: bool,
}

impl Stream {
    /// A stream that remembers nothing.
    pub fn new(book: Arc<Rulebook>, settings: Settings) -> Self {
        let lateness = settings.lateness;
        let state = State::new(book.plan(), settings);
        Self::with(book, state, lateness)
    }

    /// A stream that remembers what [`Stream::save`] wrote; the sentences tell which correlations changed since then and
    /// begin anew.
    ///
    /// # Errors
    /// [`CheckpointError`] when the bytes are none of ours or damaged.
    pub fn restore(
        book: Arc<Rulebook>,
        settings: Settings,
        bytes: &[u8],
    ) -> Result<(Self, Vec<String>), CheckpointError> {
        let lateness = settings.lateness;
        let restored = State::load(book.plan(), settings, bytes)?;
        let told = restored.forgotten.iter().map(ToString::to_string).collect();
        Ok((Self::with(book, restored.state, lateness), told))
    }

    fn with(book: Arc<Rulebook>, state: State, lateness: Duration) -> Self {
        // Who sent the events before this one is not known any more; they count as unproven.
        let unproven = Unproven { ids: BTreeSet::new(), from: state.position() };
        let (scratch, correlated) = (Scratch::default(), Vec::new());
        Self { book, scratch, state, correlated, unproven, clock: None, lateness, keeps_atoms: true }
    }

    /// Leaves the atoms of findings out: for who counts findings and shows none of them.
    #[must_use]
    pub fn without_atoms(self) -> Self {
        Self { keeps_atoms: false, ..self }
    }

    /// The rulebook at work.
    pub fn book(&self) -> &Arc<Rulebook> {
        &self.book
    }

    /// Goes on with another rulebook; correlations that are the same in both keep what they remember.
    ///
    /// # Errors
    /// [`CheckpointError`] when what is remembered cannot be carried over; the stream then goes on as it was.
    pub fn replace(&mut self, book: Arc<Rulebook>, settings: Settings) -> Result<Vec<String>, CheckpointError> {
        let saved = self.state.save(self.book.plan());
        let restored = State::load(book.plan(), settings, &saved)?;
        self.state = restored.state;
        self.book = book;
        Ok(restored.forgotten.iter().map(ToString::to_string).collect())
    }

    /// What the correlations remember, as bytes; field values of events among it. Call it between two events.
    pub fn save(&self) -> Vec<u8> {
        self.state.save(self.book.plan())
    }

    /// Forgets what correlations remember of values; gives how many of their groups went. Call it between two events.
    pub fn forget(&mut self, values: &[String]) -> usize {
        self.state.forget(self.book.plan(), values)
    }

    /// The first event that the correlations have not seen.
    pub fn position(&self) -> EventId {
        self.state.position()
    }

    /// The latest time that the correlations know of; `None` before the first event.
    pub fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    /// Says that events before `next` need not be taken; what correlations remember begins there.
    pub fn passed(&mut self, next: EventId) {
        self.state.passed(next);
        self.unproven.from = self.unproven.from.max(next);
    }

    /// What correlations could not take as it came.
    pub fn totals(&self) -> Totals {
        self.state.totals()
    }

    /// Groups and bytes that the correlations remember.
    pub fn size(&self) -> (usize, usize) {
        (self.state.groups_len(), self.state.bytes())
    }

    /// Adds the findings of one event: its rules', unless they are only parts of correlations, and the correlations'
    /// that it fulfils. What `is_hidden` says of a rule and the event is as if the rule did not match.
    pub fn take(&mut self, event: &Event, is_hidden: impl Fn(&RuleId, &Event) -> bool, findings: &mut Vec<Finding>) {
        let book = Arc::clone(&self.book);
        let matched = book.matched(event, &mut self.scratch, self.keeps_atoms, &is_hidden);
        self.follow(event, matched, is_hidden, findings);
    }

    /// The second half of [`Stream::take`]: adds the findings of `matched`, which [`Rulebook::matched`] of the same
    /// rulebook found, on whatever thread, and those of the correlations. Events in their order.
    pub fn follow(
        &mut self,
        event: &Event,
        matched: Matched,
        is_hidden: impl Fn(&RuleId, &Event) -> bool,
        findings: &mut Vec<Finding>,
    ) {
        findings.extend(matched.findings);
        let before = findings.len();
        self.correlate(event, &matched.wanted, findings);
        // What earlier events gave is not gone through again.
        let fresh = findings.split_off(before);
        findings.extend(fresh.into_iter().filter(|finding| !is_hidden(&finding.rule.id, event)));
    }

    /// Adds the findings of the correlations that an event fulfils, of which these rules, by their numbers, match it:
    /// the second half of [`Stream::take`], for who asks the rules elsewhere.
    pub fn correlate(&mut self, event: &Event, rules: &[u32], findings: &mut Vec<Finding>) {
        let book = Arc::clone(&self.book);
        if !rules.is_empty() {
            self.catch_up(event, findings);
            self.unproven.note(event);
        }
        for rule in rules {
            let hit = Hit { rule: *rule, event, id: event.id, time: event.timestamp() };
            self.state.take(book.plan(), hit, &mut self.correlated);
        }
        self.state.passed(EventId(event.id.0.saturating_add(1)));
        self.conclude(Some(event), findings);
    }

    /// Tells the correlations how late it is; adds the findings of windows that are complete by now.
    ///
    /// A long silence is walked through in steps: windows of inner correlations must end before the outer ones forget
    /// what they wait for.
    pub fn advance(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        let since = self.clock.map(|clock| now.since(clock)).unwrap_or_default();
        let step = self.lateness.max(since / STEPS_MAX).max(STEP_MIN);
        while let Some(clock) = self.clock.filter(|clock| clock.plus(step) < now) {
            self.tell(clock.plus(step), findings);
        }
        self.tell(now, findings);
    }

    fn tell(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        self.clock = self.clock.max(Some(now));
        let book = Arc::clone(&self.book);
        self.state.advance(book.plan(), now, &mut self.correlated);
        self.conclude(None, findings);
    }

    /// Offline nobody tells the time but the events.
    fn catch_up(&mut self, event: &Event, findings: &mut Vec<Finding>) {
        let time = match event.origin {
            // A sender's clock that is ahead is not believed.
            Some(_) => event.timestamp().min(event.received),
            None => event.timestamp(),
        };
        match self.clock {
            Some(clock) if clock.plus(self.lateness) < time => self.advance(time, findings),
            Some(_) => {}
            None => self.clock = Some(time),
        }
    }

    fn conclude(&mut self, event: Option<&Event>, findings: &mut Vec<Finding>) {
        for correlated in self.correlated.drain(..) {
            if self.book.plan().is_silent_correlation(correlated.correlation) {
                continue;
            }
            let Some(correlation) = self.book.correlations().get(correlated.correlation as usize) else { continue };
            let own = event.filter(|event| correlated.events.last() == Some(&event.id));
            findings.push(Finding {
                rule: correlation.reference.clone(),
                event: EventId(self.state.position().0.saturating_sub(1)),
                time: correlated.time,
                entities: entities(own, &correlated.group),
                known_by: self.unproven.known_by(&correlated),
                matched: told(&correlated),
                atoms: group_atoms(&correlated.group),
                related: correlated.events,
            });
        }
    }
}

/// The value that fulfilled it, then its group.
fn told(correlated: &Correlated) -> Vec<String> {
    let value = format!("value {} of {} events", correlated.value, correlated.events_total);
    let group = correlated.group.iter().map(|(name, value)| format!("{name}: {value}"));
    std::iter::once(value).chain(group).collect()
}

/// The group that the events have in common, as evidence.
fn group_atoms(group: &[(String, String)]) -> Vec<Atom> {
    let atom = |(name, value): &(String, String)| Atom {
        selection: "group-by".to_owned(),
        field: Some(name.clone()),
        operator: String::new(),
        pattern: None,
        value: Some(explain::cut(value)),
    };
    group.iter().take(explain::ATOMS_MAX).map(atom).collect()
}

/// Who and what it is about: the group where it says so, else the event that fulfilled it.
fn entities(event: Option<&Event>, group: &[(String, String)]) -> Entities {
    let mut named = Event::new();
    for (name, value) in group {
        // A group has few values, and a full event only tells less.
        if named.push(name, value.as_str()).is_err() {
            break;
        }
    }
    let of_group = entities_of(&named);
    let Some(event) = event else { return of_group };
    let of_event = entities_of(event);
    Entities {
        site: of_event.site,
        agency: of_event.agency,
        host: of_group.host.or(of_event.host),
        user: of_group.user.or(of_event.user),
        source_ip: of_group.source_ip.or(of_event.source_ip),
        destination_ip: of_group.destination_ip.or(of_event.destination_ip),
    }
}

/// Which events were sent by somebody who did not prove who he is: such events never lead to an action, also not as one
/// of many.
#[derive(Debug)]
struct Unproven {
    ids: BTreeSet<EventId>,
    /// Events before this one count as unproven.
    from: EventId,
}

impl Unproven {
    fn note(&mut self, event: &Event) {
        if event.origin.as_ref().is_some_and(|origin| origin.known_by.authenticated()) {
            return;
        }
        self.ids.insert(event.id);
        if self.ids.len() > UNPROVEN_MAX
            && let Some(oldest) = self.ids.pop_first()
        {
            self.from = self.from.max(EventId(oldest.0.saturating_add(1)));
        }
    }

    /// Proven only when every event that took part is known and was.
    fn known_by(&self, correlated: &Correlated) -> KnownBy {
        let all = correlated.events_total == correlated.events.len() as u64;
        let proven = |id: &EventId| *id >= self.from && !self.ids.contains(id);
        if all && !correlated.events.is_empty() && correlated.events.iter().all(proven) {
            KnownBy::Certificate
        } else {
            KnownBy::Unknown
        }
    }
}

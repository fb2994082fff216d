//! One set of log sources: its rules' probes by field, and which rules each of them wakes.

use std::sync::atomic::{AtomicU32, Ordering};

use aho_corasick::packed;
use daachorse::DoubleArrayAhoCorasick;
use event::Value;
use rustc_hash::FxHashMap;

use super::super::names::NameId;
use super::super::rule::Rule;
use super::super::view::View;
use super::clause::{self, Probe, Rates, Watch};
use super::grams::Grams;
use super::scratch::Seen;
use super::trie::Trie;

/// Most texts that a gate is built for; it grows slower with each, the automaton does not.
const GATED_MAX: usize = 64;
/// Shortest text worth asking a gate about, in bytes.
const GATED_BYTES_MIN: usize = 32;

/// What wakes the rules of one set of log sources.
#[derive(Debug)]
pub(super) struct Class {
    /// How many numbers of rules there can be: the greatest plus one.
    numbers: usize,
    /// The rules that every event of the class is asked for.
    always: Vec<u32>,
    fields: Vec<Field>,
    keywords: Option<Parts>,
    /// The rules that each probe wakes.
    wakes: Vec<Box<[u32]>>,
    /// Counts how often probes hit, until enough events were seen; `None` when the choice of probes is made.
    lesson: Option<Lesson>,
}

/// What a class learns of its events: estimates of how rare a probe is are poor, so each is counted once it is watched.
#[derive(Debug)]
struct Lesson {
    events: AtomicU32,
    watches: Vec<Watch>,
    hits: Vec<AtomicU32>,
    /// What earlier lessons counted.
    before: Rates,
    /// How many rules an event woke in the lesson before.
    woken_before: f64,
    /// Lessons that may follow.
    left: u8,
}

impl Lesson {
    /// Counts an event; not exactly when several threads do.
    fn count(&self) {
        self.events.store(self.events.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.events.load(Ordering::Relaxed) == u32::MAX
    }

    /// How many rules an event woke, each as often as its probes hit.
    fn woken(&self, wakes: &[Box<[u32]>]) -> f64 {
        let hits = self.hits.iter().map(|hits| f64::from(hits.load(Ordering::Relaxed)));
        let woken: f64 = hits.zip(wakes).map(|(hits, rules)| hits * rules.len() as f64).sum();
        woken / f64::from(self.events.load(Ordering::Relaxed).max(1))
    }
}

/// Events of one lesson.
const LESSON_EVENTS: u32 = 1_000;
/// Lessons of one class.
const LESSONS: u8 = 4;
/// Rules that an event may wake without another lesson: asking them costs less than compiling again.
const WOKEN_FEW: f64 = 0.5;
/// What a lesson must leave of the rules that were woken before, at most, so that another one follows.
const WORTHWHILE: f64 = 0.9;

/// The probes of one field; each is a number in [`Class::wakes`].
#[derive(Debug, Default)]
struct Field {
    names: Vec<NameId>,
    present: Option<u32>,
    equal: FxHashMap<Box<str>, u32>,
    starts: Trie,
    ends: Trie,
    parts: Option<Parts>,
}

/// Finds every one of many texts in another.
#[derive(Default)]
struct Parts {
    /// Most of them where they are many.
    grams: Option<Grams>,
    /// Those with letters beyond ASCII, which most texts have nowhere.
    foreign: Option<DoubleArrayAhoCorasick<u32>>,
    /// The others.
    few: Option<DoubleArrayAhoCorasick<u32>>,
    /// Says fast that none of the others stands there; `None` where there are too many of them for it.
    gate: Option<packed::Searcher>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let states = self.few.as_ref().map_or(0, DoubleArrayAhoCorasick::num_states);
        write!(formatter, "Parts({states} states)")
    }
}

impl Class {
    /// Compiles the clauses of the rules with these numbers, ascending.
    pub(super) fn compile(rules: &[Rule], numbers: Vec<u32>) -> Self {
        Self::with(rules, &numbers, Rates::default(), LESSONS, f64::INFINITY)
    }

    /// Whether enough events were seen to choose the probes anew.
    pub(super) fn has_learnt(&self) -> bool {
        let seen = |lesson: &Lesson| lesson.events.load(Ordering::Relaxed) >= LESSON_EVENTS && !lesson.is_over();
        self.lesson.as_ref().is_some_and(seen)
    }

    /// Compiles the same rules with what was learnt; `None`, and no more lessons, when that would not be worth its time.
    pub(super) fn learnt(&self, rules: &[Rule], numbers: &[u32]) -> Option<Self> {
        let lesson = self.lesson.as_ref()?;
        let woken = lesson.woken(&self.wakes);
        if woken <= WOKEN_FEW || woken > lesson.woken_before * WORTHWHILE {
            lesson.events.store(u32::MAX, Ordering::Relaxed);
            return None;
        }
        let events = f64::from(lesson.events.load(Ordering::Relaxed).max(1));
        let mut rates = lesson.before.clone();
        for (watch, hits) in lesson.watches.iter().zip(&lesson.hits) {
            // What was never hit is rare, not impossible.
            rates.insert(watch.clone(), (f64::from(hits.load(Ordering::Relaxed)) + 0.1) / events);
        }
        Some(Self::with(rules, numbers, rates, lesson.left.saturating_sub(1), woken))
    }

    fn with(rules: &[Rule], numbers: &[u32], rates: Rates, lessons: u8, woken_before: f64) -> Self {
        let mut builder = Builder::default();
        let mut always = Vec::new();
        for number in numbers {
            match rules.get(*number as usize).and_then(|rule| clause::of(rule, &rates)) {
                Some(clause) => clause.watches.into_iter().for_each(|watch| builder.add(watch, *number)),
                None => always.push(*number),
            }
        }
        let mut watches: Vec<(Watch, u32)> = Vec::new();
        if lessons > 0 {
            watches = builder.probes.iter().map(|(watch, probe)| (watch.clone(), *probe)).collect();
            watches.sort_by_key(|(_, probe)| *probe);
        }
        let mut class = builder.finish(numbers.last().map_or(0, |last| *last as usize + 1), always);
        if lessons > 0 {
            let hits = watches.iter().map(|_| AtomicU32::new(0)).collect();
            let watches = watches.into_iter().map(|(watch, _)| watch).collect();
            let events = AtomicU32::new(0);
            class.lesson = Some(Lesson { events, watches, hits, before: rates, woken_before, left: lessons });
        }
        class
    }

    /// A class whose rules are all asked for every event.
    pub(super) fn without_probes(numbers: Vec<u32>) -> Self {
        Builder::default().finish(numbers.last().map_or(0, |last| *last as usize + 1), numbers)
    }

    /// Puts the numbers of the rules that may match into `woken`.
    pub(super) fn wake(&self, view: &View<'_>, seen: &mut Seen, woken: &mut Vec<u32>) {
        seen.begin(self.numbers);
        woken.extend(self.always.iter().filter(|rule| seen.first(**rule)));
        let lesson = self.lesson.as_ref().filter(|lesson| !lesson.is_over());
        if let Some(lesson) = lesson {
            lesson.count();
        }
        let mut hit = |probe: u32| {
            if let Some(hits) = lesson.and_then(|lesson| lesson.hits.get(probe as usize)) {
                hits.fetch_add(1, Ordering::Relaxed);
            }
            let rules = self.wakes.get(probe as usize).map(AsRef::as_ref).unwrap_or_default();
            woken.extend(rules.iter().filter(|rule| seen.first(**rule)));
        };
        for field in &self.fields {
            field.ask(view, &mut hit);
        }
        if let Some(keywords) = &self.keywords {
            keywords.find(view.own_text_lower(), &mut hit);
        }
    }
}

impl Field {
    fn ask(&self, view: &View<'_>, hit: &mut impl FnMut(u32)) {
        let mut values = view.values(&self.names).peekable();
        if let (Some(present), Some(_)) = (self.present, values.peek()) {
            hit(present);
        }
        for entry in values.filter(|entry| entry.value() != Value::Null) {
            let text = entry.lower();
            if let Some(probe) = self.equal.get(text) {
                hit(*probe);
            }
            if !self.starts.is_empty() {
                self.starts.find(text.bytes(), &mut *hit);
            }
            if !self.ends.is_empty() {
                self.ends.find(text.bytes().rev(), &mut *hit);
            }
            if let Some(parts) = &self.parts {
                parts.find(text.as_bytes(), hit);
            }
        }
    }
}

impl Parts {
    /// Nothing when there is nothing to find; the probes that no automaton can hold are put into `left`.
    fn build(texts: Texts, left: &mut Vec<u32>) -> Option<Self> {
        if texts.is_empty() {
            return None;
        }
        let mut parts = Self::default();
        let (mut few, foreign): (Texts, Texts) = texts.into_iter().partition(|(text, _)| text.is_ascii());
        parts.foreign = automaton(foreign, left);
        if few.len() > GATED_MAX {
            let many = std::mem::take(&mut few);
            parts.grams = Grams::build(many, &mut few);
        }
        if few.is_empty() {
            return Some(parts);
        }
        let mut gate = packed::Config::new().only_teddy(true).builder();
        if few.len() <= GATED_MAX {
            gate.extend(few.iter().map(|(text, _)| text));
        }
        parts.gate = gate.build();
        parts.few = automaton(few, left);
        Some(parts)
    }

    fn find(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if let Some(grams) = &self.grams {
            grams.find(text, hit);
        }
        if let Some(foreign) = self.foreign.as_ref().filter(|_| !text.is_ascii()) {
            foreign.find_overlapping_iter(text).for_each(|found| hit(found.value()));
        }
        let Some(few) = &self.few else { return };
        let long = text.len() >= GATED_BYTES_MIN;
        if long && self.gate.as_ref().is_some_and(|gate| gate.find(text).is_none()) {
            return;
        }
        for found in few.find_overlapping_iter(text) {
            hit(found.value());
        }
    }
}

/// Nothing for no texts; the probes of texts that no automaton can hold are put into `left`.
fn automaton(texts: Texts, left: &mut Vec<u32>) -> Option<DoubleArrayAhoCorasick<u32>> {
    if texts.is_empty() {
        return None;
    }
    let probes: Vec<u32> = texts.iter().map(|(_, probe)| *probe).collect();
    let built = DoubleArrayAhoCorasick::with_values(texts).ok();
    if built.is_none() {
        left.extend(probes);
    }
    built
}

/// Texts and the probes that they are.
type Texts = Vec<(String, u32)>;

#[derive(Default)]
struct Builder {
    wakes: Vec<Vec<u32>>,
    probes: FxHashMap<Watch, u32>,
}

impl Builder {
    fn add(&mut self, watch: Watch, rule: u32) {
        let next = u32::try_from(self.wakes.len()).unwrap_or(u32::MAX);
        let probe = *self.probes.entry(watch).or_insert_with(|| {
            self.wakes.push(Vec::new());
            next
        });
        if let Some(rules) = self.wakes.get_mut(probe as usize)
            && rules.last() != Some(&rule)
        {
            rules.push(rule);
        }
    }

    fn finish(self, numbers: usize, mut always: Vec<u32>) -> Class {
        let mut fields: FxHashMap<Vec<NameId>, (Field, Texts)> = FxHashMap::default();
        let mut keywords = Vec::new();
        for (watch, number) in self.probes {
            let Some(names) = watch.field else {
                if let Probe::Part(text) = watch.probe {
                    keywords.push((text, number));
                }
                continue;
            };
            let (field, parts) = fields.entry(names).or_default();
            match watch.probe {
                Probe::Present => field.present = Some(number),
                Probe::Equal(text) => {
                    field.equal.insert(text.into(), number);
                }
                Probe::Start(text) => field.starts.insert(text.bytes(), number),
                Probe::End(text) => field.ends.insert(text.bytes().rev(), number),
                Probe::Part(text) => parts.push((text, number)),
            }
        }
        let mut left = Vec::new();
        let mut fields: Vec<Field> = fields
            .into_iter()
            .map(|(names, (field, parts))| Field { names, parts: Parts::build(parts, &mut left), ..field })
            .collect();
        fields.sort_by(|one, other| one.names.cmp(&other.names));
        let keywords = Parts::build(keywords, &mut left);
        // A probe that cannot be asked must not make its rules silent.
        always.extend(left.iter().filter_map(|probe| self.wakes.get(*probe as usize)).flatten());
        always.sort_unstable();
        always.dedup();
        let wakes = self.wakes.into_iter().map(Vec::into_boxed_slice).collect();
        Class { numbers, always, fields, keywords, wakes, lesson: None }
    }
}

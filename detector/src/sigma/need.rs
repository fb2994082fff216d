//! What an event must hold for a rule to match it: a condition that a store of events can answer before one is read.
//!
//! It may be true of events that the rule does not match, never the other way round. Of a conjunction every part that can
//! be answered counts, of a disjunction every part must be answerable. What is negated and keywords cannot: a store that
//! holds values by field knows neither what is missing nor where a keyword may stand.

use event::Value;
use rustc_hash::FxHashMap;

use super::condition::Condition;
use super::detection::Detection;
use super::names::{NameId, Names};
use super::pattern::{Piece, TextMatcher, lower};
use super::rule::Rule;
use super::source_need;
use super::value::{Item, Test, address, ordered};
use ipnet::IpNet;

/// Most probes of one need; a rule that has more is asked for every event.
const PROBES_MAX: usize = 8_192;

/// A condition on an event.
#[derive(Debug, Clone)]
pub(crate) enum Need {
    /// Every part.
    All(Vec<Need>),
    /// One of the parts.
    Any(Vec<Need>),
    /// One of the names has a value that passes one of the probes.
    Has {
        /// Names of fields, exact; names that differ by spaces alone count as the same.
        names: Vec<String>,
        /// At least one.
        probes: Vec<Probe>,
    },
}

/// A question to one value of a field; null counts as the empty text.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    test: Test,
    cased: bool,
}

/// A plain part of the text that a value must hold, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The text, not empty.
    pub(crate) text: String,
    /// Whether the value begins with it.
    pub(crate) at_start: bool,
    /// Whether the value ends with it.
    pub(crate) at_end: bool,
}

impl Probe {
    /// A value that is `text` without regard to case.
    pub(super) fn equal(text: &str) -> Self {
        Self { test: Test::Text(TextMatcher::Equal(lower(text))), cased: false }
    }

    /// A value that begins with `text` without regard to case.
    pub(super) fn start(text: &str) -> Self {
        Self { test: Test::Text(TextMatcher::Start(lower(text))), cased: false }
    }

    /// Any value, also null.
    pub(super) fn present() -> Self {
        Self { test: Test::Exists(true), cased: false }
    }

    /// Whether a value of this text passes; `lower` is the same text in lower case.
    pub(crate) fn passes(&self, text: &str, lower: &str) -> bool {
        let subject = if self.cased { text } else { lower };
        match &self.test {
            Test::Text(matcher) => matcher.matches(subject),
            Test::OneOf(matchers) => matchers.iter().any(|matcher| matcher.matches(subject)),
            Test::Regex(regex) => regex.is_match(text),
            Test::Cidr(net) => address(text).is_some_and(|address| net.contains(&address)),
            Test::Compare(order, number) => {
                Value::Str(text).as_f64().is_some_and(|value| ordered(value, *order, *number))
            }
            // What else is asked of the event cannot be told from this value.
            Test::Time(..) | Test::FieldRef(..) | Test::Exists(true) => true,
            Test::Null | Test::Exists(false) => false,
        }
    }

    /// The whole text of the value in lower case, when that is what is asked.
    pub(crate) fn as_equal(&self) -> Option<String> {
        match &self.test {
            Test::Text(TextMatcher::Equal(text)) => Some(lower(text)),
            _ => None,
        }
    }

    /// The network that the value must lie in, when that is what is asked.
    pub(crate) fn as_network(&self) -> Option<IpNet> {
        match &self.test {
            Test::Cidr(net) => Some(*net),
            _ => None,
        }
    }

    /// Whether it asks for a number alone, so that every way to write the number is the same.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self.test, Test::Compare(..))
    }

    /// The plain parts that the text of a value holds in one of several forms, each form all of its parts; `None` where
    /// they cannot be told.
    pub(crate) fn parts(&self) -> Option<Vec<Vec<Part>>> {
        match &self.test {
            Test::Text(matcher) => Some(vec![parts_of(matcher)]),
            Test::OneOf(matchers) => Some(matchers.iter().map(parts_of).collect()),
            _ => None,
        }
    }
}

fn parts_of(matcher: &TextMatcher) -> Vec<Part> {
    let one = |text: &str, at_start, at_end| {
        let part = Part { text: lower(text), at_start, at_end };
        if part.text.is_empty() { Vec::new() } else { vec![part] }
    };
    match matcher {
        TextMatcher::Anything => Vec::new(),
        TextMatcher::Equal(text) => one(text, true, true),
        TextMatcher::Start(text) => one(text, true, false),
        TextMatcher::End(text) => one(text, false, true),
        TextMatcher::Part(finder) => one(&String::from_utf8_lossy(finder.needle()), false, false),
        TextMatcher::Glob(glob) => {
            let pieces = glob.pieces();
            let texts = pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
                Piece::Text(text) => Some(one(text, at == 0, at + 1 == pieces.len())),
                _ => None,
            });
            texts.flatten().collect()
        }
    }
}

/// The names that rules ask for, by their ids.
type NamesById<'n> = FxHashMap<NameId, &'n str>;

/// What an event needs for one of `rules` to match it; `None` when nothing can be told.
pub(crate) fn of_rules<'r>(rules: impl Iterator<Item = &'r Rule>, names: &Names) -> Option<Need> {
    let names = names.by_id();
    let need = any(rules.map(|rule| of_rule(rule, &names)))?;
    (probes_of(&need) <= PROBES_MAX).then_some(need)
}

fn of_rule(rule: &Rule, names: &NamesById<'_>) -> Option<Need> {
    let own = Reading { rule, names }.condition(rule.condition(), false);
    all([own, source_need::of(&rule.logsource)].into_iter())
}

fn probes_of(need: &Need) -> usize {
    match need {
        Need::All(parts) | Need::Any(parts) => parts.iter().map(probes_of).sum(),
        Need::Has { probes, .. } => probes.len(),
    }
}

/// All of what can be told; `None` when that is nothing.
pub(super) fn all(parts: impl Iterator<Item = Option<Need>>) -> Option<Need> {
    let mut known: Vec<Need> = parts.flatten().collect();
    match known.len() {
        0 => None,
        1 => known.pop(),
        _ => Some(Need::All(known)),
    }
}

/// One of the parts; `None` when one of them cannot be told. Probes of the same names become one walk.
pub(super) fn any(parts: impl Iterator<Item = Option<Need>>) -> Option<Need> {
    let mut known: Vec<Need> = Vec::new();
    let mut places: FxHashMap<Vec<String>, usize> = FxHashMap::default();
    for part in parts {
        match part? {
            Need::Has { names, probes } => match places.get(&names).and_then(|at| known.get_mut(*at)) {
                Some(Need::Has { probes: before, .. }) => before.extend(probes),
                _ => {
                    places.insert(names.clone(), known.len());
                    known.push(Need::Has { names, probes });
                }
            },
            Need::Any(inner) => known.extend(inner),
            other => known.push(other),
        }
    }
    match known.len() {
        0 => None,
        1 => known.pop(),
        _ => Some(Need::Any(known)),
    }
}

struct Reading<'r> {
    rule: &'r Rule,
    names: &'r NamesById<'r>,
}

impl Reading<'_> {
    fn condition(&self, part: &Condition, negated: bool) -> Option<Need> {
        let of = |part: &Condition| self.condition(part, negated);
        match (part, negated) {
            (Condition::Selection(number), _) => self.detection(self.rule.selection(*number)?, negated),
            (Condition::Not(inner), _) => self.condition(inner, !negated),
            (Condition::All(parts), false) | (Condition::Any(parts), true) => all(parts.iter().map(of)),
            (Condition::Any(parts), false) | (Condition::All(parts), true) => any(parts.iter().map(of)),
        }
    }

    fn detection(&self, part: &Detection, negated: bool) -> Option<Need> {
        let of = |part: &Detection| self.detection(part, negated);
        match (part, negated) {
            (Detection::Item(item), _) => self.item(item, negated),
            (Detection::All(parts), false) | (Detection::Any(parts), true) => all(parts.iter().map(of)),
            (Detection::Any(parts), false) | (Detection::All(parts), true) => any(parts.iter().map(of)),
        }
    }

    fn item(&self, item: &Item, negated: bool) -> Option<Need> {
        if negated != item.is_negated() {
            return None;
        }
        let names: Option<Vec<String>> =
            item.names()?.iter().map(|id| self.names.get(id).map(|name| (*name).to_owned())).collect();
        let names = names?;
        let has = |test: &Test| {
            let answerable = !matches!(test, Test::Null | Test::Exists(false));
            let probe = || Probe { test: test.clone(), cased: item.is_cased() };
            answerable.then(|| Need::Has { names: names.clone(), probes: vec![probe()] })
        };
        let tests = item.tests().iter().map(has);
        if item.is_all() { all(tests) } else { any(tests) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use event::{Event, json};

    use super::*;
    use crate::sigma::{FieldMap, RuleSet, RuleSource};

    /// Whether an event holds what is needed: the obvious way, for tests.
    pub(crate) fn holds(need: &Need, event: &Event) -> bool {
        match need {
            Need::All(parts) => parts.iter().all(|part| holds(part, event)),
            Need::Any(parts) => parts.iter().any(|part| holds(part, event)),
            Need::Has { names, probes } => event.iter().any(|(name, value)| {
                let bare: String = name.chars().filter(|c| *c != ' ').collect();
                let text = value.text();
                (names.iter().any(|wanted| wanted == name || *wanted == bare))
                    && probes.iter().any(|probe| probe.passes(&text, &lower(&text)))
            }),
        }
    }

    fn check(detection: &str, event: &str, expected: Option<bool>) {
        let yaml = format!("title: t\nlogsource: {{service: x}}\ndetection:\n  {}\n", detection.replace('\n', "\n  "));
        let set = RuleSet::load(&[RuleSource::Text { path: "t".to_owned(), yaml }], &FieldMap::default());
        assert!(set.rejected().is_empty(), "{:?}", set.rejected());
        let need = of_rules(set.rules().iter(), set.names());
        let mut one = Event::new();
        json::flatten("", &serde_json::from_str(event).unwrap(), &mut one).unwrap();
        assert_eq!(need.map(|need| holds(&need, &one)), expected, "{detection} on {event}");
    }

    #[test]
    fn what_is_needed_is_told() {
        check("s: {A: x, B|contains: y}\ncondition: s", r#"{"A":"X","B":"ayb"}"#, Some(true));
        check("s: {A: x, B|contains: y}\ncondition: s", r#"{"A":"X","B":"b"}"#, Some(false));
        check("s: {A: [x, y]}\nf: {B: z}\ncondition: s and not f", r#"{"A":"y","B":"z"}"#, Some(true));
        check("s: {A: x}\nt: {B: null}\ncondition: s or t", r#"{}"#, None);
        check("s: {A: x}\nt: {B: null}\ncondition: s and t", r#"{"A":"y"}"#, Some(false));
        check("s: ['word']\ncondition: s", "{}", None);
        check("s: {A: ''}\ncondition: s", r#"{"A":""}"#, Some(true));
        check("s: {A: '*'}\ncondition: s", "{}", Some(false));
        check("s: {A|exists: true}\ncondition: s", r#"{"A":null}"#, Some(true));
        check("s: {A|exists: false}\ncondition: s", "{}", None);
        check("s: {A|re: 'x*'}\ncondition: s", r#"{"A":""}"#, Some(true));
        check("s: {A|re: 'xy*'}\ncondition: s", r#"{"A":"ax"}"#, Some(true));
        check("s: {A|gt: 5}\ncondition: s", r#"{"A":"4"}"#, Some(false));
        check("s: {A|neq: x}\ncondition: not s", r#"{"A":"y"}"#, Some(false));
        check("s: {'A|contains|all': [x, y]}\ncondition: s", r#"{"A":["x","y"]}"#, Some(true));
        check("s: {'A|contains|all': [x, y]}\ncondition: s", r#"{"A":["x"]}"#, Some(false));
        check("s: {A|fieldref: B}\ncondition: s", r#"{"A":"z"}"#, Some(true));
    }

    #[test]
    fn parts_know_where_they_stand() {
        let part = |text: &str, at_start, at_end| Part { text: text.to_owned(), at_start, at_end };
        let matcher = super::super::pattern::Pattern::parse("Ab*cd?e*").unwrap().compile(false);
        let found = parts_of(&matcher);
        assert_eq!(found, [part("ab", true, false), part("cd", false, false), part("e", false, false)]);
    }
}

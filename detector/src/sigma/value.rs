//! One item of a selection, `field|modifiers: values`, compiled, and how it is compared with an event.

use std::net::IpAddr;

use event::Value;
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use super::encode::transformed;
use super::label::Label;
use super::modifier::{Kind, Modifiers, Order, Place, TimePart};
use super::names::{NONE, NameId, Naming};
use super::pattern::{Pattern, TextMatcher};
use super::time::{self, Moment};
use super::view::{Entry, Values, View};
use super::yaml::Node;

/// Most memory of one compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest regular expression, in bytes.
const REGEX_TEXT_BYTES_MAX: usize = 16 * 1024;

/// `field|modifiers: values`.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The names under which an event may have the field, best first; `None` for keywords.
    names: Option<Vec<NameId>>,
    tests: Vec<Test>,
    all: bool,
    cased: bool,
    negated: bool,
    /// Items of one number ask the same, and an event answers each once; [`NONE`] stands alone.
    number: u32,
    /// How the rule writes it.
    label: Label,
}

/// What one value of the rule asks of a field.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Text(TextMatcher),
    Null,
    Exists(bool),
    Regex(Box<Regex>),
    Cidr(IpNet),
    Compare(Order, f64),
    Time(TimePart, Order, f64),
    FieldRef(Vec<NameId>, Place),
    /// The forms that one value took by an encoding.
    OneOf(Vec<TextMatcher>),
}

impl Item {
    /// Compiles the values of a field that events have under `names`.
    ///
    /// # Errors
    /// A sentence that tells which value cannot be meant.
    pub(crate) fn compile(
        names: Option<Vec<NameId>>,
        modifiers: &Modifiers,
        values: &[&Node],
        naming: &mut Naming<'_>,
    ) -> Result<Self, String> {
        if values.is_empty() {
            return Err("has an empty list of values, which nothing can match".to_owned());
        }
        let is_keyword = names.is_none();
        let mut tests = Vec::with_capacity(values.len());
        for value in values {
            compile_value(is_keyword, modifiers, value, naming, &mut tests)?;
        }
        // The names of another field are not part of the values.
        let number = match modifiers.kind {
            Kind::FieldRef => NONE,
            _ => naming.number(&format!("{names:?} {modifiers:?} {values:?}")),
        };
        let (all, cased, negated) = (modifiers.all, modifiers.cased, modifiers.negated);
        Ok(Self { names, tests, all, cased, negated, number, label: Label::default() })
    }

    /// Whether the event's field has one of the values, or all where all are asked.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        if let Some(known) = view.answer(self.number) {
            return known;
        }
        let holds = |test: &Test| self.holds(test, view);
        let found = if self.all { self.tests.iter().all(holds) } else { self.tests.iter().any(holds) };
        view.keep_answer(self.number, found != self.negated);
        found != self.negated
    }

    /// With the text that the rule has for it, one value a test.
    pub(crate) fn labelled(self, label: Label) -> Self {
        Self { label, ..self }
    }

    /// How the rule writes it.
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// The names under which an event may have the field, best first; `None` for keywords.
    pub(crate) fn names(&self) -> Option<&[NameId]> {
        self.names.as_deref()
    }

    /// What its values ask.
    pub(super) fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Whether every value must be found, not one.
    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    /// Whether upper and lower case differ.
    pub(super) fn is_cased(&self) -> bool {
        self.cased
    }

    /// Whether the opposite is meant.
    pub(crate) fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether the event has the value of this number, counted from 0 in the rule's order; `neq` is not applied.
    pub(crate) fn value_holds(&self, number: usize, view: &View<'_>) -> bool {
        self.tests.get(number).is_some_and(|test| self.holds(test, view))
    }

    /// The value of the event that has the value of this number; the first of the field where the opposite is meant, and
    /// nothing for keywords and for what must be absent.
    pub(crate) fn value_found<'e>(&self, number: usize, view: &View<'e>) -> Option<&'e Entry<'e>> {
        let names = self.names.as_deref()?;
        let test = self.tests.get(number)?;
        let any = self.negated || matches!(test, Test::Exists(true));
        view.values(names).find(|entry| any || self.fits(test, view, entry))
    }

    fn holds(&self, test: &Test, view: &View<'_>) -> bool {
        match &self.names {
            Some(names) => self.field_has(test, view, view.values(names)),
            None => view.own_text().iter().any(|entry| self.fits(test, view, entry)),
        }
    }

    /// How dear it is to ask, so that cheap items are asked first.
    pub(crate) fn cost(&self) -> usize {
        let one = |test: &Test| match test {
            Test::Null | Test::Exists(_) | Test::Compare(..) => 1,
            Test::Text(TextMatcher::Anything | TextMatcher::Equal(_) | TextMatcher::Start(_) | TextMatcher::End(_)) => {
                1
            }
            Test::Text(TextMatcher::Part(_)) => 20,
            Test::OneOf(matchers) => 20 * matchers.len(),
            Test::Text(TextMatcher::Glob(_)) | Test::Cidr(_) | Test::FieldRef(..) | Test::Time(..) => 40,
            Test::Regex(_) => 500,
        };
        let sum: usize = self.tests.iter().map(one).sum();
        if self.names.is_none() { sum * 50 } else { sum }
    }

    fn field_has(&self, test: &Test, view: &View<'_>, mut values: Values<'_>) -> bool {
        match test {
            Test::Exists(wanted) => values.next().is_some() == *wanted,
            Test::Null => {
                let mut values = values.peekable();
                values.peek().is_none() || values.any(|entry| entry.value() == Value::Null)
            }
            test => values.any(|entry| self.fits(test, view, entry)),
        }
    }

    fn fits(&self, test: &Test, view: &View<'_>, entry: &Entry<'_>) -> bool {
        if entry.value() == Value::Null {
            return matches!(test, Test::Null);
        }
        match test {
            Test::Text(matcher) => matcher.matches(self.case(entry)),
            Test::OneOf(matchers) => matchers.iter().any(|matcher| matcher.matches(self.case(entry))),
            Test::Regex(regex) => regex.is_match(entry.text()),
            Test::Cidr(net) => address(entry.text()).is_some_and(|address| net.contains(&address)),
            Test::Compare(order, number) => entry.value().as_f64().is_some_and(|value| ordered(value, *order, *number)),
            Test::Time(part, order, number) => moment(entry, view)
                .and_then(|moment| moment.part(*part))
                .is_some_and(|value| ordered(value, *order, *number)),
            Test::FieldRef(names, place) => view
                .values(names)
                .filter(|other| other.value() != Value::Null)
                .any(|other| self.refers(entry, other, *place)),
            Test::Null | Test::Exists(_) => false,
        }
    }

    fn refers(&self, entry: &Entry<'_>, other: &Entry<'_>, place: Place) -> bool {
        let (text, wanted) = (self.case(entry), self.case(other));
        match place {
            Place::Whole => text == wanted,
            Place::Start => text.starts_with(wanted),
            Place::End => text.ends_with(wanted),
            Place::Part => text.contains(wanted),
        }
    }

    fn case<'v>(&self, entry: &'v Entry<'_>) -> &'v str {
        if self.cased { entry.text() } else { entry.lower() }
    }
}

fn moment(entry: &Entry<'_>, view: &View<'_>) -> Option<Moment> {
    if entry.is_timestamp() { Moment::read_in(entry.text(), view.zone()) } else { Moment::read(entry.text()) }
}

fn compile_value(
    is_keyword: bool,
    modifiers: &Modifiers,
    value: &Node,
    naming: &mut Naming<'_>,
    tests: &mut Vec<Test>,
) -> Result<(), String> {
    if let Node::List(_) | Node::Map(_) = value {
        return Err(format!("has {} where a single value should be", value.kind()));
    }
    let text = || value.scalar().ok_or_else(|| "has no value where the modifier needs one".to_owned());
    let test = match modifiers.kind {
        Kind::Plain => return compile_text(is_keyword, modifiers, value, tests),
        Kind::Regex => Test::Regex(Box::new(regex(&text()?, modifiers)?)),
        Kind::Cidr => Test::Cidr(network(&text()?)?),
        Kind::Compare(order) => Test::Compare(order, number(value)?),
        Kind::Time(part, order) => Test::Time(part, order, number(value)?),
        Kind::Exists if is_keyword => return Err("`exists` needs a field".to_owned()),
        Kind::Exists => Test::Exists(truth(value)?),
        Kind::FieldRef => Test::FieldRef(naming.names_of(&text()?), modifiers.place),
    };
    tests.push(test);
    Ok(())
}

fn compile_text(is_keyword: bool, modifiers: &Modifiers, value: &Node, tests: &mut Vec<Test>) -> Result<(), String> {
    let Some(text) = value.scalar() else {
        if is_keyword || modifiers.place != Place::Whole || !modifiers.transforms.is_empty() {
            return Err("null has no text that could be searched".to_owned());
        }
        tests.push(Test::Null);
        return Ok(());
    };
    let pattern = match value {
        Node::Text(_) => Pattern::parse(&text)?,
        _ => Pattern::plain(&text),
    };
    let placed = |pattern: Pattern| match modifiers.place {
        _ if is_keyword => pattern.open_start().open_end(),
        Place::Whole => pattern,
        Place::Start => pattern.open_end(),
        Place::End => pattern.open_start(),
        Place::Part => pattern.open_start().open_end(),
    };
    let forms = transformed(pattern, &modifiers.transforms)?;
    let mut forms: Vec<_> = forms.into_iter().map(|form| placed(form).compile(modifiers.cased)).collect();
    tests.push(match forms.pop() {
        Some(only) if forms.is_empty() => Test::Text(only),
        last => Test::OneOf(forms.into_iter().chain(last).collect()),
    });
    Ok(())
}

/// Compiles an expression in linear-time syntax: no look-around, no back-references, a bound on its memory.
fn regex(text: &str, modifiers: &Modifiers) -> Result<Regex, String> {
    if text.len() > REGEX_TEXT_BYTES_MAX {
        return Err(format!("regular expression of {} bytes is longer than {REGEX_TEXT_BYTES_MAX}", text.len()));
    }
    let anchored = match modifiers.place {
        Place::Whole | Place::Part => text.to_owned(),
        Place::Start => format!("^(?:{text})"),
        Place::End => format!("(?:{text})$"),
    };
    let build = |text: &str| {
        RegexBuilder::new(text)
            .case_insensitive(modifiers.flags.i)
            .multi_line(modifiers.flags.m)
            .dot_matches_new_line(modifiers.flags.s)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .nest_limit(100)
            .build()
    };
    // PCRE takes a brace that opens no repetition as itself; this engine wants it escaped.
    build(&anchored).or_else(|first| build(&escape_braces(&anchored)).map_err(|_| first)).map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!(
                "regular expression `{}` needs more than {limit} bytes when compiled; make its repetitions smaller",
                short(text)
            )
        }
        error => format!("regular expression `{}`: {}", short(text), last_line(&error.to_string())),
    })
}

fn escape_braces(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (first, mut after) = rest.split_at(c.len_utf8());
        if c == '\\' {
            let escaped = after.chars().next().map_or(0, char::len_utf8);
            let (kept, behind) = after.split_at(escaped);
            out.push_str(first);
            out.push_str(kept);
            after = behind;
        } else if c == '{' && !opens_repetition(after) {
            out.push_str("\\{");
        } else {
            out.push_str(first);
        }
        rest = after;
    }
    out
}

fn opens_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    inside.starts_with(|c: char| c.is_ascii_digit()) && inside.chars().all(|c| c.is_ascii_digit() || c == ',')
}

fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    parsed
        .map(|net| net.trunc())
        .ok_or_else(|| format!("`{text}` is no network; write `10.0.0.0/8` or `2001:db8::/32`"))
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let text = text.split_once('%').map_or(text, |(address, _zone)| address);
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn number(value: &Node) -> Result<f64, String> {
    let text = value.scalar().unwrap_or_default();
    text.trim().parse().map_err(|_| format!("`{text}` is no number, which the modifier needs"))
}

fn truth(value: &Node) -> Result<bool, String> {
    match value.scalar().unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        other => Err(format!("`exists` needs `true` or `false`, not `{other}`")),
    }
}

pub(super) fn ordered(value: f64, order: Order, wanted: f64) -> bool {
    match order {
        Order::Equal => time::same(value, wanted),
        Order::Less => value < wanted,
        Order::LessOrEqual => value <= wanted,
        Order::Greater => value > wanted,
        Order::GreaterOrEqual => value >= wanted,
    }
}

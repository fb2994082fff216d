//! The clause of a rule: probes of which at least one must hit whenever the rule is true.
//!
//! Of a conjunction the rarest part is enough, of a disjunction every part is needed, and `not` turns one into the
//! other. A negated comparison cannot be probed: nothing in the event says that it holds.

use rustc_hash::FxHashMap;

use super::super::condition::Condition;
use super::super::detection::Detection;
use super::super::names::NameId;
use super::super::pattern::{Piece, TextMatcher, lower};
use super::super::rule::Rule;
use super::super::value::{Item, Test};
use super::literal;

/// Most probes in one clause; a rule that needs more is always evaluated.
const PROBES_MAX: usize = 4_096;

/// What searching all of an event's text costs more than any probe of a field, as a rate.
const KEYWORD_COST: f64 = 1.0;

/// A cheap question to one field's values in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Probe {
    /// The field is there.
    Present,
    /// A value is this.
    Equal(String),
    /// A value starts with this.
    Start(String),
    /// A value ends with this.
    End(String),
    /// A value has this in it.
    Part(String),
}

/// A probe and the field that it asks: names under which events may have it, or the event's own text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    pub(super) field: Option<Vec<NameId>>,
    pub(super) probe: Probe,
}

/// Watches and how many events in one they are expected to hit.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) watches: Vec<Watch>,
    rate: f64,
}

/// How many events in one a probe was seen to hit, for the probes that were watched; estimates serve for the others.
pub(super) type Rates = FxHashMap<Watch, f64>;

/// The clause of a rule; `None` when it must always be evaluated.
pub(super) fn of(rule: &Rule, rates: &Rates) -> Option<Clause> {
    condition(rule, rule.condition(), false, rates)
}

fn condition(rule: &Rule, part: &Condition, negated: bool, rates: &Rates) -> Option<Clause> {
    let of = |part: &Condition| condition(rule, part, negated, rates);
    match (part, negated) {
        (Condition::Selection(number), _) => detection(rule.selection(*number)?, negated, rates),
        (Condition::Not(inner), _) => condition(rule, inner, !negated, rates),
        (Condition::All(parts), false) | (Condition::Any(parts), true) => rarest(parts.iter().map(of)),
        (Condition::Any(parts), false) | (Condition::All(parts), true) => union(parts.iter().map(of)),
    }
}

fn detection(part: &Detection, negated: bool, rates: &Rates) -> Option<Clause> {
    let of = |part: &Detection| detection(part, negated, rates);
    match (part, negated) {
        (Detection::Item(one), _) => item(one, negated, rates),
        (Detection::All(parts), false) | (Detection::Any(parts), true) => rarest(parts.iter().map(of)),
        (Detection::Any(parts), false) | (Detection::All(parts), true) => union(parts.iter().map(of)),
    }
}

fn item(item: &Item, negated: bool, rates: &Rates) -> Option<Clause> {
    let negated = negated != item.is_negated();
    let tests = item.tests().iter().map(|one| test(item.names(), one, negated, rates));
    if item.is_all() == negated { union(tests) } else { rarest(tests) }
}

fn rarest(parts: impl Iterator<Item = Option<Clause>>) -> Option<Clause> {
    parts.flatten().min_by(|one, other| one.rate.total_cmp(&other.rate))
}

fn union(parts: impl Iterator<Item = Option<Clause>>) -> Option<Clause> {
    let mut all = Clause { watches: Vec::new(), rate: 0.0 };
    for part in parts {
        let part = part?;
        all.rate += part.rate;
        all.watches.extend(part.watches);
        if all.watches.len() > PROBES_MAX {
            return None;
        }
    }
    // A disjunction of nothing is never true; such rules are refused, so this is only caution.
    (!all.watches.is_empty()).then_some(all)
}

fn test(names: Option<&[NameId]>, test: &Test, negated: bool, rates: &Rates) -> Option<Clause> {
    let probe = |probe| one(names, probe, rates);
    match (test, negated) {
        (Test::Null, true) | (Test::Exists(false), true) | (Test::Exists(true), false) => probe(Probe::Present),
        (_, true) | (Test::Null | Test::Exists(false), false) => None,
        (Test::Text(matcher), false) => text(names, matcher, rates),
        (Test::OneOf(matchers), false) => union(matchers.iter().map(|matcher| text(names, matcher, rates))),
        (Test::Regex(regex), false) => match literal::required(regex.as_str()) {
            Some(texts) => union(texts.iter().map(|text| one(names, part(text), rates))),
            None => probe(Probe::Present),
        },
        (Test::Cidr(_) | Test::Compare(..) | Test::Time(..) | Test::FieldRef(..), false) => probe(Probe::Present),
    }
}

fn text(names: Option<&[NameId]>, matcher: &TextMatcher, rates: &Rates) -> Option<Clause> {
    let probe = match matcher {
        TextMatcher::Anything => Probe::Present,
        TextMatcher::Equal(text) => Probe::Equal(lower(text)),
        TextMatcher::Start(text) => Probe::Start(lower(text)),
        TextMatcher::End(text) => Probe::End(lower(text)),
        TextMatcher::Part(finder) => part(&String::from_utf8_lossy(finder.needle())),
        TextMatcher::Glob(glob) => of_pieces(glob.pieces()),
    };
    one(names, probe, rates)
}

/// The longest text of a pattern, at its place.
fn of_pieces(pieces: &[Piece]) -> Probe {
    let texts = pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
        Piece::Text(text) => Some((at, text)),
        _ => None,
    });
    match texts.max_by_key(|(_, text)| text.len()) {
        Some((0, text)) => Probe::Start(lower(text)),
        Some((at, text)) if at + 1 == pieces.len() => Probe::End(lower(text)),
        Some((_, text)) => part(text),
        None => Probe::Present,
    }
}

fn part(text: &str) -> Probe {
    Probe::Part(lower(text))
}

fn one(names: Option<&[NameId]>, probe: Probe, rates: &Rates) -> Option<Clause> {
    let probe = match probe {
        Probe::Start(text) | Probe::End(text) | Probe::Part(text) if text.is_empty() => Probe::Present,
        // Keywords are searched in texts, never compared whole.
        Probe::Equal(text) | Probe::Start(text) | Probe::End(text) if names.is_none() => Probe::Part(text),
        probe => probe,
    };
    if names.is_none() && probe == Probe::Present {
        return None;
    }
    let watch = Watch { field: names.map(<[NameId]>::to_vec), probe };
    let rate = match rates.get(&watch) {
        Some(seen) if names.is_none() => KEYWORD_COST + seen,
        Some(seen) => *seen,
        None => estimate(names.is_none(), &watch.probe),
    };
    Some(Clause { watches: vec![watch], rate })
}

/// How many events in one a probe is expected to hit before any was seen. Searching is dear, all the more in all of the
/// event's text.
fn estimate(is_keyword: bool, probe: &Probe) -> f64 {
    let rate = match probe {
        Probe::Present => 0.6,
        Probe::Equal(text) => 0.04 * rare(text.len(), 6) + 0.001,
        Probe::Start(text) => 0.15 * rare(text.len(), 4) + 0.002,
        Probe::End(text) => 0.1 * rare(text.len(), 5) + 0.001,
        Probe::Part(text) => 0.3 * rare(text.len(), 3) + 0.002,
    };
    let common = match probe {
        Probe::Equal(text) | Probe::Start(text) | Probe::End(text) | Probe::Part(text) => {
            rate < COMMON_RATE && is_common(text)
        }
        Probe::Present => false,
    };
    let rate: f64 = if common { COMMON_RATE } else { rate };
    if is_keyword { KEYWORD_COST + rate } else { rate }
}

/// The least that a probe for a common text is expected to hit.
const COMMON_RATE: f64 = 0.05;

/// Falls by half with every `half` bytes.
fn rare(len: usize, half: u32) -> f64 {
    0.5_f64.powf(len as f64 / f64::from(half))
}

/// Texts that stand in ordinary events of ordinary machines, however long they are.
fn is_common(text: &str) -> bool {
    const COMMON: [&str; 40] = [
        "\\cmd.exe",
        "\\powershell.exe",
        "\\svchost.exe",
        "\\rundll32.exe",
        "\\explorer.exe",
        "\\lsass.exe",
        "\\services.exe",
        "\\conhost.exe",
        "\\pwsh.exe",
        "\\wmiprvse.exe",
        "\\taskhostw.exe",
        "\\msiexec.exe",
        "c:\\windows\\system32\\",
        "c:\\windows\\syswow64\\",
        "\\windows\\system32\\",
        "c:\\windows\\",
        "c:\\program files\\",
        "c:\\program files (x86)\\",
        "\\appdata\\local\\",
        "c:\\users\\",
        "\\users\\",
        "microsoft-windows-sysmon",
        "microsoft-windows-security-auditing",
        "\\software\\microsoft\\windows\\",
        "\\system\\currentcontrolset\\",
        "\\software\\microsoft\\windows nt\\currentversion\\",
        "hklm\\",
        "hku\\",
        "0x1fffff",
        "system.dll",
        "\\amsi.dll",
        "\\ntdll.dll",
        "\\kernel32.dll",
        "powershell",
        "microsoft",
        "windows",
        "http://",
        "https://",
        "nt authority\\",
        "s-1-5-",
    ];
    COMMON.iter().any(|common| common.contains(text))
}

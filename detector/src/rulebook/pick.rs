//! A rulebook of the rules that somebody asks about, saved or not, and of what they need: the rules that their
//! correlations refer to, and the filters that apply.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use event::{Level, RuleId};
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use thiserror::Error;

use super::{Dialect, Rulebook};
use crate::correlate::CorrelationSpec;
use crate::pipelines::Filter;
use crate::sigma::documents::{self, RuleDocument};
use crate::sigma::yaml::Node;
use crate::sigma::{Rejected, RuleSource, reads};

/// How a rule that is not saved is called in messages.
const UNSAVED: &str = "the given rule";
/// Longest text of rules that are not saved, in bytes.
const YAML_BYTES_MAX: usize = 1024 * 1024;
/// Most rounds from correlations to what they refer to.
const ROUNDS_MAX: usize = 16;

/// Which rules are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Saved ones, by id or name.
    Saved(Vec<String>),
    /// Every saved one of a level.
    Level(Level),
    /// What this YAML holds; it may refer to saved rules.
    Yaml(String),
}

/// The rules that are asked about, ready to be run.
#[derive(Debug)]
pub struct Picked {
    /// They and what they need.
    pub book: Arc<Rulebook>,
    /// Their own ids.
    pub rules: HashSet<RuleId>,
    /// The names of the fields that any of them looks at.
    pub reads: BTreeSet<String>,
    /// SHA-256 of the asked rules' text as it was written, hexadecimal; of their ids and documents where they are saved.
    pub sha256: String,
    /// The zone in which they see the hour.
    pub zone: TimeZone,
}

/// Nothing could be picked.
#[derive(Debug, Error)]
pub enum PickError {
    /// No saved rule is called so.
    #[error("no rule has the id or name `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// There is no rule in what was given.
    #[error("there is no rule in it")]
    Nothing,
    /// The text is too long.
    #[error("the rule has {bytes} bytes; {YAML_BYTES_MAX} are the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A rule that is asked about, or that it needs, is not usable.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rejected(Vec<Rejected>),
}

impl Picked {
    /// Picks from what `sources` hold.
    ///
    /// # Errors
    /// [`PickError`] when a rule is not there or cannot be used.
    pub fn of(sources: &[RuleSource], asked: &Asked, dialect: &Dialect) -> Result<Self, PickError> {
        let (saved, _) = documents::read(sources);
        let (own, sha256) = own(&saved, asked)?;
        if own.is_empty() {
            return Err(PickError::Nothing);
        }
        let ids: BTreeSet<(String, usize)> = own.iter().map(place).collect();
        let documents = with_needed(own, saved);
        let book = Rulebook::of(&documents, Vec::new(), dialect);
        // Of a whole level, those that are in force are asked about.
        if !book.rejected().is_empty() && !matches!(asked, Asked::Level(_)) {
            return Err(PickError::Rejected(book.rejected().to_vec()));
        }
        let is_own = |path: &str, line: usize| ids.contains(&(path.to_owned(), line));
        let of_rules = book.rules().rules().iter().filter(|rule| is_own(&rule.path, rule.line)).map(|rule| rule.id());
        let of_correlations =
            book.correlations().iter().filter(|one| is_own(&one.path, one.line)).map(|one| &one.reference.id);
        let rules: HashSet<RuleId> = of_rules.chain(of_correlations).cloned().collect();
        if rules.is_empty() {
            return Err(PickError::Nothing);
        }
        let reads = reads_of(&book, dialect);
        Ok(Self { book: Arc::new(book), rules, reads, sha256, zone: dialect.zone.clone() })
    }
}

fn place(document: &RuleDocument) -> (String, usize) {
    (document.path.clone(), document.line)
}

/// The documents that are asked about, and their digest.
fn own(saved: &[RuleDocument], asked: &Asked) -> Result<(Vec<RuleDocument>, String), PickError> {
    let of_saved = |chosen: Vec<&RuleDocument>| {
        let text: String = chosen.iter().map(|one| format!("{:?}\0", one.node)).collect();
        (chosen.into_iter().map(copy).collect::<Vec<_>>(), sha256(&text))
    };
    match asked {
        Asked::Yaml(yaml) if yaml.len() > YAML_BYTES_MAX => Err(PickError::TooLong { bytes: yaml.len() }),
        Asked::Yaml(yaml) => {
            let source = RuleSource::Text { path: UNSAVED.to_owned(), yaml: yaml.clone() };
            let (documents, rejected) = documents::read(&[source]);
            if rejected.is_empty() { Ok((documents, sha256(yaml))) } else { Err(PickError::Rejected(rejected)) }
        }
        Asked::Level(level) => {
            let is_of = |one: &&RuleDocument| {
                let text = one.node.get("level").and_then(Node::scalar);
                !one.is_filter() && text.map_or(Some(Level::Medium), |text| Level::parse(&text)) == Some(*level)
            };
            Ok(of_saved(saved.iter().filter(is_of).collect()))
        }
        Asked::Saved(names) => {
            let mut chosen = Vec::new();
            for name in names {
                let before = chosen.len();
                chosen.extend(saved.iter().filter(|one| !one.is_filter() && is_called(&one.node, name)));
                if chosen.len() == before {
                    return Err(PickError::Unknown { name: name.clone() });
                }
            }
            Ok(of_saved(chosen))
        }
    }
}

/// What is asked about, what its correlations refer to, and the filters that apply; the given comes before the saved of its name.
fn with_needed(own: Vec<RuleDocument>, saved: Vec<RuleDocument>) -> Vec<RuleDocument> {
    let mut chosen = own;
    let (filters, mut left): (Vec<_>, Vec<_>) = saved.into_iter().partition(RuleDocument::is_filter);
    let own_places: BTreeSet<_> = chosen.iter().map(place).collect();
    left.retain(|one| !own_places.contains(&place(one)));
    for _ in 0..ROUNDS_MAX {
        let references: BTreeSet<String> = chosen.iter().filter_map(references).flatten().collect();
        let known = |name: &String| chosen.iter().any(|one| is_called(&one.node, name));
        let missing: Vec<String> = references.into_iter().filter(|name| !known(name)).collect();
        let is_missing = |one: &RuleDocument| missing.iter().any(|name| is_called(&one.node, name));
        let (found, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_missing);
        left = rest;
        if found.is_empty() {
            break;
        }
        chosen.extend(found);
    }
    let applies = |one: &RuleDocument| {
        Filter::parse(&one.node).is_ok_and(|filter| chosen.iter().any(|rule| filter.applies_to(&rule.node)))
    };
    let filters: Vec<RuleDocument> = filters.into_iter().filter(applies).collect();
    chosen.extend(filters);
    chosen
}

fn references(document: &RuleDocument) -> Option<Vec<String>> {
    document.node.get("correlation").and_then(|part| part.get("rules")).map(Node::texts)
}

fn is_called(node: &Node, name: &str) -> bool {
    ["id", "name"].iter().any(|key| node.get(key).and_then(Node::scalar).is_some_and(|own| own == name))
}

fn copy(document: &RuleDocument) -> RuleDocument {
    RuleDocument {
        path: document.path.clone(),
        line: document.line,
        node: document.node.clone(),
        text: document.text.clone(),
        inherits: document.inherits,
    }
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fields of every rule and, above them, of what is grouped and measured.
fn reads_of(book: &Rulebook, dialect: &Dialect) -> BTreeSet<String> {
    let mut found = reads::of_rules(book.rules().rules().iter(), book.rules().names());
    let mut fields: BTreeSet<&str> = BTreeSet::new();
    let mut aliases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for spec in book.plan().specs() {
        fields.extend(grouped(spec));
        for alias in &spec.aliases {
            aliases.entry(&alias.name).or_default().extend(alias.fields.iter().map(|(_, field)| field.as_str()));
        }
    }
    for field in fields {
        let meant = aliases.get(field).cloned().unwrap_or_else(|| vec![field]);
        for rule in book.rules().rules() {
            found.extend(meant.iter().flat_map(|field| dialect.map.candidates(&rule.logsource, field)));
        }
    }
    found
}

fn grouped(spec: &CorrelationSpec) -> impl Iterator<Item = &str> {
    spec.group_by.iter().chain(&spec.fields).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: &str = "title: a\nid: a\nname: first\nlogsource: {product: linux}\ndetection: {s: {A: x}, condition: s}\n\
        ---\ntitle: b\nid: b\nlevel: high\nlogsource: {product: linux}\ndetection: {s: [word], condition: s}\n\
        ---\ntitle: c\nid: c\ncorrelation: {type: event_count, rules: [first], group-by: [B], timespan: 1m, condition: {gte: 2}}\n";

    fn pick(asked: &Asked) -> Result<Picked, PickError> {
        let source = RuleSource::Text { path: "saved".to_owned(), yaml: SAVED.to_owned() };
        Picked::of(&[source], asked, &Dialect::of(crate::sigma::FieldMap::default()))
    }

    fn check(asked: &Asked, own: &[&str], all: usize) {
        let picked = pick(asked).unwrap();
        let mut ids: Vec<&str> = picked.rules.iter().map(RuleId::as_str).collect();
        ids.sort_unstable();
        assert_eq!((ids, picked.book.len()), (own.to_vec(), all), "{asked:?}");
    }

    #[test]
    fn rules_come_with_what_they_need() {
        let saved = |names: &[&str]| Asked::Saved(names.iter().map(|name| (*name).to_owned()).collect());
        check(&saved(&["a"]), &["a"], 1);
        check(&saved(&["first", "b"]), &["a", "b"], 2);
        check(&saved(&["c"]), &["c"], 2);
        check(&Asked::Level(Level::High), &["b"], 1);
        let mine = "title: d\nid: d\ncorrelation: {type: event_count, rules: [c], timespan: 1m, condition: {gte: 2}}\n";
        check(&Asked::Yaml(mine.to_owned()), &["d"], 3);
        assert_eq!(pick(&saved(&["nobody"])).unwrap_err().to_string(), "no rule has the id or name `nobody`");
        assert!(matches!(pick(&Asked::Yaml("title: x\n".to_owned())), Err(PickError::Rejected(_))));
        assert!(matches!(pick(&Asked::Yaml(String::new())), Err(PickError::Nothing)));
    }

    #[test]
    fn what_is_read_is_told() {
        let reads = |name: &str| pick(&Asked::Saved(vec![name.to_owned()])).unwrap().reads;
        assert!(reads("c").contains("A") && reads("c").contains("B") && reads("c").contains("winlog.event_data.B"));
        assert!(!reads("a").contains("B") && reads("b").contains("message"));
    }
}

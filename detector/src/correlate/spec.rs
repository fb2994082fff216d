//! A correlation document as it was written: Sigma Correlation Rules 2.1.0, read and bounded, not yet resolved.

use event::{Level, RuleId};

use super::bounds::Bounds;
use super::expression::{self, Term};
use super::timespan;
use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::{self, Node};

/// Most entries of `rules`.
const RULES_MAX: usize = 256;
/// Most fields of `group-by`, of a `field` list and most aliases.
const FIELDS_MAX: usize = 32;
/// Longest name of a rule or a field in bytes.
const NAME_BYTES_MAX: usize = 256;

const KEYS: [&str; 7] = ["type", "rules", "aliases", "group-by", "timespan", "condition", "generate"];
const TYPES: [&str; 8] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];

/// What a correlation computes over the hits of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// How many events.
    EventCount,
    /// How many different values of the fields.
    ValueCount,
    /// How many of the rules, in any order.
    Temporal,
    /// How many of the rules, in their order.
    TemporalOrdered,
    /// The sum of a field.
    ValueSum,
    /// The mean of a field.
    ValueAvg,
    /// The percentile (0 to 100) of a field by nearest rank: the least value that this share does not exceed.
    ValuePercentile(f64),
    /// The median of a field; of an even number the mean of the two in the middle.
    ValueMedian,
}

impl Measure {
    /// Whether it asks which rules matched.
    pub(super) fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }

    /// Whether it computes with a field's numbers.
    pub(super) fn is_numeric(self) -> bool {
        !self.is_temporal() && !matches!(self, Self::EventCount | Self::ValueCount)
    }
}

/// When the correlation holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// The computed number lies in the bounds.
    Bounds(Bounds),
    /// One of the terms holds.
    Terms(Vec<Term>),
}

/// A field that is called differently in the events of different rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What `group-by` and `field` call it.
    pub name: String,
    /// Rule (id or name) and its field.
    pub fields: Vec<(String, String)>,
}

/// One correlation document.
#[derive(Debug, Clone)]
pub struct CorrelationSpec {
    /// The title.
    pub title: String,
    /// The id, when it has one.
    pub id: Option<RuleId>,
    /// The name by which other correlations refer to it.
    pub name: Option<String>,
    /// The level; medium when it says none.
    pub level: Level,
    /// The tags, ATT&CK techniques among them.
    pub tags: Vec<String>,
    /// What it finds and why that matters.
    pub description: String,
    /// The same in Vietnamese, from the custom field `description_vi`.
    pub description_vi: Option<String>,
    /// `stable`, `test`, `experimental`, `deprecated`, `unsupported` or nothing.
    pub status: String,
    /// Who wrote it.
    pub author: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// What else it may find.
    pub falsepositives: Vec<String>,
    /// What it computes.
    pub measure: Measure,
    /// The rules and correlations it correlates, by id or name, at most 256.
    pub rules: Vec<String>,
    /// The fields whose values make a group, at most 32; none makes one group of everything.
    pub group_by: Vec<String>,
    /// The fields of `field`; none but for value measures.
    pub fields: Vec<String>,
    /// The names that fields have by rule.
    pub aliases: Vec<Alias>,
    /// How far apart the hits of one window may be, in nanoseconds; at most 366 days.
    pub timespan_nanos: i64,
    /// Whether the rules it refers to give findings of their own.
    pub generate: bool,
    pub(super) condition: Condition,
}

impl CorrelationSpec {
    /// Reads every document of a YAML text; each is good or refused by itself.
    pub fn read(text: &str) -> Vec<Result<Self, String>> {
        yaml::documents(text)
            .into_iter()
            .map(|document| Self::parse(&document.node.map_err(|fault| fault.to_string())?))
            .collect()
    }

    /// Reads a whole correlation document.
    ///
    /// # Errors
    /// A sentence that tells what is wrong, with a suggestion where there is one.
    pub(crate) fn parse(document: &Node) -> Result<Self, String> {
        let Some(part) = document.get("correlation") else {
            return Err("`correlation` is missing".to_owned());
        };
        let Node::Map(entries) = part else {
            return Err(format!("`correlation` is {}, not a map", part.kind()));
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| !KEYS.contains(&key.as_str())) {
            return Err(format!("`correlation` has the unknown key `{key}`{}", suggestion(key, &KEYS)));
        }
        let measure = read_type(part)?;
        let rules = read_rules(part, measure)?;
        let (condition, fields) = read_condition(part, measure, &rules)?;
        let texts = |key| document.get(key).map(Node::texts).unwrap_or_default();
        let text = |key| texts(key).into_iter().next().unwrap_or_default();
        Ok(Self {
            title: document.get("title").and_then(Node::scalar).ok_or("`title` is missing")?,
            id: read_id(document)?,
            name: document.get("name").and_then(Node::scalar),
            level: read_level(document)?,
            tags: texts("tags"),
            description: text("description"),
            description_vi: texts("description_vi").into_iter().next(),
            status: text("status"),
            author: text("author"),
            references: texts("references"),
            falsepositives: texts("falsepositives"),
            measure,
            group_by: read_names(part.get("group-by"), "group-by", FIELDS_MAX)?,
            aliases: read_aliases(part)?,
            timespan_nanos: read_timespan(part)?,
            generate: read_generate(part)? || read_generate(document)?,
            rules,
            fields,
            condition,
        })
    }

    /// Whether a window must be complete before it can be decided: its condition has an upper bound or a `not`.
    pub fn waits(&self) -> bool {
        match &self.condition {
            Condition::Bounds(bounds) => bounds.wait(),
            Condition::Terms(terms) => terms.iter().any(|term| !term.absent.is_empty()),
        }
    }

    /// Whether `reference` is its id or its name.
    pub(super) fn is_called(&self, reference: &str) -> bool {
        self.id.as_ref().is_some_and(|id| id.as_str() == reference) || self.name.as_deref() == Some(reference)
    }

    /// What it is called in sentences: name, id or title.
    pub fn called(&self) -> &str {
        self.name.as_deref().or(self.id.as_ref().map(RuleId::as_str)).unwrap_or(&self.title)
    }
}

fn read_type(part: &Node) -> Result<Measure, String> {
    let Some(text) = part.get("type").and_then(Node::scalar) else {
        return Err("`type` is missing".to_owned());
    };
    let measure = match text.as_str() {
        "event_count" => Measure::EventCount,
        "value_count" => Measure::ValueCount,
        "temporal" => Measure::Temporal,
        "temporal_ordered" => Measure::TemporalOrdered,
        "value_sum" => Measure::ValueSum,
        "value_avg" => Measure::ValueAvg,
        "value_percentile" => Measure::ValuePercentile(read_percentile(part)?),
        "value_median" => Measure::ValueMedian,
        _ => return Err(format!("unknown type `{text}`{}", suggestion(&text, &TYPES))),
    };
    let has_percentile = part.get("condition").is_some_and(|node| node.get("percentile").is_some());
    match measure {
        Measure::ValuePercentile(_) => Ok(measure),
        _ if has_percentile => Err(format!("`percentile` belongs to `value_percentile`, not to `{text}`")),
        _ => Ok(measure),
    }
}

fn read_percentile(part: &Node) -> Result<f64, String> {
    let node = part.get("condition").and_then(|condition| condition.get("percentile"));
    let percentile = node.and_then(Node::scalar).and_then(|text| text.parse::<f64>().ok());
    percentile
        .filter(|percentile| (0.0..=100.0).contains(percentile))
        .ok_or_else(|| "`value_percentile` needs `percentile` in its condition, a number from 0 to 100".to_owned())
}

fn read_rules(part: &Node, measure: Measure) -> Result<Vec<String>, String> {
    let rules = match (part.get("rules"), part.get("condition")) {
        // An extended condition names its rules itself.
        (None, Some(Node::Text(text))) if measure.is_temporal() => expression::names(text),
        (node, _) => read_names(node, "rules", RULES_MAX)?,
    };
    match rules.len() {
        0 => Err("`rules` names no rule".to_owned()),
        1..=RULES_MAX => Ok(rules),
        _ => Err(format!("`rules` has more than {RULES_MAX} entries")),
    }
}

/// A text or a list of texts under `key`, none of them twice.
fn read_names(node: Option<&Node>, key: &str, most: usize) -> Result<Vec<String>, String> {
    let items: &[Node] = match node {
        None | Some(Node::Null) => &[],
        Some(Node::List(items)) => items,
        Some(one) => std::slice::from_ref(one),
    };
    if items.len() > most {
        return Err(format!("`{key}` has more than {most} entries"));
    }
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let name = item.scalar().ok_or_else(|| format!("`{key}` has {} where a name should be", item.kind()))?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(format!("`{key}` has a name of {} bytes; 1 to {NAME_BYTES_MAX} are allowed", name.len()));
        }
        if names.contains(&name) {
            return Err(format!("`{key}` names `{name}` twice"));
        }
        names.push(name);
    }
    Ok(names)
}

fn read_aliases(part: &Node) -> Result<Vec<Alias>, String> {
    let entries: &[(String, Node)] = match part.get("aliases") {
        None | Some(Node::Null) => &[],
        Some(Node::Map(entries)) => entries,
        Some(other) => return Err(format!("`aliases` is {}, not a map", other.kind())),
    };
    if entries.len() > FIELDS_MAX {
        return Err(format!("`aliases` has more than {FIELDS_MAX} entries"));
    }
    entries.iter().map(|(name, node)| read_alias(name, node)).collect()
}

fn read_alias(name: &str, node: &Node) -> Result<Alias, String> {
    let Node::Map(rules) = node else {
        return Err(format!("alias `{name}` is {}, not a map of rules to fields", node.kind()));
    };
    if rules.len() > RULES_MAX {
        return Err(format!("alias `{name}` has more than {RULES_MAX} entries"));
    }
    let field = |(rule, node): &(String, Node)| match node.scalar() {
        Some(field) if !field.is_empty() && field.len() <= NAME_BYTES_MAX => Ok((rule.clone(), field)),
        _ => Err(format!("alias `{name}` gives rule `{rule}` {} where a field should be", node.kind())),
    };
    Ok(Alias { name: name.to_owned(), fields: rules.iter().map(field).collect::<Result<_, _>>()? })
}

fn read_timespan(part: &Node) -> Result<i64, String> {
    match part.get("timespan").and_then(Node::scalar) {
        Some(text) => timespan::parse(&text),
        None => Err("`timespan` is missing".to_owned()),
    }
}

fn read_generate(node: &Node) -> Result<bool, String> {
    match node.get("generate") {
        None | Some(Node::Null) => Ok(false),
        Some(Node::Bool(truth)) => Ok(*truth),
        Some(other) => Err(format!("`generate` is {}, not `true` or `false`", other.kind())),
    }
}

fn read_condition(part: &Node, measure: Measure, rules: &[String]) -> Result<(Condition, Vec<String>), String> {
    let all = || Term { present: (0..).take(rules.len()).collect(), absent: Vec::new() };
    match part.get("condition") {
        None | Some(Node::Null) if measure.is_temporal() => Ok((Condition::Terms(vec![all()]), Vec::new())),
        None | Some(Node::Null) => Err("`condition` is missing".to_owned()),
        Some(Node::Text(text)) if measure.is_temporal() => {
            Ok((Condition::Terms(expression::parse(text, rules)?), Vec::new()))
        }
        Some(node @ Node::Map(entries)) => {
            let bounds = Bounds::parse(entries)?;
            let fields = read_fields(node, measure)?;
            if !measure.is_numeric() && !bounds.allow_a_count() {
                return Err(
                    "condition can never hold: a group begins with its first event, so it counts 1 or more".to_owned()
                );
            }
            Ok((Condition::Bounds(bounds), fields))
        }
        Some(other) => Err(format!("`condition` is {}, not a map of operators", other.kind())),
    }
}

fn read_fields(condition: &Node, measure: Measure) -> Result<Vec<String>, String> {
    let fields = read_names(condition.get("field"), "field", FIELDS_MAX)?;
    let has_none = fields.is_empty();
    match measure {
        Measure::EventCount if !has_none => {
            Err("`field` means nothing to `event_count`; `value_count` counts values".to_owned())
        }
        _ if measure.is_temporal() && !has_none => Err("`field` means nothing to temporal correlations".to_owned()),
        Measure::ValueCount if has_none => Err("`value_count` needs `field` in its condition".to_owned()),
        _ if measure.is_numeric() && fields.len() != 1 => {
            Err("a value correlation needs one `field` in its condition".to_owned())
        }
        _ => Ok(fields),
    }
}

fn read_id(document: &Node) -> Result<Option<RuleId>, String> {
    let id = document.get("id").and_then(Node::scalar);
    id.map(|id| RuleId::new(id).map_err(|error| error.to_string())).transpose()
}

fn read_level(document: &Node) -> Result<Level, String> {
    let Some(text) = document.get("level").and_then(Node::scalar) else { return Ok(Level::Medium) };
    let levels = ["informational", "low", "medium", "high", "critical"];
    Level::parse(&text).ok_or_else(|| format!("unknown level `{text}`{}", suggestion(&text, &levels)))
}

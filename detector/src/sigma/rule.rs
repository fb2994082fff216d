//! One Sigma rule: what it tells of itself, its log source, and its compiled detection.

use event::{Level, RuleId, RuleRef};

use super::condition::Condition;
use super::detection::Detection;
use super::fields::{FieldMap, logsource_of};
use super::logsource::LogSource;
use super::names::{Names, Naming};
use super::suggest::suggestion;
use super::view::View;
use super::yaml::Node;

/// Most search identifiers in one rule.
const SELECTIONS_MAX: usize = 512;

/// Keys that stand at the top of a detection rule; others are allowed as custom fields.
const KEYS: [&str; 8] = ["title", "logsource", "detection", "level", "status", "description", "tags", "falsepositives"];

/// A rule that can be evaluated.
#[derive(Debug)]
pub struct Rule {
    /// What findings and alerts tell of it.
    pub reference: RuleRef,
    /// The name by which correlations refer to it.
    pub name: Option<String>,
    /// The file it came from, as it was given.
    pub path: String,
    /// The line of that file on which its document begins, from 1.
    pub line: usize,
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
    /// Which events it is for.
    pub logsource: LogSource,
    selections: Vec<(String, Detection)>,
    condition: Condition,
    /// The number of the first rule of the set that asks exactly the same.
    twin_of: Option<u32>,
}

impl Rule {
    /// Compiles a document.
    ///
    /// # Errors
    /// A sentence that tells what is wrong, with a suggestion where there is one.
    pub(crate) fn compile(
        path: &str,
        line: usize,
        document: &Node,
        map: &FieldMap,
        names: &mut Names,
    ) -> Result<Self, String> {
        let logsource = read_logsource(document)?;
        let Some(detection) = document.get("detection") else {
            return Err(format!("`detection` is missing{}", misspelt(document, "detection")));
        };
        let Node::Map(entries) = detection else {
            return Err(format!("`detection` is {}, not a map", detection.kind()));
        };
        let mut candidates = |field: &str| map.candidates(&logsource, field);
        let selections = read_selections(entries, &mut Naming::new(names, &mut candidates))?;
        let condition = read_condition(detection, &selections)?;
        let texts = |key| document.get(key).map(Node::texts).unwrap_or_default();
        let text = |key| texts(key).into_iter().next().unwrap_or_default();
        Ok(Self {
            reference: read_reference(document, path, line)?,
            name: document.get("name").and_then(Node::scalar),
            path: path.to_owned(),
            line,
            description: text("description"),
            description_vi: texts("description_vi").into_iter().next(),
            status: text("status"),
            author: text("author"),
            references: texts("references"),
            falsepositives: texts("falsepositives"),
            logsource,
            selections,
            condition,
            twin_of: None,
        })
    }

    /// Its id.
    pub fn id(&self) -> &RuleId {
        &self.reference.id
    }

    /// Its search identifiers in the order written; the condition counts them from 0.
    pub(crate) fn selections(&self) -> &[(String, Detection)] {
        &self.selections
    }

    /// Its condition.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The search identifier of this number.
    pub(super) fn selection(&self, number: usize) -> Option<&Detection> {
        self.selections.get(number).map(|(_, detection)| detection)
    }

    /// The number of the first rule of the set that asks exactly the same: their answers are one.
    pub(super) fn twin_of(&self) -> Option<u32> {
        self.twin_of
    }

    /// Says that the rule of this number asks the same.
    pub(super) fn with_twin(self, twin_of: Option<u32>) -> Self {
        Self { twin_of, ..self }
    }

    /// Whether it matches.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        self.condition
            .holds(&mut |number| self.selections.get(number).is_some_and(|(_, detection)| detection.matches(view)))
    }

    /// The names of the search identifiers that hold.
    pub(crate) fn holding(&self, view: &View<'_>) -> Vec<String> {
        let holding = self.selections.iter().filter(|(_, detection)| detection.matches(view));
        holding.map(|(name, _)| name.clone()).collect()
    }
}

fn read_reference(document: &Node, path: &str, line: usize) -> Result<RuleRef, String> {
    let Some(title) = document.get("title").and_then(Node::scalar) else {
        return Err(format!("`title` is missing{}", misspelt(document, "title")));
    };
    let id = match document.get("id").and_then(Node::scalar) {
        Some(id) => RuleId::new(&id).map_err(|error| error.to_string())?,
        None => derived_id(path, line)?,
    };
    let level = match document.get("level").and_then(Node::scalar) {
        None => Level::Medium,
        Some(text) => {
            let levels = ["informational", "low", "medium", "high", "critical"];
            Level::parse(&text).ok_or_else(|| format!("unknown level `{text}`{}", suggestion(&text, &levels)))?
        }
    };
    let tags = document.get("tags").map(Node::texts).unwrap_or_default();
    Ok(RuleRef { id, title, level, tags, risk_score: read_risk_score(document) })
}

/// Greatest risk score.
pub(crate) const RISK_SCORE_MAX: u8 = 100;

/// Where a document tells a risk score of its own, and what stands there: `risk_score`, or the same below `custom`.
pub(crate) fn own_risk_score(document: &Node) -> Option<(&'static [&'static str], &Node)> {
    let plain = document.get("risk_score").map(|node| (["risk_score"].as_slice(), node));
    plain.or_else(|| Some((["custom", "risk_score"].as_slice(), document.get("custom")?.get("risk_score")?)))
}

/// A document's own risk score; one out of bounds does not count, and lint says so.
pub(crate) fn read_risk_score(document: &Node) -> Option<u8> {
    let (_, node) = own_risk_score(document)?;
    node.scalar()?.parse().ok().filter(|score| *score <= RISK_SCORE_MAX)
}

/// A rule without an id gets one from its path: the end of the path, which tells more than its start.
pub(crate) fn derived_id(path: &str, line: usize) -> Result<RuleId, String> {
    id_of_path("path:", path, &format!(":{line}"))
}

/// An id around the end of a path.
pub(crate) fn id_of_path(before: &str, path: &str, behind: &str) -> Result<RuleId, String> {
    let safe: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    let tail = safe.get(safe.len().saturating_sub(100)..).unwrap_or(&safe);
    RuleId::new(format!("{before}{tail}{behind}")).map_err(|error| error.to_string())
}

fn read_logsource(document: &Node) -> Result<LogSource, String> {
    let Some(node) = document.get("logsource") else {
        if document.get("detection").is_none()
            && (document.get("match").is_some() || document.get("no_match").is_some())
        {
            return Err("these are the tests of a rule; name the rule's own file, without `.test`".to_owned());
        }
        return Err(format!("`logsource` is missing{}", misspelt(document, "logsource")));
    };
    let logsource = logsource_of(node);
    if logsource.is_empty() {
        return Err(
            "`logsource` names neither `product` nor `category` nor `service`, so no event is its own".to_owned()
        );
    }
    Ok(logsource)
}

fn read_selections(entries: &[(String, Node)], naming: &mut Naming<'_>) -> Result<Vec<(String, Detection)>, String> {
    let mut selections = Vec::new();
    for (name, node) in entries.iter().filter(|(name, _)| name != "condition") {
        if name == "timeframe" {
            return Err("`timeframe` belongs to aggregations, which Sigma 2 replaced by correlation rules".to_owned());
        }
        let detection = Detection::compile(node, naming).map_err(|reason| format!("`{name}`: {reason}"))?;
        selections.push((name.clone(), detection));
    }
    match selections.len() {
        0 => Err("`detection` has no search identifier".to_owned()),
        count if count > SELECTIONS_MAX => {
            Err(format!("`detection` has more than {SELECTIONS_MAX} search identifiers"))
        }
        _ => Ok(selections),
    }
}

fn read_condition(detection: &Node, selections: &[(String, Detection)]) -> Result<Condition, String> {
    let names: Vec<String> = selections.iter().map(|(name, _)| name.clone()).collect();
    let texts = match detection.get("condition") {
        None => return Err(format!("`condition` is missing{}", misspelt(detection, "condition"))),
        Some(Node::List(items)) => items.iter().filter_map(Node::scalar).collect(),
        Some(node) => Vec::from_iter(node.scalar()),
    };
    // Several conditions are several queries of one rule (Sigma 2.1, "Condition"): one of them is enough.
    let mut conditions: Vec<_> = texts.iter().map(|text| Condition::parse(text, &names)).collect::<Result<_, _>>()?;
    match conditions.len() {
        0 => Err("`condition` is empty".to_owned()),
        1 => Ok(conditions.remove(0)),
        _ => Ok(Condition::Any(conditions)),
    }
}

/// Names a key that was probably meant to be `key`.
fn misspelt(node: &Node, key: &str) -> String {
    let Node::Map(entries) = node else { return String::new() };
    let unknown = entries.iter().map(|(name, _)| name.as_str()).filter(|name| !KEYS.contains(name));
    let near = unknown.filter(|name| strsim::damerau_levenshtein(name, key) <= 2).take(1);
    near.map(|name| format!(" (`{name}` stands there; did you mean `{key}`?)")).collect()
}

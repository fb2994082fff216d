//! Conditions on a whole rule.

use std::cmp::Ordering;

use super::compare::{Operator, StateTest, number, order};
use super::params::Params;
use super::rule::{Body, Rule};
use super::run::Run;
use super::tree::Value;
use super::value_of;
use crate::sigma::yaml::Node;

const KINDS: [&str; 9] = [
    "logsource",
    "contains_detection_item",
    "contains_field",
    "processing_item_applied",
    "processing_state",
    "is_sigma_rule",
    "is_sigma_correlation_rule",
    "rule_attribute",
    "tag",
];

/// A condition on a whole rule.
#[derive(Debug)]
pub(super) enum RuleCondition {
    /// The named parts of the log source; of a correlation, those of any rule that it refers to.
    LogSource(Vec<(&'static str, String)>),
    /// An item with this field and value.
    HasItem(String, Value),
    /// An item with this field.
    HasField(String),
    /// The transformation of this id was applied to the rule.
    Applied(String),
    /// What `set_state` left.
    State(StateTest),
    /// A detection rule.
    IsRule,
    /// A correlation.
    IsCorrelation,
    /// An attribute, a custom one too.
    Attribute(String, Operator, Node),
    /// A tag.
    Tag(String),
}

impl RuleCondition {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(node: &Node) -> Result<Self, String> {
        let params = Params::of(node)?;
        let kind = params.kind("rule condition", &KINDS)?;
        let only = |own: &[&str]| params.only(own, &["type"]);
        Ok(match kind {
            "logsource" => {
                only(&["category", "product", "service"])?;
                Self::LogSource(logsource_parts(params)?)
            }
            "contains_detection_item" => {
                only(&["field", "value"])?;
                Self::HasItem(params.needed("field")?, value_of(params.node("value")?))
            }
            "contains_field" => {
                only(&["field"])?;
                Self::HasField(params.needed("field")?)
            }
            "processing_item_applied" => {
                only(&["processing_item_id"])?;
                Self::Applied(params.needed("processing_item_id")?)
            }
            "processing_state" => Self::State(StateTest::read(params)?),
            "is_sigma_rule" => only(&[]).map(|()| Self::IsRule)?,
            "is_sigma_correlation_rule" => only(&[]).map(|()| Self::IsCorrelation)?,
            "rule_attribute" => {
                only(&["attribute", "value", "op"])?;
                let operator = Operator::read(params, true)?;
                Self::Attribute(params.needed("attribute")?, operator, params.node("value")?.clone())
            }
            _ => {
                only(&["tag"])?;
                Self::Tag(params.needed("tag")?)
            }
        })
    }

    /// Whether it holds.
    pub(super) fn holds(&self, rule: &Rule, run: &Run<'_>) -> bool {
        match self {
            Self::LogSource(parts) => match &rule.body {
                Body::Correlation(_) => run.referenced.iter().any(|node| has_logsource(node.get("logsource"), parts)),
                _ => has_logsource(rule.get("logsource"), parts),
            },
            Self::HasItem(field, value) => rule
                .any_item(|item| item.field.as_ref() == Some(field) && item.values.iter().any(|own| same(own, value))),
            Self::HasField(field) => rule.any_item(|item| item.field.as_ref() == Some(field)),
            Self::Applied(id) => run.was_applied(id),
            Self::State(test) => test.holds(run.state.get(&test.key)),
            Self::IsRule => matches!(rule.body, Body::Detection(_)),
            Self::IsCorrelation => matches!(rule.body, Body::Correlation(_)),
            Self::Attribute(name, operator, wanted) => {
                rule.get(name).is_some_and(|value| attribute(name, value, *operator, wanted))
            }
            Self::Tag(tag) => rule
                .get("tags")
                .map(Node::texts)
                .is_some_and(|tags| tags.iter().any(|own| own.eq_ignore_ascii_case(tag))),
        }
    }
}

/// The parts of a log source that a map names.
///
/// # Errors
/// A sentence, when a part is no text.
pub(super) fn logsource_parts(params: Params<'_>) -> Result<Vec<(&'static str, String)>, String> {
    let mut parts = Vec::new();
    for name in ["category", "product", "service"] {
        if let Some(text) = params.text(name)? {
            parts.push((name, text.trim().to_lowercase()));
        }
    }
    if parts.is_empty() {
        return Err("names none of `category`, `product` and `service`".to_owned());
    }
    Ok(parts)
}

/// Whether a rule's log source names every one of the parts, equally.
pub(super) fn has_logsource(own: Option<&Node>, parts: &[(&'static str, String)]) -> bool {
    let own = |name: &str| own.and_then(|node| node.get(name)).and_then(Node::scalar);
    parts.iter().all(|(name, wanted)| own(name).is_some_and(|text| text.trim().to_lowercase() == *wanted))
}

/// Whether two values are the same; numbers of either sort are one sort.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Node(left), Value::Node(right)) => order(left, right) == Some(Ordering::Equal),
        (left, right) => left == right,
    }
}

fn attribute(name: &str, value: &Node, operator: Operator, wanted: &Node) -> bool {
    const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
    const STATUSES: [&str; 5] = ["unsupported", "deprecated", "experimental", "test", "stable"];
    let rank = |names: &[&str], node: &Node| {
        let text = node.scalar()?.to_lowercase();
        names.iter().position(|known| *known == text)
    };
    let ranked = |names: &[&str]| match (rank(names, value), rank(names, wanted)) {
        (Some(own), Some(wanted)) => operator.fits(Some(own.cmp(&wanted))),
        _ => false,
    };
    match (name, value) {
        (_, Node::List(items)) => {
            let found = items.iter().any(|item| order(item, wanted) == Some(Ordering::Equal));
            match operator {
                Operator::In => found,
                Operator::NotIn => !found,
                Operator::Ne => true,
                _ => false,
            }
        }
        ("level", _) => ranked(&LEVELS),
        ("status", _) => ranked(&STATUSES),
        ("date" | "modified", _) => {
            let date = |node: &Node| node.scalar().map(|text| text.replace('/', "-"));
            match (date(value), date(wanted)) {
                (Some(own), Some(wanted)) => operator.fits(Some(own.cmp(&wanted))),
                _ => false,
            }
        }
        (_, Node::Int(_) | Node::Float(_)) => match (number(value), number(wanted)) {
            (Some(own), Some(wanted)) => operator.fits(own.partial_cmp(&wanted)),
            _ => false,
        },
        (_, Node::Text(own)) => match operator {
            Operator::Eq => wanted.scalar().as_ref() == Some(own),
            Operator::Ne => wanted.scalar().as_ref() != Some(own),
            _ => false,
        },
        _ => operator.fits(order(value, wanted)),
    }
}

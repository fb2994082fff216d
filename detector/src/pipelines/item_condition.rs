//! Conditions on one item of a detection, and on the name of a field.

use regex::Regex;

use super::compare::StateTest;
use super::params::{Params, regex_from_start};
use super::rule_condition::same;
use super::run::Run;
use super::text::Part;
use super::tree::{Item, Kind, Value};
use super::value_of;
use crate::sigma::yaml::Node;

const ITEM_KINDS: [&str; 6] =
    ["match_string", "match_value", "contains_wildcard", "is_null", "processing_item_applied", "processing_state"];
const FIELD_KINDS: [&str; 4] = ["include_fields", "exclude_fields", "processing_item_applied", "processing_state"];

/// A condition on one item of a detection.
#[derive(Debug)]
pub(super) enum ItemCondition {
    /// A condition on any of its values, or on all.
    Values(ValueTest, bool),
    /// The transformation of this id changed it.
    Applied(String),
    /// What `set_state` left.
    State(StateTest),
}

/// A condition on one value.
#[derive(Debug)]
pub(super) enum ValueTest {
    /// A text that fits the expression from its start on, or does not.
    Text(Regex, bool),
    /// This very value.
    Same(Value),
    /// A text with a wildcard.
    Wildcard,
    /// Null.
    Null,
}

impl ItemCondition {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(node: &Node) -> Result<Self, String> {
        let params = Params::of(node)?;
        let kind = params.kind("detection item condition", &ITEM_KINDS)?;
        let only = |own: &[&str]| params.only(own, &["type"]);
        let test = match kind {
            "match_string" => {
                only(&["cond", "pattern", "negate"])?;
                ValueTest::Text(regex_from_start(&params.needed("pattern")?)?, params.flag("negate")?)
            }
            "match_value" => {
                only(&["cond", "value"])?;
                ValueTest::Same(value_of(params.node("value")?))
            }
            "contains_wildcard" => only(&["cond"]).map(|()| ValueTest::Wildcard)?,
            "is_null" => only(&["cond"]).map(|()| ValueTest::Null)?,
            "processing_item_applied" => {
                only(&["processing_item_id"])?;
                return Ok(Self::Applied(params.needed("processing_item_id")?));
            }
            _ => return Ok(Self::State(StateTest::read(params)?)),
        };
        match params.needed("cond")?.as_str() {
            "any" => Ok(Self::Values(test, false)),
            "all" => Ok(Self::Values(test, true)),
            other => Err(format!("`cond` must be `any` or `all`, not `{other}`")),
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, item: &Item, run: &Run<'_>) -> bool {
        match self {
            Self::Values(test, true) => item.values.iter().all(|value| test.holds(value, item.kind)),
            Self::Values(test, false) => item.values.iter().any(|value| test.holds(value, item.kind)),
            Self::Applied(id) => item.applied.contains(id),
            Self::State(test) => test.holds(run.state.get(&test.key)),
        }
    }
}

impl ValueTest {
    fn holds(&self, value: &Value, kind: Kind) -> bool {
        let text = match value {
            Value::Text(text) if kind == Kind::Plain => Some(text),
            _ => None,
        };
        match self {
            Self::Text(regex, negated) => text.is_some_and(|text| regex.is_match(&text.unescaped())) != *negated,
            Self::Same(wanted) => same(value, wanted),
            Self::Wildcard => {
                text.is_some_and(|text| text.parts().iter().any(|part| matches!(part, Part::One | Part::Many)))
            }
            Self::Null => *value == Value::Node(Node::Null),
        }
    }
}

/// A condition on the name of a field.
#[derive(Debug)]
pub(super) enum FieldCondition {
    /// One of these names, or none of them.
    Names(Vec<String>, bool),
    /// A name that fits one of the expressions from its start on, or none.
    Patterns(Vec<Regex>, bool),
    /// The transformation of this id mapped it.
    Applied(String),
    /// What `set_state` left.
    State(StateTest),
}

impl FieldCondition {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(node: &Node) -> Result<Self, String> {
        let params = Params::of(node)?;
        let kind = params.kind("field name condition", &FIELD_KINDS)?;
        match kind {
            "processing_item_applied" => {
                params.only(&["type", "processing_item_id"], &[])?;
                Ok(Self::Applied(params.needed("processing_item_id")?))
            }
            "processing_state" => StateTest::read(params).map(Self::State),
            kind => {
                params.only(&["type", "fields", "mode"], &[])?;
                let fields = params.texts("fields")?.ok_or("`fields` is missing")?;
                let excludes = kind == "exclude_fields";
                match params.word("mode", &["plain", "re"])? {
                    "re" => {
                        let patterns = fields.iter().map(|field| regex_from_start(field)).collect::<Result<_, _>>()?;
                        Ok(Self::Patterns(patterns, excludes))
                    }
                    _ => Ok(Self::Names(fields, excludes)),
                }
            }
        }
    }

    /// Whether it holds for a name; `item` is where it stands, when it stands in a detection.
    pub(super) fn holds(&self, field: Option<&str>, item: Option<&Item>, run: &Run<'_>) -> bool {
        match self {
            Self::Names(names, excludes) => {
                field.is_some_and(|field| names.iter().any(|name| name == field)) != *excludes
            }
            Self::Patterns(patterns, excludes) => {
                field.is_some_and(|field| patterns.iter().any(|pattern| pattern.is_match(field))) != *excludes
            }
            Self::Applied(id) => {
                item.is_some_and(|item| item.applied.contains(id))
                    || field.is_some_and(|field| run.mapped_by(field, id))
            }
            Self::State(test) => test.holds(run.state.get(&test.key)),
        }
    }
}

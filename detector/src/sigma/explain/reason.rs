//! What a false item missed.

use serde::Serialize;

use super::super::value::Item;
use super::super::view::View;
use super::{ItemNode, WantedValue};

/// Most values that a reason names.
const NAMED_MAX: usize = 5;

/// Why an item does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The event has the field under none of its names.
    FieldMissing {
        /// The names, in the order asked.
        looked_for: Vec<String>,
        /// A field of the event whose name differs in case alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        similar: Option<String>,
    },
    /// The field has values and none fits.
    NoValueFits {
        /// How they were compared.
        comparison: Comparison,
        /// How many values were wanted.
        wanted: usize,
    },
    /// All values are wanted and these are not there.
    Lacks {
        /// The first of them.
        values: Vec<String>,
        /// How many.
        count: usize,
    },
    /// No text that the sender wrote holds the keywords.
    NoTextHolds {
        /// How many texts were searched.
        texts: usize,
    },
    /// It must be absent or null and has a value.
    HasValue,
    /// `neq`: it has a value that is excluded.
    Excluded,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The whole text.
    Equal,
    /// Its start.
    StartsWith,
    /// Its end.
    EndsWith,
    /// Any part of it.
    Contains,
    /// A regular expression.
    Regex,
    /// A network.
    Network,
    /// A number or a part of a date.
    Number,
    /// Another field.
    Field,
    /// Whether the field is there.
    Exists,
}

impl Comparison {
    /// Reads it from the rule's modifiers.
    pub(super) fn of<'m>(modifiers: impl Iterator<Item = &'m str>) -> Self {
        let mut found = Self::Equal;
        for modifier in modifiers {
            found = match modifier {
                "startswith" if found == Self::Equal => Self::StartsWith,
                "endswith" if found == Self::Equal => Self::EndsWith,
                "contains" if found == Self::Equal => Self::Contains,
                "re" => Self::Regex,
                "cidr" => Self::Network,
                "lt" | "lte" | "gt" | "gte" | "minute" | "hour" | "day" | "week" | "month" | "year" => Self::Number,
                "fieldref" => Self::Field,
                "exists" => Self::Exists,
                _ => found,
            };
        }
        found
    }
}

/// Why a false item is false.
pub(super) fn reason_of(
    item: &Item,
    node: &ItemNode,
    view: &View<'_>,
    names: Vec<String>,
    similar: Option<String>,
) -> Reason {
    let lacking: Vec<&WantedValue> = node.values.iter().filter(|value| !value.holds).collect();
    if item.is_negated() {
        return Reason::Excluded;
    }
    if item.names().is_none() {
        return match node.all && lacking.len() < node.values.len() {
            true => lacks(&lacking),
            false => Reason::NoTextHolds { texts: view.own_text().len() },
        };
    }
    let comparison = Comparison::of(item.label().modifiers());
    if node.event_field.is_none() {
        return Reason::FieldMissing { looked_for: names, similar };
    }
    if comparison == Comparison::Exists || node.values.iter().all(|value| value.value == "null") {
        return Reason::HasValue;
    }
    if node.all && node.values.len() > 1 {
        return lacks(&lacking);
    }
    Reason::NoValueFits { comparison, wanted: node.values.len() }
}

fn lacks(lacking: &[&WantedValue]) -> Reason {
    let values = lacking.iter().take(NAMED_MAX).map(|value| value.value.clone()).collect();
    Reason::Lacks { values, count: lacking.len() }
}

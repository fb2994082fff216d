//! Why a rule did or did not match an event: the whole tree with true or false on each node.
//!
//! `build` asks every node of the rule, `reason` says what a false item missed, `atoms` is the short form for alerts,
//! `text` draws the tree for people in the words of `words`.

mod atoms;
mod build;
mod reason;
mod text;
mod words;

use event::{Level, Masks, RuleId, Visibility};
use serde::Serialize;

pub use atoms::{ATOM_CHARS_MAX, ATOMS_MAX, holding_atoms};
pub(crate) use atoms::{atoms_in, cut};
pub use build::explain;
pub use reason::{Comparison, Reason};
pub use words::Language;

/// Most values of the event that are told of one item.
pub const FOUND_MAX: usize = 20;
/// Most characters of one value of the event.
pub const FOUND_CHARS_MAX: usize = 512;

/// The answer of [`explain()`]. Holds values of the event: show it through [`Explanation::mask`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The rule's id.
    pub rule: RuleId,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Level,
    /// Its file.
    pub path: String,
    /// The line of its file on which it begins.
    pub line: usize,
    /// Whether the rule matches the event: the log source fits and the condition holds.
    pub matches: bool,
    /// Whether the event is of the rule's log source.
    pub logsource: SourceFit,
    /// The search identifiers that decide the condition as it stands; for a false condition, those that would have to
    /// be otherwise.
    pub because: Vec<Decisive>,
    /// The condition.
    pub condition: ConditionNode,
    /// Every search identifier, those that the condition never asks too.
    pub selections: Vec<SelectionNode>,
}

/// Whether the event belongs to the rule's log source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFit {
    /// Whether it does.
    pub fits: bool,
    /// What the rule names, as `product/category/service`.
    pub rule: String,
    /// The event's set in the same form; empty when nothing is known of it.
    pub event: Vec<String>,
    /// The parts that the rule names and the nearest of the event's log sources does not have.
    pub missing: Vec<MissingPart>,
}

/// A part of a log source that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingPart {
    /// `product`, `category` or `service`.
    pub part: &'static str,
    /// What the rule wants.
    pub wanted: String,
    /// What the event has.
    pub found: Option<String>,
}

/// A search identifier that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decisive {
    /// Its name.
    pub selection: String,
    /// Whether it holds.
    pub holds: bool,
}

/// A node of the condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionNode {
    /// What it is.
    pub kind: NodeKind,
    /// Whether it holds.
    pub holds: bool,
    /// The search identifier's name, for [`NodeKind::Selection`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// What stands below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ConditionNode>,
}

/// How a node comes to its truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A search identifier.
    Selection,
    /// The opposite of the one below.
    Not,
    /// All below must hold.
    All,
    /// One below must hold.
    Any,
}

/// A search identifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelectionNode {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Whether the condition asks it at all.
    pub asked: bool,
    /// What it asks of the event.
    pub detection: DetectionNode,
}

/// A part of a search identifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DetectionNode {
    /// A map: all must hold.
    All {
        /// Whether it holds.
        holds: bool,
        /// Its parts.
        parts: Vec<DetectionNode>,
    },
    /// A list: one must hold.
    Any {
        /// Whether it holds.
        holds: bool,
        /// Its parts.
        parts: Vec<DetectionNode>,
    },
    /// A field's values, or keywords.
    Item(Box<ItemNode>),
}

impl DetectionNode {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        match self {
            Self::All { holds, .. } | Self::Any { holds, .. } => *holds,
            Self::Item(item) => item.holds,
        }
    }
}

/// `field|modifiers: values` against the event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemNode {
    /// The field as the rule writes it; `None` for keywords.
    pub field: Option<String>,
    /// The modifiers in the order written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<String>,
    /// Whether it holds.
    pub holds: bool,
    /// Whether every value must be found, not one.
    pub all: bool,
    /// The event's field that was looked at; `None` for keywords and when the event has none of the names.
    pub event_field: Option<String>,
    /// Its values in the event, at most [`FOUND_MAX`] of at most [`FOUND_CHARS_MAX`] characters.
    pub found: Vec<String>,
    /// How many values it has in the event.
    pub found_total: usize,
    /// What the rule wants.
    pub values: Vec<WantedValue>,
    /// Why it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A value that the rule wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WantedValue {
    /// As the rule writes it.
    pub value: String,
    /// Whether the event has it.
    pub holds: bool,
}

impl Explanation {
    /// Shows of the event's values what the masks allow. Of a field that is not clear only whether its item holds is
    /// kept, not which of the wanted values it has; so whoever may not see a field must not choose the rule either.
    pub fn mask(&mut self, masks: &dyn Masks) {
        self.selections.iter_mut().for_each(|selection| mask(&mut selection.detection, masks));
    }

    /// The tree as text for a terminal, indented, each line with ✓ or ✗.
    pub fn to_text(&self, language: Language) -> String {
        text::draw(self, language)
    }
}

fn mask(node: &mut DetectionNode, masks: &dyn Masks) {
    match node {
        DetectionNode::All { parts, .. } | DetectionNode::Any { parts, .. } => {
            parts.iter_mut().for_each(|part| mask(part, masks));
        }
        DetectionNode::Item(item) => {
            let Some(field) = item.event_field.clone() else { return };
            if event::visibility(masks, &field) == Visibility::Clear {
                return;
            }
            let shown = item.found.iter().filter_map(|value| event::shown_text(masks, &field, value));
            item.found = shown.map(|value| value.into_owned()).collect();
            item.values.clear();
            item.reason = None;
        }
    }
}

#[cfg(test)]
mod tests;

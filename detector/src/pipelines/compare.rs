//! Comparing what a pipeline names with what a rule or the pipeline's state holds.

use std::cmp::Ordering;

use super::params::Params;
use crate::sigma::yaml::Node;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater or equal.
    Gte,
    /// Greater.
    Gt,
    /// Less or equal.
    Lte,
    /// Less.
    Lt,
    /// Member of a list.
    In,
    /// No member of a list.
    NotIn,
}

impl Operator {
    /// Reads `op`, `eq` when it is not there.
    ///
    /// # Errors
    /// A sentence that names the nearest known operator.
    pub(super) fn read(params: Params<'_>, lists: bool) -> Result<Self, String> {
        let words = ["eq", "ne", "gte", "gt", "lte", "lt", "in", "not_in"];
        let known = if lists { words.as_slice() } else { words.get(..6).unwrap_or_default() };
        Ok(match params.word("op", known)? {
            "ne" => Self::Ne,
            "gte" => Self::Gte,
            "gt" => Self::Gt,
            "lte" => Self::Lte,
            "lt" => Self::Lt,
            "in" => Self::In,
            "not_in" => Self::NotIn,
            _ => Self::Eq,
        })
    }

    /// Whether an order is what it asks for.
    pub(super) fn fits(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Gte => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Lte => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Lt => order == Some(Ordering::Less),
            Self::In | Self::NotIn => false,
        }
    }
}

/// A condition on the state that `set_state` left.
#[derive(Debug)]
pub(super) struct StateTest {
    /// The state's key.
    pub(super) key: String,
    wanted: Node,
    operator: Operator,
}

impl StateTest {
    /// Reads `key`, `val` and `op`.
    ///
    /// # Errors
    /// A sentence with what is missing.
    pub(super) fn read(params: Params<'_>) -> Result<Self, String> {
        params.only(&["type", "key", "val", "op"], &[])?;
        let operator = Operator::read(params, false)?;
        Ok(Self { key: params.needed("key")?, wanted: params.node("val")?.clone(), operator })
    }

    /// Whether the state's value fits; a key without one never does.
    pub(super) fn holds(&self, value: Option<&Node>) -> bool {
        value.is_some_and(|value| self.operator.fits(order(value, &self.wanted)))
    }
}

/// The order of two values of one sort; numbers of either sort are one sort.
pub(super) fn order(left: &Node, right: &Node) -> Option<Ordering> {
    match (left, right) {
        (Node::Text(left), Node::Text(right)) => Some(left.cmp(right)),
        (Node::Int(left), Node::Int(right)) => Some(left.cmp(right)),
        (Node::Int(_) | Node::Float(_), Node::Int(_) | Node::Float(_)) => number(left)?.partial_cmp(&number(right)?),
        (left, right) if left == right => Some(Ordering::Equal),
        _ => None,
    }
}

/// A number, also one written as text.
pub(super) fn number(node: &Node) -> Option<f64> {
    node.scalar().filter(|_| !matches!(node, Node::Bool(_)))?.trim().parse().ok()
}

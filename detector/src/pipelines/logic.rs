//! Several conditions of one sort, joined by `and`, `or` or an expression over their names.

use super::params::Params;
use crate::sigma::condition::Condition;
use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::Node;

/// Most conditions of one sort on one transformation.
const CONDITIONS_MAX: usize = 1_000;

/// Conditions and how they are joined.
#[derive(Debug)]
pub(super) struct Logic<C> {
    conditions: Vec<C>,
    join: Join,
    negated: bool,
}

#[derive(Debug)]
enum Join {
    All,
    Any,
    Expression(Condition),
}

/// The four parameters that hold one sort of conditions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// The conditions: a list, or a map of names to conditions.
    pub(super) conditions: &'static str,
    /// `and` or `or`.
    pub(super) op: &'static str,
    /// Whether the opposite is meant.
    pub(super) not: &'static str,
    /// An expression over the names of a map.
    pub(super) expr: &'static str,
}

impl<C> Logic<C> {
    /// Reads the conditions that stand under `keys`; none hold always.
    ///
    /// # Errors
    /// A sentence that names the condition and what is wrong.
    pub(super) fn read(params: Params<'_>, keys: Keys, read: fn(&Node) -> Result<C, String>) -> Result<Self, String> {
        let (names, nodes): (Vec<String>, Vec<&Node>) = match params.get(keys.conditions) {
            None | Some(Node::Null) => (Vec::new(), Vec::new()),
            Some(Node::List(items)) => {
                items.iter().enumerate().map(|(index, node)| ((index + 1).to_string(), node)).unzip()
            }
            Some(Node::Map(entries)) => entries.iter().map(|(name, node)| (name.clone(), node)).unzip(),
            Some(other) => return Err(format!("`{}` is {}, not a list or a map", keys.conditions, other.kind())),
        };
        if nodes.len() > CONDITIONS_MAX {
            return Err(format!("`{}` has more than {CONDITIONS_MAX} conditions", keys.conditions));
        }
        let told = |name: &String, reason: String| format!("`{}`, condition `{name}`: {reason}", keys.conditions);
        let conditions = names.iter().zip(nodes).map(|(name, node)| read(node).map_err(|reason| told(name, reason)));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let join = match params.text(keys.expr)? {
            Some(text) => expression(&text, params, keys, &names)?,
            None => match params.text(keys.op)?.as_deref() {
                None | Some("and") => Join::All,
                Some("or") => Join::Any,
                Some(other) => {
                    return Err(format!("`{}` cannot be `{other}`{}", keys.op, suggestion(other, &["and", "or"])));
                }
            },
        };
        Ok(Self { conditions, join, negated: params.flag(keys.not)? })
    }

    /// Whether they hold, when `holds` tells whether one does.
    pub(super) fn holds(&self, mut holds: impl FnMut(&C) -> bool) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let joined = match &self.join {
            Join::All => self.conditions.iter().all(holds),
            Join::Any => self.conditions.iter().any(holds),
            Join::Expression(expression) => {
                expression.holds(&mut |number| self.conditions.get(number).is_some_and(&mut holds))
            }
        };
        joined != self.negated
    }
}

fn expression(text: &str, params: Params<'_>, keys: Keys, names: &[String]) -> Result<Join, String> {
    if params.get(keys.op).is_some() {
        return Err(format!("`{}` and `{}` exclude one another", keys.expr, keys.op));
    }
    if !matches!(params.get(keys.conditions), Some(Node::Map(_))) {
        return Err(format!("`{}` needs `{}` as a map of names to conditions", keys.expr, keys.conditions));
    }
    let parsed = Condition::parse(text, names).map_err(|reason| format!("`{}`: {reason}", keys.expr))?;
    match names.iter().enumerate().find(|(number, _)| !mentions(&parsed, *number)) {
        Some((_, name)) => Err(format!("`{}` does not mention condition `{name}`", keys.expr)),
        None => Ok(Join::Expression(parsed)),
    }
}

fn mentions(condition: &Condition, number: usize) -> bool {
    match condition {
        Condition::Selection(own) => *own == number,
        Condition::Not(inner) => mentions(inner, number),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| mentions(part, number)),
    }
}

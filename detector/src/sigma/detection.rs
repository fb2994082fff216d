//! A search identifier: maps joined by `and`, lists joined by `or`, keywords.

use super::label::Label;
use super::modifier::Modifiers;
use super::names::Naming;
use super::value::Item;
use super::view::View;
use super::yaml::Node;

/// Deepest nesting of lists and maps.
const DEPTH_MAX: usize = 16;

/// A compiled search identifier.
#[derive(Debug, Clone)]
pub(crate) enum Detection {
    /// Every part must hold.
    All(Vec<Detection>),
    /// One part must hold.
    Any(Vec<Detection>),
    /// A field's item.
    Item(Item),
}

impl Detection {
    /// Compiles what stands under a search identifier's name.
    ///
    /// # Errors
    /// A sentence that names the field and what is wrong.
    pub(crate) fn compile(node: &Node, naming: &mut Naming<'_>) -> Result<Self, String> {
        compile(node, naming, 0)
    }

    /// Whether it holds for the event.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(view)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(view)),
            Self::Item(item) => item.matches(view),
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).sum(),
            Self::Item(item) => item.cost(),
        }
    }
}

fn compile(node: &Node, naming: &mut Naming<'_>, depth: usize) -> Result<Detection, String> {
    if depth > DEPTH_MAX {
        return Err(format!("nests deeper than {DEPTH_MAX}"));
    }
    match node {
        Node::Map(entries) if entries.is_empty() => Err("is an empty map".to_owned()),
        Node::Map(entries) => {
            let mut parts = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                parts.push(field(key, value, naming)?);
            }
            // The order of a conjunction means nothing; cheap questions first.
            parts.sort_by_key(Detection::cost);
            Ok(one_or(parts, Detection::All))
        }
        Node::List(items) if items.is_empty() => Err("is an empty list".to_owned()),
        Node::List(items) => {
            let parts: Result<Vec<_>, _> = items.iter().map(|item| compile(item, naming, depth + 1)).collect();
            Ok(one_or(parts?, Detection::Any))
        }
        Node::Null => Err("is empty".to_owned()),
        keyword => {
            let item = Item::compile(None, &Modifiers::default(), &[keyword], naming)?;
            Ok(Detection::Item(item.labelled(Label::new("", &[keyword]))))
        }
    }
}

fn field(key: &str, value: &Node, naming: &mut Naming<'_>) -> Result<Detection, String> {
    let told = |reason: String| if key.is_empty() { reason } else { format!("`{key}`: {reason}") };
    let mut words = key.split('|');
    let name = words.next().unwrap_or_default();
    let modifiers = Modifiers::parse(words).map_err(told)?;
    let values: Vec<&Node> = match value {
        Node::List(items) => items.iter().collect(),
        single => vec![single],
    };
    let names = if name.is_empty() { None } else { Some(naming.names_of(name)) };
    let item = Item::compile(names, &modifiers, &values, naming).map_err(told)?;
    Ok(Detection::Item(item.labelled(Label::new(key, &values))))
}

fn one_or(mut parts: Vec<Detection>, join: fn(Vec<Detection>) -> Detection) -> Detection {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

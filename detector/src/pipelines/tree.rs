//! A rule's detection as a tree that transformations change.

use std::collections::BTreeSet;

use super::text::Text;
use crate::sigma::yaml::Node;

/// Deepest nesting of lists in a search identifier.
const DEPTH_MAX: usize = 16;

/// What stands under a search identifier's name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Detection {
    /// Every part must hold.
    All(Vec<Detection>),
    /// One part must hold.
    Any(Vec<Detection>),
    /// A field's item, or keywords.
    Item(Item),
    /// What is no detection; compiling it tells what is wrong.
    Other(Node),
}

/// `field|modifiers: values`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// The field; `None` for keywords.
    pub(super) field: Option<String>,
    /// The modifiers as they are written.
    pub(super) words: Vec<String>,
    /// The values as they are written, while they are not changed.
    pub(super) raw: Node,
    /// The values as transformations see them.
    pub(super) values: Vec<Value>,
    /// What the values are.
    pub(super) kind: Kind,
    /// Whether the values are no longer those of `raw`.
    pub(super) changed: bool,
    /// The ids of the transformations that changed it.
    pub(super) applied: BTreeSet<String>,
}

/// What the values of an item are by its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text with wildcards, numbers, null; `contains` and its like are folded into wildcards.
    Plain,
    /// Text that is encoded or permuted before it is compared; its modifiers stay beside it.
    Encoded,
    /// A regular expression, a network, a number with an order…: kept as it is written.
    Verbatim,
    /// Names of fields.
    FieldRef,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Text.
    Text(Text),
    /// A number, a boolean, null, or what does not belong here.
    Node(Node),
    /// The name of a field.
    Field(String),
    /// A regular expression that a transformation made, and whether it ignores case.
    Regex(String, bool),
}

impl Value {
    /// How many bytes it holds, about.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Text(text) => text.cost(),
            Self::Node(_) => 32,
            Self::Field(text) | Self::Regex(text, _) => text.len() + 32,
        }
    }
}

impl Detection {
    /// Reads what stands under a search identifier's name.
    pub(super) fn read(node: &Node) -> Self {
        read(node, 0)
    }

    /// Every item in it.
    pub(super) fn each<'d>(&'d self, see: &mut dyn FnMut(&'d Item)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(see)),
            Self::Item(item) => see(item),
            Self::Other(_) => {}
        }
    }

    /// Notes that the transformation of this id changed every item in it.
    pub(super) fn mark(&mut self, id: &str) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.mark(id)),
            Self::Item(item) => {
                item.applied.insert(id.to_owned());
            }
            Self::Other(_) => {}
        }
    }

    /// Puts each item's successor in its place; `None` drops it, and what has nothing left is dropped too.
    ///
    /// # Errors
    /// What `change` refuses.
    pub(super) fn change(self, change: Change<'_>) -> Result<Option<Self>, String> {
        let mut all = |parts: Vec<Self>| -> Result<Option<Vec<Self>>, String> {
            let had = !parts.is_empty();
            let mut kept = Vec::with_capacity(parts.len());
            for part in parts {
                kept.extend(part.change(change)?);
            }
            Ok((!kept.is_empty() || !had).then_some(kept))
        };
        match self {
            Self::All(parts) => Ok(all(parts)?.map(Self::All)),
            Self::Any(parts) => Ok(all(parts)?.map(Self::Any)),
            Self::Item(item) => change(item),
            other @ Self::Other(_) => Ok(Some(other)),
        }
    }
}

/// Gives an item's successor.
pub(super) type Change<'c> = &'c mut dyn FnMut(Item) -> Result<Option<Detection>, String>;

fn read(node: &Node, depth: usize) -> Detection {
    if depth > DEPTH_MAX {
        return Detection::Other(node.clone());
    }
    match node {
        Node::Map(entries) if !entries.is_empty() => {
            Detection::All(entries.iter().map(|(key, value)| Detection::Item(Item::read(key, value))).collect())
        }
        Node::List(items) if !items.is_empty() => {
            if items.iter().all(|item| item.scalar().is_some()) {
                Detection::Item(Item::read("", node))
            } else {
                Detection::Any(items.iter().map(|item| read(item, depth + 1)).collect())
            }
        }
        Node::Map(_) | Node::List(_) | Node::Null => Detection::Other(node.clone()),
        keyword => Detection::Item(Item::read("", keyword)),
    }
}

impl Item {
    /// Reads a field's entry; the key of keywords is empty or begins with a bar.
    pub(super) fn read(key: &str, node: &Node) -> Self {
        let mut words = key.split('|').map(str::to_owned);
        let field = words.next().filter(|name| !name.is_empty());
        let words: Vec<String> = words.collect();
        let written: &[Node] = match node {
            Node::List(items) => items,
            single => std::slice::from_ref(single),
        };
        let kind = kind_of(&words, written);
        let expands = words.iter().any(|word| word == "expand");
        let values = written.iter().map(|value| read_value(value, kind, &words, expands)).collect();
        Self { field, words, raw: node.clone(), values, kind, changed: false, applied: BTreeSet::new() }
    }

    /// The field's name with the modifiers, as it is written.
    pub(super) fn key(&self, words: &[&str]) -> String {
        let mut key = self.field.clone().unwrap_or_default();
        for word in words {
            key.push('|');
            key.push_str(word);
        }
        key
    }

    /// Whether its values have this modifier.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    /// The names of its placeholders.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter_map(|value| if let Value::Text(text) = value { Some(text) } else { None })
            .flat_map(Text::placeholders)
    }

    /// With other values.
    pub(super) fn with(mut self, values: Vec<Value>) -> Self {
        self.values = values;
        self.changed = true;
        self
    }

    /// How many bytes it holds, about.
    pub(super) fn cost(&self) -> usize {
        self.values.iter().map(Value::cost).sum::<usize>() + self.field.as_ref().map_or(0, String::len) + 64
    }
}

fn kind_of(words: &[String], values: &[Node]) -> Kind {
    let mut kind = Kind::Plain;
    let mut placed = false;
    for word in words {
        match word.as_str() {
            "all" | "cased" | "neq" | "expand" => {}
            "contains" | "startswith" | "endswith" => placed = true,
            "base64" | "base64offset" | "utf16" | "utf16le" | "utf16be" | "wide" | "windash" => {
                kind = if kind == Kind::Plain { Kind::Encoded } else { kind }
            }
            "fieldref" => kind = Kind::FieldRef,
            _ => kind = Kind::Verbatim,
        }
    }
    let fits = |value: &Node| match value {
        Node::List(_) | Node::Map(_) => false,
        Node::Null => !placed,
        _ => true,
    };
    if values.iter().all(fits) { kind } else { Kind::Verbatim }
}

fn read_value(node: &Node, kind: Kind, words: &[String], expands: bool) -> Value {
    let marked = |text: Text| if expands { text.with_placeholders() } else { text };
    match (kind, node) {
        (Kind::FieldRef, Node::Text(name)) => Value::Field(name.clone()),
        (Kind::FieldRef, other) => Value::Node(other.clone()),
        (Kind::Verbatim, Node::Text(text)) if expands => Value::Text(marked(Text::plain(text))),
        (Kind::Verbatim, other) => Value::Node(other.clone()),
        (Kind::Encoded, Node::Text(text)) => Value::Text(marked(Text::parse(text))),
        (Kind::Encoded, other) => Value::Node(other.clone()),
        (Kind::Plain, Node::Text(text)) => Value::Text(placed(marked(Text::parse(text)), words)),
        (Kind::Plain, other) => match other.scalar() {
            Some(text) if words.iter().any(|word| is_place(word)) => Value::Text(placed(Text::plain(&text), words)),
            _ => Value::Node(other.clone()),
        },
    }
}

/// Whether a modifier says where a text is compared.
pub(super) fn is_place(word: &str) -> bool {
    matches!(word, "contains" | "startswith" | "endswith")
}

fn placed(text: Text, words: &[String]) -> Text {
    words.iter().fold(text, |text, word| match word.as_str() {
        "contains" => text.open_start().open_end(),
        "startswith" => text.open_end(),
        "endswith" => text.open_start(),
        _ => text,
    })
}

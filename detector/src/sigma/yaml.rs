//! YAML of unknown origin, as bounded trees: one for each document of a file, each good or refused by itself.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Longest document in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Most scalars, lists and maps in one document, aliases expanded.
const NODES_MAX: usize = 50_000;

/// A YAML value; maps keep their order and refuse a key that stands twice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, dates among it.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// What the mapping holds under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, when it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as the text that a person would write; `None` for lists, maps and null.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(truth) => Some(truth.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A scalar or a list of scalars, as texts; everything else is left out.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::List(items) => items.iter().filter_map(Self::scalar).collect(),
            other => other.scalar().into_iter().collect(),
        }
    }

    /// What it is, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// One document of a file and the line it begins on, counted from 1.
#[derive(Debug, PartialEq)]
pub(crate) struct Document<'t> {
    /// The document's first line.
    pub(crate) line: usize,
    /// Its text as it is written.
    pub(crate) text: &'t str,
    /// The document, or why it cannot be read.
    pub(crate) node: Result<Node, Fault>,
}

/// Why a document cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    /// The line on which it was noticed, counted from the file's start; `None` when it is of the whole document.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.reason),
            None => formatter.write_str(&self.reason),
        }
    }
}

/// Reads every document; a fault in one does not touch the others. Empty documents are left out.
pub(crate) fn documents(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    split(text)
        .into_iter()
        .map(|(line, part)| Document { line, text: part, node: read(part, line) })
        .filter(|document| document.node != Ok(Node::Null))
        .collect()
}

/// `---` and `...` at the start of a line are document marks wherever they stand (YAML 1.2.2, section 9.1.2).
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 1, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_mark(line) {
            parts.push((start_line, text.get(start..at).unwrap_or_default()));
            // What follows `--- ` on its line belongs to the document; blanks keep columns and lines true.
            start = at + line.len().min(3);
            start_line = number + 1;
        }
        at += line.len();
    }
    parts.push((start_line, text.get(start..).unwrap_or_default()));
    parts.retain(|(_, part)| !part.trim().is_empty());
    parts
}

fn is_mark(line: &str) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn read(text: &str, first_line: usize) -> Result<Node, Fault> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Fault { line: None, reason: format!("longer than {DOCUMENT_BYTES_MAX} bytes") });
    }
    let budget = Cell::new(NODES_MAX);
    Seed(&budget).deserialize(serde_norway::Deserializer::from_str(text)).map_err(|error| {
        let line = error.location().map(|location| first_line + location.line().saturating_sub(1));
        Fault { line, reason: strip_location(&error.to_string()) }
    })
}

/// The parser's own ` at line 3 column 4` counts from the document, not from the file.
fn strip_location(message: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(" at line ") {
        kept.push_str(before);
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let after = after.strip_prefix(" column ").unwrap_or(after);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    kept + rest
}

#[derive(Clone, Copy)]
struct Seed<'b>(&'b Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let left = self.0.get().checked_sub(1);
        let left = left.ok_or_else(|| de::Error::custom(format!("more than {NODES_MAX} values, aliases expanded")))?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a plain YAML value without tags")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or_else(|_| Node::Text(number.to_string()), Node::Int))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = access.next_key_seed(self)? {
            let Some(key) = key.scalar() else {
                return Err(de::Error::custom(format!("{} cannot be a key", key.kind())));
            };
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format!("key `{key}` stands twice in one map")));
            }
            entries.push((key, access.next_value_seed(self)?));
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str) -> String {
        documents(text)
            .into_iter()
            .find_map(|document| document.node.err())
            .map(|fault| fault.reason)
            .unwrap_or_default()
    }

    #[test]
    fn a_fault_stays_in_its_document() {
        let found = documents("---\na: 1\n---\nb: [1\n---\nc: '---'\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].node, Ok(Node::Map(vec![("a".into(), Node::Int(1))])));
        let line = found[1].node.as_ref().unwrap_err().line;
        assert!((4..=5).contains(&line.unwrap()), "in its document, counted from the file's start: {line:?}");
        assert_eq!(found[2].line, 5);
        assert_eq!(found[2].node.as_ref().unwrap().get("c"), Some(&Node::Text("---".into())));
    }

    #[test]
    fn duplicates_tags_and_bombs_are_refused() {
        assert!(reason("a: 1\nb: 2\na: 3\n").contains("key `a` stands twice"), "{}", reason("a: 1\nb: 2\na: 3\n"));
        assert!(!reason("a: !python/object x").is_empty());
        assert!(reason("? [1]\n: 2").contains("a list cannot be a key"));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}, *a{below}]\n"));
        }
        assert!(reason(&bomb).contains("more than 50000 values") || reason(&bomb).contains("repetition"));
        assert!(reason(&"[".repeat(5_000)).contains("recursion limit"), "{}", reason(&"[".repeat(5_000)));
        assert!(reason(&format!("a: {}", "x".repeat(DOCUMENT_BYTES_MAX))).contains("longer than"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[\\n: \\-&*!|>'\"{}\\[\\]]){0,200}") {
            documents(&text);
        }
    }
}

//! A changed detection as the YAML tree of a rule.
//!
//! A rule's tree has lists (or) of maps (and) and nothing below, so an alternative inside a map is multiplied out.

use super::tree::{Detection, Item, Kind, Value, is_place};
use crate::sigma::yaml::Node;

/// Most maps that one search identifier is multiplied out to.
const ALTERNATIVES_MAX: usize = 4_096;
/// Most entries of all those maps.
const ENTRIES_MAX: usize = 50_000;

/// One alternative of a search identifier.
enum Alternative {
    Map(Vec<(String, Node)>),
    Keywords(Node),
    Other(Node),
}

/// The detection as a rule has it.
///
/// # Errors
/// A sentence, when multiplying out makes it too long.
pub(super) fn write(detection: &Detection) -> Result<Node, String> {
    let mut found = alternatives(detection)?;
    let was_list = matches!(detection, Detection::Any(_));
    if found.len() == 1 && !was_list {
        return Ok(match found.pop() {
            Some(Alternative::Map(entries)) => Node::Map(entries),
            Some(Alternative::Keywords(node) | Alternative::Other(node)) => node,
            None => Node::Null,
        });
    }
    let mut items = Vec::with_capacity(found.len());
    for alternative in found {
        match alternative {
            Alternative::Map(entries) => items.push(Node::Map(entries)),
            Alternative::Keywords(Node::List(keywords)) => items.extend(keywords),
            Alternative::Keywords(node) | Alternative::Other(node) => items.push(node),
        }
    }
    Ok(Node::List(items))
}

fn alternatives(detection: &Detection) -> Result<Vec<Alternative>, String> {
    match detection {
        Detection::Other(node) => Ok(vec![Alternative::Other(node.clone())]),
        Detection::Item(item) => match simple(item) {
            Detection::Item(item) => Ok(vec![entry(&item)]),
            several => alternatives(&several),
        },
        Detection::Any(parts) => {
            let mut found = Vec::new();
            for part in parts {
                found.extend(alternatives(part)?);
                if found.len() > ALTERNATIVES_MAX {
                    return Err(too_many());
                }
            }
            Ok(found)
        }
        Detection::All(parts) => multiply(parts),
    }
}

fn multiply(parts: &[Detection]) -> Result<Vec<Alternative>, String> {
    let mut product: Vec<Vec<(String, Node)>> = vec![Vec::new()];
    for part in parts {
        let factors = alternatives(part)?;
        let widest = product.first().map_or(0, Vec::len) + 1;
        let count = product.len().saturating_mul(factors.len());
        if count > 1 && (count > ALTERNATIVES_MAX || count.saturating_mul(widest) > ENTRIES_MAX) {
            return Err(too_many());
        }
        let mut next = Vec::with_capacity(count);
        for before in product {
            for factor in &factors {
                let mut entries = before.clone();
                match factor {
                    Alternative::Map(more) => entries.extend(more.iter().cloned()),
                    Alternative::Keywords(node) | Alternative::Other(node) => {
                        entries.push((String::new(), node.clone()))
                    }
                }
                next.push(entries);
            }
        }
        product = next;
    }
    Ok(product.into_iter().map(Alternative::Map).collect())
}

fn too_many() -> String {
    format!("mapping fields to several names makes more than {ALTERNATIVES_MAX} alternatives; map to fewer names")
}

/// An item whose values are of one sort each, joined as the item's modifiers ask.
fn simple(item: &Item) -> Detection {
    let is_regex = |value: &&Value| matches!(value, Value::Regex(..));
    let sorts = [
        item.values.iter().filter(|value| !is_regex(value)).cloned().collect::<Vec<_>>(),
        item.values.iter().filter(|value| matches!(value, Value::Regex(_, false))).cloned().collect(),
        item.values.iter().filter(|value| matches!(value, Value::Regex(_, true))).cloned().collect(),
    ];
    let mut parts: Vec<Detection> = Vec::new();
    if item.changed {
        for values in sorts.into_iter().filter(|values| !values.is_empty()) {
            parts.push(Detection::Item(Item { values, ..item.clone() }));
        }
    }
    // With `neq` the opposite of the whole is meant: not (a or b) is (not a) and (not b).
    match parts.len() {
        0 => Detection::Item(item.clone()),
        1 => parts.remove(0),
        _ if item.has("all") != item.has("neq") => Detection::All(parts),
        _ => Detection::Any(parts),
    }
}

fn entry(item: &Item) -> Alternative {
    let has_left = item.placeholders().next().is_some();
    if !item.changed && (has_left || !item.has("expand")) {
        let words: Vec<&str> = item.words.iter().map(String::as_str).collect();
        return alternative(item, &words, item.raw.clone());
    }
    let folded = item.kind == Kind::Plain;
    let regex = item.values.iter().find_map(|value| if let Value::Regex(_, i) = value { Some(*i) } else { None });
    let kept = |word: &&str| {
        (*word != "expand" || has_left) && !(folded && is_place(word)) && !(regex.is_some() && *word == "cased")
    };
    let mut words: Vec<&str> = match regex {
        None => Vec::new(),
        Some(true) => vec!["re", "i"],
        Some(false) => vec!["re"],
    };
    words.extend(item.words.iter().map(String::as_str).filter(kept));
    let mut values: Vec<Node> = item.values.iter().map(|value| node(value, item.kind)).collect();
    let single = values.len() == 1 && !matches!(item.raw, Node::List(_));
    let value = if single { values.pop().unwrap_or(Node::Null) } else { Node::List(values) };
    alternative(item, &words, value)
}

fn alternative(item: &Item, words: &[&str], value: Node) -> Alternative {
    if item.field.is_none() && words.is_empty() {
        Alternative::Keywords(value)
    } else {
        Alternative::Map(vec![(item.key(words), value)])
    }
}

fn node(value: &Value, kind: Kind) -> Node {
    match value {
        Value::Text(text) if kind == Kind::Verbatim => Node::Text(text.unescaped()),
        Value::Text(text) => Node::Text(text.written()),
        Value::Node(node) => node.clone(),
        Value::Field(text) | Value::Regex(text, _) => Node::Text(text.clone()),
    }
}

//! Transformations that make several items of one: hashes by their algorithm, parts of a value by named groups.

use std::collections::BTreeMap;

use regex::Regex;

use super::params::Params;
use super::step::Successor;
use super::text::Text;
use super::tree::{Detection, Item, Kind, Value};
use crate::sigma::yaml::Node;

/// How one item becomes several.
#[derive(Debug)]
pub(super) enum Split {
    /// `Hashes: [MD5=…, SHA1=…]` to a field for each algorithm.
    Hashes {
        /// The algorithms that are known, in capitals.
        algorithms: Vec<String>,
        /// What stands before the algorithm's name.
        prefix: String,
        /// Whether the algorithm's name is left out of the field.
        drops_name: bool,
        /// The fields that hold hashes.
        fields: Vec<String>,
    },
    /// A text's named groups to fields.
    Groups {
        /// The expression.
        regex: Regex,
        /// What stands before a group's name, and a dot.
        prefix: Option<String>,
        /// Whether values that do not fit stay.
        keeps: bool,
    },
}

impl Split {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(kind: &str, params: Params<'_>, common: &[&str]) -> Result<Self, String> {
        if kind == "extract_fields" {
            params.only(&["regex", "field_prefix", "preserve_unmatched"], common)?;
            let regex = super::params::regex_from_start(&params.needed("regex")?)?;
            if regex.capture_names().flatten().next().is_none() {
                return Err("`regex` has no named group, such as `(?P<name>…)`".to_owned());
            }
            let keeps = params.flag("preserve_unmatched")?;
            return Ok(Self::Groups { regex, prefix: params.text("field_prefix")?, keeps });
        }
        params.only(&["valid_hash_algos", "field_prefix", "drop_algo_prefix", "field_to_parse"], common)?;
        let algorithms = params.texts("valid_hash_algos")?.ok_or("`valid_hash_algos` is missing")?;
        let fields = params.texts("field_to_parse")?.unwrap_or_else(|| vec!["Hashes".to_owned(), "Hash".to_owned()]);
        Ok(Self::Hashes {
            algorithms: algorithms.iter().map(|name| name.to_uppercase()).collect(),
            prefix: params.text("field_prefix")?.unwrap_or_default(),
            drops_name: params.flag("drop_algo_prefix")?,
            fields,
        })
    }

    /// The items that stand for one.
    ///
    /// # Errors
    /// A sentence, when no hash has a known algorithm.
    pub(super) fn apply(&self, item: &Item) -> Result<Successor, String> {
        let Some(texts) = texts(item) else { return Ok(Successor::Same) };
        match self {
            Self::Hashes { algorithms, prefix, drops_name, fields } => {
                if !item.field.as_ref().is_some_and(|field| fields.contains(field)) {
                    return Ok(Successor::Same);
                }
                let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
                for text in texts {
                    let (algorithm, hash) = hash_of(&text.unescaped());
                    let name = if *drops_name { prefix.clone() } else { format!("{prefix}{algorithm}") };
                    if algorithms.contains(&algorithm) && !name.is_empty() {
                        found.entry(name).or_default().push(Value::Text(Text::plain(&hash)));
                    }
                }
                if found.is_empty() {
                    return Err(format!("no value is a hash of {}", algorithms.join(", ")));
                }
                Ok(Successor::Detection(joined(
                    item,
                    found.into_iter().map(|(name, values)| fresh(item, name, values)),
                )))
            }
            Self::Groups { regex, prefix, keeps } => {
                let mut parts = Vec::new();
                for text in texts {
                    match groups(regex, prefix.as_deref(), &text.unescaped(), item) {
                        Some(found) => parts.push(found),
                        None if *keeps => {
                            parts.push(Detection::Item(item.clone().with(vec![Value::Text(text.clone())])))
                        }
                        None => {}
                    }
                }
                if parts.is_empty() {
                    return Ok(Successor::Same);
                }
                Ok(Successor::Detection(joined(item, parts.into_iter())))
            }
        }
    }
}

/// The texts of an item that has nothing but texts.
fn texts(item: &Item) -> Option<Vec<&Text>> {
    if item.kind != Kind::Plain {
        return None;
    }
    item.values.iter().map(|value| if let Value::Text(text) = value { Some(text) } else { None }).collect()
}

fn joined(item: &Item, parts: impl Iterator<Item = Detection>) -> Detection {
    let parts: Vec<Detection> = parts.collect();
    if item.has("all") != item.has("neq") { Detection::All(parts) } else { Detection::Any(parts) }
}

fn fresh(item: &Item, field: String, values: Vec<Value>) -> Detection {
    let words = item.words.iter().filter(|word| matches!(word.as_str(), "cased" | "neq" | "all")).cloned().collect();
    Detection::Item(Item { field: Some(field), words, raw: Node::List(Vec::new()), ..item.clone() }.with(values))
}

/// `MD5=…`, `MD5|…` or a bare hash, whose length tells the algorithm; wildcards at the ends do not count.
fn hash_of(text: &str) -> (String, String) {
    let separator = if text.contains('|') { '|' } else { '=' };
    let trimmed = |hash: &str| hash.trim_matches(['*', '?']).to_owned();
    match text.split_once(separator) {
        Some((algorithm, hash)) if !hash.contains(separator) => {
            (algorithm.trim_start_matches('*').to_uppercase(), trimmed(hash))
        }
        _ => {
            let hash = trimmed(text);
            let algorithm = match hash.len() {
                32 => "MD5",
                40 => "SHA1",
                64 => "SHA256",
                128 => "SHA512",
                _ => "",
            };
            (algorithm.to_owned(), hash)
        }
    }
}

fn groups(regex: &Regex, prefix: Option<&str>, text: &str, item: &Item) -> Option<Detection> {
    let found = regex.captures(text)?;
    let part = |name: &str| {
        let value = found.name(name).map(|group| group.as_str()).filter(|value| !value.is_empty())?;
        let field = prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix}.{name}"));
        let is_null = matches!(value.to_ascii_lowercase().as_str(), "null" | "none");
        let value = if is_null { Value::Node(Node::Null) } else { Value::Text(Text::plain(value)) };
        Some(fresh(item, field, vec![value]))
    };
    let parts: Vec<Detection> = regex.capture_names().flatten().filter_map(part).collect();
    if parts.is_empty() { None } else { Some(Detection::All(parts)) }
}

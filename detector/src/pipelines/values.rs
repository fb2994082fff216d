//! Transformations of values: replaced, mapped, in another case, as regular expressions, of another type.

use std::collections::HashMap;

use regex::Regex;

use super::names::snake_case;
use super::params::Params;
use super::replace::Replacement;
use super::step::Successor;
use super::text::{Part, Text};
use super::tree::{Item, Kind, Value, is_place};
use super::value_of;
use crate::sigma::yaml::Node;

/// How values are changed.
#[derive(Debug)]
pub(super) enum ValueChange {
    /// What fits an expression is replaced.
    Replace(Regex, Replacement),
    /// Whole texts to others.
    Map(HashMap<String, Vec<Text>>),
    /// Another case.
    Case(fn(&str) -> String),
    /// To a regular expression that ignores case, or does not.
    Regex(bool),
    /// One value for all.
    Set(Value),
    /// Text to numbers.
    ToNumber,
    /// Numbers to text.
    ToText,
}

impl ValueChange {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(kind: &str, params: Params<'_>, common: &[&str]) -> Result<Self, String> {
        match kind {
            "replace_string" => {
                params.only(&["regex", "replacement", "skip_special", "interpret_special"], common)?;
                let regex = params.regex("regex")?;
                let replacement = Replacement::read(params, &regex)?;
                Ok(Self::Replace(regex, replacement))
            }
            "map_string" => {
                params.only(&["mapping"], common)?;
                let read =
                    |(from, to): (String, Vec<String>)| (from, to.iter().map(|text| Text::parse(text)).collect());
                Ok(Self::Map(params.mapping("mapping")?.into_iter().map(read).collect()))
            }
            "case" => {
                params.only(&["method"], common)?;
                Ok(Self::Case(match params.word("method", &["lower", "upper", "snake_case"])? {
                    "upper" => |text| text.to_uppercase(),
                    "snake_case" => snake_case,
                    _ => |text| text.to_lowercase(),
                }))
            }
            "regex" => {
                params.only(&["method"], common)?;
                let methods = ["ignore_case_brackets", "ignore_case_flag", "plain"];
                Ok(Self::Regex(params.word("method", &methods)? != "plain"))
            }
            "set_value" => {
                params.only(&["value", "force_type"], common)?;
                set_value(params).map(Self::Set)
            }
            _ => {
                params.only(&["target_type"], common)?;
                match params.needed("target_type")?.as_str() {
                    "num" => Ok(Self::ToNumber),
                    "str" => Ok(Self::ToText),
                    other => Err(format!("`target_type` must be `str` or `num`, not `{other}`")),
                }
            }
        }
    }

    /// The changed values of an item.
    ///
    /// # Errors
    /// A sentence that rejects the rule.
    pub(super) fn apply(&self, item: &Item) -> Result<Successor, String> {
        if let Self::Set(value) = self {
            return Ok(Successor::Detection(super::tree::Detection::Item(plain(item).with(vec![value.clone()]))));
        }
        if item.kind != Kind::Plain {
            return Ok(Successor::Same);
        }
        let mut values = Vec::with_capacity(item.values.len());
        let mut touched = false;
        for value in &item.values {
            match self.one(value, item)? {
                Some(changed) => {
                    touched = true;
                    values.extend(changed);
                }
                None => values.push(value.clone()),
            }
        }
        Ok(match (touched, values.is_empty()) {
            (false, _) => Successor::Same,
            (true, true) => Successor::Dropped,
            (true, false) => Successor::Values(values),
        })
    }

    /// What becomes of one value; `None` when it is not concerned.
    fn one(&self, value: &Value, item: &Item) -> Result<Option<Vec<Value>>, String> {
        let texts = |texts: Vec<Text>| Some(texts.into_iter().map(Value::Text).collect());
        Ok(match (self, value) {
            (Self::Replace(regex, replacement), Value::Text(text)) => {
                texts(vec![replacement.apply(regex, text, item.has("expand"))?])
            }
            (Self::Replace(regex, replacement), Value::Node(node @ (Node::Int(_) | Node::Float(_)))) => {
                let text = Text::plain(&node.scalar().unwrap_or_default());
                let replaced = replacement.apply(regex, &text, false)?;
                if replaced == text { None } else { texts(vec![replaced]) }
            }
            (Self::Map(mapping), Value::Text(text)) => mapping.get(&text.unescaped()).cloned().and_then(texts),
            (Self::Case(change), Value::Text(text)) => texts(vec![text.map_plain(|text| Text::plain(&change(text)))]),
            (Self::Regex(ignores_case), Value::Text(text)) if !text.parts().is_empty() => {
                let pattern = pattern(text, item.field.is_none())?;
                Some(vec![Value::Regex(pattern, *ignores_case)])
            }
            (Self::ToNumber, Value::Text(text)) => Some(vec![Value::Node(number(&text.unescaped())?)]),
            (Self::ToText, Value::Node(node @ (Node::Int(_) | Node::Float(_)))) => {
                texts(vec![Text::plain(&node.scalar().unwrap_or_default())])
            }
            _ => None,
        })
    }
}

/// The item with modifiers that take any value.
fn plain(item: &Item) -> Item {
    let mut item = item.clone();
    item.words.retain(|word| matches!(word.as_str(), "all" | "cased" | "neq") && !is_place(word));
    item.kind = Kind::Plain;
    item
}

fn set_value(params: Params<'_>) -> Result<Value, String> {
    let node = params.node("value")?;
    if let Node::List(_) | Node::Map(_) = node {
        return Err(format!("`value` is {}, not a single value", node.kind()));
    }
    match params.text("force_type")?.as_deref() {
        None => Ok(value_of(node)),
        Some("str") => match node.scalar() {
            Some(text) => Ok(Value::Text(Text::parse(&text))),
            None => Err("`force_type` needs a value".to_owned()),
        },
        Some("num") => number(&node.scalar().unwrap_or_default()).map(Value::Node),
        Some(other) => Err(format!("`force_type` must be `str` or `num`, not `{other}`")),
    }
}

fn number(text: &str) -> Result<Node, String> {
    if let Ok(number) = text.trim().parse::<i64>() {
        return Ok(Node::Int(number));
    }
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Node::Float(number)),
        _ => Err(format!("`{text}` is no number")),
    }
}

/// An expression that fits what the text with its wildcards fits, no more.
fn pattern(text: &Text, anywhere: bool) -> Result<String, String> {
    let parts = text.parts();
    let open_start = anywhere || matches!(parts.first(), Some(Part::Many));
    let open_end = anywhere || matches!(parts.last(), Some(Part::Many));
    let mut out = String::from(if open_start { "(?s)" } else { "(?s)^" });
    for (index, part) in parts.iter().enumerate() {
        let at_end = index == 0 || index + 1 == parts.len();
        match part {
            Part::Plain(text) => out.push_str(&regex::escape(text)),
            Part::One => out.push('.'),
            Part::Many if at_end => {}
            Part::Many => out.push_str(".*"),
            Part::Placeholder(name) => {
                return Err(format!("placeholder `%{name}%` must have its values before `regex` runs"));
            }
        }
    }
    if !open_end {
        out.push('$');
    }
    Ok(out)
}

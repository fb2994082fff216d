//! Transformations of a rule as a whole.

use super::params::Params;
use super::rule::{Body, Rule};
use super::rule_condition::logsource_parts;
use super::run::Run;
use super::step::Step;
use super::tree::Detection;
use crate::sigma::yaml::Node;

/// Keys of the specification, which `set_custom_attribute` may not overwrite.
const OWN_KEYS: [&str; 12] = [
    "title",
    "id",
    "name",
    "taxonomy",
    "status",
    "level",
    "logsource",
    "detection",
    "correlation",
    "filter",
    "fields",
    "tags",
];

/// What is done to a rule.
#[derive(Debug)]
pub(super) enum Whole {
    /// A search identifier more, asked beside every condition.
    AddCondition(Added),
    /// Another log source.
    LogSource(Vec<(&'static str, String)>),
    /// More fields in the rule's own list.
    AddFields(Vec<String>),
    /// Fewer.
    RemoveFields(Vec<String>),
    /// Others.
    SetFields(Vec<String>),
    /// A state that later conditions ask for.
    SetState(String, Node),
    /// An attribute of our own.
    SetAttribute(String, Node),
    /// The rule cannot be used, with this reason.
    Fail(String),
    /// The rule cannot be used unless every field was mapped.
    Strict,
}

/// The parameters of `add_condition`.
#[derive(Debug)]
pub(super) struct Added {
    conditions: Vec<(String, Node)>,
    name: String,
    template: bool,
    negated: bool,
}

impl Whole {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(kind: &str, params: Params<'_>, common: &[&str]) -> Result<Self, String> {
        let only = |own: &[&str]| params.only(own, common);
        let list = |name: &str| params.texts(name)?.ok_or_else(|| format!("`{name}` is missing"));
        match kind {
            "add_condition" => {
                only(&["conditions", "name", "template", "negated"])?;
                added(params).map(Self::AddCondition)
            }
            "change_logsource" => {
                only(&["category", "product", "service"])?;
                logsource_parts(params).map(Self::LogSource)
            }
            "add_field" => only(&["field"]).and_then(|()| list("field")).map(Self::AddFields),
            "remove_field" => only(&["field"]).and_then(|()| list("field")).map(Self::RemoveFields),
            "set_field" => only(&["fields"]).and_then(|()| list("fields")).map(Self::SetFields),
            "set_state" => {
                only(&["key", "val"])?;
                Ok(Self::SetState(params.needed("key")?, params.node("val")?.clone()))
            }
            "set_custom_attribute" => {
                only(&["attribute", "value"])?;
                let name = params.needed("attribute")?;
                if OWN_KEYS.contains(&name.as_str()) {
                    return Err(format!("`{name}` is a key of Sigma's own, not a custom attribute"));
                }
                Ok(Self::SetAttribute(name, params.node("value")?.clone()))
            }
            "rule_failure" => only(&["message"]).and_then(|()| params.needed("message")).map(Self::Fail),
            _ => only(&[]).map(|()| Self::Strict),
        }
    }

    /// Runs over a rule.
    ///
    /// # Errors
    /// A sentence that rejects the rule.
    pub(super) fn apply(&self, step: &Step, rule: &mut Rule, run: &mut Run<'_>) -> Result<(), String> {
        match self {
            Self::AddCondition(added) => added.apply(step, rule, run),
            Self::LogSource(parts) => {
                if matches!(rule.body, Body::Detection(_)) {
                    let parts = parts.iter().map(|(name, text)| ((*name).to_owned(), Node::Text(text.clone())));
                    rule.set("logsource", Node::Map(parts.collect()));
                }
                Ok(())
            }
            Self::AddFields(more) => {
                let mut fields = rule.fields();
                fields.extend(more.iter().cloned());
                rule.set_fields(fields)
            }
            Self::RemoveFields(fewer) => {
                let fields = rule.fields();
                let kept: Vec<String> = fields.iter().filter(|field| !fewer.contains(field)).cloned().collect();
                if kept.len() == fields.len() { Ok(()) } else { rule.set_fields(kept) }
            }
            Self::SetFields(fields) => rule.set_fields(fields.clone()),
            Self::SetState(key, value) => {
                run.state.insert(key.clone(), value.clone());
                Ok(())
            }
            Self::SetAttribute(name, value) => {
                rule.set(name, value.clone());
                Ok(())
            }
            Self::Fail(message) => Err(message.clone()),
            Self::Strict => strict(rule, run),
        }
    }
}

fn added(params: Params<'_>) -> Result<Added, String> {
    let conditions = match params.node("conditions")? {
        Node::Map(entries) if !entries.is_empty() => entries.clone(),
        other => return Err(format!("`conditions` is {}, not a map of fields to values", other.kind())),
    };
    let name = params.text("name")?.unwrap_or_default();
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(format!("`name` must be letters, digits, `_` and `-`, not `{name}`"));
    }
    Ok(Added { conditions, name, template: params.flag("template")?, negated: params.flag("negated")? })
}

impl Added {
    fn apply(&self, step: &Step, rule: &mut Rule, run: &mut Run<'_>) -> Result<(), String> {
        let conditions = match self.template {
            true => {
                let filled = self.conditions.iter().map(|(key, value)| Ok((key.clone(), filled(value, rule)?)));
                filled.collect::<Result<Vec<_>, String>>()?
            }
            false => self.conditions.clone(),
        };
        let mut detection = Detection::read(&Node::Map(conditions));
        let mut cost = 0;
        detection.each(&mut |item| cost += item.cost());
        run.spend(cost)?;
        detection.mark(&step.id);
        let Body::Detection(detections) = &mut rule.body else { return Ok(()) };
        // `them` leaves out what begins with an underscore, so that the rule's own patterns keep their meaning.
        let name = match self.name.as_str() {
            "" => free_name(&detections.selections),
            own if own.starts_with('_') => own.to_owned(),
            own => format!("_{own}"),
        };
        detections.add(&name, detection, self.negated)
    }
}

fn free_name(selections: &[(String, Option<Detection>)]) -> String {
    let taken = |name: &String| selections.iter().any(|(own, _)| own == name);
    let mut names = (1..=selections.len() + 1).map(|number| format!("_cond_{number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// A value with `$category`, `$product` and `$service` filled in; `$$` is a dollar.
fn filled(value: &Node, rule: &Rule) -> Result<Node, String> {
    match value {
        Node::List(items) => Ok(Node::List(items.iter().map(|item| filled(item, rule)).collect::<Result<_, _>>()?)),
        Node::Text(text) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once('$') {
                out.push_str(before);
                rest = after;
                if let Some(after) = rest.strip_prefix('$') {
                    out.push('$');
                    rest = after;
                    continue;
                }
                let named = ["category", "product", "service"].iter().find_map(|name| {
                    let braced = rest.strip_prefix('{').and_then(|rest| rest.strip_prefix(name)?.strip_prefix('}'));
                    let bare = || rest.strip_prefix(name).filter(|rest| !rest.starts_with(is_word));
                    braced.or_else(bare).map(|rest| (*name, rest))
                });
                match named {
                    Some((name, after)) => {
                        let part = rule.get("logsource").and_then(|node| node.get(name)).and_then(Node::scalar);
                        out.push_str(
                            &part.ok_or_else(|| format!("the rule's log source names no {name} for `${name}`"))?,
                        );
                        rest = after;
                    }
                    None => out.push('$'),
                }
            }
            out.push_str(rest);
            Ok(Node::Text(out))
        }
        other => Ok(other.clone()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn strict(rule: &Rule, run: &Run<'_>) -> Result<(), String> {
    let mut unmapped: Vec<&str> = Vec::new();
    rule.each_item(&mut |item| {
        if let Some(field) = item.field.as_deref()
            && !run.known.contains(field)
            && !unmapped.contains(&field)
        {
            unmapped.push(field);
        }
    });
    if unmapped.is_empty() { Ok(()) } else { Err(format!("fields without a mapping: `{}`", unmapped.join("`, `"))) }
}

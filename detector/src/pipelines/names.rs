//! Transformations of field names: in detections, references, the rule's list of fields, and correlations.

use std::collections::HashMap;

use super::params::Params;
use super::rule::{Body, Rule, bounded};
use super::run::Run;
use super::step::Step;
use super::tree::{Detection, Item, Value};
use crate::sigma::yaml::Node;

/// Most names that one field is mapped to.
const TARGETS_MAX: usize = 256;

/// How field names are changed.
#[derive(Debug)]
pub(super) enum Names {
    /// Whole names to one name or several.
    Map(HashMap<String, Vec<String>>),
    /// Prefixes to one prefix or several, the first that fits.
    Prefixes(Vec<(String, Vec<String>)>),
    /// A text before each name.
    Prefix(String),
    /// A text behind each name.
    Suffix(String),
    /// A function of each name that `Map` does not name.
    Function(HashMap<String, Vec<String>>, fn(&str) -> String),
}

impl Names {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(kind: &str, params: Params<'_>, common: &[&str]) -> Result<Self, String> {
        let mapping = || -> Result<Vec<(String, Vec<String>)>, String> {
            let mapping = params.mapping("mapping")?;
            match mapping.iter().find(|(_, names)| names.len() > TARGETS_MAX) {
                Some((name, _)) => Err(format!("`{name}` is mapped to more than {TARGETS_MAX} names")),
                None => Ok(mapping),
            }
        };
        match kind {
            "field_name_mapping" => {
                params.only(&["mapping"], common)?;
                Ok(Self::Map(mapping()?.into_iter().collect()))
            }
            "field_name_prefix_mapping" => {
                params.only(&["mapping"], common)?;
                mapping().map(Self::Prefixes)
            }
            "field_name_prefix" => {
                params.only(&["prefix"], common)?;
                params.needed("prefix").map(Self::Prefix)
            }
            "field_name_suffix" => {
                params.only(&["suffix"], common)?;
                params.needed("suffix").map(Self::Suffix)
            }
            _ => {
                params.only(&["transform_func", "mapping"], common)?;
                let explicit = if params.get("mapping").is_some() { mapping()? } else { Vec::new() };
                params.needed("transform_func")?;
                let function: fn(&str) -> String =
                    match params.word("transform_func", &["lower", "upper", "snake_case"])? {
                        "upper" => |name| name.to_uppercase(),
                        "snake_case" => snake_case,
                        _ => |name| name.to_lowercase(),
                    };
                Ok(Self::Function(explicit.into_iter().collect(), function))
            }
        }
    }

    /// The names that stand for a field; `None` when it keeps its own.
    fn of(&self, field: &str) -> Option<Vec<String>> {
        match self {
            Self::Map(mapping) => mapping.get(field).cloned(),
            Self::Prefixes(mapping) => mapping.iter().find_map(|(prefix, targets)| {
                let rest = field.strip_prefix(prefix.as_str())?;
                Some(targets.iter().map(|target| format!("{target}{rest}")).collect())
            }),
            Self::Prefix(prefix) => Some(vec![format!("{prefix}{field}")]),
            Self::Suffix(suffix) => Some(vec![format!("{field}{suffix}")]),
            Self::Function(mapping, function) => {
                Some(mapping.get(field).cloned().unwrap_or_else(|| vec![function(field)]))
            }
        }
    }

    /// Runs over a rule.
    ///
    /// # Errors
    /// A sentence, when the rule grows too much or a correlation cannot take several names.
    pub(super) fn apply(&self, step: &Step, rule: &mut Rule, run: &mut Run<'_>) -> Result<(), String> {
        let fields = rule.fields();
        if !fields.is_empty() {
            let mapped = self.each(&fields, step, run)?;
            if mapped != fields {
                rule.set_fields(mapped)?;
            }
        }
        if let Body::Correlation(Node::Map(parts)) = &mut rule.body {
            return self.correlation(parts, step, run);
        }
        rule.change_items(&mut |item| self.item(item, step, run))
    }

    fn one(&self, field: &str, step: &Step, run: &mut Run<'_>) -> Result<Vec<String>, String> {
        let Some(names) = self.of(field).filter(|_| step.takes_field(field, None, run)) else {
            return Ok(vec![field.to_owned()]);
        };
        run.note_mapping(field, &names, &step.id)?;
        run.spend(names.iter().map(|name| name.len() + 32).sum())?;
        Ok(names)
    }

    fn each(&self, fields: &[String], step: &Step, run: &mut Run<'_>) -> Result<Vec<String>, String> {
        let mut mapped = Vec::with_capacity(fields.len());
        for field in fields {
            mapped.extend(self.one(field, step, run)?);
        }
        Ok(mapped)
    }

    fn item(&self, mut item: Item, step: &Step, run: &mut Run<'_>) -> Result<Option<Detection>, String> {
        if !step.takes_item(&item, run) {
            return Ok(Some(Detection::Item(item)));
        }
        let mut values = Vec::with_capacity(item.values.len());
        for value in &item.values {
            match value {
                Value::Field(name) => values.extend(self.one(name, step, run)?.into_iter().map(Value::Field)),
                other => values.push(other.clone()),
            }
        }
        if values.is_empty() {
            return Ok(None);
        }
        if values != item.values {
            item = item.with(values);
            item.applied.insert(step.id.clone());
        }
        let Some(field) = item.field.clone() else { return Ok(Some(Detection::Item(item))) };
        let Some(mut names) = self.of(&field).filter(|_| step.takes_field(&field, Some(&item), run)) else {
            return Ok(Some(Detection::Item(item)));
        };
        run.note_mapping(&field, &names, &step.id)?;
        run.spend(item.cost().saturating_mul(names.len()))?;
        item.applied.insert(step.id.clone());
        match names.len() {
            0 => Ok(None),
            1 => {
                item.field = names.pop();
                Ok(Some(Detection::Item(item)))
            }
            _ => {
                let copy = |name| Detection::Item(Item { field: Some(name), ..item.clone() });
                Ok(Some(Detection::Any(names.into_iter().map(copy).collect())))
            }
        }
    }

    /// Maps the names in a correlation: aliases first, whose own names are not fields.
    fn correlation(&self, parts: &mut [(String, Node)], step: &Step, run: &mut Run<'_>) -> Result<(), String> {
        let mut aliases: Vec<String> = Vec::new();
        if let Some((_, Node::Map(known))) = parts.iter_mut().find(|(name, _)| name == "aliases") {
            aliases.extend(known.iter().map(|(alias, _)| alias.clone()));
            for (alias, rules) in known {
                if let Node::Map(rules) = rules {
                    for (_, field) in rules {
                        self.single(field, &format!("alias `{alias}`"), step, run)?;
                    }
                }
            }
        }
        if let Some((_, group)) = parts.iter_mut().find(|(name, _)| matches!(name.as_str(), "group-by" | "group_by")) {
            let mut mapped = Vec::new();
            for field in group.texts() {
                match aliases.contains(&field) {
                    true => mapped.push(field),
                    false => mapped.extend(self.one(&field, step, run)?),
                }
            }
            if mapped != group.texts() {
                bounded(&mapped, "group-by")?;
                *group = Node::List(mapped.into_iter().map(Node::Text).collect());
            }
        }
        if let Some((_, Node::Map(condition))) = parts.iter_mut().find(|(name, _)| name == "condition")
            && let Some((_, field)) = condition.iter_mut().find(|(name, _)| name == "field")
        {
            match field {
                Node::List(fields) => {
                    for field in fields {
                        self.single(field, "`condition.field`", step, run)?;
                    }
                }
                field => self.single(field, "`condition.field`", step, run)?,
            }
        }
        Ok(())
    }

    fn single(&self, field: &mut Node, place: &str, step: &Step, run: &mut Run<'_>) -> Result<(), String> {
        let Node::Text(name) = field else { return Ok(()) };
        let mut mapped = self.one(name, step, run)?;
        match mapped.pop() {
            Some(only) if mapped.is_empty() => *name = only,
            _ => return Err(format!("{place} can have one field, and `{name}` is mapped to another number of names")),
        }
        Ok(())
    }
}

/// `ProcessName` → `process_name`.
pub(super) fn snake_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (index, c) in text.chars().enumerate() {
        if index > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

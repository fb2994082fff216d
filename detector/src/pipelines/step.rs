//! One transformation of a pipeline: what it does, and to which rules, items and fields.

use super::item_condition::{FieldCondition, ItemCondition};
use super::logic::{Keys, Logic};
use super::names::Names;
use super::params::Params;
use super::placeholders::Placeholders;
use super::rule::Rule;
use super::rule_condition::RuleCondition;
use super::run::Run;
use super::split::Split;
use super::tree::{Detection, Item, Value};
use super::values::ValueChange;
use super::whole::Whole;
use crate::sigma::yaml::Node;

/// Deepest `nest` in `nest`.
const DEPTH_MAX: usize = 8;
/// Most transformations in one list.
const STEPS_MAX: usize = 2_000;

/// Every type that pySigma names.
const KINDS: [&str; 31] = [
    "field_name_mapping",
    "field_name_prefix_mapping",
    "field_name_transform",
    "field_name_suffix",
    "field_name_prefix",
    "drop_detection_item",
    "hashes_fields",
    "extract_fields",
    "wildcard_placeholders",
    "value_placeholders",
    "query_expression_placeholders",
    "file_placeholders",
    "http_placeholders",
    "command_placeholders",
    "add_condition",
    "change_logsource",
    "add_field",
    "remove_field",
    "set_field",
    "replace_string",
    "map_string",
    "set_state",
    "regex",
    "set_value",
    "convert_type",
    "rule_failure",
    "detection_item_failure",
    "strict_field_mapping_failure",
    "set_custom_attribute",
    "nest",
    "case",
];

/// Parameters that every transformation takes.
const COMMON: [&str; 14] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "rule_cond_expr",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "detection_item_cond_expr",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
    "field_name_cond_expr",
];

const RULE_KEYS: Keys =
    Keys { conditions: "rule_conditions", op: "rule_cond_op", not: "rule_cond_not", expr: "rule_cond_expr" };
const ITEM_KEYS: Keys = Keys {
    conditions: "detection_item_conditions",
    op: "detection_item_cond_op",
    not: "detection_item_cond_not",
    expr: "detection_item_cond_expr",
};
const FIELD_KEYS: Keys = Keys {
    conditions: "field_name_conditions",
    op: "field_name_cond_op",
    not: "field_name_cond_not",
    expr: "field_name_cond_expr",
};

/// One transformation.
#[derive(Debug)]
pub(super) struct Step {
    /// Its id: its own, or the pipeline's name and its number.
    pub(super) id: String,
    action: Action,
    rules: Logic<RuleCondition>,
    items: Logic<ItemCondition>,
    fields: Logic<FieldCondition>,
}

#[derive(Debug)]
enum Action {
    Names(Names),
    Drop,
    Split(Split),
    Values(ValueChange),
    Placeholders(Placeholders),
    Whole(Whole),
    ItemFailure(String),
    Nest(Vec<Step>),
}

impl Step {
    /// Runs over a rule.
    ///
    /// # Errors
    /// A sentence that rejects the rule.
    pub(super) fn apply(&self, rule: &mut Rule, run: &mut Run<'_>) -> Result<(), String> {
        if !self.rules.holds(|condition| condition.holds(rule, run)) {
            return Ok(());
        }
        match &self.action {
            Action::Names(names) => names.apply(self, rule, run)?,
            Action::Whole(whole) => whole.apply(self, rule, run)?,
            Action::Nest(steps) => steps.iter().try_for_each(|step| {
                step.apply(rule, run).map_err(|reason| format!("nested transformation `{}`: {reason}", step.id))
            })?,
            Action::Drop => self.change(rule, run, &|_, _| Ok(Successor::Dropped))?,
            Action::ItemFailure(message) => self.change(rule, run, &|_, _| Err(message.clone()))?,
            Action::Split(split) => self.change(rule, run, &|item, _| split.apply(item))?,
            Action::Values(change) => self.change(rule, run, &|item, _| change.apply(item))?,
            Action::Placeholders(found) => self.change(rule, run, &|item, run| found.apply(item, run))?,
        }
        run.note_applied(&self.id);
        Ok(())
    }

    /// Whether it is for a field name; `item` is where it stands, when it stands in a detection.
    pub(super) fn takes_field(&self, field: &str, item: Option<&Item>, run: &Run<'_>) -> bool {
        self.fields.holds(|condition| condition.holds(Some(field), item, run))
    }

    /// Whether it is for an item of a detection.
    pub(super) fn takes_item(&self, item: &Item, run: &Run<'_>) -> bool {
        let names_field = |condition: &FieldCondition| {
            let refers = |value: &Value| match value {
                Value::Field(name) => condition.holds(Some(name), Some(item), run),
                _ => false,
            };
            condition.holds(item.field.as_deref(), Some(item), run) || item.values.iter().any(refers)
        };
        self.items.holds(|condition| condition.holds(item, run)) && self.fields.holds(names_field)
    }

    fn change(&self, rule: &mut Rule, run: &mut Run<'_>, change: ItemChange<'_>) -> Result<(), String> {
        rule.change_items(&mut |item| {
            if !self.takes_item(&item, run) {
                return Ok(Some(Detection::Item(item)));
            }
            let told = |reason| match &item.field {
                Some(field) => format!("`{field}`: {reason}"),
                None => reason,
            };
            match change(&item, run).map_err(told)? {
                Successor::Same => Ok(Some(Detection::Item(item))),
                Successor::Dropped => Ok(None),
                Successor::Values(values) => {
                    let mut item = if values == item.values { item } else { item.with(values) };
                    item.applied.insert(self.id.clone());
                    run.spend(item.cost())?;
                    Ok(Some(Detection::Item(item)))
                }
                Successor::Detection(mut detection) => {
                    detection.mark(&self.id);
                    let mut cost = 0;
                    detection.each(&mut |item| cost += item.cost());
                    run.spend(cost)?;
                    Ok(Some(detection))
                }
            }
        })
    }
}

/// What becomes of an item.
pub(super) enum Successor {
    /// Nothing is changed.
    Same,
    /// It goes.
    Dropped,
    /// It gets these values.
    Values(Vec<Value>),
    /// This stands in its place.
    Detection(Detection),
}

type ItemChange<'c> = &'c dyn Fn(&Item, &Run<'_>) -> Result<Successor, String>;

/// Reads a list of transformations; `name` begins the ids of those that have none.
///
/// # Errors
/// The number of each faulty one, from 1, and what is wrong with it.
pub(super) fn read_all(items: &[Node], name: &str, depth: usize) -> Result<Vec<Step>, Vec<(usize, String)>> {
    if items.len() > STEPS_MAX {
        return Err(vec![(STEPS_MAX, format!("is one of more than {STEPS_MAX}; use several pipelines"))]);
    }
    let mut steps = Vec::with_capacity(items.len());
    let mut faults = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match read(item, &format!("{name}#{}", index + 1), depth) {
            Ok(step) => steps.push(step),
            Err(reason) => faults.push((index + 1, reason)),
        }
    }
    if faults.is_empty() { Ok(steps) } else { Err(faults) }
}

fn read(node: &Node, id: &str, depth: usize) -> Result<Step, String> {
    let params = Params::of(node)?;
    let kind = params.kind("transformation type", &KINDS)?;
    let id = params.text("id")?.filter(|own| !own.is_empty()).unwrap_or_else(|| id.to_owned());
    let action = match kind {
        "field_name_mapping"
        | "field_name_prefix_mapping"
        | "field_name_transform"
        | "field_name_suffix"
        | "field_name_prefix" => Action::Names(Names::read(kind, params, &COMMON)?),
        "drop_detection_item" => params.only(&[], &COMMON).map(|()| Action::Drop)?,
        "hashes_fields" | "extract_fields" => Action::Split(Split::read(kind, params, &COMMON)?),
        "replace_string" | "map_string" | "case" | "regex" | "set_value" | "convert_type" => {
            Action::Values(ValueChange::read(kind, params, &COMMON)?)
        }
        "wildcard_placeholders" | "value_placeholders" => {
            Action::Placeholders(Placeholders::read(kind, params, &COMMON)?)
        }
        "query_expression_placeholders" => {
            return Err("makes text of a query language, and rules are not turned into queries here; use \
                        `value_placeholders` with `vars`"
                .to_owned());
        }
        "file_placeholders" | "http_placeholders" | "command_placeholders" => {
            return Err(format!("`{kind}` reads values from outside while rules load; write them under `vars`"));
        }
        "detection_item_failure" => {
            params.only(&["message"], &COMMON)?;
            Action::ItemFailure(params.needed("message")?)
        }
        "nest" => Action::Nest(nested(params, &id, depth)?),
        whole => Action::Whole(Whole::read(whole, params, &COMMON)?),
    };
    let rules = Logic::read(params, RULE_KEYS, RuleCondition::read)?;
    let items = Logic::read(params, ITEM_KEYS, ItemCondition::read)?;
    let fields = Logic::read(params, FIELD_KEYS, FieldCondition::read)?;
    Ok(Step { id, action, rules, items, fields })
}

fn nested(params: Params<'_>, id: &str, depth: usize) -> Result<Vec<Step>, String> {
    params.only(&["items"], &COMMON)?;
    if depth >= DEPTH_MAX {
        return Err(format!("nests deeper than {DEPTH_MAX}"));
    }
    let Node::List(items) = params.node("items")? else { return Err("`items` is not a list".to_owned()) };
    read_all(items, id, depth + 1).map_err(|faults| {
        let told = faults.into_iter().map(|(number, reason)| format!("item {number}: {reason}"));
        told.collect::<Vec<_>>().join("; ")
    })
}

//! Sigma processing pipelines in pySigma's YAML form, applied to a rule's tree before it is compiled.
//!
//! The files in the order of the walk: `load` reads files, `step` a transformation with its conditions (`logic`,
//! `rule_condition`, `item_condition`, `compare`, `params`); `rule` takes a rule apart into a `tree` of items with
//! `text`s, which `names`, `values` (`replace`), `placeholders`, `split` and `whole` change within the bounds of a
//! `run`; `write` makes YAML of it again. `filter` adds Sigma's filter documents.

mod compare;
mod filter;
mod item_condition;
mod load;
mod logic;
mod names;
mod params;
mod placeholders;
mod replace;
mod rule;
mod rule_condition;
mod run;
mod split;
mod step;
mod text;
mod tree;
mod values;
mod whole;
mod write;

pub(crate) use filter::Filter;
pub use load::Fault;

use load::Pipeline;
use placeholders::Placeholders;
use rule::Rule;
use run::{Run, Vars};
use step::Successor;
use text::Text;
use tree::{Detection, Value};

use crate::sigma::RuleSource;
use crate::sigma::yaml::Node;

/// Pipelines in the order in which they run, and the values of placeholders.
#[derive(Debug, Default)]
pub struct Pipelines {
    pipelines: Vec<Pipeline>,
    vars: Vars,
}

/// A rule after all pipelines.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The rule.
    pub(crate) rule: Node,
    /// Placeholders under `|expand` that nothing gave values, each once, sorted; the rule must be refused for any.
    pub(crate) placeholders_left: Vec<String>,
    /// The ids of the transformations that were applied, in order.
    #[cfg(test)]
    pub(crate) applied_item_ids: Vec<String>,
}

impl Applied {
    /// The rule, when it can be compiled.
    ///
    /// # Errors
    /// A sentence that names the first placeholder without values.
    pub(crate) fn complete(self) -> Result<Node, String> {
        match self.placeholders_left.first() {
            None => Ok(self.rule),
            Some(name) => Err(format!("placeholder `%{name}%` has no values; list them under `vars` in a pipeline")),
        }
    }
}

impl Pipelines {
    /// Loads pipelines from files, folders and texts; a faulty file is refused alone.
    ///
    /// They run by `priority`, lowest first, then by name. `vars` are merged; the last pipeline that names one wins.
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<Fault>) {
        let (pipelines, faults) = load::load(sources);
        let vars = pipelines.iter().flat_map(|pipeline| pipeline.vars.clone()).collect();
        (Self { pipelines, vars }, faults)
    }

    /// The names of the pipelines in the order in which they run.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pipelines.iter().map(|pipeline| pipeline.name.as_str())
    }

    /// Runs every pipeline over a rule, a correlation too.
    ///
    /// # Errors
    /// A sentence that rejects the rule.
    pub(crate) fn apply(&self, rule: Node) -> Result<Applied, String> {
        self.apply_with(rule, &[])
    }

    /// Runs every pipeline over a correlation; `referenced` are the rules that it names, whose log sources count for it.
    ///
    /// # Errors
    /// A sentence that rejects the rule.
    pub(crate) fn apply_with(&self, rule: Node, referenced: &[&Node]) -> Result<Applied, String> {
        let mut rule = Rule::read(rule)?;
        let mut run = Run::new(&self.vars, referenced);
        for pipeline in &self.pipelines {
            for step in &pipeline.steps {
                step.apply(&mut rule, &mut run).map_err(|reason| {
                    format!("pipeline `{}`, transformation `{}`: {reason}", pipeline.name, step.id)
                })?;
            }
        }
        // A name with values is meant wherever it is left, also when no pipeline says `value_placeholders`.
        let last = Placeholders::from_vars();
        rule.change_items(&mut |item| match last.apply(&item, &run)? {
            Successor::Values(values) => {
                let item = item.with(values);
                run.spend(item.cost())?;
                Ok(Some(Detection::Item(item)))
            }
            _ => Ok(Some(Detection::Item(item))),
        })?;
        let placeholders_left = names_left(&rule);
        Ok(Applied {
            rule: rule.write()?,
            placeholders_left,
            #[cfg(test)]
            applied_item_ids: run.applied,
        })
    }
}

fn names_left(rule: &Rule) -> Vec<String> {
    let mut names = Vec::new();
    rule.each_item(&mut |item| names.extend(item.placeholders().map(str::to_owned)));
    names.sort();
    names.dedup();
    names
}

/// A single value as a pipeline writes it.
fn value_of(node: &Node) -> Value {
    match node {
        Node::Text(text) => Value::Text(Text::parse(text)),
        other => Value::Node(other.clone()),
    }
}

#[cfg(test)]
mod tests;

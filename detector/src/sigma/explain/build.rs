//! Asks every node of a rule.

use bumpalo::Bump;
use event::{Event, Value};

use super::super::condition::Condition;
use super::super::detection::Detection;
use super::super::logsource::{self, Source};
use super::super::names::{NameId, Names};
use super::super::rule::Rule;
use super::super::set::RuleSet;
use super::super::value::Item;
use super::super::view::{Entry, Places, View};
use super::reason::reason_of;
use super::{
    ConditionNode, Decisive, DetectionNode, Explanation, FOUND_CHARS_MAX, FOUND_MAX, ItemNode, MissingPart, NodeKind,
    SelectionNode, SourceFit, WantedValue,
};

/// Explains what `rule`, which must be one of `set`, makes of `event`. Every node is asked, also those that the
/// evaluation would pass over and those of a rule whose log source does not fit.
pub fn explain(set: &RuleSet, rule: &Rule, event: &Event) -> Explanation {
    let (bump, mut places) = (Bump::new(), Places::default());
    let asking = Asking { names: set.names(), event, view: View::new(event, set.names(), &mut places, &bump) };
    let asked = numbers_in(rule.condition());
    let selections: Vec<SelectionNode> = rule
        .selections()
        .iter()
        .enumerate()
        .map(|(number, (name, detection))| {
            let detection = asking.detection(detection);
            SelectionNode { name: name.clone(), holds: detection.holds(), asked: asked.contains(&number), detection }
        })
        .collect();
    let condition = condition_node(rule.condition(), &selections);
    let logsource = source_fit(rule, event);
    let mut because = Vec::new();
    decisive(&condition, &mut because);
    Explanation {
        rule: rule.id().clone(),
        title: rule.reference.title.clone(),
        level: rule.reference.level,
        path: rule.path.clone(),
        line: rule.line,
        matches: logsource.fits && condition.holds,
        logsource,
        because,
        condition,
        selections,
    }
}

struct Asking<'a> {
    names: &'a Names,
    event: &'a Event,
    view: View<'a>,
}

impl Asking<'_> {
    fn detection(&self, detection: &Detection) -> DetectionNode {
        let below = |parts: &[Detection]| parts.iter().map(|part| self.detection(part)).collect::<Vec<_>>();
        match detection {
            Detection::All(parts) => {
                let parts = below(parts);
                DetectionNode::All { holds: parts.iter().all(DetectionNode::holds), parts }
            }
            Detection::Any(parts) => {
                let parts = below(parts);
                DetectionNode::Any { holds: parts.iter().any(DetectionNode::holds), parts }
            }
            Detection::Item(item) => DetectionNode::Item(Box::new(self.item(item))),
        }
    }

    fn item(&self, item: &Item) -> ItemNode {
        let label = item.label();
        let values = label.values().enumerate().map(|(number, value)| WantedValue {
            value: value.to_owned(),
            holds: item.value_holds(number, &self.view),
        });
        let ids = item.names().unwrap_or_default();
        let entries: Vec<&Entry<'_>> = self.view.values(ids).collect();
        let mut node = ItemNode {
            field: item.names().map(|_| label.field().to_owned()),
            modifiers: label.modifiers().map(str::to_owned).collect(),
            holds: item.matches(&self.view),
            all: item.is_all(),
            event_field: self.present(ids),
            found: entries.iter().take(FOUND_MAX).map(|entry| shown(entry)).collect(),
            found_total: entries.len(),
            values: values.collect(),
            reason: None,
        };
        if !node.holds {
            let names: Vec<String> = ids.iter().filter_map(|id| self.names.name(*id)).map(str::to_owned).collect();
            let similar = self.similar(&names);
            node.reason = Some(reason_of(item, &node, &self.view, names, similar));
        }
        node
    }

    /// The first of the names that the event has.
    fn present(&self, ids: &[NameId]) -> Option<String> {
        let id = ids.iter().find(|id| self.view.values(&[**id]).next().is_some())?;
        self.names.name(*id).map(str::to_owned)
    }

    /// A field of the event whose name is one of `names` but for its case.
    fn similar(&self, names: &[String]) -> Option<String> {
        let is_near = |field: &&str| names.iter().any(|name| name != field && name.eq_ignore_ascii_case(field));
        self.event.iter().map(|(field, _)| field).find(is_near).map(str::to_owned)
    }
}

fn shown(entry: &Entry<'_>) -> String {
    if entry.value() == Value::Null {
        return "null".to_owned();
    }
    let mut text: String = entry.text().chars().take(FOUND_CHARS_MAX).collect();
    if text.len() < entry.text().len() {
        text.push('…');
    }
    text
}

fn numbers_in(condition: &Condition) -> Vec<usize> {
    match condition {
        Condition::Selection(number) => vec![*number],
        Condition::Not(inner) => numbers_in(inner),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(numbers_in).collect(),
    }
}

fn condition_node(condition: &Condition, selections: &[SelectionNode]) -> ConditionNode {
    let below = |parts: &[Condition]| parts.iter().map(|part| condition_node(part, selections)).collect::<Vec<_>>();
    let node = |kind, holds, parts| ConditionNode { kind, holds, selection: None, parts };
    match condition {
        Condition::Selection(number) => {
            let selection = selections.get(*number);
            ConditionNode {
                kind: NodeKind::Selection,
                holds: selection.is_some_and(|selection| selection.holds),
                selection: selection.map(|selection| selection.name.clone()),
                parts: Vec::new(),
            }
        }
        Condition::Not(inner) => {
            let inner = condition_node(inner, selections);
            node(NodeKind::Not, !inner.holds, vec![inner])
        }
        Condition::All(parts) => {
            let parts = below(parts);
            node(NodeKind::All, parts.iter().all(|part| part.holds), parts)
        }
        Condition::Any(parts) => {
            let parts = below(parts);
            node(NodeKind::Any, parts.iter().any(|part| part.holds), parts)
        }
    }
}

/// The search identifiers on which the truth of `node` rests.
fn decisive(node: &ConditionNode, found: &mut Vec<Decisive>) {
    if let Some(name) = &node.selection {
        let one = Decisive { selection: name.clone(), holds: node.holds };
        if !found.contains(&one) {
            found.push(one);
        }
        return;
    }
    let counts = |part: &&ConditionNode| node.kind == NodeKind::Not || part.holds == node.holds;
    node.parts.iter().filter(counts).for_each(|part| decisive(part, found));
}

fn source_fit(rule: &Rule, event: &Event) -> SourceFit {
    let bump = Bump::new();
    let sources = logsource::sources(event, &bump);
    let missing = sources.iter().map(|source| missing_parts(rule, source)).min_by_key(Vec::len);
    let missing = missing.unwrap_or_else(|| missing_parts(rule, &Source::default()));
    SourceFit {
        fits: missing.is_empty(),
        rule: rule.logsource.to_string(),
        event: logsource::sources_of(event).iter().map(ToString::to_string).collect(),
        missing,
    }
}

fn missing_parts(rule: &Rule, source: &Source<'_>) -> Vec<MissingPart> {
    let wanted = &rule.logsource;
    let parts = [
        ("product", &wanted.product, &source.product),
        ("category", &wanted.category, &source.category),
        ("service", &wanted.service, &source.service),
    ];
    let missing = parts.into_iter().filter_map(|(part, wanted, found)| {
        let wanted = wanted.as_ref().filter(|wanted| *found != Some(wanted.as_str()))?;
        Some(MissingPart { part, wanted: wanted.clone(), found: found.map(str::to_owned) })
    });
    missing.collect()
}

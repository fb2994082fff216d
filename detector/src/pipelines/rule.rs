//! A rule's YAML tree while pipelines change it, and back.

use super::tree::{Change, Detection, Item};
use super::write::write;
use crate::sigma::condition::Condition;
use crate::sigma::yaml::Node;

/// Most entries in a rule's list of fields or of groups.
const FIELDS_MAX: usize = 4_096;

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    entries: Vec<(String, Node)>,
    at: usize,
    /// What it looks for.
    pub(super) body: Body,
}

/// What a rule looks for.
#[derive(Debug)]
pub(super) enum Body {
    /// Single events.
    Detection(Detections),
    /// Several events: the map under `correlation`.
    Correlation(Node),
    /// Neither; compiling it tells what is missing.
    Other,
}

/// The map under `detection`.
#[derive(Debug)]
pub(super) struct Detections {
    /// The search identifiers; `None` once a transformation dropped everything in one.
    pub(super) selections: Vec<(String, Option<Detection>)>,
    /// The conditions as they are written; nothing when there is none that could be read.
    pub(super) conditions: Vec<String>,
    condition: Option<(usize, Node)>,
    is_changed: bool,
}

impl Rule {
    /// Takes a rule apart.
    ///
    /// # Errors
    /// A sentence, when it is no map.
    pub(super) fn read(node: Node) -> Result<Self, String> {
        let Node::Map(mut entries) = node else {
            return Err(format!("is {}, not a map of a rule's keys", node.kind()));
        };
        let found = ["correlation", "detection"]
            .iter()
            .find_map(|key| entries.iter().position(|(name, node)| name == key && matches!(node, Node::Map(_))));
        let Some(at) = found else {
            return Ok(Self { at: entries.len(), entries, body: Body::Other });
        };
        let body = match entries.remove(at) {
            (key, Node::Map(parts)) if key == "detection" => Body::Detection(Detections::read(parts)),
            (_, node) => Body::Correlation(node),
        };
        Ok(Self { entries, at, body })
    }

    /// Puts the rule together again.
    ///
    /// # Errors
    /// A sentence, when the changed detection is too long or has nothing left.
    pub(super) fn write(self) -> Result<Node, String> {
        let mut entries = self.entries;
        let at = self.at.min(entries.len());
        match self.body {
            Body::Detection(detections) => entries.insert(at, ("detection".to_owned(), detections.write()?)),
            Body::Correlation(node) => entries.insert(at, ("correlation".to_owned(), node)),
            Body::Other => {}
        }
        Ok(Node::Map(entries))
    }

    /// An entry beside the detection.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.entries.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }

    /// Sets an entry beside the detection.
    pub(super) fn set(&mut self, name: &str, node: Node) {
        match self.entries.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => *old = node,
            None => self.entries.push((name.to_owned(), node)),
        }
    }

    /// The rule's own list of interesting fields.
    pub(super) fn fields(&self) -> Vec<String> {
        self.get("fields").map(Node::texts).unwrap_or_default()
    }

    /// Sets the rule's own list of interesting fields.
    ///
    /// # Errors
    /// A sentence, when there are too many.
    pub(super) fn set_fields(&mut self, fields: Vec<String>) -> Result<(), String> {
        bounded(&fields, "fields")?;
        self.set("fields", Node::List(fields.into_iter().map(Node::Text).collect()));
        Ok(())
    }

    /// Whether any item of its detection is such.
    pub(super) fn any_item(&self, is_such: impl Fn(&Item) -> bool) -> bool {
        let mut found = false;
        self.each_item(&mut |item| found = found || is_such(item));
        found
    }

    /// Every item of its detection.
    pub(super) fn each_item<'r>(&'r self, see: &mut dyn FnMut(&'r Item)) {
        if let Body::Detection(detections) = &self.body {
            detections
                .selections
                .iter()
                .filter_map(|(_, detection)| detection.as_ref())
                .for_each(|found| found.each(see));
        }
    }

    /// Puts each item's successor in its place.
    ///
    /// # Errors
    /// What `change` refuses.
    pub(super) fn change_items(&mut self, change: Change<'_>) -> Result<(), String> {
        let Body::Detection(detections) = &mut self.body else { return Ok(()) };
        for (name, selection) in &mut detections.selections {
            if let Some(detection) = selection.take() {
                *selection = detection.change(change).map_err(|reason| format!("`{name}`: {reason}"))?;
            }
        }
        Ok(())
    }
}

/// Refuses a list that a mapping made too long.
///
/// # Errors
/// A sentence with the bound.
pub(super) fn bounded(fields: &[String], what: &str) -> Result<(), String> {
    if fields.len() > FIELDS_MAX {
        return Err(format!("`{what}` would get more than {FIELDS_MAX} names"));
    }
    Ok(())
}

impl Detections {
    fn read(parts: Vec<(String, Node)>) -> Self {
        let mut read = Self { selections: Vec::new(), conditions: Vec::new(), condition: None, is_changed: false };
        for (index, (name, node)) in parts.into_iter().enumerate() {
            match name.as_str() {
                "condition" => {
                    read.conditions = node.texts();
                    read.condition = Some((index, node));
                }
                "timeframe" => read.selections.push((name, Some(Detection::Other(node)))),
                _ => read.selections.push((name, Some(Detection::read(&node)))),
            }
        }
        read
    }

    /// Adds a search identifier and asks it beside every condition; its name, made to be no pattern's, is `_` first.
    ///
    /// # Errors
    /// A sentence, when the rule has one of this name.
    pub(super) fn add(&mut self, name: &str, detection: Detection, negated: bool) -> Result<(), String> {
        if self.selections.iter().any(|(own, _)| own == name) {
            return Err(format!("the rule has a search identifier `{name}` already; name the condition differently"));
        }
        self.selections.push((name.to_owned(), Some(detection)));
        let not = if negated { "not " } else { "" };
        for condition in &mut self.conditions {
            *condition = format!("{not}{name} and ({condition})");
        }
        self.is_changed = true;
        Ok(())
    }

    fn write(mut self) -> Result<Node, String> {
        self.drop_emptied()?;
        let mut parts = Vec::with_capacity(self.selections.len() + 1);
        for (name, detection) in self.selections {
            if let Some(detection) = detection {
                let node = write(&detection).map_err(|reason| format!("`{name}`: {reason}"))?;
                parts.push((name, node));
            }
        }
        if let Some((at, node)) = self.condition {
            let node = match node {
                node if !self.is_changed => node,
                Node::List(_) => Node::List(self.conditions.into_iter().map(Node::Text).collect()),
                node => self.conditions.into_iter().next().map_or(node, Node::Text),
            };
            parts.insert(at.min(parts.len()), ("condition".to_owned(), node));
        }
        Ok(Node::Map(parts))
    }

    /// Takes search identifiers that have nothing left out of the conditions.
    fn drop_emptied(&mut self) -> Result<(), String> {
        let names: Vec<String> = self.selections.iter().map(|(name, _)| name.clone()).collect();
        let is_left = |number: usize| self.selections.get(number).is_some_and(|(_, detection)| detection.is_some());
        if (0..names.len()).all(is_left) {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(self.conditions.len());
        for text in &self.conditions {
            let condition = Condition::parse(text, &names)?;
            kept.extend(pruned(&condition, &names, &is_left));
        }
        if kept.is_empty() {
            return Err("every item that the condition asks for was dropped, so nothing is left to match".to_owned());
        }
        self.conditions = kept;
        self.is_changed = true;
        Ok(())
    }
}

/// The condition without what is no longer there, as text; `None` when nothing is left.
fn pruned(condition: &Condition, names: &[String], is_left: &dyn Fn(usize) -> bool) -> Option<String> {
    let join = |parts: &[Condition], word: &str| {
        let parts: Vec<String> = parts.iter().filter_map(|part| pruned(part, names, is_left)).collect();
        match parts.len() {
            0 => None,
            1 => parts.into_iter().next(),
            _ => Some(format!("({})", parts.join(word))),
        }
    };
    match condition {
        Condition::Selection(number) => names.get(*number).filter(|_| is_left(*number)).cloned(),
        Condition::Not(inner) => pruned(inner, names, is_left).map(|inner| format!("not {inner}")),
        Condition::All(parts) => join(parts, " and "),
        Condition::Any(parts) => join(parts, " or "),
    }
}

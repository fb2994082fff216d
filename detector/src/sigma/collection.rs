//! Documents that lean on one another in a file: `action: global`, `reset` and `repeat`; and those that are no rules.

use super::suggest::suggestion;
use super::yaml::Node;

/// What the documents of a file have in common so far.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    global: Option<Node>,
    previous: Option<Node>,
}

impl Collection {
    /// A document with what it inherits; `None` when it only says what others inherit.
    ///
    /// # Errors
    /// A sentence, for documents of a kind that is not evaluated here.
    pub(crate) fn complete(&mut self, node: Node) -> Result<Option<Node>, String> {
        let Node::Map(entries) = &node else {
            return Err(format!("is {}, not a map of a rule's keys", node.kind()));
        };
        let action = node.get("action").and_then(Node::scalar);
        let is_rule = !entries.iter().any(|(key, _)| key == "correlation" || key == "filter");
        match action.as_deref() {
            None => {}
            Some("global") => {
                self.global = Some(without_action(node));
                return Ok(None);
            }
            Some("reset") => {
                self.global = None;
                return Ok(None);
            }
            Some("repeat") => {
                let Some(previous) = self.previous.clone() else {
                    return Err("`action: repeat` stands behind no rule".to_owned());
                };
                return Ok(Some(self.keep(merged(previous, without_action(node)))));
            }
            Some(other) => {
                return Err(format!("unknown action `{other}`{}", suggestion(other, &["global", "reset", "repeat"])));
            }
        }
        Ok(Some(match &self.global {
            // Correlations and filters have a log source and conditions of their own.
            _ if !is_rule => node,
            Some(global) => self.keep(merged(global.clone(), node)),
            None => self.keep(node),
        }))
    }

    fn keep(&mut self, node: Node) -> Node {
        self.previous = Some(node.clone());
        node
    }
}

fn without_action(node: Node) -> Node {
    match node {
        Node::Map(entries) => Node::Map(entries.into_iter().filter(|(key, _)| key != "action").collect()),
        other => other,
    }
}

/// `over` laid on `under`: maps are joined, everything else is replaced.
fn merged(under: Node, over: Node) -> Node {
    match (under, over) {
        (Node::Map(mut below), Node::Map(above)) => {
            for (key, value) in above {
                match below.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, old)) => *old = merged(std::mem::replace(old, Node::Null), value),
                    None => below.push((key, value)),
                }
            }
            Node::Map(below)
        }
        (_, over) => over,
    }
}

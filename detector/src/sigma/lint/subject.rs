//! A rule's document as checks see it.

use super::super::rule::Rule;
use super::super::yaml::Node;
use super::report::{Code, Lint};

/// One rule under the lens.
pub(super) struct Subject<'a> {
    path: &'a str,
    /// The whole file.
    text: &'a str,
    /// The document's first line, from 1.
    line: usize,
    /// The document, completed by what it inherits.
    pub(super) node: &'a Node,
    /// The rule, when it loads.
    pub(super) rule: Option<&'a Rule>,
    /// Every item of every search identifier.
    pub(super) items: Vec<ItemView<'a>>,
}

/// `field|modifiers: values` as it is written.
pub(super) struct ItemView<'a> {
    /// The search identifier.
    pub(super) selection: &'a str,
    /// The key as it is written; empty for a keyword.
    pub(super) key: &'a str,
    /// Its values.
    pub(super) values: Vec<&'a Node>,
}

impl<'a> ItemView<'a> {
    /// The field's name; empty for keywords.
    pub(super) fn field(&self) -> &'a str {
        self.key.split('|').next().unwrap_or_default()
    }

    /// How messages call it.
    pub(super) fn name(&self) -> &'a str {
        if self.key.is_empty() { "keywords" } else { self.key }
    }

    /// Whether one of the modifiers is this.
    pub(super) fn has(&self, modifier: &str) -> bool {
        self.modifiers().any(|own| own == modifier)
    }

    /// The modifiers in the order written.
    pub(super) fn modifiers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.key.split('|').skip(1)
    }

    /// The values that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter_map(|value| value.text())
    }

    /// What to search for in the file: search identifier, then key.
    pub(super) fn place(&self) -> [&'a str; 3] {
        ["detection", self.selection, self.key]
    }
}

impl<'a> Subject<'a> {
    /// Takes the document apart.
    pub(super) fn new(path: &'a str, text: &'a str, line: usize, node: &'a Node, rule: Option<&'a Rule>) -> Self {
        let mut items = Vec::new();
        for (name, selection) in selections_of(node) {
            collect(name, selection, &mut items);
        }
        Self { path, text, line, node, rule, items }
    }

    /// The rule's id as it is written.
    pub(super) fn id(&self) -> Option<String> {
        self.node.get("id").and_then(Node::scalar)
    }

    /// Where it stands, for other rules' messages.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }

    /// The search identifiers in the order written.
    pub(super) fn selections(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        selections_of(self.node)
    }

    /// The texts of the condition.
    pub(super) fn conditions(&self) -> Vec<String> {
        self.node.get("detection").and_then(|node| node.get("condition")).map(Node::texts).unwrap_or_default()
    }

    /// A finding at the place that the keys lead to, one below the other.
    pub(super) fn lint(&self, code: Code, keys: &[&str], message: impl Into<String>) -> Lint {
        Lint {
            code,
            severity: code.severity(),
            path: self.path.to_owned(),
            line: self.line_of(keys),
            rule: self.id(),
            message: message.into(),
            suggestion: None,
        }
    }

    /// The line of the innermost key that is found.
    fn line_of(&self, keys: &[&str]) -> usize {
        let mut lines = self.text.lines().enumerate().skip(self.line.saturating_sub(1));
        let mut found = self.line;
        for key in keys.iter().filter(|key| !key.is_empty()) {
            let Some((at, _)) = lines.by_ref().find(|(_, line)| opens(line, key)) else { break };
            found = at + 1;
        }
        found
    }
}

/// Whether a line begins with `key:`, in a list or in quotes too.
fn opens(line: &str, key: &str) -> bool {
    let rest = line.trim_start_matches(['-', ' ', '\t', '{']).trim_start_matches(['"', '\'']);
    let rest = rest.strip_prefix(key).map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
    rest.is_some_and(|rest| rest.starts_with(':'))
}

fn selections_of(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match node.get("detection") {
        Some(Node::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    let named = |(name, _): &&(String, Node)| name != "condition" && name != "timeframe";
    entries.iter().filter(named).map(|(name, node)| (name.as_str(), node))
}

fn collect<'a>(selection: &'a str, node: &'a Node, items: &mut Vec<ItemView<'a>>) {
    match node {
        Node::Map(entries) => items.extend(entries.iter().map(|(key, value)| {
            let values = match value {
                Node::List(values) => values.iter().collect(),
                single => vec![single],
            };
            ItemView { selection, key, values }
        })),
        // Scalars of a list are keywords, and belong together.
        Node::List(members) => {
            let (nested, keywords): (Vec<_>, Vec<_>) =
                members.iter().partition(|member| matches!(member, Node::Map(_) | Node::List(_)));
            nested.into_iter().for_each(|member| collect(selection, member, items));
            if !keywords.is_empty() {
                items.push(ItemView { selection, key: "", values: keywords });
            }
        }
        keyword => items.push(ItemView { selection, key: "", values: vec![keyword] }),
    }
}

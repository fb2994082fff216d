//! Sigma filters: documents that narrow rules which others wrote.
//!
//! Sigma Filters 2.1: a filter's condition says what must hold beside the rule's own, so it has its own `not`:
//! a rule `(selection)` under a filter `not admins` becomes `(selection) and (not admins)`.

use super::params::Params;
use super::rule_condition::{has_logsource, logsource_parts};
use crate::sigma::yaml::Node;

/// Most rules that one filter names.
const RULES_MAX: usize = 10_000;
/// Most search identifiers of one filter.
const SELECTIONS_MAX: usize = 128;

/// A filter document.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The rules that it names by id or name; `None` for every rule of its log source.
    pub(crate) rules: Option<Vec<String>>,
    logsource: Vec<(&'static str, String)>,
    selections: Vec<(String, Node)>,
    condition: String,
}

impl Filter {
    /// Reads a filter document.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(crate) fn parse(node: &Node) -> Result<Self, String> {
        let Some(logsource) = node.get("logsource") else { return Err("`logsource` is missing".to_owned()) };
        let logsource =
            Params::of(logsource).and_then(logsource_parts).map_err(|reason| format!("`logsource` {reason}"))?;
        let Some(Node::Map(entries)) = node.get("filter") else {
            return Err("`filter` is missing or no map of selections".to_owned());
        };
        let mut found = Self { rules: None, logsource, selections: Vec::new(), condition: String::new() };
        let mut names_rules = false;
        for (name, node) in entries {
            match (name.as_str(), node) {
                ("rules", node) => {
                    names_rules = true;
                    found.rules = rules(node)?;
                }
                ("condition", Node::Text(condition)) => condition.clone_into(&mut found.condition),
                ("condition", other) => return Err(format!("`condition` is {}, not one text", other.kind())),
                _ => found.selections.push((name.clone(), node.clone())),
            }
        }
        if !names_rules {
            return Err("`rules` is missing; write rule ids, or `any` for the whole log source".to_owned());
        }
        if found.condition.trim().is_empty() {
            return Err("`condition` is missing".to_owned());
        }
        match found.selections.len() {
            0 => Err("`filter` has no selection".to_owned()),
            count if count > SELECTIONS_MAX => Err(format!("`filter` has more than {SELECTIONS_MAX} selections")),
            _ => Ok(found),
        }
    }

    /// Whether it is for a rule: a detection whose log source names all that the filter's does, and whose id or name
    /// the filter names where it names any.
    pub(crate) fn applies_to(&self, rule: &Node) -> bool {
        let is_detection = matches!(rule.get("detection"), Some(Node::Map(_))) && rule.get("correlation").is_none();
        let is_named = |rules: &Vec<String>| {
            let has = |key| rule.get(key).and_then(Node::scalar).is_some_and(|own| rules.contains(&own));
            has("id") || has("name")
        };
        is_detection
            && has_logsource(rule.get("logsource"), &self.logsource)
            && self.rules.as_ref().is_none_or(is_named)
    }

    /// The rule with the filter's selections under names of their own, and its condition beside each of the rule's.
    ///
    /// Selections and conditions are checked when the rule is compiled. A rule without conditions stays as it is.
    pub(crate) fn apply(&self, mut rule: Node) -> Node {
        let Node::Map(entries) = &mut rule else { return rule };
        let Some((_, Node::Map(parts))) = entries.iter_mut().find(|(key, _)| key == "detection") else { return rule };
        let Some(prefix) = free_prefix(parts) else { return rule };
        let own = self.renamed(&prefix);
        let joined = |text: &str| Node::Text(format!("({text}) and ({own})"));
        match parts.iter_mut().find(|(key, _)| key == "condition") {
            Some((_, Node::List(conditions))) => {
                for condition in conditions {
                    if let Some(text) = condition.scalar() {
                        *condition = joined(&text);
                    }
                }
            }
            Some((_, condition)) => match condition.scalar() {
                Some(text) => *condition = joined(&text),
                None => return rule,
            },
            None => return rule,
        }
        parts.extend(self.selections.iter().map(|(name, node)| (format!("{prefix}{name}"), node.clone())));
        rule
    }

    /// The condition with every search identifier and pattern under the prefix.
    fn renamed(&self, prefix: &str) -> String {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '?' | ':');
        let mut out = String::new();
        let mut rest = self.condition.as_str();
        while let Some(c) = rest.chars().next() {
            let end = rest.find(|next| is_word(next) != is_word(c)).unwrap_or(rest.len());
            let (token, after) = rest.split_at(end);
            let word = token.to_ascii_lowercase();
            let of_follows = after.trim_start().get(..2).is_some_and(|next| next.eq_ignore_ascii_case("of"));
            match word.as_str() {
                "and" | "or" | "not" | "of" => out.push_str(token),
                "them" => out.push_str(&format!("{prefix}*")),
                "all" | "any" if of_follows => out.push_str(token),
                _ if !is_word(c) || word.parse::<u32>().is_ok() => out.push_str(token),
                _ => {
                    out.push_str(prefix);
                    out.push_str(token);
                }
            }
            rest = after;
        }
        out
    }
}

fn rules(node: &Node) -> Result<Option<Vec<String>>, String> {
    let names = node.texts();
    match node {
        Node::Text(text) if text.eq_ignore_ascii_case("any") => Ok(None),
        Node::Text(_) => Ok(Some(names)),
        Node::List(items) if items.is_empty() => Ok(None),
        Node::List(items) if items.len() > RULES_MAX => Err(format!("`rules` names more than {RULES_MAX} rules")),
        Node::List(items) if names.len() == items.len() => Ok(Some(names)),
        other => Err(format!("`rules` is {}, not `any`, an id or a list of ids", other.kind())),
    }
}

/// A prefix that no search identifier of the rule begins with; the underscore keeps it out of `them`.
fn free_prefix(parts: &[(String, Node)]) -> Option<String> {
    let taken = |prefix: &String| parts.iter().any(|(name, _)| name.starts_with(prefix.as_str()));
    (1..=parts.len() + 1).map(|number| format!("_filter_{number}_")).find(|prefix| !taken(prefix))
}

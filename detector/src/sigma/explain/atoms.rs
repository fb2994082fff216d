//! What was true, in short: the lines that an alert keeps of a match.

use bumpalo::Bump;
use event::Event;

use super::super::detection::Detection;
use super::super::rule::Rule;
use super::super::set::RuleSet;
use super::super::value::Item;
use super::super::view::{Places, View};

/// Most lines of one match.
pub const ATOMS_MAX: usize = 20;
/// Most characters of one line.
pub const ATOM_CHARS_MAX: usize = 200;

/// The items that hold, such as `selection: CommandLine|contains "whoami"`; at most [`ATOMS_MAX`] lines of
/// [`ATOM_CHARS_MAX`] characters. They are the rule's own text: nothing of the event is in them.
pub fn holding_atoms(set: &RuleSet, rule: &Rule, event: &Event) -> Vec<String> {
    let (bump, mut places) = (Bump::new(), Places::default());
    let view = View::new(event, set.names(), &mut places, &bump);
    let mut found = Vec::new();
    for (name, detection) in rule.selections() {
        if found.len() >= ATOMS_MAX {
            break;
        }
        if detection.matches(&view) {
            add(name, detection, &view, &mut found);
        }
    }
    found.truncate(ATOMS_MAX);
    found
}

/// Adds the lines of a detection that holds.
fn add(selection: &str, detection: &Detection, view: &View<'_>, found: &mut Vec<String>) {
    if found.len() >= ATOMS_MAX {
        return;
    }
    match detection {
        Detection::All(parts) | Detection::Any(parts) => {
            parts.iter().filter(|part| part.matches(view)).for_each(|part| add(selection, part, view, found));
        }
        Detection::Item(item) => found.push(line(selection, item, view)),
    }
}

fn line(selection: &str, item: &Item, view: &View<'_>) -> String {
    let label = item.label();
    let values = label.values().enumerate().filter(|(number, _)| item.is_negated() || item.value_holds(*number, view));
    let values: Vec<String> = values.map(|(_, value)| quoted(value)).collect();
    let key = if label.key().is_empty() { String::new() } else { format!("{} ", label.key()) };
    cut(&format!("{selection}: {key}{}", values.join(", ")))
}

/// Numbers and null stand bare, text in quotes.
fn quoted(value: &str) -> String {
    if value == "null" || value.parse::<f64>().is_ok() { value.to_owned() } else { format!("\"{value}\"") }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= ATOM_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(ATOM_CHARS_MAX.saturating_sub(1)).chain(['…']).collect()
}

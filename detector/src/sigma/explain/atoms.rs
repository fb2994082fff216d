//! What was true, in short: the evidence that a finding keeps of a match.

use bumpalo::Bump;
use event::{Atom, Event};

use super::super::detection::Detection;
use super::super::rule::Rule;
use super::super::set::RuleSet;
use super::super::value::Item;
use super::super::view::{Places, View};

/// Most atoms of one match.
pub const ATOMS_MAX: usize = 20;
/// Most characters of a pattern or a value.
pub const ATOM_CHARS_MAX: usize = 200;

/// The comparisons of `rule`, which must be one of `set`, that hold; at most [`ATOMS_MAX`]. They carry values of the
/// event: show them through [`Atom::masked`].
pub fn holding_atoms(set: &RuleSet, rule: &Rule, event: &Event) -> Vec<Atom> {
    let (bump, mut places) = (Bump::new(), Places::default());
    atoms_in(rule, &View::new(event, set.names(), &mut places, &bump))
}

/// [`holding_atoms`] of an event that is looked at already: to look anew costs as much as the whole match.
pub(crate) fn atoms_in(rule: &Rule, view: &View<'_>) -> Vec<Atom> {
    let mut found = Vec::new();
    for (name, detection) in rule.selections() {
        if found.len() >= ATOMS_MAX {
            break;
        }
        if detection.matches(view) {
            add(name, detection, view, &mut found);
        }
    }
    found
}

/// Adds the atoms of a detection that holds.
fn add(selection: &str, detection: &Detection, view: &View<'_>, found: &mut Vec<Atom>) {
    match detection {
        Detection::All(parts) | Detection::Any(parts) => {
            for part in parts.iter().filter(|part| part.matches(view)) {
                if found.len() >= ATOMS_MAX {
                    return;
                }
                add(selection, part, view, found);
            }
        }
        Detection::Item(item) => {
            let room = ATOMS_MAX.saturating_sub(found.len());
            found.extend(atoms(selection, item, view).take(room));
        }
    }
}

/// An atom for each value that was found; for each value at all where the opposite is meant.
fn atoms<'i>(selection: &'i str, item: &'i Item, view: &'i View<'_>) -> impl Iterator<Item = Atom> + 'i {
    let label = item.label();
    let operator = label.modifiers().collect::<Vec<_>>().join("|");
    let values = label.values().enumerate().filter(|(number, _)| item.is_negated() || item.value_holds(*number, view));
    values.map(move |(number, pattern)| {
        let entry = item.value_found(number, view);
        let field = entry.map_or(label.field(), |entry| entry.name());
        Atom {
            selection: selection.to_owned(),
            field: item.names().map(|_| field.to_owned()),
            operator: operator.clone(),
            pattern: Some(cut(pattern)),
            value: entry.map(|entry| cut(entry.text())),
        }
    })
}

/// At most [`ATOM_CHARS_MAX`] characters; what was longer ends in `…`.
pub(crate) fn cut(text: &str) -> String {
    if text.chars().nth(ATOM_CHARS_MAX).is_none() {
        return text.to_owned();
    }
    text.chars().take(ATOM_CHARS_MAX.saturating_sub(1)).chain(['…']).collect()
}

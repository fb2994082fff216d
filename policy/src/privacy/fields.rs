//! Which field of an event holds which class.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Class;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// A value of this class, whole.
    Class(Class),
    /// Text in which anything may stand: to be scanned.
    Text,
    /// Nothing personal.
    Clear,
}

/// Fields and patterns of `fields.yml`.
#[derive(Debug, Clone, Default)]
pub struct FieldTable {
    exact: HashMap<String, FieldKind>,
    /// `*.suffix`, without the star and the dot.
    suffixes: HashMap<String, FieldKind>,
    /// `prefix.*`, without the dot and the star.
    prefixes: HashMap<String, FieldKind>,
}

impl FieldTable {
    /// What a field holds: a name in full wins, then the longest `*.suffix`, then the longest `prefix.*`; a field that
    /// is not listed is text. The cost grows with the number of dots.
    pub fn kind(&self, field: &str) -> FieldKind {
        self.known(field).unwrap_or(FieldKind::Text)
    }

    /// The same; `None` for a field of which nothing is said.
    pub(super) fn known(&self, field: &str) -> Option<FieldKind> {
        if let Some(kind) = self.exact.get(field) {
            return Some(*kind);
        }
        let starts = std::iter::once(0).chain(field.match_indices('.').map(|(at, _)| at + 1));
        for start in starts {
            if let Some(kind) = field.get(start..).and_then(|suffix| self.suffixes.get(suffix)) {
                return Some(*kind);
            }
        }
        for (end, _) in field.rmatch_indices('.') {
            if let Some(kind) = field.get(..end).and_then(|prefix| self.prefixes.get(prefix)) {
                return Some(*kind);
            }
        }
        None
    }

    /// Every field and pattern with what it holds, by name.
    pub fn rows(&self) -> Vec<(String, FieldKind)> {
        let exact = self.exact.iter().map(|(field, kind)| (field.clone(), *kind));
        let suffixes = self.suffixes.iter().map(|(suffix, kind)| (format!("*.{suffix}"), *kind));
        let prefixes = self.prefixes.iter().map(|(prefix, kind)| (format!("{prefix}.*"), *kind));
        let mut rows: Vec<_> = exact.chain(suffixes).chain(prefixes).collect();
        rows.sort_unstable_by(|(first, _), (second, _)| first.cmp(second));
        rows
    }

    /// Takes another table over this one: where both say something, the other counts.
    pub(super) fn put(&mut self, other: Self) {
        self.exact.extend(other.exact);
        self.suffixes.extend(other.suffixes);
        self.prefixes.extend(other.prefixes);
    }

    /// Adds a field or a pattern; `None` is a field that stays clear.
    pub(super) fn add(&mut self, field: &str, class: Option<Class>) -> Result<(), String> {
        let kind = class.map_or(FieldKind::Clear, FieldKind::Class);
        let (table, name) = match (field.strip_prefix("*."), field.strip_suffix(".*")) {
            (Some(suffix), None) => (&mut self.suffixes, suffix),
            (None, Some(prefix)) => (&mut self.prefixes, prefix),
            _ => (&mut self.exact, field),
        };
        let bad = |found: char| found.is_whitespace() || found.is_control() || found == '*';
        if name.is_empty() || name.contains(bad) {
            return Err(format!("`{field}` is no field name (patterns are `prefix.*` or `*.suffix`)"));
        }
        match table.entry(name.to_owned()) {
            Entry::Occupied(_) => Err(format!("`{field}` stands there twice")),
            Entry::Vacant(free) => {
                free.insert(kind);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{PrivacyText, parse};

    #[test]
    fn names_in_full_win_over_patterns() {
        let rules = parse(&PrivacyText::embedded()).unwrap();
        for (field, expected) in [
            ("user.name", FieldKind::Class(Class::UserName)),
            ("source.user.name", FieldKind::Class(Class::UserName)),
            ("app.customer.phone", FieldKind::Class(Class::Phone)),
            ("phone", FieldKind::Class(Class::Phone)),
            ("lgsp.request.cccd", FieldKind::Class(Class::CitizenId)),
            ("source.ip", FieldKind::Class(Class::IpAddress)),
            ("message", FieldKind::Text),
            ("event.original", FieldKind::Text),
            ("whatever.new", FieldKind::Text),
            ("metrosoc.site.id", FieldKind::Clear),
            ("process.hash.sha256", FieldKind::Clear),
        ] {
            assert_eq!(rules.fields().kind(field), expected, "{field}");
        }
    }
}

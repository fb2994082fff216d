//! Which field of an event holds which class.

use std::collections::HashMap;

use super::Class;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        if let Some(kind) = self.exact.get(field) {
            return *kind;
        }
        let starts = std::iter::once(0).chain(field.match_indices('.').map(|(at, _)| at + 1));
        for start in starts {
            if let Some(kind) = field.get(start..).and_then(|suffix| self.suffixes.get(suffix)) {
                return *kind;
            }
        }
        for (end, _) in field.rmatch_indices('.') {
            if let Some(kind) = field.get(..end).and_then(|prefix| self.prefixes.get(prefix)) {
                return *kind;
            }
        }
        FieldKind::Text
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
        match table.insert(name.to_owned(), kind) {
            Some(_) => Err(format!("`{field}` stands there twice")),
            None => Ok(()),
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

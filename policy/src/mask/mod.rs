//! Masks: what a role may know of a field, and the form of a value that it may see.

mod file;
mod form;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use event::{Masks, Role, Visibility};

pub use file::{MaskSet, parse};
pub use form::{COVER, keep_last_4};

/// A kind of mask, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// As it is.
    Clear,
    /// See [`keep_last_4`].
    KeepLast4,
    /// Nothing, not even that it is there.
    Hide,
}

impl Kind {
    /// As `masks.yml` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::KeepLast4 => "keep_last_4",
            Self::Hide => "hide",
        }
    }
}

/// A pattern over field names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// `user.*`: everything below.
    Below(String),
    /// `*.citizen_id`: that name at the end, or alone.
    Last(String),
}

impl Pattern {
    fn matches(&self, field: &str) -> bool {
        match self {
            Self::Below(prefix) => field.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.')),
            Self::Last(suffix) => {
                field.strip_suffix(suffix.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
        }
    }
}

/// The masks of one role: decides for every field name there can be.
#[derive(Debug, Clone)]
pub struct MaskTable {
    name: String,
    otherwise: Kind,
    exact: HashMap<String, Kind>,
    patterns: Vec<(Pattern, Kind)>,
    free_text: bool,
}

impl MaskTable {
    /// Hides every field.
    pub fn hidden() -> Self {
        Self {
            name: "nothing".to_owned(),
            otherwise: Kind::Hide,
            exact: HashMap::new(),
            patterns: Vec::new(),
            free_text: false,
        }
    }

    /// The profile's name in `masks.yml`, `nothing` for roles without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How `field` is treated: by its name in full, else by the strictest pattern, else like everything else.
    pub fn kind(&self, field: &str) -> Kind {
        if let Some(&kind) = self.exact.get(field) {
            return kind;
        }
        let matching = self.patterns.iter().filter(|(pattern, _)| pattern.matches(field));
        matching.map(|&(_, kind)| kind).max().unwrap_or(self.otherwise)
    }
}

impl Masks for MaskTable {
    fn visibility(&self, field: &str) -> Visibility {
        match self.kind(field) {
            Kind::Clear => Visibility::Clear,
            Kind::KeepLast4 => Visibility::Masked,
            Kind::Hide => Visibility::Hidden,
        }
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        match self.kind(field) {
            Kind::Clear => Some(Cow::Borrowed(value)),
            Kind::KeepLast4 => Some(Cow::Owned(keep_last_4(value))),
            Kind::Hide => None,
        }
    }

    fn free_text(&self) -> bool {
        self.free_text
    }
}

impl MaskSet {
    /// The masks of a role; a role that `masks.yml` does not name sees nothing.
    pub fn of(&self, role: Role) -> Arc<MaskTable> {
        self.roles.get(&role).map_or_else(|| Arc::clone(&self.hidden), Arc::clone)
    }
}

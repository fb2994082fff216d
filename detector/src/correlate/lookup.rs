//! Where a correlation finds a field: in the event that a rule matched, or in the result of an inner correlation.

use event::{Event, Value};

use super::spec::CorrelationSpec;

/// Most names that one field is looked for under.
const NAMES_MAX: usize = 64;

/// What a correlation is fed with.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    /// The event and the base rule that matched it; absent for a window that closed without one.
    pub(super) event: Option<(u32, &'s Event)>,
    /// The inner correlation's fields and values, when it is fed by one.
    pub(super) group: Option<&'s [(String, String)]>,
}

/// Where to find one field.
///
/// A chained correlation sees the inner one's group values first. A field that the inner one does not group by is read
/// from the event that completed it, so that "many failures of a host, then a success" can be grouped by user.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Its place among the values of the inner correlation's group.
    group_at: Option<usize>,
    /// The names of it in the events of each base rule, ascending by rule.
    names: Vec<(u32, Vec<String>)>,
}

impl Lookup {
    /// The lookup of `field` for hits of the base rules `leaves` or of the inner correlation above them.
    pub(super) fn new(
        field: &str,
        leaves: &[u32],
        inner: Option<&CorrelationSpec>,
        names_of: &dyn Fn(u32, &str) -> Vec<String>,
    ) -> Self {
        let mut names: Vec<(u32, Vec<String>)> = leaves.iter().map(|rule| (*rule, names_of(*rule, field))).collect();
        for (_, names) in &mut names {
            names.truncate(NAMES_MAX);
            if names.is_empty() {
                names.push(field.to_owned());
            }
        }
        names.sort_by_key(|(rule, _)| *rule);
        let group_at = inner.and_then(|inner| inner.group_by.iter().position(|own| own == field));
        Self { group_at, names }
    }

    /// The field's first value; nothing when it is missing or null.
    pub(super) fn find<'s>(&self, source: &Source<'s>) -> Option<Value<'s>> {
        if let (Some(at), Some(group)) = (self.group_at, source.group) {
            return group.get(at).map(|(_, value)| Value::Str(value.as_str()));
        }
        let (rule, event) = source.event?;
        let at = self.names.binary_search_by_key(&rule, |(rule, _)| *rule).ok()?;
        let (_, names) = self.names.get(at)?;
        let value = names.iter().find_map(|name| event.get(name))?;
        (value != Value::Null).then_some(value)
    }
}

//! What is remembered while the pipelines run over one rule.

use std::collections::{BTreeMap, BTreeSet};

use crate::sigma::yaml::Node;

/// Most bytes that all transformations together may make of one rule.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest field name that a mapping may make, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

/// The values of placeholders by name.
pub(super) type Vars = BTreeMap<String, Vec<String>>;

/// One rule's way through the pipelines.
#[derive(Debug)]
pub(super) struct Run<'p> {
    /// The values of placeholders.
    pub(super) vars: &'p Vars,
    /// The rules that a correlation refers to.
    pub(super) referenced: &'p [&'p Node],
    /// What `set_state` left.
    pub(super) state: BTreeMap<String, Node>,
    /// The ids of the transformations that were applied, in order, each once.
    pub(super) applied: Vec<String>,
    /// Every name that a mapping took or made.
    pub(super) known: BTreeSet<String>,
    applied_ids: BTreeSet<String>,
    mapped: BTreeMap<String, BTreeSet<String>>,
    bytes_left: usize,
}

impl<'p> Run<'p> {
    /// Begins.
    pub(super) fn new(vars: &'p Vars, referenced: &'p [&'p Node]) -> Self {
        Self {
            vars,
            referenced,
            state: BTreeMap::new(),
            applied: Vec::new(),
            known: BTreeSet::new(),
            applied_ids: BTreeSet::new(),
            mapped: BTreeMap::new(),
            bytes_left: BYTES_MAX,
        }
    }

    /// Whether the transformation of this id was applied to the rule.
    pub(super) fn was_applied(&self, id: &str) -> bool {
        self.applied_ids.contains(id)
    }

    /// Notes that the transformation of this id was applied to the rule.
    pub(super) fn note_applied(&mut self, id: &str) {
        if self.applied_ids.insert(id.to_owned()) {
            self.applied.push(id.to_owned());
        }
    }

    /// Whether the transformation of this id made this field name.
    pub(super) fn mapped_by(&self, field: &str, id: &str) -> bool {
        self.mapped.get(field).is_some_and(|ids| ids.contains(id))
    }

    /// Notes that the transformation of this id made `names` of `field`.
    ///
    /// # Errors
    /// A sentence, when a name is too long or the rule grows too much.
    pub(super) fn note_mapping(&mut self, field: &str, names: &[String], id: &str) -> Result<(), String> {
        if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(format!("mapping `{field}` makes a name of more than {NAME_BYTES_MAX} bytes"));
        }
        self.known.insert(field.to_owned());
        self.known.extend(names.iter().cloned());
        if names != [field] {
            let mut ids = self.mapped.remove(field).unwrap_or_default();
            ids.insert(id.to_owned());
            let copied: usize = ids.iter().map(|id| id.len() + 32).sum();
            self.spend(copied.saturating_mul(names.len()))?;
            for name in names {
                self.mapped.insert(name.clone(), ids.clone());
            }
        }
        Ok(())
    }

    /// Takes from what this rule may still grow by.
    ///
    /// # Errors
    /// A sentence, once it grew too much.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            format!("pipelines make more than {BYTES_MAX} bytes of this rule; map to fewer names or values")
        })?;
        Ok(())
    }
}

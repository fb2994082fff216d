//! The words that a policy may use: roles, objects, operations, purposes, legal bases, classes of fields.

use std::collections::BTreeSet;

use event::{Object, Operation, Role};

use super::purpose::Purposes;
use crate::privacy::Class;

/// Whoever speaks through the Unix socket of the server's own machine, as the policy calls it.
pub const OPERATOR: &str = "operator";
/// What stands before an agency's id, so that no agency can be taken for a role or a scope.
pub const AGENCY_PREFIX: &str = "agency:";
/// Most roles: one bit each in the decision tables.
pub(super) const ROLES_MAX: usize = 64;

/// The words that lines and questions are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Roles, `operator` included.
    pub roles: BTreeSet<String>,
    /// What something is done to.
    pub objects: BTreeSet<String>,
    /// What is done.
    pub operations: BTreeSet<String>,
    /// Ids of purposes.
    pub purposes: BTreeSet<String>,
    /// Ids of legal bases.
    pub bases: BTreeSet<String>,
    /// Classes of fields.
    pub classes: BTreeSet<String>,
}

impl Vocabulary {
    /// The product's own words with the purposes and legal bases of `purposes.yml`.
    pub(super) fn of(purposes: &Purposes) -> Self {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let mut roles = own(&Role::ALL.map(Role::as_str));
        roles.insert(OPERATOR.to_owned());
        Self {
            roles,
            objects: own(&Object::ALL.map(Object::as_str)),
            operations: own(&Operation::ALL.map(Operation::as_str)),
            purposes: purposes.purposes.iter().map(|purpose| purpose.id.clone()).collect(),
            bases: purposes.bases.iter().map(|basis| basis.id.clone()).collect(),
            classes: own(&Class::ALL.map(Class::as_str)),
        }
    }
}

/// The operations that a line about `operation` covers beside itself, as the model's matcher says.
pub(super) fn parts_of(operation: &str) -> &'static [&'static str] {
    match operation {
        "read" => &["search", "aggregate"],
        _ => &[],
    }
}

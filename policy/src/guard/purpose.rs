//! `purposes.yml`: what data may be read for, and on which legal basis.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// Most purposes; a choice of more is none.
const PURPOSES_MAX: usize = 64;

/// One purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// The word that requests and the policy use.
    pub id: String,
    /// What people read.
    pub title: Title,
    /// The legal basis of whoever states this purpose and no other basis; an id of `bases`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
}

/// One legal basis, as the operator of the platform named it. The platform checks that one is stated, not the law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The word that requests and the policy use.
    pub id: String,
    /// What people read.
    pub title: Title,
}

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

/// The content of `purposes.yml`.
#[derive(Debug, Clone, Default)]
pub(super) struct Purposes {
    pub(super) purposes: Vec<Purpose>,
    pub(super) bases: Vec<Basis>,
}

impl Purposes {
    /// The legal basis of a request: the one stated, else the purpose's own, else none.
    pub(super) fn basis<'b>(&'b self, stated: &'b str, purpose: &str) -> &'b str {
        if !stated.is_empty() {
            return stated;
        }
        let known = self.purposes.iter().find(|known| known.id == purpose);
        known.and_then(|known| known.basis.as_deref()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    purposes: Vec<Purpose>,
    #[serde(default)]
    bases: Vec<Basis>,
}

/// Reads `purposes.yml`.
///
/// # Errors
/// [`PolicyError::Purposes`] when it is not that, is of another version, an id is doubled or not a plain word, or a
/// purpose has a legal basis that is not listed.
pub(super) fn parse(text: &str) -> Result<Purposes, PolicyError> {
    let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
    if file.version != 1 {
        return Err(fault(format!("version {} is not known; this program reads version 1", file.version)));
    }
    if file.purposes.len() > PURPOSES_MAX || file.bases.len() > PURPOSES_MAX {
        return Err(fault(format!("more than {PURPOSES_MAX} purposes or legal bases")));
    }
    check_ids(file.purposes.iter().map(|purpose| purpose.id.as_str()))?;
    check_ids(file.bases.iter().map(|basis| basis.id.as_str()))?;
    for purpose in &file.purposes {
        let known = |basis: &String| file.bases.iter().any(|known| known.id == *basis);
        if let Some(basis) = purpose.basis.as_ref().filter(|basis| !known(basis)) {
            return Err(fault(format!(
                "purpose `{}` has the legal basis `{basis}`, which is not in `bases`",
                purpose.id
            )));
        }
    }
    Ok(Purposes { purposes: file.purposes, bases: file.bases })
}

fn check_ids<'i>(ids: impl Iterator<Item = &'i str>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        let plain = |found: char| found.is_ascii_lowercase() || found.is_ascii_digit() || found == '-';
        if id.is_empty() || id.len() > 40 || !id.chars().all(plain) || matches!(id, "any" | "stated") {
            return Err(fault(format!(
                "id `{}` is not a word of `a-z 0-9 -`",
                id.chars().take(48).collect::<String>()
            )));
        }
        if !seen.insert(id) {
            return Err(fault(format!("id `{id}` stands there twice")));
        }
    }
    Ok(())
}

fn fault(reason: String) -> PolicyError {
    PolicyError::Purposes { reason }
}

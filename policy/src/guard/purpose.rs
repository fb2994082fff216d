//! `purposes.yml`: what data may be read for.

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
}

/// A purpose's name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    purposes: Vec<Purpose>,
}

/// Reads `purposes.yml`.
///
/// # Errors
/// [`PolicyError::Purposes`] when it is not that, is of another version, or an id is doubled or not a plain word.
pub(super) fn parse(text: &str) -> Result<Vec<Purpose>, PolicyError> {
    let fault = |reason: String| PolicyError::Purposes { reason };
    let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
    if file.version != 1 {
        return Err(fault(format!("version {} is not known; this program reads version 1", file.version)));
    }
    if file.purposes.len() > PURPOSES_MAX {
        return Err(fault(format!("{} purposes; at most {PURPOSES_MAX}", file.purposes.len())));
    }
    let mut seen = BTreeSet::new();
    for purpose in &file.purposes {
        let id = purpose.id.as_str();
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
    Ok(file.purposes)
}

//! Where the four policy files come from: built in, a directory, or given as text.

use std::path::{Path, PathBuf};

use crate::PolicyError;

/// Most bytes of one policy file.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of the model, which is parsed recursively.
const MODEL_BYTES_MAX: usize = 16 * 1024;

/// The content of the four policy files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// `model.conf`: the shape of a decision.
    pub model: String,
    /// `policy.csv`: the lines.
    pub policy: String,
    /// `purposes.yml`: what data may be read for.
    pub purposes: String,
    /// `masks.yml`: what a role may know of a field.
    pub masks: String,
}

/// Where the policy comes from.
#[derive(Debug, Clone)]
pub enum PolicySource {
    /// The files of `rules/policy/` as they were when the program was built.
    Embedded,
    /// A directory with `model.conf`, `policy.csv`, `purposes.yml` and `masks.yml`; all four must be there.
    Directory(PathBuf),
    /// Given as text, for tests, simulations and stores.
    Text(PolicyText),
}

impl PolicyText {
    /// The policy that MetroSOC comes with.
    pub fn embedded() -> Self {
        Self {
            model: include_str!("../../../rules/policy/model.conf").to_owned(),
            policy: include_str!("../../../rules/policy/policy.csv").to_owned(),
            purposes: include_str!("../../../rules/policy/purposes.yml").to_owned(),
            masks: include_str!("../../../rules/policy/masks.yml").to_owned(),
        }
    }

    /// A digest of all four files: two policies are the same when it is.
    pub fn version(&self) -> String {
        let parts = [&self.model, &self.policy, &self.purposes, &self.masks];
        let whole: String = parts.iter().map(|part| format!("{}\n{part}\n", part.len())).collect();
        let mut digest = keys::token::digest(&whole);
        digest.truncate(16);
        digest
    }
}

impl PolicySource {
    /// Reads the files.
    ///
    /// # Errors
    /// [`PolicyError`] when a file is missing, unreadable or larger than its bound.
    pub fn read(&self) -> Result<PolicyText, PolicyError> {
        let text = match self {
            Self::Embedded => PolicyText::embedded(),
            Self::Text(text) => text.clone(),
            Self::Directory(directory) => PolicyText {
                model: read_file(directory, "model.conf")?,
                policy: read_file(directory, "policy.csv")?,
                purposes: read_file(directory, "purposes.yml")?,
                masks: read_file(directory, "masks.yml")?,
            },
        };
        bounded("model.conf", &text.model, MODEL_BYTES_MAX)?;
        bounded("policy.csv", &text.policy, FILE_BYTES_MAX)?;
        bounded("purposes.yml", &text.purposes, FILE_BYTES_MAX / 16)?;
        bounded("masks.yml", &text.masks, FILE_BYTES_MAX / 16)?;
        Ok(text)
    }
}

fn read_file(directory: &Path, name: &'static str) -> Result<String, PolicyError> {
    let path = directory.join(name);
    let size = match std::fs::metadata(&path) {
        Ok(found) => usize::try_from(found.len()).unwrap_or(usize::MAX),
        Err(source) => return Err(PolicyError::Unreadable { path, source }),
    };
    if size > FILE_BYTES_MAX {
        return Err(PolicyError::TooLarge { file: name, bytes: size, max: FILE_BYTES_MAX });
    }
    std::fs::read_to_string(&path).map_err(|source| PolicyError::Unreadable { path, source })
}

fn bounded(file: &'static str, text: &str, max: usize) -> Result<(), PolicyError> {
    if text.len() > max {
        return Err(PolicyError::TooLarge { file, bytes: text.len(), max });
    }
    Ok(())
}

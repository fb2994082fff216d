//! The version of a ledger's form on disk.
//!
//! Form 1 has no file `format`: entries of batches carry a digest, and nothing lies beside the log. Form 2 adds the
//! folders `records` and `questions`. A ledger of form 1 is opened as it is and goes on as form 2; older entries stay
//! what they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::LedgerError;
use crate::open::new_file;

const FILE: &str = "format";
/// The form that is written.
const CURRENT: u32 = 2;

/// What a ledger says of its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Form 1, or a ledger that is not made yet.
    Unmarked,
    /// The form of this program.
    Current,
    /// Another: the text that was found.
    Unknown(String),
}

/// Reads the form.
pub(crate) fn read(ledger: &Path) -> io::Result<Form> {
    let mut text = Vec::new();
    match File::open(ledger.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Form::Unmarked),
        file => file?.take(64).read_to_end(&mut text)?,
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(if text == mark() { Form::Current } else { Form::Unknown(text.trim_end().escape_debug().to_string()) })
}

/// Refuses what is not known and marks what is not marked.
pub(crate) fn settle(ledger: &Path) -> Result<(), LedgerError> {
    let path = ledger.join(FILE);
    match read(ledger).map_err(LedgerError::disk(&path))? {
        Form::Current => Ok(()),
        Form::Unmarked => new_file(&path, mark().as_bytes()).map_err(LedgerError::disk(&path)),
        Form::Unknown(found) => Err(LedgerError::Form { found }),
    }
}

fn mark() -> String {
    format!("metrosoc-ledger {CURRENT}\n")
}

//! Pseudonyms: personal values of events and findings are replaced by random tokens before anything is written.
//!
//! Detection has seen the clear values by then, in memory. [`Replacer`] takes a batch in three steps: `read` finds the
//! values, `enter` asks the vault for those that are not remembered, `write` puts the tokens in their places, in fields and
//! inside texts alike. Where tokens stand is kept in [`SPANS_FIELD`], which no sender can write: [`restore`] gives back the
//! event as it came, and a text that looks like a token stays what it is.

mod asked;
mod batch;
mod find;
mod finding;
mod recipient;
mod replacer;
mod restore;
mod spans;
mod write;

use std::sync::Arc;

use crate::privacy::Scanner;
use crate::vault::Vault;

pub use asked::Asked;
pub use recipient::Retokenised;
pub use replacer::Replacer;
pub use restore::{field_restored, restore, writings_in, writings_of};

/// The field of a stored event that tells where tokens stand. Decoders give `metrosoc.` names to nobody.
pub const SPANS_FIELD: &str = "metrosoc.pseudonyms";
/// The field that holds a record that is no text.
const ORIGINAL_BYTES: &str = "metrosoc.original_base64";
/// Sources of what the product itself did: accountability needs the names of those who did it.
const OWN_SOURCES: &str = "own:";

/// What replacing needs: the rules of what is personal, and the vault.
#[derive(Debug)]
pub struct Pseudonyms {
    scanner: Scanner,
    vault: Arc<Vault>,
}

impl Pseudonyms {
    /// By these rules, into this vault.
    pub fn new(scanner: Scanner, vault: Arc<Vault>) -> Self {
        Self { scanner, vault }
    }

    /// The rules of what is personal.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

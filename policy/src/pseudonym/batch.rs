//! The personal values of a batch, each once.

use crate::VaultError;
use crate::vault::{ByFingerprint, Fingerprint, Kind, Vault, Writing};

/// A place in a text that is a value of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which field of the event, counted from 0; nothing for texts that are no event's.
    pub(super) field: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Which value of the batch.
    pub(super) value: u32,
    pub(super) form: Form,
}

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As a word.
    Word,
    /// As an address, in a field that holds nothing else.
    Address,
}

/// Values that were met, and their tokens once they are known.
#[derive(Debug, Default)]
pub(super) struct Batch {
    values: Vec<Value>,
    /// The values themselves, one behind the other.
    texts: String,
    numbers: ByFingerprint<u32>,
}

#[derive(Debug)]
struct Value {
    name: Fingerprint,
    kind: Kind,
    /// Where in `texts` it stands.
    start: usize,
    end: usize,
    writing: Option<Writing>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.texts.clear();
        self.numbers.clear();
    }

    /// Takes a value in; gives its number.
    pub(super) fn take(&mut self, vault: &Vault, kind: Kind, text: &str) -> u32 {
        let name = vault.fingerprint(kind, text);
        let next = self.values.len() as u32; // fewer than bytes of the batch
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            let start = self.texts.len();
            self.texts.push_str(text);
            let writing = vault.remembered(&name);
            self.values.push(Value { name, kind, start, end: self.texts.len(), writing });
        }
        number
    }

    /// Takes the values of another batch in; gives their numbers here, in the order of those there.
    pub(super) fn take_all(&mut self, other: &Self) -> Vec<u32> {
        let taken = other.values.iter().zip(0..).map(|(value, number)| {
            let next = self.values.len() as u32; // fewer than bytes of the batch
            let own = *self.numbers.entry(value.name).or_insert(next);
            if own == next {
                let start = self.texts.len();
                self.texts.push_str(other.text(number));
                let (name, kind, writing) = (value.name, value.kind, value.writing);
                self.values.push(Value { name, kind, start, end: self.texts.len(), writing });
            }
            own
        });
        taken.collect()
    }

    /// Asks the vault for the tokens that are not known yet.
    pub(super) async fn enter(&mut self, vault: &Vault) -> Result<(), VaultError> {
        let missing: Vec<(Kind, &str)> = self
            .values
            .iter()
            .filter(|value| value.writing.is_none())
            .map(|value| (value.kind, self.texts.get(value.start..value.end).unwrap_or_default()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        metrics::counter!("metrosoc_vault_asked_total").increment(missing.len() as u64);
        let entered = vault.enter(&missing).await?;
        let unknown = self.values.iter_mut().filter(|value| value.writing.is_none());
        for (value, writing) in unknown.zip(entered) {
            value.writing = Some(writing);
        }
        Ok(())
    }

    /// The token of a value; `None` before [`Batch::enter`].
    pub(super) fn writing(&self, number: u32) -> Option<Writing> {
        self.values.get(number as usize).and_then(|value| value.writing)
    }

    /// What a value is.
    pub(super) fn kind(&self, number: u32) -> Kind {
        self.values.get(number as usize).map_or(Kind::Text, |value| value.kind)
    }

    /// The value itself, in clear.
    pub(super) fn text(&self, number: u32) -> &str {
        let value = self.values.get(number as usize);
        value.and_then(|value| self.texts.get(value.start..value.end)).unwrap_or_default()
    }
}

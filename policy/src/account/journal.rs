//! Where account changes are recorded before they count.

use std::fmt;
use std::pin::Pin;

use serde_json::Value;

/// What an append gives: its place in the record.
pub type Appending<'a> =
    Pin<Box<dyn Future<Output = Result<u64, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// The record of what was done. `ledger::Ledger` is one; tests bring one that fails.
pub trait Journal: Send + Sync + fmt::Debug {
    /// Appends one entry and resolves when it is durable.
    fn append<'a>(&'a self, actor: &'a str, action: &'static str, object: &'a str, detail: Value) -> Appending<'a>;
}

impl Journal for ledger::Ledger {
    fn append<'a>(&'a self, actor: &'a str, action: &'static str, object: &'a str, detail: Value) -> Appending<'a> {
        Box::pin(async move {
            let receipt = self.append(ledger::Entry::new(actor, action, object, detail)).await?;
            Ok(receipt.index)
        })
    }
}

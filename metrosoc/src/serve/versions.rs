//! What a load changes of the rules: into the ledger first, then into the register, and only then into force.

use anyhow::Context as _;
use detector::rulebook::Content;
use detector::versions::{Action, Change, VersionRegister, digest_of};
use ledger::{Entry, Ledger};
use serde_json::json;

/// Most changes that have an entry each; more at once have one together, with a digest over all.
const ENTRIES_MAX: usize = 50;
/// Longest title and path in an entry, in characters.
const NAME_CHARS_MAX: usize = 256;

/// Records what `contents` change against the load before, in the name of `actor`. Without a change nothing is written.
///
/// # Errors
/// When the register cannot be read, or register or ledger cannot be written; the rules must then not come into force.
pub async fn record(
    register: &VersionRegister,
    ledger: &Ledger,
    contents: &[Content],
    actor: &str,
) -> anyhow::Result<()> {
    let changes = register.compare(contents).await.context("the versions of rules")?;
    if changes.is_empty() {
        return Ok(());
    }
    let mut kept = Vec::with_capacity(changes.len());
    if changes.len() > ENTRIES_MAX {
        let receipt = ledger.append(summary(&changes, actor)).await.context("recording changes of rules")?;
        kept.extend(changes.into_iter().map(|change| (change, receipt.index)));
    } else {
        for change in changes {
            let receipt = ledger.append(entry(&change, actor)).await.context("recording changes of rules")?;
            kept.push((change, receipt.index));
        }
    }
    register.keep(&kept, actor).await.context("the versions of rules")?;
    tracing::info!(changes = kept.len(), actor, "rules changed");
    Ok(())
}

fn entry(change: &Change, actor: &str) -> Entry {
    let detail = json!({
        "title": short(&change.title), "path": short(&change.path), "modified": change.modified.as_deref().map(short),
        "before": change.before, "digest": change.digest,
    });
    Entry::new(actor, format!("rule_{}", change.action.as_str()), format!("rule:{}", change.rule), detail)
}

/// One entry for many changes.
fn summary(changes: &[Change], actor: &str) -> Entry {
    let count = |action| changes.iter().filter(|change| change.action == action).count();
    let detail = json!({
        "added": count(Action::Added), "changed": count(Action::Changed), "removed": count(Action::Removed),
        "sha256": digest_of(changes),
    });
    Entry::new(actor, "rules_changed", "rules", detail)
}

fn short(text: &str) -> String {
    text.chars().take(NAME_CHARS_MAX).collect()
}

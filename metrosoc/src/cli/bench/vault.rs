//! A vault and what replaces personal values, for measurements: both in a folder that goes afterwards.

use std::path::Path;
use std::sync::Arc;

use ::policy::Vault;
use ::policy::privacy::{PrivacyRules, Scanner, load};
use ::policy::pseudonym::Pseudonyms;
use ::policy::vault::{CACHE_VALUES_MAX, KEYS_FILE};
use event::{Clock, SystemClock};
use keys::{KeySource, Keyring};
use store::{Store, Tables};

/// What `sources.yml` says when nothing is switched off.
pub const EVERYTHING: &str = "version: 1\nsources: []\n";
/// The year by which years of birth are judged.
const YEAR: u16 = 2026;

/// A new vault in SQLite, as `serve` makes it.
pub async fn vault(folder: &Path) -> anyhow::Result<Arc<Vault>> {
    let keyring = Keyring::open(&KeySource::File(folder.join("master.key")), &folder.join("data"))?;
    let store = Store::open(&store::sqlite_url(&folder.join("data/metrosoc.sqlite"))).await?;
    let file = folder.join("data/vault-keys").join(KEYS_FILE);
    let keys = Store::open_tables(&store::sqlite_url(&file), Tables::VaultKeys).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Arc::new(Vault::open(store, keys, Some(file), &keyring, clock, CACHE_VALUES_MAX).await?))
}

/// Replaces by the rules that come along, with this `sources.yml`.
pub fn pseudonyms(folder: &Path, sources: &str, vault: &Arc<Vault>) -> anyhow::Result<Arc<Pseudonyms>> {
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules)?;
    std::fs::write(rules.join("sources.yml"), sources)?;
    let (rules, refused): (PrivacyRules, _) = load(&rules)?;
    anyhow::ensure!(refused.is_empty(), "the bench's own rules are refused: {refused:?}");
    Ok(Arc::new(Pseudonyms::new(Scanner::new(rules, YEAR), Arc::clone(vault))))
}

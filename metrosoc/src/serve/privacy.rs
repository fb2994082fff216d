//! Whether personal values are replaced here, and by which rules into which vault.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use event::{Clock, Timestamp};
use keys::Keyring;
use policy::Vault;
use policy::holiday::{Holidays, Known};
use policy::mask::Masking;
use policy::privacy::{PrivacyRules, PrivacyText, Scanner, load, parse};
use policy::pseudonym::Pseudonyms;
use policy::vault::KEYS_FILE;
use store::{Store, Tables};

use crate::config::Config;

/// The folder of the vault's data keys in the data directory. No backup holds it.
const KEYS_FOLDER: &str = "vault-keys";
/// What the key of masks is derived by.
const MASKS_LABEL: &str = "masks";
/// The fact that says whether everything in this data directory was written with pseudonyms.
const FACT: &str = "pseudonyms";

/// Opens the vault when this data directory is one with pseudonyms. `holds_events` says that something was written here.
///
/// # Errors
/// When the rules or a database cannot be read. A vault without its keys is no error here: it says so itself, all the time.
pub async fn open(
    config: &Config,
    data: &Path,
    store: &Store,
    keyring: &Keyring,
    clock: &Arc<dyn Clock>,
    holds_events: bool,
) -> anyhow::Result<Option<Arc<Pseudonyms>>> {
    if !decide(config.privacy.pseudonyms, store, holds_events).await? {
        return Ok(None);
    }
    let scanner = scanner(config, clock)?;
    let file = std::path::absolute(data)?.join(KEYS_FOLDER).join(KEYS_FILE);
    let keys =
        Store::open_tables(&store::sqlite_url(&file), Tables::VaultKeys).await.context("the vault's data keys")?;
    let remembered = config.privacy.cache_values_max;
    let vault = Vault::open(store.clone(), keys, Some(file), keyring, Arc::clone(clock), remembered).await;
    let vault = vault.context("the vault")?;
    if let Err(error) = vault.usable() {
        tracing::error!(%error, "nothing is decoded until the vault is back; what comes waits in the spool");
    }
    Ok(Some(Arc::new(Pseudonyms::new(scanner, Arc::new(vault)))))
}

/// What masks need beside the policy: the installation's key for them, and the scanner of personal values.
///
/// # Errors
/// When the rules cannot be read or the key cannot be derived.
pub fn masking(config: &Config, keyring: &Keyring, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<Masking>> {
    let key = keyring.lookup_key(MASKS_LABEL).context("the key of masks")?;
    Ok(Arc::new(Masking::new(key, Arc::new(scanner(config, clock)?))))
}

fn scanner(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Scanner> {
    let rules = rules(&config.privacy.rules)?;
    let year =
        jiff::Timestamp::from_nanosecond(i128::from(clock.now().nanos()))?.to_zoned(jiff::tz::TimeZone::UTC).year();
    Ok(Scanner::new(rules, u16::try_from(year).unwrap_or(u16::MAX)))
}

/// A data directory begins with pseudonyms or without, and may leave them, never begin with them later: what is written
/// in clear stays in clear.
async fn decide(wanted: bool, store: &Store, holds_events: bool) -> anyhow::Result<bool> {
    let fact = store.meta(FACT).await.context("the database")?;
    match (fact.as_deref(), wanted) {
        (Some("on"), true) => return Ok(true),
        (None, true) if !holds_events => set(store, "on").await?,
        (Some("on"), false) => {
            set(store, "off").await?;
            tracing::warn!("`privacy.pseudonyms` was switched off: from now on personal values are written in clear");
        }
        (None, false) => set(store, "off").await?,
        (_, true) => tracing::warn!(
            "this data directory holds personal values in clear and stays without pseudonyms; import its logs into a new one"
        ),
        (_, false) => {}
    }
    Ok(wanted && !holds_events && fact.is_none())
}

async fn set(store: &Store, value: &str) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    tx.set_meta(FACT, value).await?;
    tx.commit().await?;
    Ok(())
}

/// The rules that MetroSOC comes with, and what a folder adds to them.
///
/// # Errors
/// When the folder cannot be read. Single entries that cannot be used are refused alone, and told.
pub fn rules(folder: &str) -> anyhow::Result<PrivacyRules> {
    if folder.is_empty() {
        return Ok(parse(&PrivacyText::embedded())?);
    }
    let (rules, refused) = load(Path::new(folder))?;
    for fault in refused {
        tracing::error!(%fault, "a privacy rule is missing");
    }
    Ok(rules)
}

/// The days that are not worked: the list that MetroSOC comes with, or that of the folder.
///
/// # Errors
/// When the folder's list cannot be read, or is wrong.
pub fn holidays(config: &Config, now: Timestamp) -> anyhow::Result<Holidays> {
    let holidays = Holidays::of_folder(&config.privacy.rules)?;
    let Known { until, unconfirmed } = holidays.known(now);
    tracing::info!(until, ?unconfirmed, "public holidays; those of the years that are named are to be confirmed");
    Ok(holidays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pseudonyms_begin_with_the_data_and_never_later() {
        // (what the data directory says, what is wanted, whether it holds events), and what follows.
        for (fact, wanted, holds, expected, after) in [
            (None, true, false, true, Some("on")),
            (None, true, true, false, None),
            (None, false, false, false, Some("off")),
            (Some("on"), true, true, true, Some("on")),
            (Some("on"), false, true, false, Some("off")),
            (Some("off"), true, false, false, Some("off")),
            (Some("off"), true, true, false, Some("off")),
        ] {
            for store in store::testing::stores().await.unwrap() {
                if let Some(fact) = fact {
                    set(&store, fact).await.unwrap();
                }
                let found = decide(wanted, &store, holds).await.unwrap();
                assert_eq!(found, expected, "{fact:?} {wanted} {holds}");
                assert_eq!(store.meta(FACT).await.unwrap().as_deref(), after, "{fact:?} {wanted} {holds}");
            }
        }
    }
}

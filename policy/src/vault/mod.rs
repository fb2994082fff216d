//! The vault: which random token stands for which personal value.
//!
//! A value is found by its *mark*, a keyed hash of its class and normalised form, and a writing of it by a mark of its own
//! among the value's; the writings of one value (`0912 345 678`, `+84912345678`) share a token, and each is kept, so that a
//! text is restored as it was. What `privacy::normalise` gives must stay what it is, or values get tokens anew until the
//! look-up key is rotated, which marks all of them again. The value lies sealed under a data key of the token's own, and the data keys lie in a database apart: where a key's row is destroyed, nobody gets from the
//! token to the value again, whoever holds the master key included.

mod cache;
mod enter;
mod fingerprint;
pub mod order;
mod recent;
mod rotate;
mod rows;
mod shred;
mod token;

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use event::Clock;
use keys::{DataKey, Keyring, LookupKey, MARK_BYTES, Sealer};
use store::Store;

use crate::VaultError;
use crate::privacy::{normalise, unescape};
pub(crate) use cache::ByFingerprint;
use cache::Cache;
pub use fingerprint::Fingerprint;
use fingerprint::Fingerprints;
use recent::Recent;
pub use rotate::Step;
pub use shred::{Held, Shredded, replay_on_rows};
pub use token::{Kind, TOKEN_CHARS, Token};

/// Writings that are remembered unless told otherwise: about 40 MB.
pub const CACHE_VALUES_MAX: usize = 1_000_000;
/// The file of the data keys in their folder.
pub const KEYS_FILE: &str = "keys.sqlite";

const LOOKUP: &str = "vault look-up";
const DATA_KEYS: &str = "vault data keys";
/// The fact under which both databases name the vault that they belong to.
const ID: &str = "vault_id";

/// The keyed hash of a class and a writing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub(crate) [u8; MARK_BYTES]);

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl std::fmt::Debug for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Mark")
    }
}

/// A token, and which writing of its value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writing {
    /// The token.
    pub token: Token,
    /// Counted from 0, the writing that came first.
    pub number: u32,
}

/// The vault of an installation.
pub struct Vault {
    store: Store,
    keys: Store,
    /// The file of the keys and its number on the disk when it was opened; `None` where they are on a server.
    file: Option<(PathBuf, u64)>,
    sealer: Sealer,
    lookup: LookupKey,
    clock: Arc<dyn Clock>,
    cache: Mutex<Cache>,
    fingerprints: Fingerprints,
    /// What waits to be moved into the tables; held by who writes there.
    recent: tokio::sync::Mutex<Recent>,
    /// Held by everybody who brings values in; whoever destroys some is alone.
    gate: tokio::sync::RwLock<()>,
    /// Why it cannot be used, as found at the start.
    lost: Option<String>,
}

impl Vault {
    /// Opens the vault whose rows lie in `store` and whose data keys lie in `keys` (tables [`store::Tables::VaultKeys`]);
    /// `file` is the file of the latter. A vault whose keys are missing or of another vault opens too: it answers nothing
    /// but [`VaultError::Lost`], so that receiving goes on while the operator looks for them. What is on the list of the
    /// shredded is destroyed again first.
    ///
    /// # Errors
    /// When a database refuses or a key cannot be derived.
    pub async fn open(
        store: Store,
        keys: Store,
        file: Option<PathBuf>,
        keyring: &Keyring,
        clock: Arc<dyn Clock>,
        cache_values_max: usize,
    ) -> Result<Self, VaultError> {
        let lost = belong_together(&store, &keys).await?;
        recent::move_over(&store, &keys).await?;
        if lost.is_none() {
            shred::replay(&store, &keys).await?;
        }
        let file = file.map(|path| inode(&path).map(|number| (path, number))).transpose()?;
        Ok(Self {
            store,
            keys,
            file,
            sealer: keyring.sealer(DATA_KEYS)?,
            lookup: keyring.lookup_key(LOOKUP)?,
            clock,
            cache: Mutex::new(Cache::new(cache_values_max)),
            fingerprints: Fingerprints::new(),
            recent: tokio::sync::Mutex::default(),
            gate: tokio::sync::RwLock::default(),
            lost,
        })
    }

    /// Whether values can be brought in and revealed now.
    ///
    /// # Errors
    /// [`VaultError::Lost`] with the way out, or what the databases say.
    pub async fn ready(&self) -> Result<(), VaultError> {
        self.usable()?;
        rows::wrapped_keys(&self.keys, &[Token::random(Kind::Text)]).await?;
        Ok(())
    }

    /// Whether its keys are where they were, without asking a database.
    ///
    /// # Errors
    /// [`VaultError::Lost`] with the way out.
    pub fn usable(&self) -> Result<(), VaultError> {
        if let Some(reason) = &self.lost {
            return Err(VaultError::Lost { reason: reason.clone() });
        }
        // A database whose file is gone would go on writing to where nobody finds it again.
        match &self.file {
            Some((path, number)) if inode(path).ok() != Some(*number) => {
                let reason = format!("the data keys are not at `{}` any more; put them back there", path.display());
                Err(VaultError::Lost { reason })
            }
            _ => Ok(()),
        }
    }

    /// The mark of a value as it is written.
    pub fn mark(&self, kind: Kind, value: &str) -> Mark {
        Mark(self.lookup.mark(kind.number(), value.as_bytes()))
    }

    /// The mark of a value however it is written.
    fn value_mark(&self, kind: Kind, value: &str) -> Mark {
        Mark(self.lookup.mark(kind.number(), &normal(kind, value)))
    }

    /// The same under older generations of the look-up key.
    fn older_value_marks(&self, kind: Kind, value: &str) -> Vec<Mark> {
        self.lookup.older_marks(kind.number(), &normal(kind, value)).into_iter().map(Mark).collect()
    }

    /// The quick name of a value as it is written, for tables in memory.
    pub fn fingerprint(&self, kind: Kind, value: &str) -> Fingerprint {
        self.fingerprints.of(kind, value)
    }

    /// What is remembered of a value; the fast way of values that come often.
    pub fn remembered(&self, value: &Fingerprint) -> Option<Writing> {
        self.cache().get(value)
    }

    async fn data_keys(&self, tokens: impl Iterator<Item = Token>) -> Result<HashMap<Token, DataKey>, VaultError> {
        let tokens: Vec<Token> = tokens.collect();
        let mut found = HashMap::with_capacity(tokens.len());
        for (token, wrapped) in rows::wrapped_keys(&self.keys, &tokens).await? {
            found.insert(token, self.unwrapped(token, &wrapped)?);
        }
        Ok(found)
    }

    /// The token of a value however it is written; `None` when the vault never met it. Nothing is brought in.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn find(&self, kinds: &[Kind], value: &str) -> Result<Vec<Token>, VaultError> {
        let _shared = self.gate.read().await;
        self.find_here(kinds, value).await
    }

    /// As [`Vault::find`], for who stands behind the gate: the generation of the look-up key does not change meanwhile.
    async fn find_here(&self, kinds: &[Kind], value: &str) -> Result<Vec<Token>, VaultError> {
        self.settle().await?;
        let asked: Vec<(Kind, &str)> = kinds.iter().map(|kind| (*kind, value)).collect();
        self.take_up(&asked).await?;
        let marks: Vec<Mark> = kinds.iter().map(|kind| self.value_mark(*kind, value)).collect();
        let found = rows::values(&self.store, &marks).await?;
        Ok(marks.iter().filter_map(|mark| found.get(mark)).map(|writing| writing.token).collect())
    }

    /// The values of writings; what is missing was destroyed, or never was.
    ///
    /// Whoever calls this must be allowed to, and record it: the vault itself asks nobody.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn reveal(&self, wanted: &[Writing]) -> Result<HashMap<Writing, String>, VaultError> {
        self.usable()?;
        self.settle_for(wanted).await?;
        let sealed = rows::sealed(&self.store, wanted).await?;
        let mut tokens: Vec<Token> = sealed.keys().map(|writing| writing.token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let keys = self.data_keys(tokens.into_iter()).await?;
        let mut revealed = HashMap::with_capacity(wanted.len());
        for writing in wanted {
            let (Some(key), Some(sealed)) = (keys.get(&writing.token), sealed.get(writing)) else { continue };
            let damaged = || VaultError::Damaged { token: writing.token };
            let sealed = STANDARD_NO_PAD.decode(sealed).map_err(|_| damaged())?;
            let value = key.open(&bound_to(*writing), &sealed).map_err(|_| damaged())?;
            revealed.insert(*writing, String::from_utf8(value).map_err(|_| damaged())?);
        }
        Ok(revealed)
    }

    /// Destroys a token's data key, then its rows: the value cannot be had again from here, from any copy of the main
    /// database or from the index, and the same value gets another token when it comes again. Gives whether the key was there.
    ///
    /// # Errors
    /// [`VaultError`]; the key may be destroyed already, and destroying again finishes it.
    pub async fn destroy(&self, token: Token) -> Result<bool, VaultError> {
        self.usable()?;
        let _alone = self.gate.write().await;
        self.settle().await?;
        let keys = rows::remove_keys(&self.keys, &[token]).await?;
        rows::remove(&self.store, token).await?;
        self.cache().forget(token);
        Ok(keys > 0)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // Every change leaves it whole, so what a panic left can be used.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the rows of a vault lie in a database.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn is_in(store: &Store) -> Result<bool, VaultError> {
    Ok(store.meta(ID).await?.is_some())
}

/// Gives up every value of a vault whose data keys are lost for ever, so that a new vault begins in this database: the tokens
/// that stand in what is stored stay, and nobody gets from them to a value again. Gives how many writings there were.
///
/// # Errors
/// [`VaultError::Store`].
pub async fn give_up(store: &Store) -> Result<u64, VaultError> {
    Ok(rows::remove_all(store, ID).await?)
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vault").field("lost", &self.lost).finish_non_exhaustive()
    }
}

/// What the mark of a value is made of; other than what that of the same text as a writing is.
fn normal(kind: Kind, value: &str) -> Vec<u8> {
    let normal = match kind {
        Kind::Value(class) => normalise(class, &unescape(value)),
        Kind::Text => value.to_owned(),
    };
    format!("\0{normal}").into_bytes()
}

/// What a sealed value is bound to.
fn bound_to(writing: Writing) -> Vec<u8> {
    format!("{}/{}", writing.token, writing.number).into_bytes()
}

fn inode(path: &std::path::Path) -> Result<u64, VaultError> {
    let about = std::fs::metadata(path);
    about.map(|about| about.ino()).map_err(|source| VaultError::File { path: path.to_owned(), source })
}

/// Compares the names of the vault in both databases, or gives it one; `Some` when they do not fit.
async fn belong_together(store: &Store, keys: &Store) -> Result<Option<String>, VaultError> {
    let (rows_of, keys_of) = (store.meta(ID).await?, keys.meta(ID).await?);
    match (rows_of, keys_of) {
        (Some(rows_of), Some(keys_of)) if rows_of == keys_of => Ok(None),
        (Some(_), Some(_)) => Ok(Some("the data keys belong to another vault; put its own back".to_owned())),
        (Some(_), None) => Ok(Some("the data keys are missing; put `vault-keys` back and start again".to_owned())),
        (None, keys_of) => {
            // The keys are named first: a stop in between leaves them for the next start.
            let id = keys_of.unwrap_or_else(|| format!("{:032x}", u128::from_be_bytes(keys::random_bytes())));
            for database in [keys, store] {
                let mut tx = database.begin().await?;
                tx.set_meta(ID, &id).await?;
                tx.commit().await?;
            }
            Ok(None)
        }
    }
}

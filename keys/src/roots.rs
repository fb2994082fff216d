//! The ring: the roots that every sealing and look-up key is derived from, in generations, wrapped under the master key.
//!
//! The newest generation seals and hashes; the older ones only open and find, until everything was sealed anew and they are
//! destroyed. While the master key is being replaced the ring is wrapped under both, so that a stop at any moment leaves one
//! that opens it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use event::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{KeyError, MasterKey, file, random};

/// The file, in `keys/` and beside the vault's data keys.
pub(crate) const FILE: &str = "ring";
const FORMAT: u32 = 1;
const LABEL: &str = "key ring";
const AAD: &[u8] = b"metrosoc key ring 1";
/// Bytes of a root: kind, id, time, secret.
const ROOT_BYTES: usize = 1 + 4 + 8 + 32;
/// Generations of a kind, and master keys: two while one replaces the other, and what a restored copy brings.
const GENERATIONS_MAX: usize = 16;

/// The id of the generation that has none: seals from before there was a ring.
pub(crate) const FIRST: u32 = 0;

/// What a root is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Keys that seal what is stored.
    Sealing,
    /// Keys under which values are found again, and hashed for recipients.
    LookUp,
}

impl KeyKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sealing, Self::LookUp];

    /// Its name in commands and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealing => "sealing",
            Self::LookUp => "look-up",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Sealing => 1,
            Self::LookUp => 2,
        }
    }
}

/// One generation of one kind.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) kind: KeyKind,
    pub(crate) id: u32,
    pub(crate) created: Timestamp,
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

impl Root {
    /// A fresh one.
    pub(crate) fn make(kind: KeyKind, created: Timestamp) -> Result<Self, KeyError> {
        let id = u32::from_be_bytes(random::bytes()).max(FIRST + 1);
        Ok(Self { kind, id, created, secret: random::key_bytes()? })
    }
}

/// The generations, of each kind oldest first.
#[derive(Clone, Default)]
pub(crate) struct Roots(Vec<Root>);

impl Roots {
    /// What a new data directory begins with.
    pub(crate) fn fresh(now: Timestamp) -> Result<Self, KeyError> {
        KeyKind::ALL.into_iter().map(|kind| Root::make(kind, now)).collect::<Result<_, _>>().map(Self)
    }

    /// What a data directory from before there was a ring has: the master key itself.
    pub(crate) fn first(secret: &Zeroizing<[u8; 32]>) -> Self {
        let root = |kind| Root { kind, id: FIRST, created: Timestamp::from_secs(0), secret: secret.clone() };
        Self(KeyKind::ALL.into_iter().map(root).collect())
    }

    pub(crate) fn of(&self, kind: KeyKind) -> impl Iterator<Item = &Root> {
        self.0.iter().filter(move |root| root.kind == kind)
    }

    pub(crate) fn newest(&self, kind: KeyKind) -> Option<&Root> {
        self.of(kind).last()
    }

    /// Adds what is not there yet; gives whether something was not.
    pub(crate) fn merge(&mut self, others: &Self) -> bool {
        let before = self.0.len();
        for other in &others.0 {
            if !self.of(other.kind).any(|root| root.id == other.id) {
                self.0.push(other.clone());
            }
        }
        self.0.sort_by_key(|root| (root.kind, root.created, root.id));
        self.0.len() > before
    }

    pub(crate) fn add(&mut self, root: Root) {
        self.0.push(root);
    }

    /// Destroys all but the newest of a kind.
    pub(crate) fn retire(&mut self, kind: KeyKind) {
        let newest = self.newest(kind).map(|root| root.id);
        self.0.retain(|root| root.kind != kind || Some(root.id) == newest);
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_mul(ROOT_BYTES)));
        for root in &self.0 {
            bytes.push(root.kind.number());
            bytes.extend_from_slice(&root.id.to_be_bytes());
            bytes.extend_from_slice(&root.created.nanos().to_be_bytes());
            bytes.extend_from_slice(root.secret.as_slice());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut roots, mut rest) = (Vec::new(), bytes);
        while let Some((kind, behind)) = rest.split_first() {
            let (id, behind) = behind.split_first_chunk::<4>()?;
            let (created, behind) = behind.split_first_chunk::<8>()?;
            let (secret, behind) = behind.split_first_chunk::<32>()?;
            let kind = KeyKind::ALL.into_iter().find(|one| one.number() == *kind)?;
            let created = Timestamp::from_nanos(i64::from_be_bytes(*created));
            roots.push(Root { kind, id: u32::from_be_bytes(*id), created, secret: Zeroizing::new(*secret) });
            rest = behind;
        }
        let whole = KeyKind::ALL.into_iter().all(|kind| roots.iter().any(|root| root.kind == kind));
        (whole && roots.len() <= 2 * GENERATIONS_MAX).then_some(Self(roots))
    }
}

/// The file: the same roots, wrapped under each master key that may open them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {
    metrosoc_key_ring: u32,
    wraps: BTreeMap<String, String>,
}

impl Ring {
    /// Wraps roots under each of the master keys.
    pub(crate) fn wrap(roots: &Roots, masters: &[&dyn MasterKey]) -> Result<Self, KeyError> {
        let plain = roots.to_bytes();
        let mut wraps = BTreeMap::new();
        for master in masters {
            wraps.insert(master.mark().to_owned(), STANDARD.encode(master.wrap(LABEL, AAD, &plain)?));
        }
        Ok(Self { metrosoc_key_ring: FORMAT, wraps })
    }

    /// The file in a folder; `None` when there is none.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, KeyError> {
        let path = folder.join(FILE);
        match file::read(&path) {
            Ok(bytes) => Self::parse(&bytes).map(Some).map_err(|reason| KeyError::Malformed { path, reason }),
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let ring: Self = serde_json::from_slice(bytes).map_err(|_| "expected a ring of keys")?;
        if ring.metrosoc_key_ring != FORMAT {
            return Err("it was written by a newer version");
        }
        if ring.wraps.is_empty() || ring.wraps.len() > GENERATIONS_MAX {
            return Err("it names no master key, or too many");
        }
        Ok(ring)
    }

    /// The roots, when this master key is one of those that open them; `None` for any other key.
    pub(crate) fn open(&self, master: &dyn MasterKey) -> Option<Roots> {
        let wrapped = STANDARD.decode(self.wraps.get(master.mark())?).ok()?;
        Roots::from_bytes(&master.unwrap(LABEL, AAD, &wrapped).ok()?)
    }

    /// Whether more than one master key opens it: one is being replaced.
    pub(crate) fn is_between(&self) -> bool {
        self.wraps.len() > 1
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, KeyError> {
        let mut bytes = serde_json::to_vec(self).map_err(|_| KeyError::Crypto { what: "writing the ring of keys" })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn roots_are_written_read_merged_and_retired() {
        let mut roots = Roots::fresh(Timestamp::from_secs(10)).unwrap();
        let copy = roots.clone();
        let newer = Root::make(KeyKind::Sealing, Timestamp::from_secs(20)).unwrap();
        let id = newer.id;
        roots.add(newer);
        let read = Roots::from_bytes(&roots.to_bytes()).unwrap();
        assert_eq!((read.of(KeyKind::Sealing).count(), read.of(KeyKind::LookUp).count()), (2, 1));
        assert_eq!(read.newest(KeyKind::Sealing).unwrap().id, id);
        let mut other = copy.clone();
        assert!(other.merge(&read) && !other.merge(&read));
        assert_eq!(other.newest(KeyKind::Sealing).unwrap().id, id);
        other.retire(KeyKind::Sealing);
        assert_eq!(other.of(KeyKind::Sealing).map(|root| root.id).collect::<Vec<_>>(), [id]);
        assert_eq!(other.of(KeyKind::LookUp).count(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_may_stand_in_the_file(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(ring) = Ring::parse(&bytes) {
                prop_assert!(!ring.wraps.is_empty());
            }
            if let Some(roots) = Roots::from_bytes(&bytes) {
                let again = roots.to_bytes();
                prop_assert_eq!(again.as_slice(), bytes.as_slice());
            }
        }
    }
}

//! Keyed hashes: a value is found again without being readable, and without the key nobody can try values out.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ring::hmac::{Context, HMAC_SHA256, Key};

use crate::KeyError;
use crate::roots::{FIRST, Root};
use crate::seal::derive;
use crate::wiped::Wiped;

/// Bytes of a mark. With a billion values two marks are equal by chance once in 10^20 vaults.
pub const MARK_BYTES: usize = 16;

/// A key and the generation it belongs to.
struct Generation {
    id: u32,
    key: Wiped<Key>,
}

/// Hashes values for one purpose, under keys derived from the ring's roots and the purpose's label (HMAC-SHA256, RFC 2104,
/// its first [`MARK_BYTES`] bytes). Clones share their keys: when a new generation comes, all of them hash under it.
#[derive(Clone)]
pub struct LookupKey {
    label: &'static str,
    /// The last one hashes; the marks of the others are known until they are retired.
    keys: Arc<RwLock<Vec<Generation>>>,
}

impl LookupKey {
    #[cfg(test)]
    pub(crate) fn derived(secret: &[u8; 32], label: &'static str) -> Result<Self, KeyError> {
        let made = Self { label, keys: Arc::default() };
        made.push(FIRST, secret)?;
        Ok(made)
    }

    /// Several generations, oldest first.
    pub(crate) fn of<'r>(roots: impl Iterator<Item = &'r Root>, label: &'static str) -> Result<Self, KeyError> {
        let made = Self { label, keys: Arc::default() };
        for root in roots {
            made.push(root.id, &root.secret)?;
        }
        Ok(made)
    }

    /// From now on every clone hashes under this generation.
    pub(crate) fn push(&self, id: u32, secret: &[u8; 32]) -> Result<(), KeyError> {
        let key = derive(secret, "look-up", self.label)?;
        let key = Wiped::new(Key::new(HMAC_SHA256, key.as_slice()));
        self.keys.write().unwrap_or_else(PoisonError::into_inner).push(Generation { id, key });
        Ok(())
    }

    /// Forgets all generations but the newest.
    pub(crate) fn retire(&self) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let older = keys.len().saturating_sub(1);
        keys.drain(..older);
    }

    /// The generation that hashes now.
    pub fn generation(&self) -> u32 {
        self.keys().last().map_or(FIRST, |newest| newest.id)
    }

    /// A key of its own for `name`, derived from the newest of this one: without this key nobody can tell from one what
    /// another would mark. Equal names give equal keys at every start, until the keys are rotated; a sub-key stays what it
    /// was. A key that has sub-keys marks nothing of kind 255.
    #[must_use]
    pub fn sub_key(&self, name: &[u8]) -> Self {
        let keys = self.keys();
        let sub = keys.last().map(|newest| {
            let mut context = Context::with_key(&newest.key);
            context.update(&[u8::MAX]);
            context.update(b"sub-key");
            context.update(name);
            Generation { id: newest.id, key: Wiped::new(Key::new(HMAC_SHA256, context.sign().as_ref())) }
        });
        Self { label: self.label, keys: Arc::new(RwLock::new(sub.into_iter().collect())) }
    }

    /// The mark of a value of a kind; kinds keep equal values of different meaning apart.
    pub fn mark(&self, kind: u8, value: &[u8]) -> [u8; MARK_BYTES] {
        self.keys().last().map_or([0; MARK_BYTES], |newest| mark_under(&newest.key, kind, value))
    }

    /// The marks of a value under the older generations, newest first; empty when there is one generation.
    pub fn older_marks(&self, kind: u8, value: &[u8]) -> Vec<[u8; MARK_BYTES]> {
        self.keys().iter().rev().skip(1).map(|one| mark_under(&one.key, kind, value)).collect()
    }

    /// Whether there are older generations.
    pub fn has_older(&self) -> bool {
        self.keys().len() > 1
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<Generation>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark_under(key: &Key, kind: u8, value: &[u8]) -> [u8; MARK_BYTES] {
    let mut context = Context::with_key(key);
    context.update(&[kind]);
    context.update(value);
    let mut mark = [0; MARK_BYTES];
    mark.iter_mut().zip(context.sign().as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    mark
}

impl std::fmt::Debug for LookupKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LookupKey").field("label", &self.label).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_label_kind_and_value_each_change_the_mark() {
        let key = LookupKey::derived(&[7; 32], "test").unwrap();
        let mark = key.mark(1, b"lan");
        assert_eq!(key.mark(1, b"lan"), mark);
        assert_ne!(key.mark(2, b"lan"), mark);
        assert_ne!(key.mark(1, b"lam"), mark);
        assert_ne!(LookupKey::derived(&[7; 32], "other").unwrap().mark(1, b"lan"), mark);
        assert_ne!(LookupKey::derived(&[8; 32], "test").unwrap().mark(1, b"lan"), mark);
        let (one, other) = (key.sub_key(b"one"), key.sub_key(b"other"));
        assert_eq!(one.mark(1, b"lan"), key.sub_key(b"one").mark(1, b"lan"));
        assert!(one.mark(1, b"lan") != mark && one.mark(1, b"lan") != other.mark(1, b"lan"));
        assert!(!key.has_older() && key.older_marks(1, b"lan").is_empty());
        let clone = key.clone();
        key.push(9, &[9; 32]).unwrap();
        assert_ne!(clone.mark(1, b"lan"), mark);
        assert_eq!((clone.older_marks(1, b"lan"), clone.generation()), (vec![mark], 9));
        assert_eq!(one.mark(1, b"lan"), LookupKey::derived(&[7; 32], "test").unwrap().sub_key(b"one").mark(1, b"lan"));
        key.retire();
        assert!(!clone.has_older());
        assert_eq!(format!("{key:?}"), "LookupKey { label: \"test\", .. }");
    }
}

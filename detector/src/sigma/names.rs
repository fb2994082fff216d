//! The field names that rules ask for, numbered, and found again by the hash that an event has of its own names.

use bumpalo::Bump;
use bumpalo::collections::String as BumpString;
use event::name_hash;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use rustc_hash::FxHashMap;

/// A field name that some rule asks for, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NameId(u32);

impl NameId {
    /// Its place in a list of all names.
    pub(super) fn place(self) -> usize {
        self.0 as usize
    }
}

/// Stands for no name and no place.
pub(super) const NONE: u32 = u32::MAX;

/// The city's zone, for rules that speak of hours and days.
const ZONE: &str = "Asia/Ho_Chi_Minh";

/// The field names that rules ask for, and the zone in which they see an event's time.
#[derive(Debug)]
pub(crate) struct Names {
    /// By id.
    names: Vec<Box<str>>,
    /// Hashes with ids, each at the place of its hash or behind it; at most half of them are taken.
    slots: Vec<(u32, u32)>,
    /// What items ask, as digests, with their numbers.
    items: FxHashMap<[u8; 16], u32>,
    pub(super) zone: TimeZone,
}

impl Default for Names {
    fn default() -> Self {
        // The zone's rules are compiled in; the fixed offset is the same city without them.
        let zone = TimeZone::get(ZONE).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(7)));
        Self::in_zone(zone)
    }
}

impl Names {
    /// No names yet.
    pub(crate) fn in_zone(zone: TimeZone) -> Self {
        Self { names: Vec::new(), slots: Vec::new(), items: FxHashMap::default(), zone }
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The id of `name`, made when it is new.
    pub(crate) fn intern(&mut self, name: &str) -> NameId {
        let hash = name_hash(name);
        if let Some(id) = self.known(hash, name) {
            return id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(NONE);
        self.names.push(name.into());
        if self.names.len() * 2 > self.slots.len() {
            let more = self.slots.len().max(32) * 2;
            let taken = std::mem::replace(&mut self.slots, vec![(0, NONE); more]);
            taken.into_iter().filter(|(_, id)| *id != NONE).for_each(|(hash, id)| self.put(hash, id));
        }
        self.put(hash, id);
        NameId(id)
    }

    /// The number of what an item asks, the same for all items that ask the same.
    pub(super) fn number(&mut self, asked: &str) -> u32 {
        let next = u32::try_from(self.items.len()).unwrap_or(NONE);
        *self.items.entry(digest_of(asked)).or_insert(next)
    }

    /// How many different questions items ask.
    pub(super) fn questions(&self) -> usize {
        self.items.len()
    }

    fn put(&mut self, hash: u32, id: u32) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.1 == NONE {
                *slot = (hash, id);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    fn known(&self, hash: u32, name: &str) -> Option<NameId> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            let (other, id) = *self.slots.get(at)?;
            if id == NONE {
                return None;
            }
            if other == hash && self.names.get(id as usize).is_some_and(|known| **known == *name) {
                return Some(NameId(id));
            }
            at = (at + 1) & mask;
        }
    }

    /// The name that an id was made of.
    pub(crate) fn name(&self, id: NameId) -> Option<&str> {
        self.names.get(id.place()).map(AsRef::as_ref)
    }

    /// Every name by its id.
    pub(crate) fn by_id(&self) -> FxHashMap<NameId, &str> {
        (0..).map(NameId).zip(self.names.iter().map(AsRef::as_ref)).collect()
    }

    /// The id of a field's name, as [`Names::find`] without an event's memory; slow.
    pub(crate) fn id_of(&self, name: &str) -> Option<NameId> {
        self.find(name_hash(name), name, &Bump::new())
    }

    /// The id of an event's field; spaces in its name do not count (Sigma 2.1, "Field Usage").
    pub(super) fn find(&self, hash: u32, name: &str, bump: &Bump) -> Option<NameId> {
        match self.known(hash, name) {
            None if name.bytes().any(|byte| byte == b' ') => {
                let mut bare = BumpString::with_capacity_in(name.len(), bump);
                bare.extend(name.chars().filter(|c| *c != ' '));
                self.known(name_hash(&bare), &bare)
            }
            found => found,
        }
    }
}

/// Half of a SHA-256: nobody makes two texts that share it.
pub(super) fn digest_of(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    short
}

/// What compiling an item needs to know: under which names events have a field, and a number for what it asks.
pub(crate) struct Naming<'n> {
    names: &'n mut Names,
    candidates: &'n mut dyn FnMut(&str) -> Vec<String>,
}

impl<'n> Naming<'n> {
    /// Interns in `names` what `candidates` gives for a field, best first.
    pub(crate) fn new(names: &'n mut Names, candidates: &'n mut dyn FnMut(&str) -> Vec<String>) -> Self {
        Self { names, candidates }
    }

    /// The names under which events may have a field, best first.
    pub(super) fn names_of(&mut self, field: &str) -> Vec<NameId> {
        (self.candidates)(field).iter().map(|name| self.names.intern(name)).collect()
    }

    /// The number of what an item asks.
    pub(super) fn number(&mut self, asked: &str) -> u32 {
        self.names.number(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        let mut names = Names::default();
        let bump = Bump::new();
        let find = |names: &Names, name: &str| names.find(name_hash(name), name, &bump);
        assert_eq!(find(&names, "a"), None);
        let ids: Vec<NameId> = (0..2_000).map(|number| names.intern(&format!("Field{number}"))).collect();
        for (number, id) in ids.iter().enumerate() {
            let name = format!("Field{number}");
            assert_eq!((names.intern(&name), find(&names, &name)), (*id, Some(*id)));
            assert_eq!(find(&names, &format!("Fie ld{number}")), Some(*id));
            assert_eq!(names.name(*id), Some(name.as_str()));
        }
        assert_eq!((names.len(), names.by_id().len(), find(&names, "field1")), (2_000, 2_000, None));
    }
}

//! Every group of every correlation: found by its key, in the order of use.
//!
//! A slab of slots; a table from a keyed 64-bit hash to the first slot of that hash, the others of that hash chained,
//! keys compared whole. The order of use is a doubly linked list of slot numbers for each correlation, so the group
//! that gives way to a new one is found without a search.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::group::Group;

const NONE: u32 = u32::MAX;

/// The place of a group.
pub(super) type SlotId = u32;

#[derive(Debug)]
struct Slot {
    group: Group,
    hash: u64,
    /// Tells this group from the one that had the slot before.
    serial: u64,
    /// What [`Group::bytes`] said last.
    bytes: usize,
    next_same: SlotId,
    newer: SlotId,
    older: SlotId,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    newest: SlotId,
    oldest: SlotId,
    groups: usize,
    bytes: usize,
}

/// The groups.
#[derive(Debug)]
pub(super) struct Groups {
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    first: HashMap<u64, SlotId, BuildHasherDefault<AsItIs>>,
    orders: Vec<Order>,
    keyed: RandomState,
    serials: u64,
    groups: usize,
    bytes: usize,
}

/// Keys of the table are hashes already.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Groups {
    /// Room for the groups of this many correlations.
    pub(super) fn new(correlations: usize) -> Self {
        let order = Order { newest: NONE, oldest: NONE, groups: 0, bytes: 0 };
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            first: HashMap::default(),
            orders: vec![order; correlations],
            keyed: RandomState::new(),
            serials: 0,
            groups: 0,
            bytes: 0,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.groups
    }

    /// What the groups themselves take, by what they told last.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    /// Their bytes, slots and table included.
    pub(super) fn bytes(&self) -> usize {
        let slots = self.slots.capacity() * (size_of::<Option<Slot>>() - size_of::<Group>());
        let unused = (self.slots.capacity() - self.groups) * size_of::<Group>();
        let table = self.first.capacity() * 8 / 7 * (size_of::<(u64, SlotId)>() + 1);
        self.bytes + slots + unused + table + self.free.capacity() * size_of::<SlotId>()
    }

    /// The keyed hash of a key.
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        self.keyed.hash_one(key)
    }

    /// The group with this key.
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<SlotId> {
        let mut at = self.first.get(&hash).copied()?;
        while let Some(slot) = self.slot(at) {
            if *slot.group.key == *key {
                return Some(at);
            }
            at = slot.next_same;
        }
        None
    }

    /// A group by its place.
    pub(super) fn get(&self, at: SlotId) -> Option<&Group> {
        self.slot(at).map(|slot| &slot.group)
    }

    /// The same, to change; [`Groups::weigh`] afterwards.
    pub(super) fn get_mut(&mut self, at: SlotId) -> Option<&mut Group> {
        self.slots.get_mut(at as usize)?.as_mut().map(|slot| &mut slot.group)
    }

    /// What tells this group from others that had its place.
    pub(super) fn serial(&self, at: SlotId) -> Option<u64> {
        self.slot(at).map(|slot| slot.serial)
    }

    /// Adds a group as the one used last.
    pub(super) fn insert(&mut self, hash: u64, group: Group) -> SlotId {
        let correlation = group.correlation;
        let next_same = self.first.get(&hash).copied().unwrap_or(NONE);
        self.serials += 1;
        let slot = Slot { group, hash, serial: self.serials, bytes: 0, next_same, newer: NONE, older: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at as usize) {
                    *place = Some(slot);
                }
                at
            }
            None => {
                // The bound on groups keeps this far below.
                let at = SlotId::try_from(self.slots.len()).unwrap_or(NONE);
                self.slots.push(Some(slot));
                at
            }
        };
        self.first.insert(hash, at);
        self.groups += 1;
        if let Some(order) = self.orders.get_mut(correlation as usize) {
            order.groups += 1;
        }
        self.link(at, correlation);
        self.weigh(at);
        at
    }

    /// Takes a group out.
    pub(super) fn remove(&mut self, at: SlotId) -> Option<Group> {
        let correlation = self.get(at)?.correlation;
        self.unlink(at, correlation);
        let slot = self.slots.get_mut(at as usize)?.take()?;
        self.unchain(at, &slot);
        self.free.push(at);
        self.groups -= 1;
        self.bytes = self.bytes.saturating_sub(slot.bytes);
        if let Some(order) = self.orders.get_mut(correlation as usize) {
            order.groups -= 1;
            order.bytes = order.bytes.saturating_sub(slot.bytes);
        }
        Some(slot.group)
    }

    /// Makes a group the one used last.
    pub(super) fn touch(&mut self, at: SlotId) {
        let Some(correlation) = self.get(at).map(|group| group.correlation) else { return };
        if self.orders.get(correlation as usize).is_some_and(|order| order.newest != at) {
            self.unlink(at, correlation);
            self.link(at, correlation);
        }
    }

    /// Counts a group's bytes anew.
    pub(super) fn weigh(&mut self, at: SlotId) {
        let Some(Some(slot)) = self.slots.get_mut(at as usize) else { return };
        let (old, new) = (slot.bytes, slot.group.bytes());
        slot.bytes = new;
        self.bytes = (self.bytes + new).saturating_sub(old);
        if let Some(order) = self.orders.get_mut(slot.group.correlation as usize) {
            order.bytes = (order.bytes + new).saturating_sub(old);
        }
    }

    /// The group of a correlation that was used longest ago.
    pub(super) fn oldest(&self, correlation: u32) -> Option<SlotId> {
        self.orders.get(correlation as usize).map(|order| order.oldest).filter(|at| *at != NONE)
    }

    /// The group of the same correlation that was used next.
    pub(super) fn newer(&self, at: SlotId) -> Option<SlotId> {
        self.slot(at).map(|slot| slot.newer).filter(|at| *at != NONE)
    }

    /// The correlation with the most groups.
    pub(super) fn with_most_groups(&self) -> Option<u32> {
        (0_u32..).zip(&self.orders).max_by_key(|(_, order)| order.groups).map(|(number, _)| number)
    }

    /// The correlation with the most bytes.
    pub(super) fn with_most_bytes(&self) -> Option<u32> {
        (0_u32..).zip(&self.orders).max_by_key(|(_, order)| order.bytes).map(|(number, _)| number)
    }

    /// Groups of one correlation.
    pub(super) fn len_of(&self, correlation: u32) -> usize {
        self.orders.get(correlation as usize).map_or(0, |order| order.groups)
    }

    fn slot(&self, at: SlotId) -> Option<&Slot> {
        self.slots.get(at as usize)?.as_ref()
    }

    fn slot_mut(&mut self, at: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    fn link(&mut self, at: SlotId, correlation: u32) {
        let Some(order) = self.orders.get_mut(correlation as usize) else { return };
        let before = std::mem::replace(&mut order.newest, at);
        if order.oldest == NONE {
            order.oldest = at;
        }
        if let Some(slot) = self.slot_mut(before) {
            slot.newer = at;
        }
        if let Some(slot) = self.slot_mut(at) {
            slot.older = before;
            slot.newer = NONE;
        }
    }

    fn unlink(&mut self, at: SlotId, correlation: u32) {
        let Some((newer, older)) = self.slot(at).map(|slot| (slot.newer, slot.older)) else { return };
        if let Some(slot) = self.slot_mut(newer) {
            slot.older = older;
        }
        if let Some(slot) = self.slot_mut(older) {
            slot.newer = newer;
        }
        let Some(order) = self.orders.get_mut(correlation as usize) else { return };
        if order.newest == at {
            order.newest = older;
        }
        if order.oldest == at {
            order.oldest = newer;
        }
    }

    fn unchain(&mut self, at: SlotId, slot: &Slot) {
        match self.first.get(&slot.hash).copied() {
            Some(first) if first == at && slot.next_same == NONE => {
                self.first.remove(&slot.hash);
            }
            Some(first) if first == at => {
                self.first.insert(slot.hash, slot.next_same);
            }
            Some(mut before) => {
                while let Some(other) = self.slot_mut(before) {
                    if other.next_same == at {
                        other.next_same = slot.next_same;
                        return;
                    }
                    before = other.next_same;
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::group::Body;
    use crate::correlate::tally::Count;
    use crate::correlate::window::Window;

    fn group(key: &[u8]) -> Group {
        let body = Body::Count(Window::new(Count::default()));
        let key = Box::from(key);
        let fired = Vec::new();
        Group { correlation: 0, key, body, touched: 0, fired, closed_to: 0, delay: 0, scheduled: i64::MAX }
    }

    #[test]
    fn groups_of_one_hash_stay_apart_and_keep_their_order() {
        let mut groups = Groups::new(1);
        let ids: Vec<SlotId> = [b"a", b"b", b"c"].iter().map(|key| groups.insert(7, group(*key))).collect();
        assert_eq!(groups.find(7, b"a"), Some(ids[0]));
        assert_eq!(groups.find(7, b"c"), Some(ids[2]));
        assert_eq!(groups.find(7, b"d"), None);
        groups.touch(ids[0]);
        assert_eq!(groups.oldest(0), Some(ids[1]));
        groups.remove(ids[1]);
        assert_eq!(groups.oldest(0), Some(ids[2]));
        assert_eq!((groups.find(7, b"b"), groups.find(7, b"a")), (None, Some(ids[0])));
        groups.remove(ids[2]);
        groups.remove(ids[0]);
        assert_eq!((groups.len(), groups.oldest(0), groups.find(7, b"a")), (0, None, None));
        assert_eq!(groups.insert(8, group(b"e")), ids[0]);
    }
}

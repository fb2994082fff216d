//! The Merkle tree of RFC 6962, section 2.1: leaf and node hashes, the growing edge, inclusion, consistency.

use ring::digest::{Context, SHA256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The root of a tree without leaves: the hash of nothing.
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// How many heights one level of the stored tree spans: a file keeps every eighth row of hashes.
pub(crate) const HEIGHTS_PER_LEVEL: u32 = 8;

/// The hash of an entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of two neighbours.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The growing edge of the tree: the roots of its full subtrees, greatest first. At most 64 hashes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Of a tree with `size` leaves, from the roots of its full subtrees.
    pub(crate) fn new(size: u64, subtrees: Vec<Hash>) -> Self {
        Self { size, subtrees }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; calls `stored(level, hash)` for each hash that the stored tree keeps.
    pub(crate) fn push<E>(&mut self, leaf: Hash, mut stored: impl FnMut(u32, &Hash) -> Result<(), E>) -> Result<(), E> {
        stored(0, &leaf)?;
        let (mut carry, mut rest, mut height) = (leaf, self.size, 0);
        while rest & 1 == 1
            && let Some(left) = self.subtrees.pop()
        {
            carry = node_hash(&left, &carry);
            rest >>= 1;
            height += 1;
            if height % HEIGHTS_PER_LEVEL == 0 {
                stored(height / HEIGHTS_PER_LEVEL, &carry)?;
            }
        }
        self.subtrees.push(carry);
        self.size += 1;
        Ok(())
    }

    pub(crate) fn root(&self) -> Hash {
        self.subtrees.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }
}

/// Whether `path` leads from the leaf at `index` to the root of a tree with `size` leaves (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The root over leaves that are at hand.
pub(crate) fn root_of(leaves: &[Hash]) -> Hash {
    let mut row = leaves.to_vec();
    while row.len() > 1 {
        row = parents(&row);
    }
    row.first().copied().unwrap_or(EMPTY_ROOT)
}

/// The siblings on the way from one of the leaves to their root, lowest first; `None` when there is no such leaf.
pub(crate) fn path_of(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    let (mut row, mut at, mut path) = (leaves.to_vec(), index, Vec::new());
    while row.len() > 1 {
        // The last of an odd row has no sibling and goes up as it is.
        path.extend(row.get(at ^ 1));
        row = parents(&row);
        at >>= 1;
    }
    Some(path)
}

fn parents(row: &[Hash]) -> Vec<Hash> {
    let (pairs, rest) = row.as_chunks::<2>();
    pairs.iter().map(|[left, right]| node_hash(left, right)).chain(rest.iter().copied()).collect()
}

/// Whether a tree with `new_size` leaves and `new_root` begins with the tree of `old_size` leaves and `old_root`
/// (RFC 9162, 2.1.4.2).
pub fn verify_consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size == 0 || old_size >= new_size {
        let same = old_size == 0 && *old_root == EMPTY_ROOT || old_size == new_size && old_root == new_root;
        return same && proof.is_empty();
    }
    let whole = old_size.is_power_of_two().then_some(old_root);
    let mut hashes = whole.into_iter().chain(proof);
    let Some(first) = hashes.next() else { return false };
    let (mut old, mut last) = (old_size - 1, new_size - 1);
    while old & 1 == 1 {
        old >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if old & 1 == 1 || old == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while old & 1 == 0 && old != 0 {
                old >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        old >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// The definition of RFC 6962, word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_ROOT,
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&defined(&leaves[..split]), &defined(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_edge_gives_the_defined_root() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        let mut stored = vec![0; 3];
        for number in 0..600_u32 {
            assert_eq!(frontier.root(), defined(&leaves), "{number} leaves");
            let leaf = leaf_hash(&number.to_be_bytes());
            leaves.push(leaf);
            frontier
                .push(leaf, |level, _| {
                    stored[level as usize] += 1;
                    Ok::<_, Infallible>(())
                })
                .unwrap();
        }
        assert_eq!(stored, [600, 2, 0]);
    }

    #[test]
    fn hashes_are_those_of_the_rfc() {
        // The first roots of the test vectors of certificate transparency.
        assert_eq!(hex::encode(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let two = node_hash(&leaf_hash(b""), &leaf_hash(&[0]));
        assert_eq!(hex::encode(two), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}

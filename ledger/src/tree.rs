//! The stored hashes of the Merkle tree: a file for every eighth height, from which edges and paths are computed.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::merkle::{Frontier, HEIGHTS_PER_LEVEL, node_hash};
use crate::{EMPTY_ROOT, Hash};

const DIRECTORY: &str = "tree";
const HASH_BYTES: u64 = 32;
/// 2^64 leaves have eight levels.
pub(crate) const LEVELS_MAX: u32 = 8;

pub(crate) fn directory(ledger: &Path) -> PathBuf {
    ledger.join(DIRECTORY)
}

pub(crate) fn path(ledger: &Path, level: u32) -> PathBuf {
    directory(ledger).join(level.to_string())
}

/// Hashes of a level in a tree of `size` leaves.
pub(crate) fn count(size: u64, level: u32) -> u64 {
    size.checked_shr(level * HEIGHTS_PER_LEVEL).unwrap_or(0)
}

/// Bytes of a level in a tree of `size` leaves.
pub(crate) fn bytes(size: u64, level: u32) -> u64 {
    count(size, level) * HASH_BYTES
}

/// Leaves that the stored tree has.
pub(crate) fn stored(ledger: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(path(ledger, 0))?.len() / HASH_BYTES)
}

/// Appends to the levels.
#[derive(Debug)]
pub(crate) struct TreeFiles {
    levels: Vec<File>,
    pending: Vec<Vec<u8>>,
}

impl TreeFiles {
    /// Opens the levels and cuts them to a tree of `size` leaves.
    pub(crate) fn open(ledger: &Path, size: u64) -> io::Result<Self> {
        let mut levels = Vec::new();
        for level in 0..LEVELS_MAX {
            let path = path(ledger, level);
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            let length = count(size, level) * HASH_BYTES;
            if file.metadata()?.len() < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            levels.push(file);
        }
        let pending = levels.iter().map(|_| Vec::new()).collect();
        Ok(Self { levels, pending })
    }

    /// Keeps a hash for the next [`TreeFiles::write`].
    pub(crate) fn push(&mut self, level: u32, hash: &Hash) {
        if let Some(pending) = self.pending.get_mut(level as usize) {
            pending.extend_from_slice(hash);
        }
    }

    /// Writes what was pushed.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        for (file, pending) in self.levels.iter_mut().zip(&mut self.pending) {
            if !pending.is_empty() {
                file.write_all(pending)?;
                pending.clear();
            }
        }
        Ok(())
    }
}

/// Reads the levels.
#[derive(Debug)]
pub(crate) struct TreeReader<'a> {
    ledger: &'a Path,
}

impl<'a> TreeReader<'a> {
    pub(crate) fn new(ledger: &'a Path) -> Self {
        Self { ledger }
    }

    /// The growing edge of a tree of `size` leaves.
    pub(crate) fn frontier(&self, size: u64) -> io::Result<Frontier> {
        let mut subtrees = Vec::new();
        for height in (0..u64::BITS).rev().filter(|height| size >> height & 1 == 1) {
            subtrees.push(self.subtree(height, (size >> height) - 1)?);
        }
        Ok(Frontier::new(size, subtrees))
    }

    pub(crate) fn leaf(&self, index: u64) -> io::Result<Hash> {
        self.subtree(0, index)
    }

    /// The siblings on the way from a leaf to the root, lowest first (RFC 6962, 2.1.1).
    pub(crate) fn path(&self, index: u64, size: u64) -> io::Result<Vec<Hash>> {
        let (mut low, mut high) = (0, size);
        let mut siblings = Vec::new();
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                siblings.push(self.range(middle, high)?);
                high = middle;
            } else {
                siblings.push(self.range(low, middle)?);
                low = middle;
            }
        }
        siblings.reverse();
        Ok(siblings)
    }

    /// That the tree of `new` leaves begins with that of `old` leaves (RFC 6962, 2.1.2); `old` is neither 0 nor more
    /// than `new`.
    pub(crate) fn consistency(&self, old: u64, new: u64) -> io::Result<Vec<Hash>> {
        let (mut low, mut high, mut rest, mut known) = (0, new, old, true);
        let mut proof = Vec::new();
        while rest < high - low {
            let middle = split(high - low);
            if rest <= middle {
                proof.push(self.range(low + middle, high)?);
                high = low + middle;
            } else {
                proof.push(self.range(low, low + middle)?);
                low += middle;
                rest -= middle;
                known = false;
            }
        }
        if !known {
            proof.push(self.range(low, high)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over the first `size` leaves.
    pub(crate) fn root(&self, size: u64) -> io::Result<Hash> {
        self.range(0, size)
    }

    /// `width` hashes of a level from `first` on, one after the other.
    pub(crate) fn hashes(&self, level: u32, first: u64, width: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (width * HASH_BYTES) as usize];
        File::open(path(self.ledger, level))?.read_exact_at(&mut bytes, first * HASH_BYTES)?;
        Ok(bytes)
    }

    /// The root over the leaves `low..high`, which a subtree of the whole tree spans.
    fn range(&self, low: u64, high: u64) -> io::Result<Hash> {
        let width = high - low;
        if width == 0 {
            return Ok(EMPTY_ROOT);
        }
        if width.is_power_of_two() {
            let height = width.trailing_zeros();
            return self.subtree(height, low >> height);
        }
        let middle = low + split(width);
        Ok(node_hash(&self.range(low, middle)?, &self.range(middle, high)?))
    }

    /// The root of the full subtree of a height: from the stored level below it, at most 128 hashes.
    fn subtree(&self, height: u32, index: u64) -> io::Result<Hash> {
        let above = height % HEIGHTS_PER_LEVEL;
        let width = 1_u64 << above;
        let mut bytes = vec![0; (width * HASH_BYTES) as usize];
        let file = File::open(path(self.ledger, height / HEIGHTS_PER_LEVEL))?;
        file.read_exact_at(&mut bytes, index * width * HASH_BYTES)?;
        let (chunks, _) = bytes.as_chunks::<32>();
        let mut row = chunks.to_vec();
        while row.len() > 1 {
            let (pairs, _) = row.as_chunks::<2>();
            row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        row.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The greatest power of two that is less than `width`.
fn split(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

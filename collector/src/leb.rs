//! Numbers as LEB128 and bytes with their length before them: what the spool and the edge's batches are written in.

use bytes::Bytes;

/// Writes a number.
pub(crate) fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Writes bytes behind their length.
pub(crate) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// Gives small numbers to small differences of either sign.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Undoes [`zigzag`].
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads what was written; `None` at the first byte that cannot be.
#[derive(Debug)]
pub(crate) struct Cursor<'p> {
    plain: &'p Bytes,
    at: usize,
}

impl<'p> Cursor<'p> {
    /// At the beginning of `plain`.
    pub(crate) fn new(plain: &'p Bytes) -> Self {
        Self { plain, at: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.plain.len()
    }

    /// Bytes that are still to be read.
    pub(crate) fn left(&self) -> usize {
        self.plain.len() - self.at
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.plain.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// So many bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.plain.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*bytes)
    }

    /// A number.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Bytes behind their length; they share the memory of what is read.
    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        let len = usize::try_from(self.number()?).ok()?;
        let end = self.at.checked_add(len).filter(|&end| end <= self.plain.len())?;
        let bytes = self.plain.slice(self.at..end);
        self.at = end;
        Some(bytes)
    }
}

//! Little-endian bytes with lengths, written by hand: checked on the way in, never trusted.

use super::key::Distinct;
use super::tally::Payload;

/// What can stand in a checkpoint.
pub(super) trait Stored: Sized {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads it; nothing when the bytes end or make no sense.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// What is left to read.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    /// The next bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next number of bytes as an array.
    pub(super) fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A number and as many bytes.
    pub(super) fn block(&mut self) -> Option<&'b [u8]> {
        let len = u64::read(self)?;
        self.bytes(usize::try_from(len).ok()?)
    }

    /// A number and as many values; no memory is taken before the bytes are seen.
    pub(super) fn list<T: Stored, C: Default + Extend<T>>(&mut self) -> Option<C> {
        let count = u64::read(self)?;
        if usize::try_from(count).ok()? > self.0.len() {
            return None;
        }
        let mut list = C::default();
        for _ in 0..count {
            list.extend([T::read(self)?]);
        }
        Some(list)
    }
}

/// Appends the number of bytes and the bytes.
pub(super) fn block(out: &mut Vec<u8>, bytes: &[u8]) {
    (bytes.len() as u64).write(out);
    out.extend_from_slice(bytes);
}

/// Appends the number of values and the values.
pub(super) fn list<'v, T: Stored + 'v>(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = &'v T>) {
    (values.len() as u64).write(out);
    values.for_each(|value| value.write(out));
}

macro_rules! stored_number {
    ($($kind:ty),*) => {
        $(impl Stored for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                from.array().map(Self::from_le_bytes)
            }
        })*
    };
}

stored_number!(u16, u32, u64, i64, Distinct);

impl Stored for () {
    fn write(&self, _out: &mut Vec<u8>) {}

    fn read(_from: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

/// Only numbers that can be computed with.
impl Stored for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.array().map(Self::from_le_bytes).filter(|number| number.is_finite())
    }
}

impl<P: Payload + Stored> Stored for super::window::Entry<P> {
    fn write(&self, out: &mut Vec<u8>) {
        self.time.write(out);
        self.id.write(out);
        self.payload.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { time: i64::read(from)?, id: u64::read(from)?, payload: P::read(from)? })
    }
}

impl Stored for super::window::Folded {
    fn write(&self, out: &mut Vec<u8>) {
        self.first.write(out);
        self.last.write(out);
        self.count.write(out);
        self.sum.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (first, last, count) = (i64::read(from)?, i64::read(from)?, u64::read(from)?);
        let folded = Self { first, last, count, sum: f64::read(from)? };
        (first <= last && count < 1 << 48).then_some(folded)
    }
}

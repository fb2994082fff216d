//! The frame: what one write puts on disk. A header with two checksums, then the sealed records.

use std::io;

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 36;
/// Most bytes of a sealed frame.
pub(super) const SEALED_BYTES_MAX: u32 = 40 * 1024 * 1024;
/// Most bytes of a frame before compression.
pub(super) const RAW_BYTES_MAX: u32 = 40 * 1024 * 1024;

/// First bytes of every frame.
pub(super) const MAGIC: [u8; 4] = *b"MSf1";
/// Flag: the plain content is compressed with zstd.
const ZSTD: u32 = 1;

/// What stands before the sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of the first record.
    pub(super) first: u64,
    /// Number of records.
    pub(super) count: u32,
    /// Bytes sealed.
    pub(super) sealed_bytes: u32,
    /// Bytes of the plain content, decompressed.
    pub(super) raw_bytes: u32,
    /// Whether the plain content is compressed.
    pub(super) compressed: bool,
    /// CRC-32 of the sealed bytes.
    pub(super) checksum: u32,
}

impl Header {
    /// As it stands on disk.
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let flags = if self.compressed { ZSTD } else { 0 };
        let parts: [&[u8]; 7] = [
            &MAGIC,
            &self.first.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.sealed_bytes.to_le_bytes(),
            &self.raw_bytes.to_le_bytes(),
            &flags.to_le_bytes(),
            &self.checksum.to_le_bytes(),
        ];
        let mut at = 0;
        for part in parts {
            if let Some(slot) = bytes.get_mut(at..at + part.len()) {
                slot.copy_from_slice(part);
            }
            at += part.len();
        }
        let sum = crc32fast::hash(bytes.get(..at).unwrap_or_default());
        if let Some(slot) = bytes.get_mut(at..) {
            slot.copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }

    /// Reads it; `None` when its own checksum or bounds say that it is none.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = body.split_first_chunk::<4>()?;
        if *magic != MAGIC || crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (sealed_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (raw_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        let (checksum, _) = rest.split_first_chunk::<4>()?;
        let flags = u32::from_le_bytes(*flags);
        let header = Self {
            first: u64::from_le_bytes(*first),
            count: u32::from_le_bytes(*count),
            sealed_bytes: u32::from_le_bytes(*sealed_bytes),
            raw_bytes: u32::from_le_bytes(*raw_bytes),
            compressed: flags & ZSTD != 0,
            checksum: u32::from_le_bytes(*checksum),
        };
        let bounded = header.sealed_bytes <= SEALED_BYTES_MAX && header.raw_bytes <= RAW_BYTES_MAX;
        (bounded && flags & !ZSTD == 0 && header.count > 0 && header.first.checked_add(header.count.into()).is_some())
            .then_some(header)
    }

    /// Number behind the last record.
    pub(super) fn next(&self) -> u64 {
        self.first.saturating_add(self.count.into())
    }

    /// Bytes of header and sealed bytes together.
    pub(super) fn disk_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.sealed_bytes)
    }

    /// What the seal vouches for beside the content: the segment and the place in it.
    pub(super) fn aad(&self, segment: &[u8; 16]) -> Vec<u8> {
        let mut aad = Vec::with_capacity(16 + 8 + 4 + 4 + 1);
        aad.extend_from_slice(segment);
        aad.extend_from_slice(&self.first.to_le_bytes());
        aad.extend_from_slice(&self.count.to_le_bytes());
        aad.extend_from_slice(&self.raw_bytes.to_le_bytes());
        aad.push(u8::from(self.compressed));
        aad
    }
}

/// Compresses `raw` where that makes it shorter.
pub(super) fn compress(raw: Vec<u8>, wanted: bool) -> (Vec<u8>, bool) {
    if !wanted {
        return (raw, false);
    }
    match zstd::bulk::compress(&raw, 1) {
        Ok(shorter) if shorter.len() < raw.len() => (shorter, true),
        _ => (raw, false),
    }
}

/// Undoes [`compress`]; the bound is the header's `raw_bytes`.
pub(super) fn decompress(plain: Vec<u8>, header: &Header) -> io::Result<Vec<u8>> {
    let raw = if header.compressed { zstd::bulk::decompress(&plain, header.raw_bytes as usize)? } else { plain };
    if raw.len() == header.raw_bytes as usize { Ok(raw) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back(first in 0..u64::MAX / 2, count in 1..u32::MAX, sealed_bytes in 0..SEALED_BYTES_MAX, compressed: bool, checksum: u32) {
            let header = Header { first, count, sealed_bytes, raw_bytes: sealed_bytes / 2, compressed, checksum };
            prop_assert_eq!(Header::parse(&header.to_bytes()), Some(header));
        }

        #[test]
        fn a_flipped_bit_is_seen(bit in 0..HEADER_BYTES * 8) {
            let mut bytes = Header { first: 7, count: 3, sealed_bytes: 90, raw_bytes: 200, compressed: true, checksum: 5 }.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::parse(&bytes), None);
        }
    }
}

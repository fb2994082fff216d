//! Going from frame to frame through a segment's file, over what is damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::frame::{HEADER_BYTES, Header, MAGIC};
use super::segment::SEGMENT_HEADER_BYTES;

/// Bytes looked through at a time when the next frame has to be searched.
const SEARCH_BYTES: usize = 64 * 1024;

/// Where a reader stands in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    offset: u64,
    len: u64,
    expected: u64,
}

/// A frame that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Where its header begins.
    pub(super) offset: u64,
    /// Its header.
    pub(super) header: Header,
    /// The number expected here; less than the header's first when records between are damaged.
    pub(super) skipped_from: u64,
}

impl Walk {
    /// Stands at the first frame of a segment of `len` bytes.
    pub(super) fn new(first: u64, len: u64) -> Self {
        Self { offset: SEGMENT_HEADER_BYTES.min(len), len, expected: first }
    }

    /// Where the next frame should begin.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number that the next record should have.
    pub(super) fn expected(&self) -> u64 {
        self.expected
    }

    /// The segment has grown.
    pub(super) fn extend(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// The next frame whose header is whole; `None` at the end. The content is not looked at.
    pub(super) fn next(&mut self, file: &File) -> io::Result<Option<Found>> {
        match self.header_at(file, self.offset)? {
            Some(header) => Ok(Some(self.step(self.offset, header))),
            None => self.search(file),
        }
    }

    /// The next frame whose header and content are whole; `None` when there is none up to the end.
    pub(super) fn next_verified(&mut self, file: &File) -> io::Result<Option<Found>> {
        match self.header_at(file, self.offset)? {
            Some(header) if content_is_whole(file, self.offset, &header)? => Ok(Some(self.step(self.offset, header))),
            _ => self.search(file),
        }
    }

    fn step(&mut self, offset: u64, header: Header) -> Found {
        let found = Found { offset, header, skipped_from: self.expected };
        self.offset = offset + header.disk_bytes();
        self.expected = header.next();
        found
    }

    fn header_at(&self, file: &File, offset: u64) -> io::Result<Option<Header>> {
        if offset + HEADER_BYTES as u64 > self.len {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact_at(&mut bytes, offset)?;
        let fits = |header: &Header| header.first >= self.expected && offset + header.disk_bytes() <= self.len;
        Ok(Header::parse(&bytes).filter(fits))
    }

    /// Looks for a whole frame behind the place where one should be.
    fn search(&mut self, file: &File) -> io::Result<Option<Found>> {
        let mut at = self.offset + 1;
        let mut window = vec![0; SEARCH_BYTES];
        while at + HEADER_BYTES as u64 <= self.len {
            let wanted = usize::try_from(self.len - at).unwrap_or(SEARCH_BYTES).min(SEARCH_BYTES);
            let part = window.get_mut(..wanted).unwrap_or_default();
            file.read_exact_at(part, at)?;
            for place in memchr::memmem::find_iter(part, &MAGIC) {
                let offset = at + place as u64;
                if let Some(header) = self.header_at(file, offset)?
                    && content_is_whole(file, offset, &header)?
                {
                    return Ok(Some(self.step(offset, header)));
                }
            }
            // The magic may lie across two windows.
            at += (wanted.saturating_sub(MAGIC.len() - 1)).max(1) as u64;
        }
        Ok(None)
    }
}

fn content_is_whole(file: &File, offset: u64, header: &Header) -> io::Result<bool> {
    let mut sum = crc32fast::Hasher::new();
    let mut left = u64::from(header.sealed_bytes);
    let mut at = offset + HEADER_BYTES as u64;
    let mut part = vec![0; SEARCH_BYTES];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(SEARCH_BYTES).min(SEARCH_BYTES);
        let bytes = part.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(bytes, at)?;
        sum.update(bytes);
        at += wanted as u64;
        left -= wanted as u64;
    }
    Ok(sum.finalize() == header.checksum)
}

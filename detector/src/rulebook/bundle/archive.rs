//! The archive: POSIX `ustar` (IEEE 1003.1, pax, "ustar Interchange Format"), regular files alone. What any `tar` lists;
//! what this reader takes is no more than this writer makes.

use std::io::{ErrorKind, Read};

use super::{BundleError, FILES_MAX, UNPACKED_BYTES_MAX};

const BLOCK: usize = 512;
/// Name, and the folder before it, in bytes.
const NAME_BYTES: usize = 100;
const PREFIX_BYTES: usize = 155;
/// Where the fields of a header stand.
const MODE: usize = 100;
const SIZE: usize = 124;
const TIME: usize = 136;
const CHECKSUM: usize = 148;
const KIND: usize = 156;
const MAGIC: usize = 257;
const PREFIX: usize = 345;
const MAGIC_VALUE: &[u8] = b"ustar\x0000";

/// Reads the entries of an archive one after another.
pub(super) struct Archive<R> {
    inner: R,
    read: u64,
    entries: usize,
}

impl<R: Read> Archive<R> {
    /// An archive at its start.
    pub(super) fn new(inner: R) -> Self {
        Self { inner, read: 0, entries: 0 }
    }

    /// The next entry's path and bytes; `None` at the end of the archive, of which the first block was read then.
    pub(super) fn next(&mut self, bytes_max: u64) -> Result<Option<(String, Vec<u8>)>, BundleError> {
        let header = self.block()?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.entries += 1;
        if self.entries > FILES_MAX + 1 {
            return Err(BundleError::TooLarge { what: "more files", most: FILES_MAX as u64 });
        }
        let (path, size) = parse(&header).map_err(BundleError::Shape)?;
        if size > bytes_max {
            return Err(BundleError::TooLarge { what: "more bytes in one file", most: bytes_max });
        }
        let length = usize::try_from(size).map_err(|_| BundleError::Shape("an entry is too long"))?;
        // Memory grows with what really comes, not with what the header says.
        let mut bytes = Vec::new();
        self.inner.by_ref().take(size).read_to_end(&mut bytes).map_err(fault)?;
        self.count(bytes.len())?;
        if bytes.len() < length {
            return Err(BundleError::Shape("it ends within a file"));
        }
        let rest = length.next_multiple_of(BLOCK) - length;
        let mut padding = [0; BLOCK];
        let padding = padding.get_mut(..rest).unwrap_or_default();
        self.inner.read_exact(padding).map_err(fault)?;
        self.count(rest)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BundleError::Shape("something stands behind a file"));
        }
        Ok(Some((path, bytes)))
    }

    /// Reads the end of the archive: two blocks of zeros and nothing behind them.
    pub(super) fn end(mut self) -> Result<(), BundleError> {
        for _ in 0..2 {
            if self.block()?.iter().any(|byte| *byte != 0) {
                return Err(BundleError::Shape("it holds files that its manifest does not name"));
            }
        }
        let mut more = [0];
        match self.inner.read(&mut more).map_err(fault)? {
            0 => Ok(()),
            _ => Err(BundleError::Shape("something stands behind its end")),
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK], BundleError> {
        let mut block = [0; BLOCK];
        self.inner.read_exact(&mut block).map_err(fault)?;
        self.count(BLOCK)?;
        Ok(block)
    }

    fn count(&mut self, bytes: usize) -> Result<(), BundleError> {
        self.read = self.read.saturating_add(bytes as u64);
        if self.read > UNPACKED_BYTES_MAX {
            return Err(BundleError::TooLarge { what: "more bytes unpacked", most: UNPACKED_BYTES_MAX });
        }
        Ok(())
    }
}

/// What ends early, or is not compressed as it should be, is no bundle; everything else is the disk's fault.
fn fault(error: std::io::Error) -> BundleError {
    match error.kind() {
        ErrorKind::UnexpectedEof => BundleError::Shape("it ends early"),
        ErrorKind::Other | ErrorKind::InvalidData => {
            BundleError::Shape("it is not compressed with Zstandard as it should be")
        }
        _ => BundleError::Io(error),
    }
}

/// Path and length that a header tells.
fn parse(header: &[u8; BLOCK]) -> Result<(String, u64), &'static str> {
    let field = |start: usize, length: usize| header.get(start..start + length).unwrap_or_default();
    if field(MAGIC, MAGIC_VALUE.len()) != MAGIC_VALUE {
        return Err("an entry is not in the `ustar` form");
    }
    if !matches!(field(KIND, 1), [b'0']) {
        return Err("an entry is no regular file");
    }
    if field(CHECKSUM + 6, 2) != b"\0 " || octal(field(CHECKSUM, 8)) != Some(checksum(header)) {
        return Err("the checksum of an entry's header does not fit");
    }
    let size = octal(field(SIZE, 12)).ok_or("an entry does not tell its length")?;
    let name = text(field(0, NAME_BYTES)).ok_or("the name of an entry is not text")?;
    let prefix = text(field(PREFIX, PREFIX_BYTES)).ok_or("the name of an entry is not text")?;
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    Ok((path, size))
}

/// Digits up to a NUL or a blank.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| matches!(byte, 0 | b' '))?;
    let digits = std::str::from_utf8(field.get(..end)?).ok()?;
    (!digits.starts_with('+')).then(|| u64::from_str_radix(digits, 8).ok()).flatten()
}

/// Text up to a NUL, behind which nothing but NULs may stand.
fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at_checked(end)?;
    rest.iter().all(|byte| *byte == 0).then(|| std::str::from_utf8(text).ok()).flatten()
}

/// The sum of all bytes of a header, those of the sum itself taken for blanks.
fn checksum(header: &[u8; BLOCK]) -> u64 {
    let of = |(at, byte): (usize, &u8)| u64::from(if (CHECKSUM..CHECKSUM + 8).contains(&at) { b' ' } else { *byte });
    header.iter().enumerate().map(of).sum()
}

/// Writes an archive in memory.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a file.
    pub(super) fn add(&mut self, path: &str, content: &[u8]) -> Result<(), BundleError> {
        let fault = |reason| BundleError::Path { path: path.to_owned(), reason };
        let (prefix, name) = parted(path).ok_or(fault("no `/` parts it into at most 155 and at most 100 bytes"))?;
        let mut header = [0_u8; BLOCK];
        for (start, value) in [
            (0, name.as_bytes()),
            (MODE, b"0000644\x000000000\x000000000\x00".as_slice()),
            (SIZE, format!("{:011o}\0", content.len()).as_bytes()),
            (TIME, b"00000000000\x00".as_slice()),
            (KIND, b"0".as_slice()),
            (MAGIC, MAGIC_VALUE),
            (PREFIX, prefix.as_bytes()),
        ] {
            put(&mut header, start, value);
        }
        let sum = format!("{:06o}\0 ", checksum(&header));
        put(&mut header, CHECKSUM, sum.as_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        if self.bytes.len() as u64 > UNPACKED_BYTES_MAX {
            return Err(BundleError::TooLarge { what: "more bytes unpacked", most: UNPACKED_BYTES_MAX });
        }
        Ok(())
    }

    /// The archive with its end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }
}

fn put(header: &mut [u8; BLOCK], start: usize, value: &[u8]) {
    header.iter_mut().skip(start).zip(value).for_each(|(to, from)| *to = *from);
}

/// Folder and name as the header has room for them.
fn parted(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME_BYTES {
        return Some(("", path));
    }
    let mut cuts = path.match_indices('/').map(|(at, _)| at);
    let fits = |at: &usize| *at <= PREFIX_BYTES && path.len() - at - 1 <= NAME_BYTES;
    let at = cuts.rfind(fits)?;
    Some((path.get(..at)?, path.get(at + 1..)?))
}

//! One file of the spool: a header, then frames, sealed under a random key of its own that lies beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use event::Timestamp;
use keys::{DataKey, Sealer};

use super::frame::{self, HEADER_BYTES, Header, MAGIC};
use super::walk::Walk;
use crate::SpoolError;

/// First bytes of every segment; the last one is the version.
const SEGMENT_MAGIC: [u8; 8] = *b"MSspool1";
/// Bytes of a segment's header.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 44;
/// Extension of a damaged segment that is kept for a while, for who wants to look into it.
const ASIDE: &str = "damaged";
/// How long: as long as anything in a spool.
const ASIDE_MAX: Duration = Duration::from_secs(72 * 3_600);
/// Records that a byte on disk can stand for: a record takes several bytes, and compression is bounded.
const RECORDS_PER_BYTE_MAX: u64 = 1_024;
/// Most bytes of a wrapped key.
const WRAPPED_KEY_BYTES_MAX: u64 = 4_096;

/// A segment whose key is in memory.
#[derive(Debug)]
pub(super) struct Segment {
    /// Number of its first record.
    pub(super) first: u64,
    /// When it was begun.
    pub(super) created: Timestamp,
    id: [u8; 16],
    path: PathBuf,
    key_path: PathBuf,
    key: DataKey,
    /// Number behind its last durable record.
    next: AtomicU64,
    /// Bytes that are durable.
    len: AtomicU64,
}

/// What looking through a segment at start found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Repair {
    /// Bytes of an unfinished write that were cut off.
    pub(super) torn_bytes: u64,
    /// Records, from and behind, that were acknowledged once and cannot be read.
    pub(super) damaged: Vec<(u64, u64)>,
}

impl Segment {
    /// Begins a segment: its key durable first, then its header.
    pub(super) fn create(dir: &Path, sealer: &Sealer, first: u64, now: Timestamp) -> Result<(Self, File), SpoolError> {
        let (path, key_path) = paths(dir, first);
        let id = random_id(&path)?;
        let (key, wrapped) = sealer
            .new_data_key(&key_aad(&id, first))
            .map_err(|source| SpoolError::Key { path: path.clone(), source })?;
        write_durably(&key_path, &wrapped)?;
        let io = |doing| {
            let path = path.clone();
            move |source| SpoolError::Io { doing, path, source }
        };
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(io("create"))?;
        file.write_all(&header(first, now, &id)).and_then(|()| file.sync_all()).map_err(io("write"))?;
        sync_dir(dir)?;
        let (next, len) = (AtomicU64::new(first), AtomicU64::new(SEGMENT_HEADER_BYTES));
        Ok((Self { first, created: now, id, path, key_path, key, next, len }, file))
    }

    /// Opens an existing segment; `next` is the number behind its last record as far as others tell.
    pub(super) fn open(dir: &Path, sealer: &Sealer, first: u64, next: u64) -> Result<Self, SpoolError> {
        let (path, key_path) = paths(dir, first);
        let io = |doing| {
            let path = path.clone();
            move |source| SpoolError::Io { doing, path, source }
        };
        let file = File::open(&path).map_err(io("open"))?;
        let len = file.metadata().map_err(io("measure"))?.len();
        let mut bytes = [0; SEGMENT_HEADER_BYTES as usize];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SpoolError::Damaged { path });
            }
            read => read.map_err(io("read"))?,
        }
        let Some((created, id)) = parse_header(&bytes, first) else {
            return Err(if is_newer(&bytes) { SpoolError::Foreign { path } } else { SpoolError::Damaged { path } });
        };
        let wrapped = read_bounded(&key_path)?;
        let key = sealer
            .unwrap_data_key(&key_aad(&id, first), &wrapped)
            .map_err(|source| SpoolError::Key { path: path.clone(), source })?;
        let (next, len) = (AtomicU64::new(next), AtomicU64::new(len));
        Ok(Self { first, created, id, path, key_path, key, next, len })
    }

    /// Looks through the whole segment, cuts an unfinished write off its end and makes the rest durable.
    pub(super) fn repair(&self) -> Result<Repair, SpoolError> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(self.io("open"))?;
        let mut walk = Walk::new(self.first, self.len());
        let mut repair = Repair::default();
        while let Some(found) = walk.next_verified(&file).map_err(self.io("read"))? {
            if found.skipped_from < found.header.first {
                repair.damaged.push((found.skipped_from, found.header.first));
            }
        }
        repair.torn_bytes = self.len() - walk.offset();
        if repair.torn_bytes > 0 {
            file.set_len(walk.offset()).map_err(self.io("cut"))?;
        }
        file.sync_all().map_err(self.io("flush"))?;
        self.len.store(walk.offset(), Ordering::Release);
        self.next.store(walk.expected(), Ordering::Release);
        Ok(repair)
    }

    /// Seals one frame, header included, behind `into`.
    pub(super) fn seal(
        &self,
        first: u64,
        count: u32,
        raw: Vec<u8>,
        compress: bool,
        into: &mut Vec<u8>,
    ) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let raw_bytes = u32::try_from(raw.len()).map_err(too_large)?;
        let (plain, compressed) = frame::compress(raw, compress);
        let mut header = Header { first, count, sealed_bytes: 0, raw_bytes, compressed, checksum: 0 };
        let sealed = self.key.seal(&header.aad(&self.id), &plain).map_err(io::Error::other)?;
        header.sealed_bytes = u32::try_from(sealed.len()).map_err(too_large)?;
        header.checksum = crc32fast::hash(&sealed);
        into.extend_from_slice(&header.to_bytes());
        into.extend_from_slice(&sealed);
        Ok(())
    }

    /// Reads and opens the frame that `header` at `offset` describes.
    pub(super) fn unseal(&self, file: &File, offset: u64, header: &Header) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; header.sealed_bytes as usize];
        file.read_exact_at(&mut sealed, offset + HEADER_BYTES as u64)?;
        if crc32fast::hash(&sealed) != header.checksum {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let plain = self.key.open(&header.aad(&self.id), &sealed).map_err(io::Error::other)?;
        frame::decompress(plain, header)
    }

    /// Publishes what has been made durable.
    pub(super) fn grown(&self, len: u64, next: u64) {
        self.len.store(len, Ordering::Release);
        self.next.store(next, Ordering::Release);
    }

    /// Number behind its last durable record.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// Bytes that are durable.
    pub(super) fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Wraps its key anew when an older generation wrapped it; gives whether one did.
    pub(super) fn rewrap(&self, sealer: &Sealer) -> Result<bool, SpoolError> {
        let wrapped = read_bounded(&self.key_path)?;
        let anew = sealer
            .rewrap_data_key(&key_aad(&self.id, self.first), &wrapped)
            .map_err(|source| SpoolError::Key { path: self.path.clone(), source })?;
        match anew {
            Some(anew) => write_durably(&self.key_path, &anew).map(|()| true),
            None => Ok(false),
        }
    }

    /// Destroys it: the key is overwritten and removed first, so that what remains of the file is unreadable.
    pub(super) fn destroy(&self) -> Result<(), SpoolError> {
        destroy_key(&self.key_path)?;
        remove(&self.path)
    }

    fn io(&self, doing: &'static str) -> impl Fn(io::Error) -> SpoolError + '_ {
        move |source| SpoolError::Io { doing, path: self.path.clone(), source }
    }
}

/// Numbers of the first records of the segments in `dir`, in order. Leftovers of an interrupted creation or
/// destruction (a key without its segment, a segment without its key) are removed; the latter are returned second.
pub(super) fn list(dir: &Path) -> Result<(Vec<u64>, Vec<u64>), SpoolError> {
    let io = |source| SpoolError::Io { doing: "list", path: dir.to_path_buf(), source };
    let (mut segments, mut keys) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        match (number, path.extension().and_then(|extension| extension.to_str())) {
            (Some(first), Some("seg")) => segments.push(first),
            (Some(first), Some("key")) => keys.push(first),
            (_, Some("new")) => remove(&path)?,
            _ => {}
        }
    }
    segments.sort_unstable();
    for &first in keys.iter().filter(|first| !segments.contains(first)) {
        destroy_key(&paths(dir, first).1)?;
    }
    let (kept, keyless): (Vec<u64>, Vec<u64>) = segments.into_iter().partition(|first| keys.contains(first));
    for &first in &keyless {
        remove(&paths(dir, first).0)?;
    }
    Ok((kept, keyless))
}

/// Sets a damaged segment and its key aside, for [`ASIDE_MAX`]; gives the number behind its last record, as far as that can
/// be told. No record gets such a number again.
pub(super) fn set_aside(dir: &Path, first: u64, next: Option<u64>) -> Result<u64, SpoolError> {
    let (path, key_path) = paths(dir, first);
    let behind = match next {
        Some(next) => next,
        None => end_of_damaged(&path, first)?,
    };
    for path in [path, key_path] {
        let aside = PathBuf::from(format!("{}.{ASIDE}", path.display()));
        fs::rename(&path, &aside).map_err(|source| SpoolError::Io {
            doing: "set aside",
            path: path.clone(),
            source,
        })?;
    }
    sync_dir(dir)?;
    Ok(behind)
}

/// What its whole frames say; without any, more than it can have held.
fn end_of_damaged(path: &Path, first: u64) -> Result<u64, SpoolError> {
    let io = |source| SpoolError::Io { doing: "read", path: path.to_path_buf(), source };
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    let mut walk = Walk::new(first, len);
    while walk.next_verified(&file).map_err(io)?.is_some() {}
    let none = walk.expected() == first && len > SEGMENT_HEADER_BYTES;
    Ok(if none { first.saturating_add(len.saturating_mul(RECORDS_PER_BYTE_MAX)) } else { walk.expected() })
}

/// Removes what was set aside long ago.
pub(super) fn remove_aside(dir: &Path) -> Result<(), SpoolError> {
    let io = |source| SpoolError::Io { doing: "list", path: dir.to_path_buf(), source };
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let aside = entry.path().extension().is_some_and(|extension| extension == ASIDE);
        let age = entry.metadata().and_then(|about| about.modified()).ok().and_then(|time| time.elapsed().ok());
        if aside && age.is_some_and(|age| age >= ASIDE_MAX) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether the segment was begun and nothing was ever finished in it, its header included.
pub(super) fn is_stillborn(dir: &Path, first: u64) -> bool {
    fs::metadata(paths(dir, first).0).is_ok_and(|data| data.len() < SEGMENT_HEADER_BYTES)
}

/// Removes a segment that [`is_stillborn`].
pub(super) fn bury(dir: &Path, first: u64) -> Result<(), SpoolError> {
    let (path, key_path) = paths(dir, first);
    destroy_key(&key_path)?;
    remove(&path)
}

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
    let fresh = path.with_extension("new");
    let io = |source| SpoolError::Io { doing: "write", path: path.to_path_buf(), source };
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&fresh, path).map_err(io)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), SpoolError> {
    let io = |source| SpoolError::Io { doing: "flush", path: dir.to_path_buf(), source };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
}

fn destroy_key(path: &Path) -> Result<(), SpoolError> {
    let io = |source| SpoolError::Io { doing: "destroy", path: path.to_path_buf(), source };
    match OpenOptions::new().write(true).open(path) {
        Ok(mut file) => {
            let len = file.metadata().map_err(io)?.len().min(WRAPPED_KEY_BYTES_MAX) as usize;
            file.write_all(&vec![0; len]).and_then(|()| file.sync_all()).map_err(io)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    }
    remove(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

fn remove(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SpoolError::Io { doing: "remove", path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, SpoolError> {
    let io = |source| SpoolError::Io { doing: "read", path: path.to_path_buf(), source };
    if fs::metadata(path).map_err(io)?.len() > WRAPPED_KEY_BYTES_MAX {
        return Err(SpoolError::Foreign { path: path.to_path_buf() });
    }
    fs::read(path).map_err(io)
}

fn paths(dir: &Path, first: u64) -> (PathBuf, PathBuf) {
    (dir.join(format!("{first:020}.seg")), dir.join(format!("{first:020}.key")))
}

fn random_id(path: &Path) -> Result<[u8; 16], SpoolError> {
    let random = ring::rand::generate::<[u8; 16]>(&ring::rand::SystemRandom::new());
    let failed =
        |_| SpoolError::Io { doing: "number", path: path.to_path_buf(), source: io::Error::other("no randomness") };
    Ok(random.map_err(failed)?.expose())
}

fn key_aad(id: &[u8; 16], first: u64) -> Vec<u8> {
    [b"spool segment key ".as_slice(), id, &first.to_le_bytes()].concat()
}

fn header(first: u64, created: Timestamp, id: &[u8; 16]) -> Vec<u8> {
    let created = created.nanos().to_le_bytes();
    let mut bytes = [SEGMENT_MAGIC.as_slice(), &first.to_le_bytes(), &created, id].concat();
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn parse_header(bytes: &[u8; SEGMENT_HEADER_BYTES as usize], first: u64) -> Option<(Timestamp, [u8; 16])> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (created, rest) = rest.split_first_chunk::<8>()?;
    let (id, _) = rest.split_first_chunk::<16>()?;
    let whole = *magic == SEGMENT_MAGIC && crc32fast::hash(body) == u32::from_le_bytes(*sum);
    (whole && u64::from_le_bytes(*number) == first).then(|| (Timestamp::from_nanos(i64::from_le_bytes(*created)), *id))
}

/// Whether it begins as a segment of another version does: that one is for the program that wrote it.
fn is_newer(bytes: &[u8; SEGMENT_HEADER_BYTES as usize]) -> bool {
    let (Some((found, rest)), Some((version, magic))) = (bytes.split_first_chunk::<7>(), SEGMENT_MAGIC.split_last())
    else {
        return false;
    };
    found == magic && rest.first().is_some_and(|digit| digit != version && digit.is_ascii_digit())
}

const _: () = assert!(MAGIC.len() < HEADER_BYTES);

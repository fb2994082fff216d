//! Files for `import` and offline detection: lines, NDJSON, JSON arrays, Windows event logs, packed or not, told by
//! their content.

mod evtx;
mod limit;
mod lines;
mod values;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::{FileError, Format};
use limit::{Limited, Meter};

/// Packings inside one another that are taken off.
const PACKINGS_MAX: usize = 2;
/// Bytes looked at to tell what a file is.
const PEEK_BYTES: usize = 64 * 1024;

/// Bounds on what a file may be.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// Longest record in bytes; of a longer one the beginning is kept and marked.
    pub record_bytes_max: usize,
    /// Unpacked bytes from which on [`FileSettings::ratio_max`] counts.
    pub ratio_bytes_min: u64,
    /// Most unpacked bytes for each packed byte.
    pub ratio_max: u64,
    /// Largest packed Windows event log, unpacked, in bytes; it has to be held in memory.
    pub evtx_bytes_max: u64,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            record_bytes_max: crate::pipeline::RECORD_BYTES_MAX,
            ratio_bytes_min: 256 * 1024 * 1024,
            ratio_max: 200,
            evtx_bytes_max: 512 * 1024 * 1024,
        }
    }
}

/// One record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// The record without its line end.
    pub bytes: Bytes,
    /// What the reader knows about its form.
    pub format: Format,
    /// Whether only its beginning is here.
    pub truncated: bool,
}

/// Reads a file record by record; an error ends it unless it is [`FileError::Evtx`].
pub struct FileReader {
    path: Arc<PathBuf>,
    kind: Kind,
    meter: Meter,
}

enum Kind {
    Lines(lines::Lines),
    Values(values::Values),
    Evtx(Box<evtx::Events>),
    Done,
}

/// A stream of bytes that may move between threads.
pub(crate) type Stream = Box<dyn BufRead + Send>;

/// Opens the file at `path`; `-` is standard input.
///
/// # Errors
/// [`FileError::Io`] when it cannot be read, [`FileError::Foreign`] when it is an archive or a packing that is not
/// taken off here.
pub fn open(path: &Path, settings: &FileSettings) -> Result<FileReader, FileError> {
    if path.as_os_str() == "-" {
        return read(path, Box::new(io::stdin()), settings);
    }
    let file = File::open(path).map_err(|source| fault(path, "open", source))?;
    if let Some(events) = evtx::of_file(path, &file)? {
        let meter = Meter::new(settings);
        return Ok(FileReader { path: Arc::new(path.to_owned()), kind: Kind::Evtx(Box::new(events)), meter });
    }
    read(path, Box::new(file), settings)
}

/// Reads a stream; `path` is its name in errors.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path, stream: Box<dyn Read + Send>, settings: &FileSettings) -> Result<FileReader, FileError> {
    let meter = Meter::new(settings);
    let mut stream = peekable(Box::new(meter.packed(stream)));
    for _ in 0..PACKINGS_MAX {
        let (head, whole) = peek(path, stream)?;
        stream = match head.as_slice() {
            [0x1f, 0x8b, ..] => limited(&meter, flate2::bufread::MultiGzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => limited(&meter, unzstd(path, whole)?),
            _ => {
                stream = whole;
                break;
            }
        };
    }
    let (head, stream) = peek(path, stream)?;
    let path = Arc::new(path.to_owned());
    let kind = kind(&path, &head, stream, settings)?;
    Ok(FileReader { path, kind, meter })
}

/// The values of JSON that is not one object a line (an array of objects, objects over several lines), each up to
/// `record_bytes_max`; `None` for all else.
pub(crate) fn json_values(text: &[u8], record_bytes_max: usize) -> Option<impl Iterator<Item = FileRecord> + use<>> {
    let layout = values::layout(text)?;
    let mut values = values::Values::new(Box::new(Cursor::new(text.to_vec())), layout, record_bytes_max);
    // Memory does not fail to be read.
    Some(std::iter::from_fn(move || values.next_record().ok().flatten()))
}

fn kind(path: &Path, head: &[u8], stream: Stream, settings: &FileSettings) -> Result<Kind, FileError> {
    foreign(path, head)?;
    if head.starts_with(evtx::MAGIC) {
        return evtx::of_stream(path, stream, settings.evtx_bytes_max).map(|events| Kind::Evtx(Box::new(events)));
    }
    Ok(match values::layout(head) {
        Some(layout) => Kind::Values(values::Values::new(stream, layout, settings.record_bytes_max)),
        None => Kind::Lines(lines::Lines::new(stream, settings.record_bytes_max)),
    })
}

/// Refuses what would only give garbage lines.
fn foreign(path: &Path, head: &[u8]) -> Result<(), FileError> {
    const UNPACK: &str = "unpack it first";
    let what = match head {
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => "packed with bzip2",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "packed with xz",
        [b'7', b'z', 0xbc, 0xaf, ..] => "a 7z archive",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => "packed more than twice",
        _ if head.get(257..262) == Some(b"ustar") => "a tar archive",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let path = path.to_owned();
            return Err(FileError::Foreign {
                path,
                what: "text in UTF-16",
                way_out: "convert it with `iconv -f UTF-16 -t UTF-8`",
            });
        }
        _ => return Ok(()),
    };
    Err(FileError::Foreign { path: path.to_owned(), what, way_out: UNPACK })
}

fn peekable(stream: Box<dyn Read + Send>) -> Stream {
    Box::new(BufReader::with_capacity(PEEK_BYTES, stream))
}

fn limited(meter: &Meter, unpacked: impl Read + Send + 'static) -> Stream {
    peekable(Box::new(Limited::new(unpacked, meter.clone())))
}

fn unzstd(path: &Path, stream: Stream) -> Result<impl Read + Send + use<>, FileError> {
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(stream).map_err(|source| fault(path, "unpack", source))?;
    // 128 MiB, the format's own recommendation for decoders: a frame cannot ask for more memory.
    decoder.window_log_max(27).map_err(|source| fault(path, "unpack", source))?;
    Ok(decoder)
}

/// The first bytes, and the stream with them in place.
fn peek(path: &Path, mut stream: Stream) -> Result<(Vec<u8>, Stream), FileError> {
    let mut head = Vec::with_capacity(PEEK_BYTES);
    let mut start = (&mut stream).take(PEEK_BYTES as u64);
    if let Err(source) = start.read_to_end(&mut head) {
        // What stood before the fault is read; the fault comes again behind it.
        if head.is_empty() {
            return Err(fault(path, "read", source));
        }
        let broken = Cursor::new(head.clone()).chain(Broken(source.kind(), source.to_string()));
        return Ok((head, Box::new(BufReader::new(broken))));
    }
    Ok((head.clone(), Box::new(Cursor::new(head).chain(stream))))
}

/// A stream that only fails, as often as it is read.
struct Broken(io::ErrorKind, String);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0, self.1.clone()))
    }
}

fn fault(path: &Path, doing: &'static str, source: io::Error) -> FileError {
    FileError::Io { doing, path: path.to_owned(), source }
}

impl Iterator for FileReader {
    type Item = Result<FileRecord, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = match &mut self.kind {
            Kind::Lines(lines) => lines.next_record(),
            Kind::Values(values) => values.next_record(),
            Kind::Evtx(events) => return events.next_record(&self.path),
            Kind::Done => return None,
        };
        match read {
            Ok(Some(record)) => Some(Ok(record)),
            Ok(None) => None,
            Err(source) => {
                self.kind = Kind::Done;
                Some(Err(self.meter.fault(&self.path, source)))
            }
        }
    }
}

#[cfg(test)]
mod tests;

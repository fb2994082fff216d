//! Windows event logs (`.evtx`): each record as JSON in the shape of its XML.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use evtx::err::EvtxError;
use evtx::{EvtxParser, IntoIterChunks, ParserSettings};

use super::{FileRecord, Stream, fault};
use crate::{FileError, Format};

/// The first bytes of such a file.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";

/// The records of one log, a chunk of 64 KiB in memory at a time.
pub(crate) struct Events {
    chunks: Chunks,
    settings: Arc<ParserSettings>,
    ready: VecDeque<Result<FileRecord, Box<EvtxError>>>,
}

enum Chunks {
    File(IntoIterChunks<File>),
    Memory(IntoIterChunks<Cursor<Vec<u8>>>),
}

/// The log in `file`, when it is one; the file is left at its start otherwise.
pub(crate) fn of_file(path: &Path, mut file: &File) -> Result<Option<Events>, FileError> {
    let io = |source| fault(path, "read", source);
    if !file.metadata().map_err(io)?.is_file() {
        return Ok(None);
    }
    let mut head = [0; MAGIC.len()];
    let is_log = match file.read_exact(&mut head) {
        Ok(()) => head == MAGIC,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(io(error)),
    };
    file.rewind().map_err(io)?;
    if !is_log {
        return Ok(None);
    }
    let parser = EvtxParser::from_read_seek(file.try_clone().map_err(io)?).map_err(|source| damaged(path, source))?;
    Ok(Some(events(Chunks::File(parser.into_chunks()))))
}

/// The log in a stream that cannot be sought, which is held in memory.
pub(crate) fn of_stream(path: &Path, stream: Stream, bytes_max: u64) -> Result<Events, FileError> {
    let mut bytes = Vec::new();
    let read = stream.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|source| fault(path, "unpack", source))?;
    if read as u64 > bytes_max {
        let path = path.to_owned();
        return Err(FileError::Foreign {
            path,
            what: "a packed Windows event log that is too large",
            way_out: "unpack it first",
        });
    }
    let parser = EvtxParser::from_buffer(bytes).map_err(|source| damaged(path, source))?;
    Ok(events(Chunks::Memory(parser.into_chunks())))
}

fn events(chunks: Chunks) -> Events {
    Events { chunks, settings: Arc::new(ParserSettings::new().indent(false)), ready: VecDeque::new() }
}

fn damaged(path: &Path, source: EvtxError) -> FileError {
    FileError::Evtx { path: path.to_owned(), source: Box::new(source) }
}

impl Events {
    /// The next record, or what could not be read in its place.
    pub(crate) fn next_record(&mut self, path: &Path) -> Option<Result<FileRecord, FileError>> {
        loop {
            if let Some(read) = self.ready.pop_front() {
                return Some(read.map_err(|source| FileError::Evtx { path: path.to_owned(), source }));
            }
            let chunk = match &mut self.chunks {
                Chunks::File(chunks) => chunks.next(),
                Chunks::Memory(chunks) => chunks.next(),
            };
            match chunk? {
                Ok(chunk) => self.take(chunk),
                Err(source) => self.ready.push_back(Err(Box::new(source))),
            }
        }
    }

    fn take(&mut self, mut chunk: evtx::EvtxChunkData) {
        let mut chunk = match chunk.parse(Arc::clone(&self.settings)) {
            Ok(chunk) => chunk,
            Err(source) => {
                let source = EvtxError::FailedToParseChunk { chunk_id: 0, source: Box::new(source) };
                return self.ready.push_back(Err(Box::new(source)));
            }
        };
        for record in chunk.iter() {
            let json = record.and_then(|record| record.into_json_bytes());
            let record = json.map(|json| FileRecord {
                bytes: Bytes::from(json.data),
                format: Format::WindowsXmlJson,
                truncated: false,
            });
            self.ready.push_back(record.map_err(Box::new));
        }
    }
}

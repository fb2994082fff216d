//! Rewriting a finished segment without what is destroyed: a new file takes its place, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::file::header;
use super::read::{SegmentReader, Step};
use super::{Frame, Kind, write_frame};
use crate::disk::sync_dir;

/// What becomes of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It stays.
    Keep,
    /// This body takes the place of its own.
    Replace(Vec<u8>),
    /// It goes.
    Remove,
}

/// Rewrites a segment; `decide` is asked twice of each frame and also counts what goes. A segment that keeps no frame is
/// removed. Gives the sum of the counts.
///
/// A segment in an unknown form, or with an unsound frame, is an error: it would be lost for `verify`.
pub(crate) fn rewrite(path: &Path, kind: Kind, decide: impl Fn(&Frame) -> (Change, u64)) -> io::Result<u64> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is damaged; `metrosoc ledger verify` says where");
    let mut reader = SegmentReader::open(path, kind)?.map_err(|_| damaged())?;
    let (mut changed, mut kept, mut count) = (false, false, 0);
    loop {
        match reader.next()? {
            Step::Frame(frame) => {
                let (change, counted) = decide(&frame);
                changed |= change != Change::Keep;
                kept |= change != Change::Remove;
                count += counted;
            }
            Step::End => break,
            Step::Unsound { .. } | Step::Torn => return Err(damaged()),
        }
    }
    if !changed {
        return Ok(0);
    }
    let folder = path.parent().unwrap_or(path);
    if !kept {
        fs::remove_file(path)?;
        sync_dir(folder)?;
        return Ok(count);
    }
    reader.rewind()?;
    let temporary = path.with_extension("new");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let file = copy(&mut reader, BufWriter::new(file), kind, decide)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(folder)?;
    Ok(count)
}

fn copy(
    reader: &mut SegmentReader,
    mut out: BufWriter<File>,
    kind: Kind,
    decide: impl Fn(&Frame) -> (Change, u64),
) -> io::Result<File> {
    out.write_all(&header(kind))?;
    let mut bytes = Vec::new();
    while let Step::Frame(frame) = reader.next()? {
        bytes.clear();
        match decide(&frame).0 {
            Change::Keep => write_frame(&mut bytes, frame.entry, &frame.body),
            Change::Replace(body) => write_frame(&mut bytes, frame.entry, &body),
            Change::Remove => {}
        }
        out.write_all(&bytes)?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

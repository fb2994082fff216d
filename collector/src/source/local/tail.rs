//! The files of `/var/log`, followed through rotation and truncation.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::checkpoint::{self, FilePosition};
use super::{LocalSettings, Sink};
use crate::sites::Lane;
use crate::source::{Framer, Frames, own};
use crate::{Format, Record, SourceError};

/// Bytes of a read.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of the end of a file that are looked through for the first lines.
const FIRST_BYTES_MAX: u64 = 1024 * 1024;

/// Follows the files until cancelled.
pub(super) async fn follow(files: &[PathBuf], settings: &LocalSettings, sink: &Sink) -> Result<(), SourceError> {
    let mut tails = Vec::new();
    for path in files {
        tracing::info!(path = %path.display(), "reading a log file of this machine");
        tails.push(Tail::new(path, settings, sink));
    }
    loop {
        for tail in &mut tails {
            if let Err(error) = tail.read(sink).await {
                tracing::warn!(path = %tail.path.display(), %error, "log file cannot be read");
            }
        }
        tokio::select! {
            () = sink.cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(settings.look_every) => {}
        }
    }
}

/// One file.
pub(super) struct Tail {
    path: PathBuf,
    checkpoint: PathBuf,
    lane: Lane,
    framer: Framer,
    settings: LocalSettings,
    open: Option<Open>,
    /// Where the last run stopped.
    resumed: Option<FilePosition>,
    /// The file has been read before, in this run or an earlier one.
    known: bool,
}

struct Open {
    file: File,
    inode: u64,
    /// Bytes read, and bytes of them that make whole lines.
    read: u64,
}

impl Tail {
    pub(super) fn new(path: &Path, settings: &LocalSettings, sink: &Sink) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let checkpoint = settings.state_dir.join(format!("{name}.position"));
        let resumed = checkpoint::read(&checkpoint);
        let (lane, framer) = (sink.lane(&name), Framer::lines(settings.frame));
        let (path, settings, known) = (path.to_path_buf(), settings.clone(), resumed.is_some());
        Self { path, checkpoint, lane, framer, settings, open: None, resumed, known }
    }

    /// Reads what is new. A rotated file is read to its end before the new one is begun.
    pub(super) async fn read(&mut self, sink: &Sink) -> Result<(), SourceError> {
        let path = self.path.clone();
        let io = |source| SourceError::Local { doing: "read", path: path.clone(), source };
        let present = match std::fs::metadata(&self.path) {
            Ok(data) => Some(data),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io(error)),
        };
        if self.open.is_some() {
            self.read_on(sink).await?;
            let rotated =
                present.as_ref().is_some_and(|data| self.open.as_ref().is_some_and(|open| open.inode != data.ino()));
            if !rotated {
                return Ok(());
            }
            self.end_of_file(sink).await?;
            self.open = None;
        }
        let Some(data) = present else { return Ok(()) };
        let file = File::open(&path).map_err(io)?;
        let read = self.start(&file, &data).map_err(io)?;
        self.open = Some(Open { file, inode: data.ino(), read });
        self.known = true;
        self.read_on(sink).await
    }

    /// Where to begin in a file that was just opened.
    fn start(&mut self, file: &File, data: &Metadata) -> io::Result<u64> {
        if let Some(position) = self.resumed.take()
            && position.inode == data.ino()
            && position.offset <= data.len()
        {
            return Ok(position.offset);
        }
        if self.known {
            return Ok(0);
        }
        let from = data.len().saturating_sub(FIRST_BYTES_MAX);
        let mut end = vec![0; usize::try_from(data.len() - from).unwrap_or(0)];
        let count = file.read_at(&mut end, from)?;
        end.truncate(count);
        let text = end.strip_suffix(b"\n").unwrap_or(&end);
        let mut line_ends = memchr::memrchr_iter(b'\n', text);
        Ok(match line_ends.nth(self.settings.first_lines.saturating_sub(1)) {
            Some(place) => from + place as u64 + 1,
            // The first line in view may have begun before it.
            None if from > 0 => memchr::memchr(b'\n', text).map_or(from, |place| from + place as u64 + 1),
            None => 0,
        })
    }

    async fn read_on(&mut self, sink: &Sink) -> Result<(), SourceError> {
        loop {
            let Some(open) = &mut self.open else { return Ok(()) };
            let io = |source| SourceError::Local { doing: "read", path: self.path.clone(), source };
            if open.file.metadata().map_err(io)?.len() < open.read {
                tracing::info!(path = %self.path.display(), "log file was truncated; reading it from its beginning");
                open.read = 0;
                self.framer = Framer::lines(self.settings.frame);
            }
            let mut buffer = vec![0; READ_BYTES];
            let count = open.file.read_at(&mut buffer, open.read).map_err(io)?;
            if count == 0 {
                return Ok(());
            }
            let fresh = buffer.get(..count).unwrap_or_default();
            let whole = memchr::memrchr(b'\n', fresh).map(|place| open.read + place as u64 + 1);
            open.read += count as u64;
            let inode = open.inode;
            let mut frames = Frames::default();
            self.framer.push(fresh, &mut frames);
            if !self.store(frames, sink).await {
                return Ok(());
            }
            if let Some(offset) = whole {
                checkpoint::write(&self.checkpoint, &FilePosition { inode, offset })?;
            }
        }
    }

    /// A file that was rotated away ends with its last line, line end or not.
    async fn end_of_file(&mut self, sink: &Sink) -> Result<(), SourceError> {
        let mut frames = Frames::default();
        self.framer.finish(true, &mut frames);
        self.store(frames, sink).await;
        Ok(())
    }

    async fn store(&self, frames: Frames, sink: &Sink) -> bool {
        let now = sink.attribution.now();
        let mut records = Vec::with_capacity(frames.len());
        let mut skipped = 0;
        for (line, truncated) in frames.into_frames() {
            if own::is_own(&line) {
                skipped += 1;
                continue;
            }
            let record = Record::new(self.lane.origin.clone(), now, line).with_format(Format::Syslog);
            records.push(Record { truncated, ..record });
        }
        own::skipped(skipped);
        sink.store(&self.lane, records).await.is_ok()
    }
}

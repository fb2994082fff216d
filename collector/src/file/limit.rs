//! Bounds on unpacking: how many bytes come out for those that go in.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FileSettings;
use crate::FileError;

/// Counts the bytes of one file before and behind its packings.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    counts: Arc<Counts>,
    ratio_bytes_min: u64,
    ratio_max: u64,
}

#[derive(Debug, Default)]
struct Counts {
    packed: AtomicU64,
    expanded: AtomicU64,
    exceeded: AtomicU64,
}

impl Meter {
    pub(crate) fn new(settings: &FileSettings) -> Self {
        Self { counts: Arc::default(), ratio_bytes_min: settings.ratio_bytes_min, ratio_max: settings.ratio_max }
    }

    /// The stream as it lies on disk, counted.
    pub(crate) fn packed<R: Read>(&self, inner: R) -> Packed<R> {
        Packed { inner, meter: self.clone() }
    }

    /// The error that a reader sees: a bomb when that is why reading ended.
    pub(crate) fn fault(&self, path: &Path, source: io::Error) -> FileError {
        let path = path.to_owned();
        match self.counts.exceeded.load(Ordering::Relaxed) {
            0 => FileError::Io { doing: "read", path, source },
            expanded => FileError::Bomb { path, expanded, packed: self.counts.packed.load(Ordering::Relaxed) },
        }
    }

    /// Counts bytes that came out of one packing.
    fn expand(&self, own: u64) -> io::Result<()> {
        let expanded = self.counts.expanded.fetch_max(own, Ordering::Relaxed).max(own);
        let packed = self.counts.packed.load(Ordering::Relaxed).max(1);
        if expanded > self.ratio_bytes_min && expanded / packed > self.ratio_max {
            self.counts.exceeded.store(expanded, Ordering::Relaxed);
            return Err(io::Error::other("unpacks out of all proportion"));
        }
        Ok(())
    }
}

/// A packed stream.
pub(crate) struct Packed<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.meter.counts.packed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// An unpacked stream that ends with an error when it grows out of proportion.
pub(crate) struct Limited<R> {
    inner: R,
    meter: Meter,
    own: u64,
}

impl<R: Read> Limited<R> {
    pub(crate) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter, own: 0 }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.own += count as u64;
        self.meter.expand(self.own)?;
        Ok(count)
    }
}

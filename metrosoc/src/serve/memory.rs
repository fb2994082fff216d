//! What correlations remember, over a restart: one sealed file in the data directory, replaced as a whole.
//!
//! It holds field values of events (users, addresses), so it is sealed like everything that does.

use std::sync::Arc;

use detector::correlate::Settings;
use detector::rulebook::{Rulebook, Stream};

use super::sealed::SealedFile;

/// The label of the sealing key.
pub const LABEL: &str = "correlations";
/// Bound to the seal, so that no other sealed file can take its place.
pub const AAD: &[u8] = b"metrosoc/correlations/1";

/// The file and its seal.
pub struct Memory {
    file: SealedFile,
    settings: Settings,
}

impl Memory {
    /// The file, which need not be there yet.
    pub fn new(file: SealedFile, settings: Settings) -> Self {
        Self { file, settings }
    }

    /// The bounds of correlations.
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// A stream that goes on where the file's ended; `None` when there is no file, or when it cannot be used, which is
    /// told: detection goes on without what it remembered.
    pub fn read(&self, book: &Arc<Rulebook>) -> Option<Stream> {
        match self.try_read(book) {
            Ok(stream) => stream,
            Err(error) => {
                let path = self.file.path().display();
                tracing::error!(%path, error = format!("{error:#}"), "state of correlations lost; they begin anew");
                None
            }
        }
    }

    fn try_read(&self, book: &Arc<Rulebook>) -> anyhow::Result<Option<Stream>> {
        let Some(bytes) = self.file.read()? else { return Ok(None) };
        let (stream, told) = Stream::restore(Arc::clone(book), self.settings.clone(), &bytes)?;
        told.iter().for_each(|told| tracing::info!(told, "correlations after a restart"));
        Ok(Some(stream))
    }

    /// Replaces the file; after a crash either the old or the new one is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, stream: &Stream) -> anyhow::Result<()> {
        self.file.write(&stream.save())
    }

    /// Shows how much is remembered and what had to be left out.
    pub fn measure(&self, stream: &Stream) {
        let (groups, bytes) = stream.size();
        metrics::gauge!("metrosoc_correlation_groups").set(groups as f64);
        metrics::gauge!("metrosoc_correlation_bytes").set(bytes as f64);
        let totals = stream.totals();
        for (reason, count) in [
            ("late", totals.late),
            ("ahead", totals.ahead),
            ("incomplete", totals.incomplete),
            ("evicted", totals.evicted),
            ("dropped", totals.dropped),
        ] {
            metrics::counter!("metrosoc_correlation_hits_left_out_total", "reason" => reason).absolute(count);
        }
    }
}

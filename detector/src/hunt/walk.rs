//! From values to documents: along the dictionary of a field, along a column, behind a term.

use std::net::Ipv6Addr;

use tantivy::DocId;
use tantivy::index::SegmentReader;
use tantivy::schema::{Field, IndexRecordOption};

use super::bits::Bits;
use super::watch::Watch;

/// Terms between two looks whether somebody cancelled.
const TERMS_PER_LOOK: u32 = 4_096;

/// What ends a walk early.
#[derive(Debug)]
pub(super) enum Stop {
    /// Somebody cancelled.
    Cancelled,
    /// The index cannot be read.
    Index(tantivy::TantivyError),
}

impl<T: Into<tantivy::TantivyError>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::Index(error.into())
    }
}

/// One segment and who watches.
#[derive(Clone, Copy)]
pub(super) struct Walk<'s> {
    pub(super) reader: &'s SegmentReader,
    pub(super) watch: &'s Watch,
}

impl Walk<'_> {
    /// No document yet.
    pub(super) fn nothing(&self) -> Bits {
        Bits::empty(self.reader.max_doc())
    }

    /// Adds the documents of every term of `field` that begins with `prefix` and whose rest passes.
    pub(super) fn terms(
        &self,
        field: Field,
        prefix: &[u8],
        mut passes: impl FnMut(&str) -> bool,
        into: &mut Bits,
    ) -> Result<(), Stop> {
        let inverted = self.reader.inverted_index(field)?;
        let mut stream = inverted.terms().range().ge(prefix).into_stream()?;
        let mut visited: u32 = 0;
        while stream.advance() {
            let key = stream.key();
            let Some(value) = key.strip_prefix(prefix) else { break };
            visited = visited.wrapping_add(1);
            if visited.is_multiple_of(TERMS_PER_LOOK) && self.watch.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            if !std::str::from_utf8(value).is_ok_and(&mut passes) {
                continue;
            }
            let mut postings = inverted.read_block_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
            while !postings.docs().is_empty() {
                postings.docs().iter().for_each(|doc| into.insert(*doc));
                postings.advance();
            }
        }
        Ok(())
    }

    /// Adds the documents of the term of `field` that is `text`.
    pub(super) fn term(&self, field: Field, text: &str, into: &mut Bits) -> Result<(), Stop> {
        let inverted = self.reader.inverted_index(field)?;
        let Some(info) = inverted.terms().get(text.as_bytes())? else { return Ok(()) };
        let mut postings = inverted.read_block_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        while !postings.docs().is_empty() {
            postings.docs().iter().for_each(|doc| into.insert(*doc));
            postings.advance();
        }
        Ok(())
    }

    /// Adds the documents whose whole number in a column passes.
    pub(super) fn numbers(&self, name: &str, passes: impl Fn(i64) -> bool, into: &mut Bits) -> Result<(), Stop> {
        let Some(column) = self.reader.fast_fields().column_opt::<i64>(name)? else { return Ok(()) };
        self.documents(|doc| column.values_for_doc(doc).any(&passes), into)
    }

    /// Adds the documents whose address in a column passes.
    pub(super) fn addresses(&self, name: &str, passes: impl Fn(Ipv6Addr) -> bool, into: &mut Bits) -> Result<(), Stop> {
        let Some(column) = self.reader.fast_fields().column_opt::<Ipv6Addr>(name)? else { return Ok(()) };
        self.documents(|doc| column.values_for_doc(doc).any(&passes), into)
    }

    fn documents(&self, passes: impl Fn(DocId) -> bool, into: &mut Bits) -> Result<(), Stop> {
        for doc in 0..self.reader.max_doc() {
            if doc.is_multiple_of(TERMS_PER_LOOK) && self.watch.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            if passes(doc) {
                into.insert(doc);
            }
        }
        Ok(())
    }
}

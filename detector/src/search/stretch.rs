//! Stretches of a segment: documents that lie together, with their least and greatest times.
//!
//! Events lie about in the order in which they came, so that a stretch spans little time. A search skips stretches outside
//! its window, reads no time in those that lie within, and looks for the newest hits in the newest ones first.

use tantivy::DocId;
use tantivy::columnar::Column;

use super::collect::Window;

/// Documents of one stretch; few in tests, so that their segments have several.
pub(crate) const STRETCH_DOCS: u32 = if cfg!(test) { 8 } else { 1 << 16 };

/// Documents that lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first.
    pub(crate) begin: DocId,
    /// The one behind the last.
    pub(crate) end: DocId,
    /// Least event time in nanoseconds.
    pub(crate) least: i64,
    /// Greatest event time in nanoseconds.
    pub(crate) greatest: i64,
    /// Greatest event id.
    pub(crate) id_greatest: u64,
}

/// How a stretch lies in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lies {
    Outside,
    Partly,
    Within,
}

impl Stretch {
    pub(crate) fn lies(&self, window: &Window) -> Lies {
        if self.greatest < window.from || self.least > window.to {
            Lies::Outside
        } else if self.least >= window.from && self.greatest <= window.to && self.id_greatest < window.below {
            Lies::Within
        } else {
            Lies::Partly
        }
    }
}

/// The stretches of a segment with `docs` documents, in their order.
pub(crate) fn stretches(docs: u32, time: &Column<i64>, id: &Column<u64>) -> Vec<Stretch> {
    if docs <= STRETCH_DOCS {
        let (least, greatest) = (time.min_value(), time.max_value());
        return vec![Stretch { begin: 0, end: docs, least, greatest, id_greatest: id.max_value() }];
    }
    let begins = (0..docs).step_by(STRETCH_DOCS as usize);
    let stretch = |begin: DocId| {
        let end = begin.saturating_add(STRETCH_DOCS).min(docs);
        let mut stretch = Stretch { begin, end, least: i64::MAX, greatest: i64::MIN, id_greatest: 0 };
        for doc in begin..end {
            let time = time.first(doc).unwrap_or(0);
            stretch.least = stretch.least.min(time);
            stretch.greatest = stretch.greatest.max(time);
            stretch.id_greatest = stretch.id_greatest.max(id.first(doc).unwrap_or(0));
        }
        stretch
    };
    begins.map(stretch).collect()
}

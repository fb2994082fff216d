//! Which part of the index a permit opens: what senders sent, or the product's own record.
//!
//! Both lie in one index, told apart by the transport, which is ours and never the text's. Who may read events does not
//! read who read what; who may read the audit record reads nothing else. A single event of the certificate authority's
//! or the sites' record, which an alert points at, is shown to analysts too.

use event::{Object, OwnRecord, Permit, Transport};
use tantivy::{Searcher, Term};

use crate::index::layout::{Layout, TRANSPORT};

/// Part of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What senders sent.
    Received,
    /// What the product itself did.
    Own,
}

impl Part {
    /// The part that `permit` opens.
    pub(super) fn of(permit: &Permit) -> Self {
        match permit.object() {
            Object::Audit => Self::Own,
            _ => Self::Received,
        }
    }

    /// Whether a single event from that source may be shown.
    pub(super) fn shows(self, source: Option<&str>) -> bool {
        let own = source.and_then(|source| source.strip_prefix(Transport::Own.as_str())?.strip_prefix(':'));
        match self {
            Self::Own => own.is_some(),
            Self::Received => own != Some(OwnRecord::Audit.as_str()),
        }
    }
}

/// The term that every event of the product's own has, and no other.
pub(super) fn own_term(layout: &Layout) -> Option<Term> {
    layout.column(TRANSPORT).map(|column| Term::from_field_text(column.field, Transport::Own.as_str()))
}

/// Whether a slice holds events of the product's own.
pub(super) fn holds_own(searcher: &Searcher, layout: &Layout) -> tantivy::Result<bool> {
    own_term(layout).map_or(Ok(false), |term| Ok(searcher.doc_freq(&term)? > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_events_are_shown_by_their_source() {
        let check = |part: Part, source: Option<&str>, expected: bool| {
            assert_eq!(part.shows(source), expected, "{part:?} {source:?}");
        };
        check(Part::Received, None, true);
        check(Part::Received, Some("syslog-tls:hcm-q1"), true);
        check(Part::Received, Some("own:pki"), true);
        check(Part::Received, Some("own:audit"), false);
        check(Part::Own, Some("own:audit"), true);
        check(Part::Own, Some("owner:audit"), false);
        check(Part::Own, None, false);
    }
}

//! Queries that go through the values of a field: wildcards, ranges over text, networks, existence.
//!
//! Tantivy finds a term; these walk along a field's sorted dictionary from a prefix on, or along a column, and test
//! each value. What they may visit in one search is bounded.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tantivy::index::{SegmentId, SegmentReader};
use tantivy::query::{BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, Score, TantivyError};

use super::twins::Twins;
use super::value::ValueTest;
use crate::index::from_v6;
use crate::index::layout::Kind;

/// What a search may still do.
#[derive(Debug)]
pub(crate) struct Budget {
    deadline: Instant,
    values_left: AtomicUsize,
    /// Most different values that one search may visit.
    pub(crate) values_max: usize,
    timed_out: AtomicBool,
    too_broad: AtomicBool,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent;

impl From<Spent> for TantivyError {
    fn from(_: Spent) -> Self {
        Self::InvalidArgument("search budget is used up".to_owned())
    }
}

impl Budget {
    pub(crate) fn new(deadline: Instant, values_max: usize) -> Self {
        Self {
            deadline,
            values_left: AtomicUsize::new(values_max),
            values_max,
            timed_out: AtomicBool::new(false),
            too_broad: AtomicBool::new(false),
        }
    }

    /// Stops a search that takes too long.
    pub(crate) fn check_time(&self) -> Result<(), Spent> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        self.timed_out.store(true, Ordering::Relaxed);
        Err(Spent)
    }

    /// Takes `count` values from the budget.
    pub(crate) fn visit(&self, count: usize) -> Result<(), Spent> {
        self.check_time()?;
        let enough = |left: usize| left.checked_sub(count);
        if self.values_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok() {
            return Ok(());
        }
        self.too_broad.store(true, Ordering::Relaxed);
        Err(Spent)
    }

    /// Stops a search that came upon too many different values.
    pub(crate) fn too_many(&self) -> Result<(), Spent> {
        self.too_broad.store(true, Ordering::Relaxed);
        Err(Spent)
    }

    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    pub(crate) fn too_broad(&self) -> bool {
        self.too_broad.load(Ordering::Relaxed)
    }
}

/// How many values are taken from the budget at once.
const VISIT_STEP: usize = 1_024;

/// The part of a field's dictionary that belongs to one name.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The field of the slice's schema.
    pub(crate) field: Field,
    /// What every key of the name begins with; the value's text follows.
    pub(crate) prefix: Vec<u8>,
}

impl Terms {
    /// Calls `take` with every value that passes and the documents that have it, block by block.
    pub(crate) fn walk(
        &self,
        reader: &SegmentReader,
        test: &ValueTest,
        budget: &Budget,
        take: &mut dyn FnMut(&str, &[DocId]),
    ) -> tantivy::Result<()> {
        let inverted = reader.inverted_index(self.field)?;
        let mut start = self.prefix.clone();
        start.extend_from_slice(test.prefix().as_bytes());
        let mut stream = inverted.terms().range().ge(&start).into_stream()?;
        let mut visited: usize = 0;
        while stream.advance() {
            let key = stream.key();
            if !key.starts_with(&start) {
                break;
            }
            visited += 1;
            if visited.is_multiple_of(VISIT_STEP) {
                budget.visit(VISIT_STEP)?;
            }
            let value = key.get(self.prefix.len()..).and_then(|value| std::str::from_utf8(value).ok());
            let Some(value) = value.filter(|value| test.passes(value)) else { continue };
            let mut postings = inverted.read_block_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
            while !postings.docs().is_empty() {
                take(value, postings.docs());
                postings.advance();
            }
        }
        budget.visit(visited % VISIT_STEP)?;
        Ok(())
    }
}

/// Documents with a value that passes a test.
#[derive(Clone)]
pub(crate) struct Scan {
    pub(crate) over: Over,
    pub(crate) test: Arc<ValueTest>,
    pub(crate) budget: Arc<Budget>,
}

/// What is walked along.
#[derive(Debug, Clone)]
pub(crate) enum Over {
    /// A dictionary.
    Terms(Terms),
    /// A column of numbers or addresses.
    Column { name: String, kind: Kind },
    /// Values under the names of other fields.
    Twins(Twins),
}

impl fmt::Debug for Scan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scan({:?}, {:?})", self.over, self.test)
    }
}

impl Query for Scan {
    fn weight(&self, _scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(ScanWeight { scan: self.clone(), last: LastFound::default() }))
    }
}

struct ScanWeight {
    scan: Scan,
    last: LastFound,
}

impl Weight for ScanWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        self.last.scorer(reader, boost, || self.scan.find(reader))
    }

    fn explain(&self, _reader: &SegmentReader, _doc: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("a value passes", 1.0))
    }
}

/// What was found in the segment that was asked last: a search asks more than once, to count and for its first hits.
#[derive(Default)]
struct LastFound(Mutex<Option<(SegmentId, BitSet)>>);

impl LastFound {
    fn scorer(
        &self,
        reader: &SegmentReader,
        boost: Score,
        find: impl FnOnce() -> tantivy::Result<BitSet>,
    ) -> tantivy::Result<Box<dyn Scorer>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match last.take().filter(|(segment, _)| *segment == reader.segment_id()) {
            Some((_, found)) => found,
            None => find()?,
        };
        let found = &last.insert((reader.segment_id(), found)).1;
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found.clone()), boost)))
    }
}

impl Scan {
    fn find(&self, reader: &SegmentReader) -> tantivy::Result<BitSet> {
        let mut found = BitSet::with_max_value(reader.max_doc());
        match &self.over {
            Over::Terms(terms) => terms.walk(reader, &self.test, &self.budget, &mut |_, docs| {
                for &doc in docs {
                    found.insert(doc);
                }
            })?,
            Over::Twins(twins) => {
                let mut look = || self.budget.check_time().map_err(TantivyError::from);
                twins.walk(reader, &self.test, &mut look, &mut |_, docs| {
                    for &doc in docs {
                        found.insert(doc);
                    }
                })?;
            }
            Over::Column { name, kind } => self.walk_column(name, *kind, reader, &mut found)?,
        }
        Ok(found)
    }

    fn walk_column(&self, name: &str, kind: Kind, reader: &SegmentReader, found: &mut BitSet) -> tantivy::Result<()> {
        let fast = reader.fast_fields();
        let passes: Box<dyn Fn(DocId) -> bool> = match kind {
            Kind::Int => {
                let Some(column) = fast.column_opt::<i64>(name)? else { return Ok(()) };
                let test = Arc::clone(&self.test);
                Box::new(move |doc| column.values_for_doc(doc).any(|value| test.passes(&value.to_string())))
            }
            Kind::Ip => {
                let Some(column) = fast.column_opt::<std::net::Ipv6Addr>(name)? else { return Ok(()) };
                let test = Arc::clone(&self.test);
                Box::new(move |doc| column.values_for_doc(doc).any(|value| test.passes(&from_v6(value))))
            }
            Kind::Keyword => return Ok(()),
        };
        for doc in 0..reader.max_doc() {
            if (doc as usize).is_multiple_of(VISIT_STEP) {
                self.budget.check_time()?;
            }
            if passes(doc) {
                found.insert(doc);
            }
        }
        Ok(())
    }
}

/// A query whose documents are all found before the first is asked for.
#[derive(Debug)]
pub(crate) struct Settled(pub(crate) Box<dyn Query>);

struct SettledWeight {
    weight: Box<dyn Weight>,
    last: LastFound,
}

impl Clone for Settled {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for Settled {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(SettledWeight { weight: self.0.weight(scoring)?, last: LastFound::default() }))
    }
}

impl Weight for SettledWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        self.last.scorer(reader, boost, || {
            let mut found = BitSet::with_max_value(reader.max_doc());
            self.weight.for_each_no_score(reader, &mut |docs| {
                for &doc in docs {
                    found.insert(doc);
                }
            })?;
            Ok(found)
        })
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.weight.explain(reader, doc)
    }
}

//! Search over the index: nothing comes out without a permit, and everything through its masks.
//!
//! A question is refused as a whole when it names a field that its permit masks. What a permit does not reach is
//! filtered inside the index; what it masks is masked in hits and absent from highlights; aggregations are over clear
//! fields alone. There is no other door: hits, single events, exports and field names all pass through here.

mod aggregate;
mod answer;
mod collect;
mod compile;
mod cursor;
mod error;
mod fields;
mod highlight;
mod message;
mod part;
mod remembered;
mod request;
mod scan;
mod show;
mod stored;
mod stretch;
mod subject;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod threshold;
mod twins;
mod value;
mod views;

use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Clock, Event, EventId, Object, Operation, Permit, Timestamp};
use tantivy::query::{AllQuery, BooleanQuery, EnableScoring, Occur, Query};
use tantivy::{DocAddress, Searcher, TantivyError};

use crate::index::Index;
use crate::index::slice::Opened;
use crate::query::{Joint, Node, parse};
use aggregate::Counting;
use collect::{Collecting, Found, Walked, Window};
use compile::Compiler;
use cursor::Cursor;
use fields::names;
use part::Part;
use remembered::{Asked, Remembered};
use scan::Budget;
use stored::{hit, hits, locate, placed, whole};
use threshold::Answered;
use views::{first_unseen, segments_in_order, window};

pub use answer::{Aggregation, Bucket, FieldInfo, Hit, SearchAnswer, Segment, Withheld};
pub(crate) use compile::check_field;
pub use error::SearchError;
pub use request::{AGGREGATIONS_MAX, BUCKETS_MAX, DefaultOperator, LIMIT_MAX, SearchRequest, Sort};
pub use subject::{SUBJECT_EVENTS_MAX, SubjectEvent};
pub(crate) use target::rest_terms;
pub(crate) use twins::Twins;
pub(crate) use value::ValueTest;

/// Hits when a request does not say how many.
pub const LIMIT_DEFAULT: usize = 50;
/// Hits of an export that are collected at a time.
const EXPORT_PAGE: usize = 2_000;

/// The bounds of a search.
#[derive(Debug, Clone)]
pub struct SearchSettings {
    /// Longest time that one search may take.
    pub timeout: Duration,
    /// Most different values that the wildcards and ranges of one search may visit.
    pub values_max: usize,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(20), values_max: 20_000_000 }
    }
}

/// Searches an index.
#[derive(Debug, Clone)]
pub struct Search {
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
    settings: SearchSettings,
    answered: Arc<Answered>,
    remembered: Arc<Remembered>,
}

/// A question, read and checked.
struct Question {
    node: Node,
    sort: Sort,
    now: Timestamp,
    budget: Arc<Budget>,
}

impl Question {
    /// For everything.
    fn all(now: Timestamp, budget: Arc<Budget>) -> Self {
        Self { node: Node::All, sort: Sort::Descending, now, budget }
    }
}

/// A slice as one search sees it from beginning to end.
struct View {
    opened: Arc<Opened>,
    searcher: Searcher,
}

/// What a question is in one slice.
type Compile<'c> = &'c dyn Fn(&Compiler<'_>) -> Result<Box<dyn Query>, SearchError>;

impl Search {
    /// Searches `index`; relative times and permits are read against `clock`.
    pub fn new(index: Arc<Index>, clock: Arc<dyn Clock>) -> Self {
        Self { index, clock, settings: SearchSettings::default(), answered: Arc::default(), remembered: Arc::default() }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_settings(self, settings: SearchSettings) -> Self {
        Self { settings, ..self }
    }

    /// Answers a question as far as `permit` goes: to read events, or to read the audit record, for what the product
    /// itself did.
    ///
    /// # Errors
    /// See [`SearchError`]; a field that the permit masks refuses the whole question.
    pub fn search(&self, permit: &Permit, request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        let began = Instant::now();
        self.check(permit, Operation::Read)?;
        let limit = request.limit.unwrap_or(LIMIT_DEFAULT);
        if limit > LIMIT_MAX {
            return Err(fault("limit", format!("at most {LIMIT_MAX}")));
        }
        let mut question = self.question(permit, request)?;
        let aggregations = aggregate::read(permit, &request.aggregations)?;
        let (counts, intervals) = (permit.masks().counts(), aggregate::intervals(&aggregations));
        threshold::check(&counts, request, intervals.len())?;
        let limit = if counts.rows { limit } else { 0 };
        let cursor = request.cursor.as_deref().map(|text| Cursor::read(text, request)).transpose()?;
        let (mut collecting, mut views) = self.begin(request, &question, cursor, limit)?;
        let over = (collecting.window, intervals.first().copied());
        let settled = self.settle(permit, &counts, request, &question, over)?;
        if settled.as_of.is_some() {
            (collecting.window, question.now) = (settled.window, settled.now);
            views = self.views(question.sort, &settled.window)?;
        }
        collecting.aggregations = aggregations.into_iter().map(|(name, asked)| (name, Counting::new(asked))).collect();
        collecting.count =
            request.track_total_hits != Some(false) || !counts.are_exact() || !collecting.aggregations.is_empty();
        self.collect(permit, &question, &views, &mut collecting)?;
        let total_is_at_least = !collecting.count;
        let too_few = !counts.are_exact() && collecting.total < counts.at_least;
        let (page, more) = if too_few { Default::default() } else { collecting.take_page() };
        if total_is_at_least {
            collecting.total = page.len() as u64 + u64::from(more);
        }
        let next = page.last().filter(|_| more && counts.are_exact());
        let next = next.map(|last| Cursor { after: last.rank, window: collecting.window });
        let mut answers = std::collections::BTreeMap::new();
        for (name, counting) in collecting.aggregations {
            let answer = if too_few { Aggregation::default() } else { counting.answer(&name, &counts)? };
            answers.insert(name, answer);
        }
        Ok(SearchAnswer {
            total: if too_few { 0 } else { threshold::noisy(&counts, "total", collecting.total) },
            total_is_at_least,
            hits: hits(permit, &question, &views, &page)?,
            aggregations: answers,
            next: next.map(|cursor| cursor.write(request)),
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            explanation: permit.because().to_vec(),
            withheld: Withheld::of(&counts, settled.as_of),
            ledger: None,
        })
    }

    /// Every event that matches, newest first unless the request says otherwise, through the permit (to export
    /// events). `limit`, `cursor` and `aggregations` of the request are not looked at.
    ///
    /// # Errors
    /// As [`Search::search`], here for the first page and later from the iterator, which ends with an error.
    pub fn export<'s>(
        &'s self,
        permit: &Permit,
        request: &SearchRequest,
    ) -> Result<impl Iterator<Item = Result<Hit, SearchError>> + 's, SearchError> {
        self.export_renewing(permit, request, || None)
    }

    /// The same, where `renew` is asked for another permit when one has ended: an export may take longer than one is good for.
    ///
    /// # Errors
    /// As [`Search::export`].
    pub fn export_renewing<'s>(
        &'s self,
        permit: &Permit,
        request: &SearchRequest,
        renew: impl Fn() -> Option<Permit> + 's,
    ) -> Result<impl Iterator<Item = Result<Hit, SearchError>> + 's, SearchError> {
        self.check(permit, Operation::Export)?;
        check_rows(permit)?;
        let (mut permit, request) = (permit.clone(), request.clone());
        let question = self.question(&permit, &request)?;
        let (window, mut waiting) = self.export_page(&permit, &request, &question, None)?;
        let mut cursor = waiting.last().map(|(found, _)| Cursor { after: found.rank, window });
        waiting.reverse();
        let mut ended = false;
        Ok(std::iter::from_fn(move || {
            if waiting.is_empty() && !ended {
                if self.check(&permit, Operation::Export).is_err() {
                    permit = renew().unwrap_or_else(|| permit.clone());
                }
                let page = self.check(&permit, Operation::Export).and_then(|()| match cursor {
                    Some(cursor) => {
                        let question = self.question(&permit, &request)?;
                        check_rows(&permit)?;
                        self.export_page(&permit, &request, &question, Some(cursor))
                    }
                    None => Ok((window, Vec::new())),
                });
                match page {
                    Ok((_, page)) => waiting = page,
                    Err(error) => {
                        ended = true;
                        return Some(Err(error));
                    }
                }
                cursor = waiting.last().map(|(found, _)| Cursor { after: found.rank, window });
                ended = waiting.is_empty();
                waiting.reverse();
            }
            waiting.pop().map(|(_, hit)| Ok(hit))
        }))
    }

    /// The fields that events have, without those that the permit (to read events) hides.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn fields(&self, permit: &Permit) -> Result<Vec<FieldInfo>, SearchError> {
        self.check(permit, Operation::Read)?;
        let window = Window { from: i64::MIN, to: i64::MAX, below: u64::MAX };
        let mut found = std::collections::BTreeSet::new();
        for view in self.views(Sort::Descending, &window)? {
            found.extend(names(&view.searcher, &view.opened.layout).map_err(SearchError::index)?);
        }
        Ok(fields::describe(permit, found))
    }

    /// One event; `None` when there is none of this id within the permit's scope.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn get(&self, permit: &Permit, id: EventId) -> Result<Option<Hit>, SearchError> {
        match self.find(permit, id)? {
            Some((view, address, time)) => hit(permit, &view, address, id, time),
            None => Ok(None),
        }
    }

    /// The bytes that an event is stored as, for who checks a proof of the ledger; `None` when there is no such event
    /// within the permit's scope, or the permit masks anything in it.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn stored(&self, permit: &Permit, id: EventId) -> Result<Option<Vec<u8>>, SearchError> {
        match self.find(permit, id)? {
            Some((view, address, _)) => whole(permit, &view, address),
            None => Ok(None),
        }
    }

    /// One event as [`Search::get`], and the event itself with every field in its place, for who turns pseudonyms back by
    /// where they stand: what the permit does not show as it is stored is empty there.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn placed(&self, permit: &Permit, id: EventId) -> Result<Option<(Hit, Event)>, SearchError> {
        match self.find(permit, id)? {
            Some((view, address, time)) => placed(permit, &view, address, id, time).map(Some),
            None => Ok(None),
        }
    }

    fn find(&self, permit: &Permit, id: EventId) -> Result<Option<(View, DocAddress, Timestamp)>, SearchError> {
        self.check(permit, Operation::Read)?;
        check_rows(permit)?;
        let slices = self.index.slices();
        for slice in slices.iter().rev().filter(|slice| slice.record().next > id.0) {
            let opened = slice.open().map_err(SearchError::index)?;
            let view = View { searcher: opened.searcher(), opened };
            if let Some((address, time)) = locate(&view.searcher, permit, id).map_err(SearchError::index)? {
                let shown = self.within_filter(permit, &view, address)?;
                return Ok(shown.then_some((view, address, time)));
            }
        }
        Ok(None)
    }

    /// Whether an event is one of those that the permit's filter finds.
    fn within_filter(&self, permit: &Permit, view: &View, address: DocAddress) -> Result<bool, SearchError> {
        if permit.filter().is_none() && permit.withheld().is_none() {
            return Ok(true);
        }
        let budget = Arc::new(Budget::new(Instant::now() + self.settings.timeout, self.settings.values_max));
        let question = Question::all(self.clock.now(), budget);
        let failed = |error: TantivyError| self.failed(&question, error);
        let holds_own = part::holds_own(&view.searcher, &view.opened.layout).map_err(failed)?;
        let (now, budget) = (question.now, &question.budget);
        let names: Vec<String> = match permit.withheld() {
            Some(_) => names(&view.searcher, &view.opened.layout).map_err(failed)?.into_iter().collect(),
            None => Vec::new(),
        };
        let compiler = Compiler { permit, layout: &view.opened.layout, names: &names, now, budget, holds_own };
        let filter = compiler.filter()?.unwrap_or_else(|| Box::new(AllQuery));
        let withheld = compiler.withheld()?.map(|withheld| (Occur::MustNot, withheld));
        let filter = BooleanQuery::new([(Occur::Must, filter)].into_iter().chain(withheld).collect());
        let weight = filter.weight(EnableScoring::disabled_from_searcher(&view.searcher)).map_err(failed)?;
        let reader = view.searcher.segment_reader(address.segment_ord);
        let mut scorer = weight.scorer(reader, 1.0).map_err(failed)?;
        let found = if scorer.doc() < address.doc_id { scorer.seek(address.doc_id) } else { scorer.doc() };
        Ok(found == address.doc_id)
    }

    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), SearchError> {
        let object = match Part::of(permit) {
            Part::Received => Object::Events,
            Part::Own => Object::Audit,
        };
        if permit.allows_part(operation, object, self.clock.now()) {
            Ok(())
        } else {
            Err(SearchError::Denied { operation, object })
        }
    }

    fn question(&self, permit: &Permit, request: &SearchRequest) -> Result<Question, SearchError> {
        let joint = match request.default_operator.unwrap_or_default() {
            DefaultOperator::Or => Joint::Or,
            DefaultOperator::And => Joint::And,
        };
        let node = parse(&request.query, joint)?;
        compile::check(permit, &node)?;
        compile::check_field(permit, "@timestamp")?; // hits are in its order
        let budget = Arc::new(Budget::new(Instant::now() + self.settings.timeout, self.settings.values_max));
        Ok(Question { node, sort: request.sort.unwrap_or_default(), now: self.clock.now(), budget })
    }

    /// The window of a search, and the slices in it as they are now.
    fn begin(
        &self,
        request: &SearchRequest,
        question: &Question,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<(Collecting, Vec<View>), SearchError> {
        let mut window = match cursor {
            Some(cursor) => cursor.window,
            None => window(request, question.now)?,
        };
        let views = self.views(question.sort, &window)?;
        if cursor.is_none() {
            window.below = first_unseen(&views).map_err(SearchError::index)?;
        }
        Ok((Collecting::new(window, question.sort, limit, cursor.map(|cursor| cursor.after)), views))
    }

    /// The slices that reach into the window, in the order of the search.
    fn views(&self, sort: Sort, window: &Window) -> Result<Vec<View>, SearchError> {
        let mut slices = self.index.slices();
        slices.retain(|slice| {
            let record = slice.record();
            record.documents > 0 && record.least <= window.to && record.greatest >= window.from
        });
        match sort {
            Sort::Descending => slices.sort_by_key(|slice| std::cmp::Reverse(slice.record().greatest)),
            Sort::Ascending => slices.sort_by_key(|slice| slice.record().least),
        }
        let view = |slice: Arc<crate::index::slice::Slice>| {
            let opened = slice.open().map_err(SearchError::index)?;
            Ok(View { searcher: opened.searcher(), opened })
        };
        slices.into_iter().map(view).collect()
    }

    fn collect(
        &self,
        permit: &Permit,
        question: &Question,
        views: &[View],
        collecting: &mut Collecting,
    ) -> Result<(), SearchError> {
        let needs_names = fields::needs_names(&question.node);
        let asked = Asked::of(permit, &question.node);
        let compile: Compile<'_> = &|compiler| compiler.compile(&question.node);
        self.collect_by(permit, question, views, collecting, (needs_names, asked.as_ref()), compile)
    }

    /// Collects what `query` makes of each slice; beside it, whether it needs the names of fields, and what it is made of
    /// when counts may be remembered by that.
    fn collect_by(
        &self,
        permit: &Permit,
        question: &Question,
        views: &[View],
        collecting: &mut Collecting,
        (needs_names, asked): (bool, Option<&Asked>),
        query: Compile<'_>,
    ) -> Result<(), SearchError> {
        for (at, view) in views.iter().enumerate() {
            let layout = &view.opened.layout;
            let failed = |error: TantivyError| self.failed(question, error);
            let names = if needs_names || permit.withheld().is_some() {
                names(&view.searcher, layout).map_err(failed)?.into_iter().collect()
            } else {
                Vec::new()
            };
            let holds_own = part::holds_own(&view.searcher, layout).map_err(failed)?;
            let (now, budget) = (question.now, &question.budget);
            let query = query(&Compiler { permit, layout, names: &names, now, budget, holds_own })?;
            let weight = query.weight(EnableScoring::disabled_from_searcher(&view.searcher)).map_err(failed)?;
            for (segment, reader) in segments_in_order(&view.searcher, question.sort).map_err(failed)? {
                let walked = Walked { place: (at, segment), reader, weight: weight.as_ref(), budget };
                collecting.segment(&walked, layout, &self.remembered, asked).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn export_page(
        &self,
        permit: &Permit,
        request: &SearchRequest,
        question: &Question,
        cursor: Option<Cursor>,
    ) -> Result<(Window, Vec<(Found, Hit)>), SearchError> {
        let (mut collecting, views) = self.begin(request, question, cursor, EXPORT_PAGE)?;
        collecting.count = false;
        self.collect(permit, question, &views, &mut collecting)?;
        let (page, _) = collecting.take_page();
        let hits = hits(permit, question, &views, &page)?;
        Ok((collecting.window, page.into_iter().zip(hits).collect()))
    }

    fn failed(&self, question: &Question, error: TantivyError) -> SearchError {
        let expansions = matches!(&error, TantivyError::InvalidArgument(text) if text.contains("expansion"));
        if question.budget.timed_out() {
            SearchError::TimedOut { limit_ms: u64::try_from(self.settings.timeout.as_millis()).unwrap_or(u64::MAX) }
        } else if question.budget.too_broad() || expansions {
            SearchError::TooBroad { limit: question.budget.values_max }
        } else {
            SearchError::index(error)
        }
    }
}

/// Refuses single events where the masks let counts alone be seen.
fn check_rows(permit: &Permit) -> Result<(), SearchError> {
    if permit.masks().counts().rows { Ok(()) } else { Err(SearchError::RowsWithheld) }
}

fn fault(part: &str, reason: String) -> SearchError {
    SearchError::Request { part: part.to_owned(), reason }
}

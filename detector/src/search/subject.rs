//! What is stored of a person: the fields of every event in which one of the person's tokens stands. The one door to events
//! for who answers a data subject; of other persons and of the rest of an event it shows nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use event::{Event, EventId, Object, Operation, Permit, Timestamp};
use serde_json::Value;
use tantivy::query::{BooleanQuery, Occur};

use super::collect::{Collecting, Window, rank};
use super::scan::Budget;
use super::stored::{fields_of, kept};
use super::{Question, Search, SearchError, Sort};
use crate::query::Node;

/// Events that are given at most; a person with more gets the newest, and is told how many there are.
pub const SUBJECT_EVENTS_MAX: usize = 10_000;
/// Fields that say where an event is from; they stand beside what is held on the person.
const ABOUT: [&str; 4] = ["event.dataset", "metrosoc.source.id", "metrosoc.site.agency", "metrosoc.site.id"];

/// An event that is about a person.
#[derive(Debug, Clone)]
pub struct SubjectEvent {
    /// Its id.
    pub id: EventId,
    /// When.
    pub time: Timestamp,
    /// Where it is from.
    pub about: BTreeMap<String, String>,
    /// The values in which the person's tokens stand, in their places and as they are stored; every other value is null.
    pub held: Event,
}

impl Search {
    /// The newest events in which one of `tokens` (every form of each) stands, at most [`SUBJECT_EVENTS_MAX`], and how many there are. `permit`
    /// is to export what is held on persons.
    ///
    /// # Errors
    /// [`SearchError::Denied`] for any other permit; when the index cannot be read in time.
    pub fn of_subject(
        &self,
        permit: &Permit,
        tokens: &BTreeSet<String>,
    ) -> Result<(u64, Vec<SubjectEvent>), SearchError> {
        if !permit.allows(Operation::Export, Object::Subjects, self.clock.now()) {
            return Err(SearchError::Denied { operation: Operation::Export, object: Object::Subjects });
        }
        let budget = Arc::new(Budget::new(Instant::now() + self.settings.timeout, self.settings.values_max));
        let question = Question::all(self.clock.now(), budget);
        let window = Window { from: i64::MIN, to: i64::MAX, below: u64::MAX };
        let mut collecting = Collecting::new(window, Sort::Descending, SUBJECT_EVENTS_MAX, None);
        let views = self.views(Sort::Descending, &window)?;
        self.collect_by(permit, &question, &views, &mut collecting, (true, None), &|compiler| {
            let clauses = vec![(Occur::Must, compiler.compile(&Node::All)?), (Occur::Must, compiler.standing(tokens)?)];
            Ok(Box::new(BooleanQuery::new(clauses)))
        })?;
        let total = collecting.total;
        let (page, _) = collecting.take_page();
        let mut events = Vec::with_capacity(page.len());
        for found in &page {
            let Some(view) = views.get(found.slice) else { continue };
            let (time, id) = rank(Sort::Descending, found.rank.0, found.rank.1);
            let stored = fields_of(view, found.address())?;
            let of = |name: &&str| {
                stored.get(*name).and_then(Value::as_str).map(|text| ((*name).to_owned(), text.to_owned()))
            };
            let about = ABOUT.iter().filter_map(of).collect();
            let held = kept(view, found.address(), |text| tokens.iter().any(|token| text.contains(token.as_str())))?;
            events.push(SubjectEvent { id: EventId(id), time: Timestamp::from_nanos(time), about, held });
        }
        Ok((total, events))
    }
}

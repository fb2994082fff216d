//! What kind of data an answer showed, for the record: the datasets, and whether it was about people.

use std::collections::BTreeSet;

use detector::search::Hit;
use serde_json::{Map, Value, json};

/// Datasets of one answer that are recorded.
const DATASETS_MAX: usize = 20;
/// First steps of the data-sharing platform's paths whose records are about people, and what the record calls them.
const PEOPLE: [(&str, &str); 5] = [
    ("citizens", "citizen"),
    ("health", "health"),
    ("households", "household"),
    ("people", "person"),
    ("persons", "person"),
];

/// The kinds of data in an answer; never a value of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct About {
    datasets: BTreeSet<String>,
    people: BTreeSet<&'static str>,
}

impl About {
    /// Of the events that were shown.
    pub fn of(hits: &[Hit]) -> Self {
        let mut about = Self::default();
        for hit in hits {
            if let Some(dataset) = text(hit, "event.dataset")
                && about.datasets.len() < DATASETS_MAX
            {
                about.datasets.insert(dataset.to_owned());
            }
            let api = text(hit, "lgsp.api").unwrap_or_default();
            let first = api.trim_start_matches('/').split('/').next().unwrap_or_default();
            about.people.extend(PEOPLE.iter().filter(|(path, _)| *path == first).map(|(_, class)| *class));
        }
        about
    }

    /// Adds it to an entry's detail.
    pub fn put(&self, detail: &mut Map<String, Value>) {
        detail.insert("datasets".to_owned(), json!(self.datasets));
        if !self.people.is_empty() {
            detail.insert("about".to_owned(), json!(self.people));
        }
    }
}

fn text<'h>(hit: &'h Hit, name: &str) -> Option<&'h str> {
    hit.fields.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use event::{EventId, Timestamp};

    use super::*;

    #[test]
    fn paths_tell_whom_the_data_is_about() {
        let hit = |api: &str| Hit {
            id: EventId(1),
            time: Timestamp::from_secs(0),
            fields: json!({ "event.dataset": "lgsp.gateway", "lgsp.api": api }).as_object().unwrap().clone(),
            highlight: std::collections::BTreeMap::new(),
        };
        let mut detail = Map::new();
        About::of(&[hit("/citizens/v1/lookup"), hit("/maps/v1"), hit("/health/v2/records")]).put(&mut detail);
        assert_eq!(Value::Object(detail), json!({ "datasets": ["lgsp.gateway"], "about": ["citizen", "health"] }));
        assert_eq!(About::of(&[hit("/citizens-of-honour/v1")]).people.len(), 0);
    }
}

//! Acts of sites that come together are one: an attack on many sites is one alert and not 807.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Act, Acts, Timestamp};
use serde_json::json;

/// How long acts of one kind are gathered.
const GATHER: Duration = Duration::from_secs(5);
/// So many of them are told as one.
const MANY_MIN: usize = 10;
/// Sites that such a one names; it counts all.
const NAMED_MAX: usize = 100;
/// Acts of one kind that wait at most; more are only counted.
const WAITING_MAX: usize = 1_000;

/// Holds acts of sites back for a moment.
#[derive(Debug)]
pub(super) struct Gathered {
    acts: Arc<dyn Acts>,
    waiting: Mutex<BTreeMap<&'static str, Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    since: Timestamp,
    acts: Vec<Act>,
    /// Further ones.
    beyond: usize,
}

impl Gathered {
    /// For `acts` to hear.
    pub(super) fn new(acts: Arc<dyn Acts>) -> Self {
        Self { acts, waiting: Mutex::default() }
    }

    /// An act of one site, which `detail.site` names.
    pub(super) fn take(&self, act: Act, now: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = waiting.entry(act.action).or_default();
        if of_kind.acts.is_empty() {
            of_kind.since = now;
        }
        if of_kind.acts.len() < WAITING_MAX {
            of_kind.acts.push(act);
        } else {
            of_kind.beyond += 1;
        }
    }

    /// Tells what was gathered for long enough.
    pub(super) fn tell(&self, now: Timestamp) {
        let mut due = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for (action, of_kind) in waiting.iter_mut() {
                // A clock that jumps back keeps nothing waiting.
                let is_old = now.since(of_kind.since) >= GATHER || now < of_kind.since;
                if is_old && !of_kind.acts.is_empty() {
                    due.push((*action, std::mem::take(of_kind)));
                }
            }
        }
        for (action, Waiting { acts, beyond, .. }) in due {
            if acts.len() < MANY_MIN {
                acts.into_iter().for_each(|act| self.acts.happened(act));
            } else {
                self.acts.happened(many(action, &acts, beyond));
            }
        }
    }
}

fn many(action: &'static str, acts: &[Act], beyond: usize) -> Act {
    let sites: Vec<_> = acts.iter().take(NAMED_MAX).map(|act| act.detail.get("site")).collect();
    let detail = json!({ "count": acts.len() + beyond, "sites_count": acts.len() + beyond, "sites": sites });
    Act { actor: "metrosoc".to_owned(), action, object: "sites".to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(&'static str, String, serde_json::Value)>>);

    impl Acts for Heard {
        fn happened(&self, act: Act) {
            self.0.lock().unwrap().push((act.action, act.object, act.detail));
        }
    }

    fn check(sites: usize, expected: &[(&str, u64)]) {
        let heard = Arc::new(Heard::default());
        let gathered = Gathered::new(Arc::clone(&heard) as Arc<dyn Acts>);
        let at = |secs: i64| Timestamp::from_secs(1_793_664_000 + secs);
        for site in 0..sites {
            let (object, detail) = (format!("site:hcm-{site}"), json!({ "site": format!("hcm-{site}"), "count": 1 }));
            let act = Act { actor: "metrosoc".to_owned(), action: "site_over_quota", object, detail };
            gathered.take(act, at(4 * (site % 2) as i64));
            gathered.tell(at(4));
        }
        assert!(heard.0.lock().unwrap().is_empty(), "nothing is told before its time");
        gathered.tell(at(5));
        gathered.tell(at(50));
        let heard = heard.0.lock().unwrap();
        let found: Vec<_> =
            heard.iter().map(|(_, object, detail)| (object.as_str(), detail["count"].as_u64().unwrap())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn many_at_once_are_one() {
        check(0, &[]);
        check(2, &[("site:hcm-0", 1), ("site:hcm-1", 1)]);
        check(10, &[("sites", 10)]);
        check(807, &[("sites", 807)]);
        check(1_007, &[("sites", 1_007)]);
    }
}

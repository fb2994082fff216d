//! Hunts under way: each belongs to who started it, is bounded in number, and is forgotten after an hour.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use detector::hunt::{HuntAnswer, Watch};
use event::{Subject, Timestamp};

use crate::api::problem::Problem;

/// Most hunts that run at one time, and most of one person.
const RUNNING_MAX: usize = 4;
const RUNNING_OF_ONE_MAX: usize = 2;
/// Most hunts whose outcome is kept.
const KEPT_MAX: usize = 64;
/// How long an outcome is kept.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// What somebody waits who comes when too many run, in seconds.
const RETRY_AFTER_SECS: u64 = 15;

/// How a hunt ended.
pub type Outcome = Result<Arc<HuntAnswer>, Problem>;

/// One hunt.
#[derive(Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Who started it: nobody else sees it.
    pub subject: Subject,
    /// What for.
    pub purpose: String,
    /// When it began.
    pub started: Timestamp,
    /// How far it is, and the way to stop it.
    pub watch: Watch,
    /// Whether its answer was recorded and given out.
    pub is_told: AtomicBool,
    outcome: Mutex<Option<(Timestamp, Outcome)>>,
}

/// All hunts.
#[derive(Debug, Default)]
pub struct Jobs {
    all: Mutex<BTreeMap<u64, Arc<Job>>>,
    next: AtomicU64,
}

impl Job {
    /// How it ended; `None` while it runs.
    pub fn outcome(&self) -> Option<Outcome> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.as_ref().map(|(_, outcome)| outcome.clone())
    }

    /// Keeps how it ended.
    pub fn end(&self, now: Timestamp, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, outcome));
    }

    fn ended(&self) -> Option<Timestamp> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(time, _)| *time)
    }
}

impl Jobs {
    /// Makes room for a hunt of `subject` and keeps its place.
    ///
    /// # Errors
    /// 429 while too many run.
    pub fn begin(&self, subject: &Subject, purpose: &str, now: Timestamp) -> Result<Arc<Job>, Problem> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, job| job.ended().is_none_or(|ended| now.since(ended) < KEPT_FOR));
        let running = |job: &&Arc<Job>| job.ended().is_none();
        let of_one = all.values().filter(running).filter(|job| job.subject.name == subject.name).count();
        if of_one >= RUNNING_OF_ONE_MAX || all.values().filter(running).count() >= RUNNING_MAX {
            let detail = format!("{RUNNING_OF_ONE_MAX} backtests of yours, or {RUNNING_MAX} of all, run already");
            return Err(Problem::too_many(detail, RETRY_AFTER_SECS));
        }
        while all.len() >= KEPT_MAX {
            let Some(oldest) = all.iter().find(|(_, job)| job.ended().is_some()).map(|(number, _)| *number) else {
                break; // what runs is bounded far below
            };
            all.remove(&oldest);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let job = Arc::new(Job {
            id: format!("bt-{}-{number}", now.secs()),
            subject: subject.clone(),
            purpose: purpose.to_owned(),
            started: now,
            watch: Watch::new(),
            is_told: AtomicBool::new(false),
            outcome: Mutex::new(None),
        });
        all.insert(number, Arc::clone(&job));
        Ok(job)
    }

    /// The hunt of this id that `subject` started.
    ///
    /// # Errors
    /// 404 when there is none, also when it is somebody else's.
    pub fn find(&self, id: &str, subject: &Subject) -> Result<Arc<Job>, Problem> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.values().find(|job| job.id == id && job.subject == *subject).cloned();
        found.ok_or_else(|| Problem::not_found(format!("no backtest `{id}` of yours")))
    }

    /// Cancels and forgets a hunt.
    pub fn remove(&self, id: &str) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, job| {
            if job.id == id {
                job.watch.cancel();
            }
            job.id != id
        });
    }

    /// Cancels all, when the server stops.
    pub fn cancel(&self) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().for_each(|job| job.watch.cancel());
    }
}

#[cfg(test)]
mod tests {
    use event::{Role, UserName};

    use super::*;

    fn subject(name: &str) -> Subject {
        Subject { name: UserName::new(name).unwrap(), role: Role::AnalystTier2, agency: None }
    }

    #[test]
    fn hunts_are_bounded_and_belong_to_one() {
        let (jobs, now) = (Jobs::default(), Timestamp::from_secs(1_000));
        let first = jobs.begin(&subject("lan"), "triage", now).unwrap();
        jobs.begin(&subject("lan"), "triage", now).unwrap();
        assert_eq!(jobs.begin(&subject("lan"), "triage", now).unwrap_err().status, 429);
        jobs.begin(&subject("tu"), "triage", now).unwrap();
        jobs.begin(&subject("an"), "triage", now).unwrap();
        assert_eq!(jobs.begin(&subject("vy"), "triage", now).unwrap_err().status, 429);
        assert_eq!(jobs.find(&first.id, &subject("tu")).unwrap_err().status, 404);
        first.end(now, Err(Problem::not_found("x")));
        assert!(jobs.find(&first.id, &subject("lan")).unwrap().outcome().is_some());
        jobs.begin(&subject("vy"), "triage", now.plus(KEPT_FOR)).unwrap();
        assert!(jobs.find(&first.id, &subject("lan")).is_err());
    }

    #[test]
    fn what_is_removed_is_cancelled() {
        let jobs = Jobs::default();
        let job = jobs.begin(&subject("lan"), "triage", Timestamp::from_secs(1)).unwrap();
        jobs.remove(&job.id);
        assert!(job.watch.is_cancelled() && jobs.find(&job.id, &subject("lan")).is_err());
    }
}

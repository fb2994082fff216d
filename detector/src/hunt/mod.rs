//! Hunting: rules over stored history, saved or not, exactly as the stream would have asked them.
//!
//! The order of the walk: `run` cuts the range into segments, `prune` (`walk`, `words`, `bits`) leaves out events that
//! no rule can match, `read` reads the others back, the rulebook's own stream decides, `tally` and `alerts` count.
//! `door` asks for the permit again while a long hunt runs; `watch` is what is seen of it from outside.
//!
//! As with a search, a rule is refused as a whole when it looks at a field that the permit masks; what is out of the
//! permit's scope is not seen, so that a correlation of an agency's officer sees its own events alone. A correlation
//! begins to count as long before the range as its windows reach back, and is told the time by the events' receipt.

mod alerts;
mod answer;
mod bits;
mod door;
mod error;
mod prune;
mod read;
mod run;
mod scan;
mod tally;
#[cfg(test)]
mod tests;
mod walk;
mod watch;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use event::{Clock, Event, Permit, Timestamp};

use crate::exception::Exceptions;
use crate::index::Index;
use crate::rulebook::Picked;
use crate::search::Search;

pub use answer::{AlertEstimate, Counted, DayCount, HuntAnswer, RuleCount, Sample, SiteCount};
pub use error::HuntError;
pub use watch::{Progress, Watch};

/// Most samples of one answer.
pub const SAMPLES_MAX: usize = 500;
/// Samples when nobody says how many.
pub const SAMPLES_DEFAULT: usize = 50;

/// What rules and range are asked about.
#[derive(Debug, Clone)]
pub struct HuntRequest {
    /// The rules.
    pub picked: Arc<Picked>,
    /// Least event time; included.
    pub from: Timestamp,
    /// Greatest event time; included.
    pub to: Timestamp,
    /// Samples wanted, at most [`SAMPLES_MAX`].
    pub samples: usize,
    /// What hides findings; compiled for these rules.
    pub exceptions: Option<Arc<Exceptions>>,
    /// How far apart findings of one alert may be.
    pub window: Duration,
}

/// Bounds of a hunt.
#[derive(Debug, Clone)]
pub struct HuntSettings {
    /// Threads that read, 1 to 16.
    pub threads: usize,
    /// Whether the index is asked first; without, every event is read, which gives the same answer.
    pub prune: bool,
}

impl Default for HuntSettings {
    /// Two threads at the most, so that what comes in meanwhile has its share of the machine.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { threads: cores.min(2), prune: true }
    }
}

/// Gives values back that are stored as something else. Rules see what the stream saw, in memory alone.
pub trait Restore: fmt::Debug + Send + Sync {
    /// Whether a field may be stored as something else; the index is not asked about it.
    fn touches(&self, field: &str) -> bool;
    /// Puts the values back.
    fn restore(&self, event: &mut Event);
}

/// Everything is stored as it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsStored;

impl Restore for AsStored {
    fn touches(&self, _field: &str) -> bool {
        false
    }

    fn restore(&self, _event: &mut Event) {}
}

/// Gives the permit again when it has run out; `None` is a refusal.
pub type Renew<'r> = &'r (dyn Fn() -> Option<Permit> + Sync);

/// Runs rules over an index.
#[derive(Debug, Clone)]
pub struct Hunter {
    index: Arc<Index>,
    search: Search,
    clock: Arc<dyn Clock>,
    settings: HuntSettings,
    restore: Arc<dyn Restore>,
}

impl Hunter {
    /// Over `index`; permits are read against `clock`.
    pub fn new(index: Arc<Index>, clock: Arc<dyn Clock>) -> Self {
        let search = Search::new(Arc::clone(&index), Arc::clone(&clock));
        Self { index, search, clock, settings: HuntSettings::default(), restore: Arc::new(AsStored) }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_settings(self, settings: HuntSettings) -> Self {
        Self { settings, ..self }
    }

    /// The same over values that must be given back first.
    #[must_use]
    pub fn with_restore(self, restore: Arc<dyn Restore>) -> Self {
        Self { restore, ..self }
    }

    /// Runs the rules under `permit` (to read events), which `renew` gives again when it has run out. Takes as long as it
    /// takes; `watch` tells how far it is and cancels it.
    ///
    /// # Errors
    /// [`HuntError`]; a rule that looks at a field which the permit masks is refused before anything is read.
    pub fn run(
        &self,
        permit: &Permit,
        renew: Renew<'_>,
        request: &HuntRequest,
        watch: &Watch,
    ) -> Result<HuntAnswer, HuntError> {
        run::run(self, permit, renew, request, watch)
    }

    /// What [`Hunter::run`] checks before it reads anything.
    ///
    /// # Errors
    /// When the permit is for something else, a rule looks at a masked field, or the range is none.
    pub fn check(&self, permit: &Permit, request: &HuntRequest) -> Result<(), HuntError> {
        door::check(permit, &request.picked.reads, self.clock.now())?;
        if request.samples > SAMPLES_MAX {
            return Err(HuntError::Request { part: "samples", reason: format!("at most {SAMPLES_MAX}") });
        }
        if request.from > request.to {
            return Err(HuntError::Request { part: "from", reason: "lies behind `to`".to_owned() });
        }
        Ok(())
    }
}

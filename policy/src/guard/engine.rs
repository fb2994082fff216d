//! Tables before Casbin: tables answer what they were compiled for, everything else falls through.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::decider::{CasbinDecider, Decider};
use super::line::{Line, LineKind};
use super::question::{Question, Verdict};
use super::tables::Tables;
use super::words::Vocabulary;
use crate::PolicyError;

/// The model that tables are compiled for. Another matcher means something else, which only Casbin knows.
const MODEL: &str = include_str!("../../../rules/policy/model.conf");
/// So many lines are given to Casbin at once, to find out whether it takes the model and them.
const TRIAL_LINES: usize = 2_000;

/// Decides by tables where they can, by Casbin otherwise.
pub struct Engine {
    tables: Option<Tables>,
    model: String,
    lines: Arc<[Line]>,
    /// Casbin over every line; made when it is first needed, since making it takes longer than all tables.
    whole: OnceLock<Result<CasbinDecider, String>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.tables.is_some() { "tables" } else { "Casbin" };
        write!(formatter, "Engine({} lines by {by})", self.lines.len())
    }
}

impl Engine {
    /// Tries model and lines on Casbin, and compiles the tables.
    ///
    /// # Errors
    /// As [`CasbinDecider::new`].
    pub fn new(model: &str, lines: Arc<[Line]>, words: &Vocabulary) -> Result<Self, PolicyError> {
        let whole = OnceLock::new();
        if lines.len() <= TRIAL_LINES {
            let decider = CasbinDecider::new(model, &lines)?;
            let _ = whole.set(Ok(decider));
        } else {
            let links = lines.iter().filter(|line| line.kind == LineKind::Role);
            let permissions = lines.iter().filter(|line| line.kind == LineKind::Permission);
            let some: Vec<Line> = links.chain(permissions).take(TRIAL_LINES).cloned().collect();
            CasbinDecider::new(model, &some)?;
        }
        let tables = if matcher(model) == matcher(MODEL) { Tables::compile(&lines, words) } else { None };
        Ok(Self { tables, model: model.to_owned(), lines, whole })
    }

    /// Whether tables answer; without them every decision walks every line.
    pub fn has_tables(&self) -> bool {
        self.tables.is_some()
    }

    fn casbin(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        let whole =
            self.whole.get_or_init(|| CasbinDecider::new(&self.model, &self.lines).map_err(|error| error.to_string()));
        match whole {
            Ok(decider) => decider.decide(question),
            Err(reason) => Err(PolicyError::Engine { reason: reason.clone() }),
        }
    }
}

impl Decider for Engine {
    fn decide(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        match self.tables.as_ref().and_then(|tables| tables.decide(question)) {
            Some(verdict) => Ok(verdict),
            None => self.casbin(question),
        }
    }
}

/// The matcher of a model, without spaces.
fn matcher(model: &str) -> String {
    let mut lines = model.lines().map(str::trim).skip_while(|line| *line != "[matchers]");
    let found = lines.find_map(|line| line.strip_prefix('m').map(str::trim_start)?.strip_prefix('='));
    found.unwrap_or_default().split_whitespace().collect()
}

//! What somebody asks to be hidden, and what of that is refused.

use std::time::Duration;

use event::{ExceptionId, Level, Operation, RuleId, Timestamp, UserName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{Exception, Target};
use crate::DetectorError;
use crate::sigma::Selections;

/// Longest life of an exception: one year.
pub const LIFE_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Most rules that one exception names.
const RULES_MAX: usize = 100;
/// Shortest reason, in characters: `ok` is none.
const REASON_CHARS_MIN: usize = 10;
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 1_000;
/// Longest map of fields, in bytes as JSON.
const FIELDS_BYTES_MAX: usize = 64 * 1024;

/// An exception that is asked for: `rules` or `level`, not both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Ids of the rules whose findings are hidden.
    #[serde(default)]
    pub rules: Vec<RuleId>,
    /// Or the level of all of them.
    #[serde(default)]
    pub level: Option<Level>,
    /// Which events, such as `{"user.name": "backup", "host.name|startswith": "srv-"}`.
    pub fields: Map<String, Json>,
    /// Why; whoever reads it next year must understand it.
    pub reason: String,
    /// Who answers for it; whoever adds it when nobody is named.
    #[serde(default)]
    pub owner: Option<UserName>,
    /// When it ends, at most [`LIFE_MAX`] ahead.
    pub expires: Timestamp,
}

impl Draft {
    /// What is needed to add it: hiding at a whole level is for those who manage rules.
    pub fn operation(&self) -> Operation {
        if self.level.is_some() { Operation::Manage } else { Operation::Write }
    }

    /// The exception that it becomes, added by `by` at `now`.
    ///
    /// # Errors
    /// [`DetectorError::UnusableException`] with what is wrong and the way out.
    pub(super) fn accept(self, by: &UserName, now: Timestamp) -> Result<Exception, DetectorError> {
        self.check(now).map_err(|reason| DetectorError::UnusableException { reason })?;
        let id = self.id(by, now)?;
        let target = match self.level {
            Some(level) => Target::Level(level),
            None => {
                let mut rules = self.rules;
                rules.sort();
                rules.dedup();
                Target::Rules(rules)
            }
        };
        Ok(Exception {
            id,
            target,
            fields: self.fields,
            reason: self.reason.trim().to_owned(),
            owner: self.owner.unwrap_or_else(|| by.clone()),
            created: now,
            created_by: by.clone(),
            expires: self.expires,
            withdrawn: None,
            hidden: 0,
        })
    }

    fn check(&self, now: Timestamp) -> Result<(), String> {
        match (self.rules.len(), self.level) {
            (0, None) => return Err("names neither rules nor a level".to_owned()),
            (1.., Some(_)) => return Err("names rules and a level; one of the two can be meant".to_owned()),
            (count, None) if count > RULES_MAX => {
                return Err(format!("names {count} rules; at most {RULES_MAX} are possible"));
            }
            _ => {}
        }
        check_reason(&self.reason)?;
        if self.expires <= now {
            return Err(format!("expires at {}, which is past", self.expires));
        }
        if self.expires > now.plus(LIFE_MAX) {
            return Err(format!("expires at {}; one year ahead is the most: look at it again then", self.expires));
        }
        let bytes = serde_json::to_string(&self.fields).map_or(usize::MAX, |text| text.len());
        if bytes > FIELDS_BYTES_MAX {
            return Err(format!("`fields` has {bytes} bytes; at most {FIELDS_BYTES_MAX} are possible"));
        }
        Selections::default().add(&self.fields, &mut |field| vec![field.to_owned()]).map(|_| ())
    }

    /// Made of time, person and content.
    fn id(&self, by: &UserName, now: Timestamp) -> Result<ExceptionId, DetectorError> {
        let content = serde_json::to_string(self).unwrap_or_default();
        let text = format!("{}\0{by}\0{content}", now.nanos());
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mark: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let id = format!("ex-{}-{mark}", now.secs());
        ExceptionId::new(&id).map_err(|error| DetectorError::UnusableException { reason: error.to_string() })
    }
}

/// A reason that tells something; for withdrawals too.
pub(super) fn check_reason(reason: &str) -> Result<(), String> {
    let chars = reason.trim().chars().count();
    if !(REASON_CHARS_MIN..=REASON_CHARS_MAX).contains(&chars) || reason.contains('\0') {
        return Err(format!(
            "the reason has {chars} characters; {REASON_CHARS_MIN} to {REASON_CHARS_MAX} tell the next reader why"
        ));
    }
    Ok(())
}

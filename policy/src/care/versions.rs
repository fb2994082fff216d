//! The policies of this installation, in SQL: every one that was imported, whole; the newest is in force.

use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Reach, Role, Subject, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Store;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use tokio::sync::{Mutex, MutexGuard};

use super::change::{Change, changes};
use super::{cases, sentence, storing};
use crate::account::Journal;
use crate::guard::{Guard, OPERATOR, PolicySource, PolicyText};
use crate::{CareError, PolicyError};

/// Versions that are kept; the oldest go.
const VERSIONS_MAX: i64 = 100;
/// The fact under which the cases of the last import lie.
const CASES: &str = "policy_cases";
/// An administrator who asks for a trial.
const PROBE: &str = "somebody";
/// Cases that fail and are named.
const NAMED_MAX: usize = 5;
/// Lines of a change that its ledger entry quotes; the version itself has all.
const RECORDED_MAX: usize = 50;

/// A version without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Counted from 1.
    pub number: i64,
    /// As the guard names it.
    pub version: String,
    /// When it was imported.
    pub time: Timestamp,
    /// By whom.
    pub actor: String,
    /// Why, in his words.
    pub reason: String,
    /// Lines that it added.
    pub added: i64,
    /// Lines that it took away.
    pub removed: i64,
    /// The ledger's entry.
    pub ledger: i64,
}

/// A version with its four files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionText {
    /// Which.
    pub info: VersionInfo,
    /// The files.
    pub text: PolicyText,
}

/// The versions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PolicyVersions {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
}

impl PolicyVersions {
    /// The versions in a store; changes are recorded in `journal`.
    pub fn new(store: Store, journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { store, journal, clock, turn: Arc::default() }
    }

    /// The turn of whoever reads or makes the newest version and tells the guard: an older one that was read meanwhile
    /// must not come into force behind a newer.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Number and digest of the newest version; `None` when none was imported.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn newest(&self) -> Result<Option<(i64, String)>, CareError> {
        let query = sqlx::query("SELECT number, digest FROM policy_version ORDER BY number DESC LIMIT 1");
        let row = query.fetch_optional(self.store.pool()).await.map_err(storing)?;
        row.map(|row| Ok((row.try_get("number").map_err(storing)?, row.try_get("digest").map_err(storing)?)))
            .transpose()
    }

    /// Every version that is kept, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<VersionInfo>, CareError> {
        let query = sqlx::query(
            "SELECT number, digest, time_ns, actor, reason, added, removed, ledger FROM policy_version \
             ORDER BY number DESC LIMIT 1000",
        );
        let rows = query.fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(info).collect()
    }

    /// One version with its text.
    ///
    /// # Errors
    /// When the store fails, or what it holds is not what was stored.
    pub async fn get(&self, number: i64) -> Result<Option<VersionText>, CareError> {
        let query = sqlx::query("SELECT * FROM policy_version WHERE number = $1").bind(number);
        let row = query.fetch_optional(self.store.pool()).await.map_err(storing)?;
        row.as_ref().map(whole).transpose()
    }

    /// The cases that a policy must pass: those of the last import that brought some, else those that come with the program.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cases(&self) -> Result<String, CareError> {
        let stored = self.store.meta(CASES).await.map_err(storing)?;
        Ok(stored.unwrap_or_else(|| cases::EMBEDDED.to_owned()))
    }

    /// Checks a policy as it would be imported: whether it is one, and whether it passes its cases; `cases` are those
    /// beside it, without them those in force. Gives how many cases there were.
    ///
    /// # Errors
    /// [`CareError::Policy`] with line and reason, [`CareError::Invalid`] with the cases that it fails.
    pub async fn check(&self, text: &PolicyText, cases: Option<&str>) -> Result<usize, CareError> {
        let cases = match cases {
            Some(cases) => cases.to_owned(),
            None => self.cases().await?,
        };
        let (text, clock) = (text.clone(), Arc::clone(&self.clock));
        let work = tokio::task::spawn_blocking(move || passes(&text, &cases, clock));
        work.await.map_err(storing)?
    }

    /// Imports a policy: checked whole and by its cases, recorded, then stored with them. It is in force when the guard is
    /// told, which is the caller's. `before` is what it replaces.
    ///
    /// # Errors
    /// As [`PolicyVersions::check`]; [`CareError::Conflict`] when it is the one in force, and when recording or storing
    /// fails; then nothing has changed.
    pub async fn import(
        &self,
        permit: &Permit,
        text: PolicyText,
        reason: &str,
        before: &PolicyText,
        cases: Option<&str>,
    ) -> Result<(VersionInfo, Change), CareError> {
        let whole = permit.scope().agencies == Reach::All;
        if !whole || !permit.allows(Operation::Manage, Object::Policy, self.clock.now()) {
            return Err(CareError::NotPermitted);
        }
        let reason = sentence(reason, 500);
        if reason.is_empty() {
            return Err(CareError::Invalid { reason: "a policy is imported with a reason".to_owned() });
        }
        let passed = self.check(&text, cases).await?;
        let digest = text.version();
        if digest == before.version() {
            return Err(CareError::Conflict { reason: "this is the policy in force; nothing to import".to_owned() });
        }
        let change = changes(before, &text);
        let actor = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let newest = sqlx::query_scalar::<_, i64>("SELECT COALESCE(MAX(number), 0) FROM policy_version");
        let number = newest.fetch_one(&mut *tx).await.map_err(storing)? + 1;
        let some = |lines: &[String]| lines.iter().take(RECORDED_MAX).cloned().collect::<Vec<_>>();
        let detail = json!({
            "number": number, "version": digest, "version_before": before.version(), "reason": reason,
            "added": change.added_count, "removed": change.removed_count, "files": change.files,
            "lines_added": some(&change.added), "lines_removed": some(&change.removed), "because": permit.because(),
            "cases": passed, "cases_changed": cases.is_some(),
        });
        let appended = self.journal.append(actor, "policy_changed", "policy", detail).await;
        let ledger = i64::try_from(appended.map_err(CareError::Ledger)?).unwrap_or(i64::MAX);
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let info = VersionInfo {
            number,
            version: digest,
            time: self.clock.now(),
            actor: actor.to_owned(),
            reason,
            added: count(change.added_count),
            removed: count(change.removed_count),
            ledger,
        };
        insert(&mut tx, &info, &text).await?;
        if let Some(cases) = cases {
            tx.set_meta(CASES, cases).await.map_err(storing)?;
        }
        tx.commit().await.map_err(storing)?;
        Ok((info, change))
    }
}

/// Refuses a policy under which who administers could read data: whoever may import a policy could give himself everything,
/// and the cases that would say so are his to bring. The lines that deny must stand there, and must count under its matcher.
fn separated(text: &PolicyText, guard: &Guard) -> Result<(), CareError> {
    let operator = Guard::operator(0).map_err(|denied| CareError::Invalid { reason: denied.to_string() })?;
    let admin = Subject { role: Role::Admin, name: PROBE.parse().map_err(storing)?, agency: None };
    for (word, subject) in [(Role::Admin.as_str(), admin), (OPERATOR, operator)] {
        let may = |operation, object| !guard.purposes(&subject, operation, object).is_empty();
        for object in [Object::Events, Object::Alerts] {
            let line = ["p", word, "none", object.as_str(), "any", "any", "deny"];
            let stands = text.policy.lines().any(|found| found.split(',').map(str::trim).eq(line));
            if !stands || may(Operation::Read, object) || may(Operation::Export, object) {
                let reason =
                    format!("administrators read no data: keep `{}`, and a matcher that heeds it", line.join(", "));
                return Err(CareError::Invalid { reason });
            }
        }
    }
    Ok(())
}

/// Compiles a policy as the guard would and puts the cases to it: 200,000 lines take a while.
fn passes(text: &PolicyText, cases: &str, clock: Arc<dyn Clock>) -> Result<usize, CareError> {
    let guard = Guard::open(PolicySource::Text(text.clone()), Arc::clone(&clock)).map_err(CareError::Policy)?;
    separated(text, &guard)?;
    let cases = cases::parse(cases).map_err(CareError::Policy)?;
    if cases.is_empty() {
        return Err(CareError::Invalid {
            reason: "policy.test.yml holds no case; a policy comes with some".to_owned(),
        });
    }
    let outcomes = cases::run(text, &cases, clock).map_err(CareError::Policy)?;
    let fault = |one: &cases::Outcome| one.fault.as_ref().map(|fault| format!("`{}`: {fault}", one.name));
    let faults: Vec<String> = outcomes.iter().filter_map(fault).collect();
    if faults.is_empty() {
        return Ok(outcomes.len());
    }
    let named: Vec<&str> = faults.iter().take(NAMED_MAX).map(String::as_str).collect();
    let reason = format!(
        "the policy fails {} of {} cases: {}; change it, or the cases beside it (policy.test.yml) where they are meant to change",
        faults.len(),
        outcomes.len(),
        named.join("; ")
    );
    Err(CareError::Invalid { reason })
}

async fn insert(tx: &mut store::Tx, info: &VersionInfo, text: &PolicyText) -> Result<(), CareError> {
    let insert = sqlx::query(
        "INSERT INTO policy_version (number, digest, time_ns, actor, reason, added, removed, ledger, model, policy, \
         purposes, masks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    );
    let insert = insert.bind(info.number).bind(&info.version).bind(info.time.nanos()).bind(&info.actor);
    let insert = insert.bind(&info.reason).bind(info.added).bind(info.removed).bind(info.ledger);
    let insert = insert.bind(&text.model).bind(&text.policy).bind(&text.purposes).bind(&text.masks);
    insert.execute(&mut **tx).await.map_err(storing)?;
    let old = sqlx::query("DELETE FROM policy_version WHERE number <= $1").bind(info.number - VERSIONS_MAX);
    old.execute(&mut **tx).await.map_err(storing)?;
    Ok(())
}

fn info(row: &AnyRow) -> Result<VersionInfo, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    Ok(VersionInfo {
        number: number("number")?,
        version: text("digest")?,
        time: Timestamp::from_nanos(number("time_ns")?),
        actor: text("actor")?,
        reason: text("reason")?,
        added: number("added")?,
        removed: number("removed")?,
        ledger: number("ledger")?,
    })
}

fn whole(row: &AnyRow) -> Result<VersionText, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let info = info(row)?;
    let text = PolicyText {
        model: text("model")?,
        policy: text("policy")?,
        purposes: text("purposes")?,
        masks: text("masks")?,
    };
    if text.version() != info.version {
        let reason = format!("version {} is stored as `{}` and is `{}`", info.number, info.version, text.version());
        return Err(CareError::Policy(PolicyError::Stored { reason }));
    }
    Ok(VersionText { info, text })
}

#[cfg(test)]
mod tests;

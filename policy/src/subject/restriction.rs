//! Persons whose data is not processed further: their events are withheld from everybody but named roles until that is lifted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Timestamp};
use serde::Serialize;
use serde_json::json;
use store::Store;
use store::sqlx::{self, Row as _};

use super::register::TOKENS_MAX;
use crate::account::Journal;
use crate::care::{fresh_id, sentence, storing};
use crate::vault::Token;
use crate::{CareError, Guard};

/// Tokens in force at most: each is a term of every search.
const IN_FORCE_MAX: usize = 10_000;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 500;

/// A restriction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restriction {
    /// Its id.
    pub id: String,
    /// The person's values, by their tokens.
    pub tokens: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// Who set it.
    pub set_by: String,
    /// Why.
    pub reason: String,
    /// When it was lifted.
    pub lifted: Option<Timestamp>,
    /// Who lifted it.
    pub lifted_by: Option<String>,
}

/// The restrictions of a store, put in force through the guard. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Restrictions {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    guard: Guard,
}

impl Restrictions {
    /// Reads them and puts them in force.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(
        store: Store,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        guard: Guard,
    ) -> Result<Self, CareError> {
        let restrictions = Self { store, journal, clock, guard };
        restrictions.put_in_force().await?;
        Ok(restrictions)
    }

    /// Restricts a person.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Invalid`] without tokens or reason, [`CareError::Conflict`] when too many are
    /// in force.
    pub async fn set(&self, permit: &Permit, tokens: &[String], reason: &str) -> Result<Restriction, CareError> {
        self.check(permit, Operation::Write)?;
        let (reason, by) = (sentence(reason, REASON_CHARS_MAX), permit.subject().name.as_str());
        if tokens.is_empty() || tokens.len() > TOKENS_MAX || reason.is_empty() {
            let reason = format!("1 to {TOKENS_MAX} tokens of a person and a `reason` are needed");
            return Err(CareError::Invalid { reason });
        }
        let (now, id) = (self.clock.now(), fresh_id());
        let mut tx = self.store.begin().await.map_err(storing)?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM subject_restriction WHERE lifted_ns = 0");
        let there = usize::try_from(count.fetch_one(&mut *tx).await.map_err(storing)?).unwrap_or(usize::MAX);
        if there.saturating_add(tokens.len()) > IN_FORCE_MAX {
            return Err(CareError::Conflict {
                reason: format!("{there} tokens are restricted, {IN_FORCE_MAX} is the most"),
            });
        }
        for token in tokens {
            let sql = "INSERT INTO subject_restriction (id, token, since_ns, set_by, reason, lifted_ns, lifted_by) \
                       VALUES ($1, $2, $3, $4, $5, 0, '')";
            let insert = sqlx::query(sql).bind(&id).bind(token).bind(now.nanos()).bind(by).bind(&reason);
            insert.execute(&mut *tx).await.map_err(storing)?;
        }
        let detail = json!({ "count": tokens.len(), "tokens": tokens, "reason": reason });
        let object = format!("restriction:{id}");
        self.journal.append(by, "subject_restricted", &object, detail).await.map_err(CareError::Ledger)?;
        tx.commit().await.map_err(storing)?;
        self.put_in_force().await?;
        let (tokens, set_by) = (tokens.to_vec(), by.to_owned());
        Ok(Restriction { id, tokens, since: now, set_by, reason, lifted: None, lifted_by: None })
    }

    /// Lifts one.
    ///
    /// # Errors
    /// [`CareError::Conflict`] when it was lifted already or there is none.
    pub async fn lift(&self, permit: &Permit, id: &str, reason: &str) -> Result<(), CareError> {
        self.check(permit, Operation::Write)?;
        let (reason, by) = (sentence(reason, REASON_CHARS_MAX), permit.subject().name.as_str());
        if reason.is_empty() {
            return Err(CareError::Invalid { reason: "`reason` says why it is lifted".to_owned() });
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let sql = "UPDATE subject_restriction SET lifted_ns = $1, lifted_by = $2 WHERE id = $3 AND lifted_ns = 0";
        let update = sqlx::query(sql).bind(self.clock.now().nanos()).bind(by).bind(id);
        if update.execute(&mut *tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(CareError::Conflict { reason: "there is no such restriction in force".to_owned() });
        }
        let object = format!("restriction:{id}");
        let detail = json!({ "reason": reason });
        self.journal.append(by, "subject_restriction_lifted", &object, detail).await.map_err(CareError::Ledger)?;
        tx.commit().await.map_err(storing)?;
        self.put_in_force().await
    }

    /// All of them, those in force first.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<Restriction>, CareError> {
        self.check(permit, Operation::Read)?;
        let sql = "SELECT * FROM subject_restriction ORDER BY CASE WHEN lifted_ns = 0 THEN 0 ELSE 1 END, since_ns DESC, id, token LIMIT 20000";
        let mut found: BTreeMap<String, Restriction> = BTreeMap::new();
        let mut order = Vec::new();
        for row in sqlx::query(sql).fetch_all(self.store.pool()).await.map_err(storing)? {
            let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
            let (id, lifted) = (text("id")?, row.try_get::<i64, _>("lifted_ns").map_err(storing)?);
            if !found.contains_key(&id) {
                order.push(id.clone());
                found.insert(
                    id.clone(),
                    Restriction {
                        id: id.clone(),
                        tokens: Vec::new(),
                        since: Timestamp::from_nanos(row.try_get("since_ns").map_err(storing)?),
                        set_by: text("set_by")?,
                        reason: text("reason")?,
                        lifted: (lifted != 0).then(|| Timestamp::from_nanos(lifted)),
                        lifted_by: Some(text("lifted_by")?).filter(|by| !by.is_empty()),
                    },
                );
            }
            if let Some(restriction) = found.get_mut(&id) {
                restriction.tokens.push(text("token")?);
            }
        }
        Ok(order.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Reads those in force, another server's too, and hands them to the guard.
    ///
    /// # Errors
    /// When the store fails; what was in force stays.
    pub async fn put_in_force(&self) -> Result<(), CareError> {
        let sql = "SELECT DISTINCT token FROM subject_restriction WHERE lifted_ns = 0";
        let tokens = sqlx::query_scalar::<_, String>(sql).fetch_all(self.store.pool()).await.map_err(storing)?;
        // What is no token any more is withheld as it is written.
        let forms = |text: String| Token::parse(&text).map_or_else(|| vec![text], |token| token.forms().collect());
        self.guard.restrict(tokens.into_iter().flat_map(forms).collect::<BTreeSet<String>>());
        Ok(())
    }

    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), CareError> {
        let allowed = permit.allows(operation, Object::Subjects, self.clock.now());
        if allowed { Ok(()) } else { Err(CareError::NotPermitted) }
    }
}

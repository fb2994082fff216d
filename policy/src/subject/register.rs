//! What data subjects asked for, step by step, and what is owed when.

use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Store;
use store::sqlx::{self, Row as _};

use super::{Duty, Kind};
use crate::CareError;
use crate::account::Journal;
use crate::care::{fresh_id, notice, sentence, storing};
use crate::holiday::{Calendar, Holidays};

/// Most requests that are open at once.
const OPEN_MAX: i64 = 10_000;
/// Most that are listed.
const LISTED_MAX: i64 = 1_000;
/// Characters of a reference, of a reason and of a legal basis.
const TEXT_CHARS_MAX: usize = 500;
/// Tokens of one request.
pub(super) const TOKENS_MAX: usize = 1_000;
/// A reminder comes when less than this part of the time is left.
const LAST_PART: i64 = 4;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Something is owed.
    Open,
    /// It was done, or refused.
    Closed,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done; of a breach, it was reported.
    Fulfilled,
    /// It was refused.
    Refused,
    /// Who asked took it back; of a breach, it was none.
    Withdrawn,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What came in.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// What is asked for.
    pub kind: Kind,
    /// Number or title of the paper; never a name or a value.
    pub reference: String,
    /// When it came in, or the breach was found; not after now.
    pub received: Timestamp,
    /// The person's values, by their tokens.
    pub tokens: Vec<String>,
}

/// How a request is closed.
#[derive(Debug, Clone)]
pub struct Closing {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in a sentence; a refusal needs one.
    pub reason: String,
    /// The legal basis; a refusal needs one.
    pub basis: String,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub by: String,
    /// What: `received`, `acknowledged`, `extended`, `fulfilled`, `refused`, `withdrawn`.
    pub what: String,
    /// Why.
    pub reason: String,
    /// On which legal basis.
    pub basis: String,
}

/// A request with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRequest {
    /// Its id.
    pub id: String,
    /// What is asked for.
    pub kind: Kind,
    /// Number or title of the paper.
    pub reference: String,
    /// When it came in.
    pub received: Timestamp,
    /// The person's values, by their tokens.
    pub tokens: Vec<String>,
    /// Where it stands.
    pub state: RequestState,
    /// What was done.
    pub steps: Vec<Step>,
    /// Reminders that were given.
    pub reminded: Vec<String>,
}

/// A duty that is near its end, or past it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reminder {
    /// Whose.
    pub request: String,
    /// What is owed.
    pub duty: Duty,
    /// By when.
    pub due: Timestamp,
    /// Whether that is past.
    pub overdue: bool,
}

impl SubjectRequest {
    fn has(&self, what: &str) -> bool {
        self.steps.iter().any(|step| step.what == what)
    }

    /// Whether it was put off.
    pub fn is_extended(&self) -> bool {
        self.has("extended")
    }

    /// What is owed still, and by when; what ends first is first.
    pub fn owed(&self, holidays: &Holidays) -> Vec<(Duty, Timestamp)> {
        if self.state == RequestState::Closed {
            return Vec::new();
        }
        let acknowledge = self.kind.acknowledge_by(self.received, holidays).filter(|_| !self.has("acknowledged"));
        let mut owed: Vec<_> = acknowledge.map(|by| (Duty::Acknowledge, by)).into_iter().collect();
        owed.push((Duty::Answer, self.kind.done_by(self.received, self.is_extended())));
        owed.sort_by_key(|(_, by)| *by);
        owed
    }

    /// Reminders that are due at `now` and were not given.
    fn reminders(&self, now: Timestamp, holidays: &Holidays) -> Vec<(String, Reminder)> {
        let mut found = Vec::new();
        for (duty, due) in self.owed(holidays) {
            let whole = due.nanos().saturating_sub(self.received.nanos());
            let left = due.nanos().saturating_sub(now.nanos());
            let overdue = left < 0;
            if !overdue && left > whole / LAST_PART {
                continue;
            }
            // An extension begins the count anew.
            let name = format!("{}/{}/{}", duty.as_str(), due.secs(), if overdue { "overdue" } else { "due" });
            if !self.reminded.contains(&name) {
                found.push((name, Reminder { request: self.id.clone(), duty, due, overdue }));
            }
        }
        found
    }

    /// As it is shown: with what is owed.
    pub fn shown(&self, holidays: &Holidays) -> Value {
        let owed: Vec<Value> = self.owed(holidays).iter().map(|(duty, by)| json!({ "duty": duty, "by": by })).collect();
        json!({
            "id": self.id, "kind": self.kind, "reference": self.reference, "received": self.received,
            "tokens": self.tokens, "state": self.state, "owed": owed, "steps": self.steps,
        })
    }
}

/// The requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Register {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
}

impl Register {
    /// The requests in a store; working days are those of the calendar.
    pub fn new(store: Store, journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, calendar: Calendar) -> Self {
        Self { store, journal, clock, calendar }
    }

    /// The days that are not worked, as they are in force now.
    pub fn holidays(&self) -> Arc<Holidays> {
        self.calendar.load()
    }

    /// Takes a request in.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Invalid`] with what is wrong, [`CareError::Conflict`] when too many are open.
    pub async fn receive(&self, permit: &Permit, new: NewRequest) -> Result<SubjectRequest, CareError> {
        self.check(permit, Operation::Write)?;
        let (now, by) = (self.clock.now(), permit.subject().name.as_str());
        let reference = sentence(&new.reference, TEXT_CHARS_MAX);
        if reference.is_empty() {
            return invalid("`reference`: the number or title of the paper, never a name");
        }
        if new.received > now {
            return invalid("`received` lies in the future");
        }
        if new.tokens.len() > TOKENS_MAX {
            return invalid("more tokens than one person has; name fewer values");
        }
        let first = Step {
            time: now,
            by: by.to_owned(),
            what: "received".to_owned(),
            reason: String::new(),
            basis: String::new(),
        };
        let request = SubjectRequest {
            id: fresh_id(),
            kind: new.kind,
            reference,
            received: new.received,
            tokens: new.tokens,
            state: RequestState::Open,
            steps: vec![first],
            reminded: Vec::new(),
        };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM subject_request WHERE state = 'open'");
        if count.fetch_one(&mut *tx).await.map_err(storing)? >= OPEN_MAX {
            return Err(CareError::Conflict { reason: format!("{OPEN_MAX} requests are open; close some") });
        }
        let sql = "INSERT INTO subject_request (id, kind, state, received_ns, revision, body) VALUES ($1, $2, 'open', $3, 1, $4)";
        let insert = sqlx::query(sql).bind(&request.id).bind(request.kind.as_str()).bind(request.received.nanos());
        insert.bind(body(&request)?).execute(&mut *tx).await.map_err(storing)?;
        self.record(by, "subject_request_received", &request).await?;
        tx.commit().await.map_err(storing)?;
        Ok(request)
    }

    /// Requests, those that are open first, then the newest; at most 1,000.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<SubjectRequest>, CareError> {
        self.check(permit, Operation::Read)?;
        let sql = "SELECT body FROM subject_request ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, received_ns DESC LIMIT $1";
        self.read_all(sql, LISTED_MAX).await
    }

    /// One request.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Unknown`]; when the store fails.
    pub async fn one(&self, permit: &Permit, id: &str) -> Result<SubjectRequest, CareError> {
        self.check(permit, Operation::Read)?;
        let query = sqlx::query_scalar::<_, String>("SELECT body FROM subject_request WHERE id = $1").bind(id);
        let found = query.fetch_optional(self.store.pool()).await.map_err(storing)?;
        let found = found.ok_or_else(|| CareError::Unknown { what: "such request".to_owned() })?;
        serde_json::from_str(&found).map_err(storing)
    }

    /// Says that receipt was confirmed to who asked.
    ///
    /// # Errors
    /// [`CareError::Conflict`] when it was already, or the request is closed.
    pub async fn acknowledge(&self, permit: &Permit, id: &str) -> Result<SubjectRequest, CareError> {
        self.step(permit, id, "acknowledged", "", "", |request| {
            let twice = request.kind.days().is_none() || request.has("acknowledged");
            if twice { Err("nothing is to be confirmed any more") } else { Ok(()) }
        })
        .await
    }

    /// Puts the answer off, once, by as long again.
    ///
    /// # Errors
    /// [`CareError::Invalid`] without a reason, [`CareError::Conflict`] when it was put off already or cannot be.
    pub async fn extend(&self, permit: &Permit, id: &str, reason: &str) -> Result<SubjectRequest, CareError> {
        if reason.trim().is_empty() {
            return invalid("`reason`: who asked is told why it takes longer");
        }
        self.step(permit, id, "extended", reason, "", |request| {
            let cannot = request.is_extended() || !request.kind.can_be_extended();
            if cannot { Err("it can be put off once, and a breach not at all") } else { Ok(()) }
        })
        .await
    }

    /// Closes it.
    ///
    /// # Errors
    /// [`CareError::Invalid`] for a refusal without reason and legal basis, [`CareError::Conflict`] when it is closed.
    pub async fn close(&self, permit: &Permit, id: &str, closing: &Closing) -> Result<SubjectRequest, CareError> {
        let missing = closing.reason.trim().is_empty() || closing.basis.trim().is_empty();
        if closing.outcome == Outcome::Refused && missing {
            return invalid("a refusal is in writing, with `reason` and `basis`");
        }
        self.step(permit, id, closing.outcome.as_str(), &closing.reason, &closing.basis, |_| Ok(())).await
    }

    async fn step(
        &self,
        permit: &Permit,
        id: &str,
        what: &'static str,
        reason: &str,
        basis: &str,
        allowed: impl FnOnce(&SubjectRequest) -> Result<(), &'static str>,
    ) -> Result<SubjectRequest, CareError> {
        self.check(permit, Operation::Write)?;
        let (now, by) = (self.clock.now(), permit.subject().name.as_str());
        let (mut request, revision) = self.with_revision(id).await?;
        if request.state == RequestState::Closed {
            return Err(CareError::Conflict { reason: "it is closed".to_owned() });
        }
        allowed(&request).map_err(|reason| CareError::Conflict { reason: reason.to_owned() })?;
        request.steps.push(Step {
            time: now,
            by: by.to_owned(),
            what: what.to_owned(),
            reason: sentence(reason, TEXT_CHARS_MAX),
            basis: sentence(basis, TEXT_CHARS_MAX),
        });
        if ["fulfilled", "refused", "withdrawn"].contains(&what) {
            request.state = RequestState::Closed;
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        update(&mut tx, &request, revision).await?;
        self.record(by, action_of(what), &request).await?;
        tx.commit().await.map_err(storing)?;
        Ok(request)
    }

    /// Gives every reminder that is due, once: a notice to the data-protection officer and an entry of the ledger.
    ///
    /// # Errors
    /// When storing or recording fails; what was not given is given the next time.
    pub async fn remind(&self) -> Result<Vec<Reminder>, CareError> {
        let now = self.clock.now();
        let sql = "SELECT body FROM subject_request WHERE state = 'open' ORDER BY received_ns LIMIT $1";
        let (mut given, holidays) = (Vec::new(), self.calendar.load());
        for request in self.read_all(sql, OPEN_MAX).await? {
            if request.reminders(now, &holidays).is_empty() {
                continue;
            }
            let (mut request, revision) = self.with_revision(&request.id).await?;
            let due = request.reminders(now, &holidays);
            request.reminded.extend(due.iter().map(|(name, _)| name.clone()));
            let mut tx = self.store.begin().await.map_err(storing)?;
            update(&mut tx, &request, revision).await?;
            for (_, reminder) in due {
                let action = if reminder.overdue { "subject_request_overdue" } else { "subject_request_due" };
                let detail = json!({
                    "kind": request.kind, "duty": reminder.duty, "by": reminder.due, "reference": request.reference,
                });
                let object = format!("subject-request:{}", request.id);
                notice::add(&mut tx, now, action, "metrosoc", &object, &detail).await?;
                self.journal.append("metrosoc", action, &object, detail).await.map_err(CareError::Ledger)?;
                given.push(reminder);
            }
            tx.commit().await.map_err(storing)?;
        }
        Ok(given)
    }

    async fn with_revision(&self, id: &str) -> Result<(SubjectRequest, i64), CareError> {
        let query = sqlx::query("SELECT body, revision FROM subject_request WHERE id = $1").bind(id);
        let row = query.fetch_optional(self.store.pool()).await.map_err(storing)?;
        let row = row.ok_or_else(|| CareError::Unknown { what: "such request".to_owned() })?;
        let body: String = row.try_get("body").map_err(storing)?;
        Ok((serde_json::from_str(&body).map_err(storing)?, row.try_get("revision").map_err(storing)?))
    }

    async fn read_all(&self, sql: &'static str, most: i64) -> Result<Vec<SubjectRequest>, CareError> {
        let rows = sqlx::query_scalar::<_, String>(sql).bind(most).fetch_all(self.store.pool()).await;
        rows.map_err(storing)?.iter().map(|body| serde_json::from_str(body).map_err(storing)).collect()
    }

    async fn record(&self, by: &str, action: &'static str, request: &SubjectRequest) -> Result<(), CareError> {
        let last = request.steps.last();
        let detail = json!({
            "kind": request.kind, "reference": request.reference, "received": request.received,
            "count": request.tokens.len(), "reason": last.map(|step| &step.reason), "basis": last.map(|step| &step.basis),
        });
        let object = format!("subject-request:{}", request.id);
        self.journal.append(by, action, &object, detail).await.map(drop).map_err(CareError::Ledger)
    }

    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), CareError> {
        let allowed = permit.allows(operation, Object::Subjects, self.clock.now());
        if allowed { Ok(()) } else { Err(CareError::NotPermitted) }
    }
}

/// The ledger's word for a step.
fn action_of(what: &str) -> &'static str {
    match what {
        "acknowledged" => "subject_request_acknowledged",
        "extended" => "subject_request_extended",
        "refused" => "subject_request_refused",
        "withdrawn" => "subject_request_withdrawn",
        _ => "subject_request_fulfilled",
    }
}

async fn update(tx: &mut store::Tx, request: &SubjectRequest, revision: i64) -> Result<(), CareError> {
    let state = if request.state == RequestState::Open { "open" } else { "closed" };
    let sql =
        "UPDATE subject_request SET body = $1, state = $2, revision = revision + 1 WHERE id = $3 AND revision = $4";
    let update = sqlx::query(sql).bind(body(request)?).bind(state).bind(&request.id).bind(revision);
    if update.execute(&mut **tx).await.map_err(storing)?.rows_affected() == 0 {
        return Err(CareError::Conflict { reason: "somebody else was faster; look at it again".to_owned() });
    }
    Ok(())
}

fn body(request: &SubjectRequest) -> Result<String, CareError> {
    serde_json::to_string(request).map_err(storing)
}

fn invalid<T>(reason: &str) -> Result<T, CareError> {
    Err(CareError::Invalid { reason: reason.to_owned() })
}

//! Sensitive roles take two: one asks, another approves, and training, appointment and confidentiality are on record.
//!
//! While the platform is set up one person works alone and every sensitive role is given at once, with a notice to the
//! data-protection officer. From the day on which there are others who could approve, it waits for one of them.

pub mod personnel;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use event::{AgencyId, Clock, Object, Operation, Permit, Role, Timestamp, UserName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use store::{Store, Tx};

use super::{notice, sentence, storing};
use crate::CareError;
use crate::account::{Account, Journal};

/// An approval is good for so long, and for one use.
pub const APPROVAL_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Most requests that wait at once.
const WAITING_MAX: i64 = 1_000;

/// Whether a role sees data in clear, decides about it, reads who did what, or administers.
pub fn is_sensitive(role: Role) -> bool {
    !matches!(role, Role::AnalystTier1 | Role::AgencyOfficer | Role::Machine)
}

/// Whether a role may be the second person.
fn approves(role: Role) -> bool {
    matches!(role, Role::Admin | Role::Dpo)
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody has decided.
    Waiting,
    /// A second person agreed; good for one use.
    Approved,
    /// A second person did not.
    Refused,
    /// The role was given.
    Used,
}

impl RequestState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Used => "used",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Approved, Self::Refused, Self::Used].into_iter().find(|state| state.as_str() == text)
    }
}

/// Somebody asked that an account gets a sensitive role, or access to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// Its id.
    pub id: String,
    /// The account.
    pub account: UserName,
    /// The role.
    pub role: Role,
    /// Speaking for whom.
    pub agency: Option<AgencyId>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested: Timestamp,
    /// What is to be done, for people.
    pub reason: String,
    /// Where it stands.
    pub state: RequestState,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When; `None` while it waits.
    pub decided: Option<Timestamp>,
    /// Why it was refused.
    pub answer: String,
}

/// What came of asking to give a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It may be given now.
    Now,
    /// A second person must approve this first.
    Waiting(Box<RoleRequest>),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// The account.
    pub account: &'w UserName,
    /// The role that it is to have, or that it has.
    pub role: Role,
    /// Speaking for whom.
    pub agency: Option<&'w AgencyId>,
    /// What is to be done, for people: `make the account`, `a token`.
    pub what: &'w str,
}

/// Who may have what role. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People {
    store: Store,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
}

impl People {
    /// The requests and personnel records in a store.
    pub fn new(store: Store, journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { store, journal, clock }
    }

    /// Asks before a role is given, or a token or code for an account that has it. `accounts` are all there are.
    ///
    /// Not sensitive: now. Sensitive: a notice to the data-protection officer, and now only when nobody else could
    /// approve yet or an approval lies ready; otherwise a request waits.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when too many wait; when storing or recording fails.
    pub async fn ask(&self, permit: &Permit, wanted: Wanted<'_>, accounts: &[Account]) -> Result<Given, CareError> {
        self.check(permit, Operation::Manage)?;
        if !is_sensitive(wanted.role) {
            return Ok(Given::Now);
        }
        let actor = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let now = self.clock.now();
        if second_person_needed(actor, wanted.account, accounts) {
            let known = self.known(&mut tx, &wanted).await?;
            let ready = known.iter().find(|request| {
                request.state == RequestState::Approved
                    && request.decided.is_some_and(|at| now.since(at) < APPROVAL_LIFE)
            });
            let Some(ready) = ready else {
                if let Some(waiting) = known.into_iter().find(|request| request.state == RequestState::Waiting) {
                    return Ok(Given::Waiting(Box::new(waiting)));
                }
                return self.begin(tx, actor, wanted, now).await.map(|request| Given::Waiting(Box::new(request)));
            };
            // What has ended since the approval stops it all the same.
            self.check_personnel(&mut tx, &ready.account).await?;
            set_state(&mut tx, ready, RequestState::Used).await?;
        }
        let detail = json!({ "role": wanted.role, "agency": wanted.agency, "what": wanted.what });
        notice::add(&mut tx, now, "sensitive_role", actor, wanted.account.as_str(), &detail).await?;
        tx.commit().await.map_err(storing)?;
        metrics::counter!("metrosoc_sensitive_roles_total").increment(1);
        Ok(Given::Now)
    }

    /// Requests, those that wait first, then the newest; at most 1,000.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when the store fails.
    pub async fn requests(&self, permit: &Permit) -> Result<Vec<RoleRequest>, CareError> {
        self.check(permit, Operation::Read)?;
        let query = sqlx::query(
            "SELECT * FROM role_request ORDER BY CASE WHEN state = 'waiting' THEN 0 ELSE 1 END, requested_ns DESC LIMIT 1000",
        );
        let rows = query.fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(read).collect()
    }

    /// Approves or refuses, as somebody else than who asked and than who is to get the role.
    ///
    /// # Errors
    /// [`CareError::SamePerson`]; [`CareError::Conflict`] when it was decided already, or the person's records are not
    /// complete; when storing or recording fails.
    pub async fn decide(
        &self,
        permit: &Permit,
        id: &str,
        approve: bool,
        answer: &str,
    ) -> Result<RoleRequest, CareError> {
        self.check(permit, Operation::Write)?;
        let by = permit.subject().name.as_str();
        let mut tx = self.store.begin().await.map_err(storing)?;
        let query = sqlx::query("SELECT * FROM role_request WHERE id = $1").bind(id);
        let row = query.fetch_optional(&mut *tx).await.map_err(storing)?;
        let request = row.as_ref().map(read).transpose()?;
        let mut request = request.ok_or_else(|| CareError::Unknown { what: "such request".to_owned() })?;
        if request.requested_by == by || request.account.as_str() == by {
            let reason = "nobody approves what he asked for himself, or gets himself".to_owned();
            return Err(CareError::SamePerson { reason });
        }
        if by.contains(':') {
            let reason = "the second person is somebody with a name: use an account's token".to_owned();
            return Err(CareError::SamePerson { reason });
        }
        if request.state != RequestState::Waiting {
            return Err(CareError::Conflict { reason: format!("the request is {} already", request.state.as_str()) });
        }
        let answer = sentence(answer, 500);
        if approve {
            self.check_personnel(&mut tx, &request.account).await?;
        } else if answer.is_empty() {
            return Err(CareError::Invalid { reason: "a refusal says why".to_owned() });
        }
        request.state = if approve { RequestState::Approved } else { RequestState::Refused };
        request.decided_by = Some(by.to_owned());
        request.decided = Some(self.clock.now());
        request.answer = answer;
        let update = sqlx::query(
            "UPDATE role_request SET state = $1, decided_by = $2, decided_ns = $3, answer = $4 WHERE id = $5",
        );
        let update = update.bind(request.state.as_str()).bind(by).bind(self.clock.now().nanos());
        update.bind(&request.answer).bind(id).execute(&mut *tx).await.map_err(storing)?;
        let action = if approve { "role_request_approved" } else { "role_request_refused" };
        self.record(by, action, &request).await?;
        tx.commit().await.map_err(storing)?;
        Ok(request)
    }

    async fn begin(
        &self,
        mut tx: Tx,
        actor: &str,
        wanted: Wanted<'_>,
        now: Timestamp,
    ) -> Result<RoleRequest, CareError> {
        let waiting = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM role_request WHERE state = 'waiting'");
        if waiting.fetch_one(&mut *tx).await.map_err(storing)? >= WAITING_MAX {
            return Err(CareError::Conflict { reason: format!("{WAITING_MAX} requests wait; decide some first") });
        }
        let request = RoleRequest {
            id: super::fresh_id(),
            account: wanted.account.clone(),
            role: wanted.role,
            agency: wanted.agency.cloned(),
            requested_by: actor.to_owned(),
            requested: now,
            reason: wanted.what.to_owned(),
            state: RequestState::Waiting,
            decided_by: None,
            decided: None,
            answer: String::new(),
        };
        let insert = sqlx::query(
            "INSERT INTO role_request (id, account, role, agency, requested_by, requested_ns, reason, state, decided_by, \
             decided_ns, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', '', 0, '')",
        );
        let insert = insert.bind(&request.id).bind(request.account.as_str()).bind(request.role.as_str());
        let insert = insert.bind(wanted.agency.map_or("", AgencyId::as_str)).bind(actor).bind(now.nanos());
        insert.bind(&request.reason).execute(&mut *tx).await.map_err(storing)?;
        let detail =
            json!({ "role": request.role, "agency": request.agency, "request": request.id, "what": wanted.what });
        notice::add(&mut tx, now, "sensitive_role_asked", actor, request.account.as_str(), &detail).await?;
        self.record(actor, "role_requested", &request).await?;
        tx.commit().await.map_err(storing)?;
        Ok(request)
    }

    /// The requests about the same account, role and agency, newest first.
    async fn known(&self, tx: &mut Tx, wanted: &Wanted<'_>) -> Result<Vec<RoleRequest>, CareError> {
        let query = sqlx::query(
            "SELECT * FROM role_request WHERE account = $1 AND role = $2 AND agency = $3 ORDER BY requested_ns DESC LIMIT 50",
        );
        let query = query.bind(wanted.account.as_str()).bind(wanted.role.as_str());
        let query = query.bind(wanted.agency.map_or("", AgencyId::as_str));
        let rows = query.fetch_all(&mut **tx).await.map_err(storing)?;
        rows.iter().map(read).collect()
    }

    async fn check_personnel(&self, tx: &mut Tx, account: &UserName) -> Result<(), CareError> {
        let missing = personnel::missing(tx, account, self.clock.now()).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let missing: Vec<&str> = missing.into_iter().map(personnel::Kind::as_str).collect();
        let reason = format!(
            "`{account}` has no record in force of: {} (`metrosoc policy personnel {account} --kind {} --document …`)",
            missing.join(", "),
            missing.first().copied().unwrap_or_default()
        );
        Err(CareError::Conflict { reason })
    }

    async fn record(&self, actor: &str, action: &'static str, request: &RoleRequest) -> Result<(), CareError> {
        let detail = json!({
            "role": request.role, "agency": request.agency, "request": request.id,
            "requested_by": request.requested_by, "answer": request.answer,
        });
        self.journal.append(actor, action, request.account.as_str(), detail).await.map_err(CareError::Ledger)?;
        Ok(())
    }

    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), CareError> {
        if permit.allows(operation, Object::Users, self.clock.now()) {
            return Ok(());
        }
        Err(CareError::NotPermitted)
    }
}

/// Whether there is somebody else who could approve. The operator at the Unix socket is likely one of them himself, so
/// that for him it takes two.
fn second_person_needed(actor: &str, account: &UserName, accounts: &[Account]) -> bool {
    let could = |one: &&Account| {
        approves(one.role) && !one.disabled && one.has_password && one.name.as_str() != actor && one.name != *account
    };
    let others = accounts.iter().filter(could).count();
    others >= if actor.contains(':') { 2 } else { 1 }
}

async fn set_state(tx: &mut Tx, request: &RoleRequest, state: RequestState) -> Result<(), CareError> {
    let update = sqlx::query("UPDATE role_request SET state = $1 WHERE id = $2").bind(state.as_str());
    update.bind(&request.id).execute(&mut **tx).await.map_err(storing)?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<RoleRequest, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    let corrupt = |what: &str| CareError::Conflict { reason: format!("a stored request has an unknown {what}") };
    let decided = number("decided_ns")?;
    Ok(RoleRequest {
        id: text("id")?,
        account: UserName::new(text("account")?).map_err(|_| corrupt("account"))?,
        role: Role::parse(&text("role")?).ok_or_else(|| corrupt("role"))?,
        agency: AgencyId::new(text("agency")?).ok(),
        requested_by: text("requested_by")?,
        requested: Timestamp::from_nanos(number("requested_ns")?),
        reason: text("reason")?,
        state: RequestState::parse(&text("state")?).ok_or_else(|| corrupt("state"))?,
        decided_by: Some(text("decided_by")?).filter(|by| !by.is_empty()),
        decided: (decided != 0).then(|| Timestamp::from_nanos(decided)),
        answer: text("answer")?,
    })
}

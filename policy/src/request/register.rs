//! The requests of this installation, in SQL; what they grant is handed to the guard.

use std::sync::Arc;
use std::time::Duration;

use event::{AgencyId, Object, Operation, Permit, Reach, Timestamp, UserName};
use serde_json::{Value, json};
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use store::{Store, Tx};
use tokio::sync::Mutex;

use super::approvals::{Approvals, Party};
use super::state::{AccessRequest, Act, State, Step, written};
use super::terms::{Terms, invalid};
use crate::CareError;
use crate::account::Journal;
use crate::care::{fresh_id, storing};
use crate::guard::{AccessGrant, Guard, Held, Holdings};
use crate::privacy::{FieldKind, PrivacyRules, Sensitivity};

/// Most requests that wait at once.
const WAITING_MAX: i64 = 1_000;
/// Most requests that are listed, and most grants in force.
const LISTED_MAX: i64 = 10_000;
/// A request that waits for so long is due.
pub const DUE_AFTER: Duration = Duration::from_secs(48 * 3_600);
/// So long before its end, or a fifth of its life where that is less, a grant is said to end.
pub const ENDING_BEFORE: Duration = Duration::from_secs(72 * 3_600);
/// Fields in which anything may stand: they count as sensitive.
const WHOLE_TEXTS: [&str; 2] = ["message", "event.original"];
/// Who the ledger says acts when nobody does.
const PLATFORM: &str = "metrosoc";

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose data.
    pub agency: AgencyId,
    /// Which, seen by whom, from when until when.
    pub terms: Terms,
    /// An id of the purposes.
    pub purpose: String,
    /// An id of the legal bases; empty for the purpose's own.
    pub basis: String,
    /// Why, in words.
    pub reason: String,
}

/// Access requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Requests {
    store: Store,
    journal: Arc<dyn Journal>,
    guard: Guard,
    rules: Arc<PrivacyRules>,
    turn: Arc<Mutex<()>>,
}

impl Requests {
    /// The requests in a store, and the guard that enforces what they grant; `rules` say which fields are sensitive.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(
        store: Store,
        journal: Arc<dyn Journal>,
        guard: Guard,
        rules: Arc<PrivacyRules>,
    ) -> Result<Self, CareError> {
        let requests = Self { store, journal, guard, rules, turn: Arc::default() };
        requests.put_in_force().await?;
        Ok(requests)
    }

    /// The rules that say which fields are sensitive.
    pub fn rules(&self) -> &PrivacyRules {
        &self.rules
    }

    /// Asks.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Invalid`] with what is wrong, [`CareError::Conflict`] when too many wait.
    pub async fn ask(&self, permit: &Permit, ask: &Ask) -> Result<AccessRequest, CareError> {
        self.make(permit, ask, None).await
    }

    /// Asks for the same again until another time; who decides decides anew. When it is granted, it takes the place of
    /// the request that it renews.
    ///
    /// # Errors
    /// As [`Requests::ask`]; [`CareError::Conflict`] when it was never granted, [`CareError::NotPermitted`] for anybody
    /// but who asked and the people whom it is for.
    pub async fn renew(
        &self,
        permit: &Permit,
        id: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<AccessRequest, CareError> {
        let old = self.one(permit, id).await?;
        let name = &permit.subject().name;
        let his = old.asked_by == *name || old.terms.people.contains(name);
        // Who speaks for another agency by now does not take its grant along.
        if !his || old.asked_from != permit.subject().agency {
            return Err(CareError::NotPermitted);
        }
        if !(old.state.is_granted() || old.state == State::Expired) {
            return Err(CareError::Conflict { reason: format!("it is {}; ask anew", old.state.as_str()) });
        }
        let terms = Terms { from: self.guard.latest(), until, ..old.terms };
        let (agency, purpose, basis) = (old.agency, old.purpose, old.basis);
        let ask = Ask { agency, terms, purpose, basis, reason: reason.to_owned() };
        self.make(permit, &ask, Some(old.id)).await
    }

    async fn make(&self, permit: &Permit, ask: &Ask, renews: Option<String>) -> Result<AccessRequest, CareError> {
        check(permit, Operation::Write, self.guard.now())?;
        let now = self.guard.latest();
        ask.terms.check(now)?;
        let subject = permit.subject();
        let reason = written(&ask.reason, "a request says why the data is needed")?;
        let stated = self.guard.stated(&ask.purpose, &ask.basis);
        let stated = stated.map_err(|denied| CareError::Invalid { reason: denied.because.join("; ") })?;
        let Some((purpose, basis)) = stated else { return invalid("a request names a purpose and a legal basis") };
        let sensitive = self.is_sensitive(&ask.terms);
        let request = AccessRequest {
            id: fresh_id(),
            asked_by: subject.name.clone(),
            asked_from: subject.agency.clone(),
            asked: now,
            agency: ask.agency.clone(),
            asked_for: ask.terms.clone(),
            terms: ask.terms.clone(),
            purpose: purpose.id,
            basis: basis.id,
            reason: reason.clone(),
            sensitive,
            state: State::Asked,
            approvals: Approvals::of(if sensitive { 2 } else { 1 }),
            assigned_to: None,
            renews,
            refusal_basis: None,
            reminded: Vec::new(),
            history: vec![Step {
                time: now,
                by: subject.name.clone(),
                action: "request_asked".to_owned(),
                state: State::Asked,
                text: reason,
            }],
        };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let waiting = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM access_request WHERE state = 'asked'");
        if waiting.fetch_one(&mut *tx).await.map_err(storing)? >= WAITING_MAX {
            return Err(CareError::Conflict { reason: format!("{WAITING_MAX} requests wait; decide some first") });
        }
        let insert = sqlx::query(
            "INSERT INTO access_request (id, state, agency, asked_by, asked_ns, until_ns, revision, body) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
        );
        let insert = insert.bind(&request.id).bind(request.state.as_str()).bind(request.agency.as_str());
        let insert = insert.bind(request.asked_by.as_str()).bind(now.nanos()).bind(request.terms.until.nanos());
        insert.bind(body(&request)?).execute(&mut *tx).await.map_err(storing)?;
        self.record(request.asked_by.as_str(), "request_asked", &request).await?;
        tx.commit().await.map_err(storing)?;
        Ok(request)
    }

    /// Takes a step with a request, and puts what follows from it in force at once.
    ///
    /// # Errors
    /// [`CareError::Unknown`] for a request that the permit does not reach, [`CareError::NotPermitted`],
    /// and as [`AccessRequest::apply`].
    pub async fn step(&self, permit: &Permit, id: &str, act: &Act) -> Result<AccessRequest, CareError> {
        let now = self.guard.latest();
        let subject = permit.subject();
        let by = Party { name: subject.name.clone(), unit: subject.agency.clone() };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let Some((mut request, revision)) = load(&mut tx, id).await?.filter(|(one, _)| reaches(permit, one)) else {
            return Err(unknown());
        };
        let decides = permit.allows(Operation::Manage, Object::Requests, self.guard.now())
            && permit.scope().holds(Some(&request.agency), None);
        let own = matches!(act, Act::Withdraw { .. })
            && request.asked_by == subject.name
            && permit.allows(Operation::Write, Object::Requests, self.guard.now());
        if !(decides || own) {
            return Err(CareError::NotPermitted);
        }
        let was_granted = request.state.is_granted();
        request.apply(act, &by, now)?;
        save(&mut tx, &request, revision).await?;
        let renewed = request.renews.clone().filter(|_| request.state.is_granted());
        if let Some(old) = renewed {
            self.replace(&mut tx, &old, &request.id, &by, now).await?;
        }
        self.record(by.name.as_str(), act.action(), &request).await?;
        if was_granted != request.state.is_granted() {
            self.record_grant(by.name.as_str(), &request).await?;
        }
        tx.commit().await.map_err(storing)?;
        self.put_in_force().await?;
        Ok(request)
    }

    /// The old request of a renewal, when it still is a grant, makes room.
    async fn replace(&self, tx: &mut Tx, old: &str, new: &str, by: &Party, now: Timestamp) -> Result<(), CareError> {
        let Some((mut old, revision)) = load(tx, old).await? else { return Ok(()) };
        if !old.state.is_granted() || now >= old.terms.until {
            return Ok(());
        }
        let act = Act::Renew { by: new.to_owned() };
        old.apply(&act, by, now)?;
        save(tx, &old, revision).await?;
        self.record(by.name.as_str(), act.action(), &old).await?;
        self.record_grant(by.name.as_str(), &old).await
    }

    /// Requests that the permit reaches, the newest first; at most 10,000.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<AccessRequest>, CareError> {
        check(permit, Operation::Read, self.guard.now())?;
        let mut requests = self.every().await?;
        requests.retain(|request| reaches(permit, request));
        Ok(requests)
    }

    /// One request.
    ///
    /// # Errors
    /// [`CareError::Unknown`] when there is none that the permit reaches.
    pub async fn one(&self, permit: &Permit, id: &str) -> Result<AccessRequest, CareError> {
        let now = self.guard.now();
        if ![Operation::Read, Operation::Write, Operation::Manage]
            .into_iter()
            .any(|operation| permit.allows(operation, Object::Requests, now))
        {
            return Err(CareError::NotPermitted);
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let found = load(&mut tx, id).await?.map(|(request, _)| request);
        found.filter(|request| reaches(permit, request)).ok_or_else(unknown)
    }

    async fn every(&self) -> Result<Vec<AccessRequest>, CareError> {
        let query = sqlx::query("SELECT body FROM access_request ORDER BY asked_ns DESC, id LIMIT $1");
        let rows = query.bind(LISTED_MAX).fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(read).collect()
    }

    /// Hands what is granted now to the guard. When it cannot be read, nothing is granted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_in_force(&self) -> Result<(), CareError> {
        let _turn = self.turn.lock().await;
        let held = self.held().await;
        if held.is_err() {
            self.guard.hold(Holdings::new());
        }
        self.guard.hold(held?);
        Ok(())
    }

    async fn held(&self) -> Result<Holdings, CareError> {
        let clock = sqlx::query_scalar::<_, i64>("SELECT latest_ns FROM access_clock WHERE one = 1");
        let latest = clock.fetch_one(self.store.pool()).await.map_err(storing)?;
        self.guard.seen(Timestamp::from_nanos(latest));
        let query = sqlx::query("SELECT body FROM access_request WHERE state IN ('approved', 'narrowed') LIMIT $1");
        let rows = query.bind(LISTED_MAX).fetch_all(self.store.pool()).await.map_err(storing)?;
        let requests = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let granted = requests.into_iter().filter(|request| request.state.is_granted());
        Ok(granted.map(|request| (request.id.clone(), held(request))).collect())
    }

    /// What time brings: requests and grants that are over end, those that are due or about to end are told of. Gives how
    /// many steps that were.
    ///
    /// # Errors
    /// When the store or the ledger fails; what was done before stays done.
    pub async fn look(&self) -> Result<usize, CareError> {
        let now = self.guard.latest();
        let clock = sqlx::query("UPDATE access_clock SET latest_ns = $1 WHERE one = 1 AND latest_ns < $1");
        let mut tx = self.store.begin().await.map_err(storing)?;
        clock.bind(now.nanos()).execute(&mut *tx).await.map_err(storing)?;
        tx.commit().await.map_err(storing)?;
        let open = sqlx::query("SELECT body FROM access_request WHERE state IN ('asked', 'approved', 'narrowed')");
        let rows = open.fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut steps = 0;
        for request in rows.iter().map(read).collect::<Result<Vec<_>, _>>()? {
            let Some(action) = due(&request, now) else { continue };
            let mut tx = self.store.begin().await.map_err(storing)?;
            let Some((mut request, revision)) = load(&mut tx, &request.id).await? else { continue };
            // Somebody may have taken a step meanwhile.
            if due(&request, now) != Some(action) {
                continue;
            }
            if action == Act::Expire.action() {
                let name = UserName::new(PLATFORM).map_err(|error| CareError::Invalid { reason: error.to_string() })?;
                request.apply(&Act::Expire, &Party { name, unit: None }, now)?;
            } else {
                request.reminded.push(action.to_owned());
            }
            save(&mut tx, &request, revision).await?;
            self.record(PLATFORM, action, &request).await?;
            tx.commit().await.map_err(storing)?;
            steps += 1;
        }
        self.put_in_force().await?;
        Ok(steps)
    }

    /// Whether a request takes two approvals: a field is of a sensitive class, or a whole text in which anything may stand.
    fn is_sensitive(&self, terms: &Terms) -> bool {
        let sensitive = |field: &String| match self.rules.fields().kind(field) {
            FieldKind::Class(class) => {
                let mut rules = self.rules.classes().iter();
                rules.any(|rule| rule.class == class && rule.sensitivity == Sensitivity::Sensitive)
            }
            FieldKind::Text => WHOLE_TEXTS.contains(&field.as_str()),
            FieldKind::Clear => false,
        };
        terms.fields.iter().any(sensitive)
    }

    /// Records that somebody sees more or less from now on, beside the step that made it so.
    async fn record_grant(&self, actor: &str, request: &AccessRequest) -> Result<(), CareError> {
        let detail = json!({
            "in_force": request.state.is_granted(), "state": request.state, "agency": request.agency,
            "for": request.asked_from, "purpose": request.purpose, "people": request.terms.people,
            "count": request.terms.fields.len(), "until": request.terms.until,
        });
        let object = format!("grant:{}", request.id);
        self.journal.append(actor, "grant_changed", &object, detail).await.map_err(CareError::Ledger)?;
        Ok(())
    }

    async fn record(&self, actor: &str, action: &'static str, request: &AccessRequest) -> Result<(), CareError> {
        let last = request.history.last();
        let detail = json!({
            "state": request.state, "agency": request.agency, "purpose": request.purpose, "basis": request.basis,
            "asked_by": request.asked_by, "sensitive": request.sensitive, "until": request.terms.until,
            "fields": request.terms.fields, "people": request.terms.people, "renews": request.renews,
            "assigned_to": request.assigned_to,
            "reason": last.map(|last| last.text.as_str()).filter(|text| !text.is_empty()),
        });
        let object = format!("request:{}", request.id);
        self.journal.append(actor, action, &object, detail).await.map_err(CareError::Ledger)?;
        Ok(())
    }
}

/// What is to be done about a request at `now`, as the ledger's entry calls it.
pub(super) fn due(request: &AccessRequest, now: Timestamp) -> Option<&'static str> {
    if request.state.is_final() {
        return None;
    }
    if now >= request.terms.until {
        return Some(Act::Expire.action());
    }
    let told = |action: &str| request.reminded.iter().any(|one| one == action);
    if request.state == State::Asked {
        return (now.since(request.asked) >= DUE_AFTER && !told("request_due")).then_some("request_due");
    }
    let life = request.terms.until.since(request.terms.from);
    let ends_soon = request.terms.until.since(now) <= ENDING_BEFORE.min(life / 5);
    (ends_soon && !told("grant_ending")).then_some("grant_ending")
}

fn held(request: AccessRequest) -> Held {
    let grant = AccessGrant {
        id: request.id,
        object: Object::Events,
        agencies: Reach::Only([request.agency].into()),
        not_before: request.terms.from,
        not_after: request.terms.until,
        purpose: request.purpose,
        basis: request.basis,
        filter: request.terms.query(),
        fields: Some(request.terms.fields),
    };
    Held { agency: request.asked_from, people: request.terms.people, grant }
}

/// Whether a request is one of the permit's: own, for oneself, to be decided, or of the own agency.
fn reaches(permit: &Permit, request: &AccessRequest) -> bool {
    let name = &permit.subject().name;
    request.asked_by == *name
        || request.asked_for.people.contains(name)
        || permit.scope().holds(Some(&request.agency), None)
        || request.asked_from.as_ref().is_some_and(|agency| permit.scope().holds(Some(agency), None))
}

fn check(permit: &Permit, operation: Operation, now: Timestamp) -> Result<(), CareError> {
    if permit.allows(operation, Object::Requests, now) { Ok(()) } else { Err(CareError::NotPermitted) }
}

fn unknown() -> CareError {
    CareError::Unknown { what: "such request".to_owned() }
}

async fn load(tx: &mut Tx, id: &str) -> Result<Option<(AccessRequest, i64)>, CareError> {
    let query = sqlx::query("SELECT body, revision FROM access_request WHERE id = $1").bind(id);
    let row = query.fetch_optional(&mut **tx).await.map_err(storing)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((read(&row)?, row.try_get("revision").map_err(storing)?)))
}

async fn save(tx: &mut Tx, request: &AccessRequest, revision: i64) -> Result<(), CareError> {
    let update = sqlx::query(
        "UPDATE access_request SET state = $1, until_ns = $2, revision = revision + 1, body = $3 \
         WHERE id = $4 AND revision = $5",
    );
    let update = update.bind(request.state.as_str()).bind(request.terms.until.nanos()).bind(body(request)?);
    let done = update.bind(&request.id).bind(revision).execute(&mut **tx).await.map_err(storing)?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(CareError::Conflict { reason: "somebody took a step with it at the same time; look again".to_owned() })
}

fn body(request: &AccessRequest) -> Result<String, CareError> {
    serde_json::to_string(request).map_err(storing)
}

fn read(row: &AnyRow) -> Result<AccessRequest, CareError> {
    let body: String = row.try_get("body").map_err(storing)?;
    serde_json::from_str(&body).map_err(storing)
}

/// A request as the API gives it: with what is due about it.
pub fn told(request: &AccessRequest, now: Timestamp) -> Value {
    let mut value = json!(request);
    if let Some(map) = value.as_object_mut() {
        map.insert(
            "in_force".to_owned(),
            json!(request.state.is_granted() && request.terms.from <= now && now < request.terms.until),
        );
        map.insert("due".to_owned(), json!(due(request, now)));
    }
    value
}

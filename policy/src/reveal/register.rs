//! The reveals of this installation, in SQL, and the one way from a token to its value for a person.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use event::{AgencyId, CaseId, Event, EventId, Object, Operation, Permit, Reach, Timestamp, UserName};
use serde_json::{Value, json};
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};
use store::{Store, Tx};

use super::restricted::unrestricted;
use super::rules::RevealRules;
use super::state::{Place, Reveal, RevealAct, RevealState, RevealStep, written};
use crate::CareError;
use crate::account::Journal;
use crate::care::{fresh_id, notice, storing};
use crate::guard::{AccessGrant, Guard};
use crate::privacy::PrivacyRules;
use crate::pseudonym::{field_restored, writings_of};
use crate::request::{Approvals, Party};
use crate::vault::{Token, Vault, Writing};

/// Most reveals that wait at once.
const WAITING_MAX: i64 = 1_000;
/// Most reveals that are listed.
const LISTED_MAX: i64 = 10_000;
/// Most fields of events of one reveal.
const PLACES_MAX: usize = 2_000;
/// Who the ledger says acts when nobody does.
const PLATFORM: &str = "metrosoc";

/// What somebody wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose data.
    pub agency: AgencyId,
    /// Which pseudonyms.
    pub tokens: BTreeSet<String>,
    /// Where they stand, when whole fields are to be read as they came.
    pub places: BTreeSet<Place>,
    /// An id of the purposes.
    pub purpose: String,
    /// An id of the legal bases; empty for the purpose's own.
    pub basis: String,
    /// The case.
    pub case: CaseId,
    /// Why, in words.
    pub reason: String,
    /// For how many hours; `None` for as long as the rules let it.
    pub hours: Option<u64>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Revealed {
    /// Of which token.
    pub token: String,
    /// Of which class.
    pub class: &'static str,
    /// `None` when it was destroyed.
    pub value: Option<String>,
}

/// A field of an event as it came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RevealedText {
    /// Of which event.
    pub event: EventId,
    /// Which field.
    pub field: String,
    /// Its values, byte for byte as they came where `whole` says so.
    pub texts: Vec<String>,
    /// Whether every pseudonym in it was turned back: none was destroyed, none is beyond what was asked for.
    pub whole: bool,
}

/// What a reveal shows.
#[derive(Debug)]
pub struct Shown {
    /// The reveal.
    pub reveal: Reveal,
    /// Each of its values.
    pub values: Vec<Revealed>,
    /// Each of its places that who asks may read.
    pub texts: Vec<RevealedText>,
}

/// Reveals. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reveals {
    store: Store,
    journal: Arc<dyn Journal>,
    guard: Guard,
    rules: Arc<ArcSwap<RevealRules>>,
    privacy: Arc<PrivacyRules>,
}

impl Reveals {
    /// The reveals in a store.
    pub fn new(
        store: Store,
        journal: Arc<dyn Journal>,
        guard: Guard,
        rules: RevealRules,
        privacy: Arc<PrivacyRules>,
    ) -> Self {
        Self { store, journal, guard, rules: Arc::new(ArcSwap::from_pointee(rules)), privacy }
    }

    /// Puts other rules in force, for what is asked from now on.
    pub fn replace(&self, rules: RevealRules) {
        self.rules.store(Arc::new(rules));
    }

    /// Asks; `break_glass` does not wait for anybody, alarms the data-protection officer and must be reviewed. The permit is
    /// to write reveals, or to respond with them.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Invalid`] with what is wrong, [`CareError::Restricted`], [`CareError::Conflict`]
    /// when too many wait.
    pub async fn ask(&self, permit: &Permit, wanted: &Wanted, break_glass: bool) -> Result<Reveal, CareError> {
        let now = self.guard.latest();
        let operation = if break_glass { Operation::Respond } else { Operation::Write };
        check(permit, operation, self.guard.now())?;
        let mut reveal = self.read_wanted(permit, wanted, now)?;
        unrestricted(permit, &reveal.tokens)?;
        let action = if break_glass { "break_glass" } else { "reveal_asked" };
        let first = RevealStep {
            time: now,
            by: reveal.asked_by.clone(),
            action: action.to_owned(),
            text: reveal.reason.clone(),
        };
        reveal.history.push(first);
        let mut tx = self.store.begin().await.map_err(storing)?;
        let waiting = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM reveal WHERE state = 'asked'");
        if waiting.fetch_one(&mut *tx).await.map_err(storing)? >= WAITING_MAX && !break_glass {
            return Err(CareError::Conflict { reason: format!("{WAITING_MAX} reveals wait; decide some first") });
        }
        if break_glass {
            reveal.break_glass = true;
            reveal.begin(now);
            reveal.review_due = Some(now.plus(self.rules.load().review_within));
            let detail = json!({ "reveal": reveal.id, "case": reveal.case, "purpose": reveal.purpose,
                "count": reveal.tokens.len(), "review_due": reveal.review_due, "reason": reveal.reason });
            let object = format!("reveal:{}", reveal.id);
            notice::add(&mut tx, now, "break_glass", reveal.asked_by.as_str(), &object, &detail).await?;
        }
        let insert = sqlx::query(
            "INSERT INTO reveal (id, state, agency, asked_by, asked_ns, review_ns, revision, body) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
        );
        let insert = insert.bind(&reveal.id).bind(reveal.state.as_str()).bind(reveal.agency.as_str());
        let insert = insert.bind(reveal.asked_by.as_str()).bind(now.nanos()).bind(review_ns(&reveal));
        insert.bind(body(&reveal)?).execute(&mut *tx).await.map_err(storing)?;
        self.record(reveal.asked_by.as_str(), action, &reveal).await?;
        tx.commit().await.map_err(storing)?;
        Ok(reveal)
    }

    fn read_wanted(&self, permit: &Permit, wanted: &Wanted, now: Timestamp) -> Result<Reveal, CareError> {
        let invalid = |reason: String| CareError::Invalid { reason };
        let rules = self.rules.load();
        if wanted.tokens.is_empty() || wanted.tokens.len() > rules.values_max {
            return Err(invalid(format!("a reveal names 1 to {} pseudonyms", rules.values_max)));
        }
        if wanted.places.len() > PLACES_MAX {
            return Err(invalid(format!("a reveal names {PLACES_MAX} fields of events at most")));
        }
        let mut needed = 1;
        for text in &wanted.tokens {
            let shown: String = text.chars().take(24).collect();
            let token = Token::parse(text).ok_or_else(|| invalid(format!("`{shown}` is no pseudonym")))?;
            needed = needed.max(rules.approvals(token.kind(), &self.privacy));
        }
        let life_secs = match wanted.hours {
            None => rules.life_max.as_secs(),
            Some(hours) if (1..=rules.life_max.as_secs() / 3_600).contains(&hours) => hours * 3_600,
            Some(hours) => {
                let most = rules.life_max.as_secs() / 3_600;
                return Err(invalid(format!("`hours` is {hours}; a reveal stands for 1 to {most} hours")));
            }
        };
        let reason = written(&wanted.reason, "a reveal says why")?;
        let stated = self.guard.stated(&wanted.purpose, &wanted.basis);
        let stated = stated.map_err(|denied| invalid(denied.because.join("; ")))?;
        let (purpose, basis) =
            stated.ok_or_else(|| invalid("a reveal names a purpose and a legal basis".to_owned()))?;
        Ok(Reveal {
            id: fresh_id(),
            asked_by: permit.subject().name.clone(),
            unit: permit.subject().agency.clone(),
            asked: now,
            agency: wanted.agency.clone(),
            tokens: wanted.tokens.clone(),
            places: wanted.places.clone(),
            purpose: purpose.id,
            basis: basis.id,
            case: wanted.case.clone(),
            reason,
            life_secs,
            state: RevealState::Asked,
            approvals: Approvals::of(needed),
            break_glass: false,
            from: None,
            until: None,
            review_due: None,
            reviewed_by: None,
            history: Vec::new(),
        })
    }

    /// Takes a step with a reveal.
    ///
    /// # Errors
    /// [`CareError::Unknown`] for a reveal that the permit does not reach, [`CareError::NotPermitted`], and as
    /// [`Reveal::apply`].
    pub async fn step(&self, permit: &Permit, id: &str, act: &RevealAct) -> Result<Reveal, CareError> {
        let now = self.guard.latest();
        let subject = permit.subject();
        let by = Party { name: subject.name.clone(), unit: subject.agency.clone() };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let Some((mut reveal, revision)) = load(&mut tx, id).await?.filter(|(one, _)| reaches(permit, one)) else {
            return Err(unknown());
        };
        let decides = permit.allows(Operation::Manage, Object::Reveals, self.guard.now())
            && permit.scope().holds(Some(&reveal.agency), None);
        let own = matches!(act, RevealAct::Withdraw { .. })
            && reveal.asked_by == subject.name
            && permit.allows(Operation::Write, Object::Reveals, self.guard.now());
        if !(decides || own) {
            return Err(CareError::NotPermitted);
        }
        if reveal.is_over(now) && !matches!(act, RevealAct::Review { .. }) {
            return Err(CareError::Conflict { reason: "its time is over".to_owned() });
        }
        reveal.apply(act, &by, now)?;
        save(&mut tx, &reveal, revision).await?;
        self.record(by.name.as_str(), act.action(), &reveal).await?;
        tx.commit().await.map_err(storing)?;
        Ok(reveal)
    }

    /// The grant of a reveal that stands, for the guard to decide whether it counts: of who asked, for what he asked.
    ///
    /// # Errors
    /// [`CareError::Unknown`] for anybody but who asked, [`CareError::Conflict`] when it does not stand now.
    pub async fn grant(&self, name: &UserName, id: &str) -> Result<(Reveal, AccessGrant), CareError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let found = load(&mut tx, id).await?.map(|(reveal, _)| reveal).filter(|reveal| reveal.asked_by == *name);
        let reveal = found.ok_or_else(unknown)?;
        let (Some(from), Some(until), true) = (reveal.from, reveal.until, reveal.stands(self.guard.latest())) else {
            let state = if reveal.is_over(self.guard.latest()) { "over" } else { reveal.state.as_str() };
            return Err(CareError::Conflict {
                reason: format!("reveal `{id}` is {state}: there are no values to see"),
            });
        };
        let over = Reach::Only([reveal.agency.clone()].into());
        let plain = AccessGrant::over(id, Object::Events, over, from, until);
        let grant = AccessGrant { purpose: reveal.purpose.clone(), basis: reveal.basis.clone(), ..plain };
        Ok((reveal, grant))
    }

    /// The values of a reveal, through a permit that the guard gave for its grant, and the fields in which they stand as they
    /// came. `events` are those of its places, as who asks may read them. Each value is in the ledger before it is given:
    /// token, class, who, why, and never the value.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::Restricted`], [`CareError::Conflict`] when it does not stand, or when the vault or the ledger fails.
    pub async fn values(&self, permit: &Permit, id: &str, vault: &Vault, events: &[Event]) -> Result<Shown, CareError> {
        if !permit.allows(Operation::Reveal, Object::Events, self.guard.now()) {
            return Err(CareError::NotPermitted);
        }
        let (reveal, _) = self.grant(&permit.subject().name, id).await?;
        if permit.purpose() != reveal.purpose || !permit.scope().holds(Some(&reveal.agency), None) {
            return Err(CareError::NotPermitted);
        }
        // Somebody may have become restricted since it was asked and approved.
        unrestricted(permit, &reveal.tokens)?;
        let tokens: BTreeSet<Token> = reveal.tokens.iter().filter_map(|text| Token::parse(text)).collect();
        let first: Vec<Writing> = tokens.iter().map(|token| Writing { token: *token, number: 0 }).collect();
        // A value may be written in more than one way; a text gets the one that stood there.
        let mut wanted = first.clone();
        wanted.extend(events.iter().flat_map(writings_of).filter(|writing| tokens.contains(&writing.token)));
        wanted.sort_unstable();
        wanted.dedup();
        let found = vault.reveal(&wanted).await.map_err(storing)?;
        let known = first.iter().filter(|writing| found.contains_key(*writing)).count();
        let mut values = Vec::with_capacity(first.len());
        for writing in &first {
            let token = writing.token.to_string();
            let class = writing.token.kind().as_str();
            let value = found.get(writing).cloned();
            if value.is_some() {
                let detail = json!({
                    "reveal": reveal.id, "class": class, "purpose": reveal.purpose,
                    "basis": reveal.basis, "case": reveal.case, "reason": reveal.reason,
                    "break_glass": reveal.break_glass, "count": known, "places": reveal.places.len(),
                });
                let actor = permit.subject().name.as_str();
                self.journal.append(actor, "reveal", &token, detail).await.map_err(CareError::Ledger)?;
            }
            values.push(Revealed { token, class, value });
        }
        let texts = texts(&reveal, events, &found);
        Ok(Shown { reveal, values, texts })
    }

    /// Reveals that the permit reaches, the newest first; at most 10,000.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`]; when the store fails.
    pub async fn list(&self, permit: &Permit) -> Result<Vec<Reveal>, CareError> {
        check(permit, Operation::Read, self.guard.now())?;
        let query = sqlx::query("SELECT body FROM reveal ORDER BY asked_ns DESC, id LIMIT $1");
        let rows = query.bind(LISTED_MAX).fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut reveals = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        reveals.retain(|reveal| reaches(permit, reveal));
        Ok(reveals)
    }

    /// What time brings: reveals end, and reviews that are overdue alarm, once a day. Gives how many steps that were.
    ///
    /// # Errors
    /// When the store or the ledger fails; what was done before stays done.
    pub async fn look(&self) -> Result<usize, CareError> {
        let now = self.guard.latest();
        let open = sqlx::query(
            "SELECT body FROM reveal WHERE state IN ('asked', 'approved') OR (review_ns > 0 AND review_ns <= $1)",
        );
        let rows = open.bind(now.nanos()).fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut steps = 0;
        for reveal in rows.iter().map(read).collect::<Result<Vec<_>, _>>()? {
            let Some(action) = due(&reveal, now) else { continue };
            let mut tx = self.store.begin().await.map_err(storing)?;
            let Some((mut reveal, revision)) = load(&mut tx, &reveal.id).await? else { continue };
            // Somebody may have taken a step meanwhile.
            if due(&reveal, now) != Some(action) {
                continue;
            }
            if action == RevealAct::End.action() {
                let name = UserName::new(PLATFORM).map_err(|error| CareError::Invalid { reason: error.to_string() })?;
                reveal.apply(&RevealAct::End, &Party { name, unit: None }, now)?;
            } else {
                let detail = json!({ "reveal": reveal.id, "case": reveal.case, "review_due": reveal.review_due });
                let object = format!("reveal:{}", reveal.id);
                notice::add(&mut tx, now, "review_overdue", reveal.asked_by.as_str(), &object, &detail).await?;
                reveal.review_due = Some(now.plus(super::ALARM_EVERY));
            }
            save(&mut tx, &reveal, revision).await?;
            self.record(PLATFORM, action, &reveal).await?;
            tx.commit().await.map_err(storing)?;
            steps += 1;
        }
        Ok(steps)
    }

    async fn record(&self, actor: &str, action: &'static str, reveal: &Reveal) -> Result<(), CareError> {
        let detail: Value = json!({
            "state": reveal.state, "agency": reveal.agency, "purpose": reveal.purpose, "basis": reveal.basis,
            "case": reveal.case, "count": reveal.tokens.len(), "tokens": reveal.tokens, "asked_by": reveal.asked_by,
            "break_glass": reveal.break_glass, "until": reveal.until, "review_due": reveal.review_due,
            "reason": reveal.history.last().map(|last| last.text.as_str()).filter(|text| !text.is_empty()),
        });
        let object = format!("reveal:{}", reveal.id);
        self.journal.append(actor, action, &object, detail).await.map_err(CareError::Ledger)?;
        Ok(())
    }
}

/// The fields of a reveal's places as they came.
fn texts(reveal: &Reveal, events: &[Event], values: &HashMap<Writing, String>) -> Vec<RevealedText> {
    let of_place = |place: &Place| {
        let event = events.iter().find(|event| event.id == place.event)?;
        let (texts, whole) = field_restored(event, &place.field, values);
        let (event, field) = (place.event, place.field.clone());
        (!texts.is_empty()).then_some(RevealedText { event, field, texts, whole })
    };
    reveal.places.iter().filter_map(of_place).collect()
}

/// What is to be done about a reveal at `now`, as the ledger's entry calls it.
fn due(reveal: &Reveal, now: Timestamp) -> Option<&'static str> {
    if reveal.is_over(now) {
        return Some(RevealAct::End.action());
    }
    reveal.review_due.is_some_and(|due| due <= now).then_some("review_overdue")
}

fn reaches(permit: &Permit, reveal: &Reveal) -> bool {
    reveal.asked_by == permit.subject().name || permit.scope().holds(Some(&reveal.agency), None)
}

fn check(permit: &Permit, operation: Operation, now: Timestamp) -> Result<(), CareError> {
    if permit.allows(operation, Object::Reveals, now) { Ok(()) } else { Err(CareError::NotPermitted) }
}

fn unknown() -> CareError {
    CareError::Unknown { what: "such reveal".to_owned() }
}

fn review_ns(reveal: &Reveal) -> i64 {
    reveal.review_due.map_or(0, Timestamp::nanos)
}

async fn load(tx: &mut Tx, id: &str) -> Result<Option<(Reveal, i64)>, CareError> {
    let query = sqlx::query("SELECT body, revision FROM reveal WHERE id = $1").bind(id);
    let row = query.fetch_optional(&mut **tx).await.map_err(storing)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((read(&row)?, row.try_get("revision").map_err(storing)?)))
}

async fn save(tx: &mut Tx, reveal: &Reveal, revision: i64) -> Result<(), CareError> {
    let update = sqlx::query(
        "UPDATE reveal SET state = $1, review_ns = $2, revision = revision + 1, body = $3 WHERE id = $4 AND revision = $5",
    );
    let update = update.bind(reveal.state.as_str()).bind(review_ns(reveal)).bind(body(reveal)?);
    let done = update.bind(&reveal.id).bind(revision).execute(&mut **tx).await.map_err(storing)?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(CareError::Conflict { reason: "somebody took a step with it at the same time; look again".to_owned() })
}

fn body(reveal: &Reveal) -> Result<String, CareError> {
    serde_json::to_string(reveal).map_err(storing)
}

fn read(row: &AnyRow) -> Result<Reveal, CareError> {
    let body: String = row.try_get("body").map_err(storing)?;
    serde_json::from_str(&body).map_err(storing)
}

//! What was asked and decided in the last weeks, counted by the hour, in SQL.

use std::sync::Arc;
use std::time::Duration;

use event::{AgencyId, Clock, Object, Operation, Role, Timestamp, UserName};
use store::Store;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};

use super::storing;
use crate::CareError;
use crate::guard::{Counted, Decided, Strength};

/// How long counts are kept.
pub const KEPT: Duration = Duration::from_secs(32 * 24 * 3_600);
/// Most different questions that are read at once.
const READ_MAX: i64 = 500_000;

/// The counts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Decisions {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Decisions {
    /// The counts in a store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Adds counts, and forgets those that are too old.
    ///
    /// # Errors
    /// When the store fails; then nothing was added.
    pub async fn add(&self, counted: &[Counted]) -> Result<(), CareError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        for Counted { decided, count } in counted {
            let upsert = sqlx::query(
                "INSERT INTO policy_decision (hour_ns, name, role, agency, operation, object, purpose, basis, strength, \
                 allowed, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                 ON CONFLICT (hour_ns, name, role, agency, operation, object, purpose, basis, strength, allowed) \
                 DO UPDATE SET times = policy_decision.times + excluded.times",
            );
            let agency = decided.agency.as_ref().map_or("", AgencyId::as_str);
            let upsert = upsert.bind(decided.hour.nanos()).bind(decided.name.as_str()).bind(decided.role.as_str());
            let upsert = upsert.bind(agency).bind(decided.operation.as_str()).bind(decided.object.as_str());
            let upsert = upsert.bind(&decided.purpose).bind(&decided.basis).bind(decided.strength.as_str());
            let upsert = upsert.bind(i64::from(decided.allowed)).bind(i64::try_from(*count).unwrap_or(i64::MAX));
            upsert.execute(&mut *tx).await.map_err(storing)?;
        }
        let old = sqlx::query("DELETE FROM policy_decision WHERE hour_ns < $1");
        old.bind(self.clock.now().minus(KEPT).nanos()).execute(&mut *tx).await.map_err(storing)?;
        tx.commit().await.map_err(storing)
    }

    /// The counts of the last `period`, at most half a million different questions, the newest first. What this version
    /// does not know any more (a role that is gone) is left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recent(&self, period: Duration) -> Result<Vec<Counted>, CareError> {
        let query = sqlx::query("SELECT * FROM policy_decision WHERE hour_ns >= $1 ORDER BY hour_ns DESC LIMIT $2");
        let query = query.bind(self.clock.now().minus(period).nanos()).bind(READ_MAX);
        let rows = query.fetch_all(self.store.pool()).await.map_err(storing)?;
        let mut counted = Vec::with_capacity(rows.len());
        for row in &rows {
            counted.extend(read(row)?);
        }
        Ok(counted)
    }
}

fn read(row: &AnyRow) -> Result<Option<Counted>, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    let (operation, object, agency) = (text("operation")?, text("object")?, text("agency")?);
    let (Some(role), Some(operation), Some(object), Some(strength), Ok(name)) = (
        Role::parse(&text("role")?),
        Operation::ALL.into_iter().find(|known| known.as_str() == operation),
        Object::ALL.into_iter().find(|known| known.as_str() == object),
        Strength::parse(&text("strength")?),
        UserName::new(text("name")?),
    ) else {
        return Ok(None);
    };
    let decided = Decided {
        hour: Timestamp::from_nanos(number("hour_ns")?),
        name,
        role,
        agency: AgencyId::new(agency).ok(),
        operation,
        object,
        purpose: text("purpose")?,
        basis: text("basis")?,
        strength,
        allowed: number("allowed")? != 0,
    };
    Ok(Some(Counted { decided, count: u64::try_from(number("times")?).unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use event::ManualClock;
    use store::testing::stores;

    use super::*;

    #[tokio::test]
    async fn counts_add_up_and_are_forgotten() {
        for test in stores().await.unwrap() {
            let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
            let decisions = Decisions::new(test.store().clone(), Arc::clone(&clock) as Arc<dyn Clock>);
            let decided = Decided {
                hour: clock.now(),
                name: UserName::new("lan").unwrap(),
                role: Role::SocLead,
                agency: Some(AgencyId::new("so-y-te").unwrap()),
                operation: Operation::Read,
                object: Object::Events,
                purpose: "triage".into(),
                basis: String::new(),
                strength: Strength::Password,
                allowed: true,
            };
            let denied = Decided { allowed: false, agency: None, ..decided.clone() };
            let counted = [Counted { decided: decided.clone(), count: 3 }, Counted { decided: denied, count: 1 }];
            decisions.add(&counted).await.unwrap();
            decisions.add(&counted).await.unwrap();
            let mut recent = decisions.recent(KEPT).await.unwrap();
            recent.sort_by_key(|one| one.count);
            assert_eq!((recent.len(), recent[0].count, recent[1].count), (2, 2, 6));
            assert_eq!(recent[1].decided, decided);
            clock.advance(KEPT + Duration::from_secs(1));
            decisions.add(&[]).await.unwrap();
            assert!(decisions.recent(KEPT * 2).await.unwrap().is_empty());
        }
    }
}

//! The journal: plans and every step taken with them, in SQL.

use std::collections::HashSet;

use event::{Action, AgencyId, AlertId, PlanId, SiteId, Timestamp};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use store::many::{lists, parts, places};
use store::{Store, Tx};

use crate::ResponderError;
use crate::limits::Loads;
use crate::plan::{Check, Plan, PlanFilter, PlanStatus};

const LIST_MAX: u32 = 1_000;
/// Plans in force are bounded by the limits; this bounds the answer.
const IN_FORCE_MAX: i64 = 100_000;
const HOUR_MS: i64 = 3_600_000;

/// Values of a new plan, and of its first step.
const PLAN_COLUMNS: usize = 13;
const STEP_COLUMNS: usize = 6;

const COLUMNS: &str = "id, alert, playbook, target, action, status, why, checks, note, site, agency, created_ms, updated_ms, started_ms, ends_ms";

/// One step taken with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// Its place, 0 first.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who: a person's account, or `metrosoc`.
    pub actor: String,
    /// What: a status, or `restored` when a block was put back.
    pub entry: String,
    /// In a sentence; may be empty.
    pub detail: String,
}

/// The tables.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    store: Store,
}

/// A step to be written together with the plan's new status.
pub(crate) struct Step<'s> {
    pub(crate) time: Timestamp,
    pub(crate) actor: &'s str,
    pub(crate) entry: &'s str,
    pub(crate) detail: &'s str,
}

impl Journal {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Stores new plans, each with its first step: where it stands and why. What is there already stays as it is.
    pub(crate) async fn add(&self, plans: &[Plan], actor: &str) -> Result<(), ResponderError> {
        let kind = self.store.kind();
        let mut tx = self.store.begin().await?;
        for part in parts(plans, PLAN_COLUMNS) {
            let statement = format!(
                "INSERT INTO response_plan (id, alert, playbook, target, action, status, why, checks, note, site, agency,
                 created_ms, updated_ms) VALUES {} ON CONFLICT DO NOTHING",
                places(kind, part.len(), PLAN_COLUMNS)
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for plan in part {
                query = query
                    .bind(plan.id.as_str())
                    .bind(plan.alert.as_str())
                    .bind(&plan.playbook)
                    .bind(&plan.target)
                    .bind(json(&plan.action)?)
                    .bind(plan.status.as_str())
                    .bind(&plan.why)
                    .bind(json(&plan.checks)?)
                    .bind(&plan.note)
                    .bind(plan.site.as_ref().map(SiteId::as_str))
                    .bind(plan.agency.as_ref().map(AgencyId::as_str))
                    .bind(plan.created.millis())
                    .bind(plan.created.millis());
            }
            query.execute(&mut *tx).await?;
        }
        for part in parts(plans, STEP_COLUMNS) {
            let statement = format!(
                "INSERT INTO response_journal (plan, number, time_ms, actor, entry, detail) VALUES {} ON CONFLICT DO NOTHING",
                places(kind, part.len(), STEP_COLUMNS)
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for plan in part {
                let (entry, detail) = (plan.status.as_str(), plan.note.as_str());
                query = query.bind(plan.id.as_str()).bind(0_i64).bind(plan.created.millis());
                query = query.bind(actor).bind(entry).bind(detail);
            }
            query.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Those of the plans that are there.
    pub(crate) async fn known(&self, plans: &[&PlanId]) -> Result<HashSet<String>, ResponderError> {
        let mut known = HashSet::with_capacity(plans.len());
        for (places, asked) in lists(self.store.kind(), plans) {
            let statement = format!("SELECT id FROM response_plan WHERE id IN {places}");
            let mut query = sqlx::query_scalar(AssertSqlSafe(statement));
            for plan in asked {
                query = query.bind(plan.as_str());
            }
            let found: Vec<String> = query.fetch_all(self.store.pool()).await?;
            known.extend(found);
        }
        Ok(known)
    }

    /// Stores where a plan stands now, with the step that brought it there.
    pub(crate) async fn update(&self, plan: &Plan, step: &Step<'_>) -> Result<(), ResponderError> {
        let mut tx = self.store.begin().await?;
        sqlx::query(
            "UPDATE response_plan SET status = $1, checks = $2, note = $3, updated_ms = $4, started_ms = $5, ends_ms = $6,
             action = $7 WHERE id = $8",
        )
        .bind(plan.status.as_str())
        .bind(json(&plan.checks)?)
        .bind(&plan.note)
        .bind(plan.updated.millis())
        .bind(plan.started.map(Timestamp::millis))
        .bind(plan.ends.map(Timestamp::millis))
        .bind(json(&plan.action)?)
        .bind(plan.id.as_str())
        .execute(&mut *tx)
        .await?;
        write(&mut tx, &plan.id, step).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes a step that changes no status.
    pub(crate) async fn note(&self, plan: &PlanId, step: &Step<'_>) -> Result<(), ResponderError> {
        let mut tx = self.store.begin().await?;
        write(&mut tx, plan, step).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn plan(&self, id: &PlanId) -> Result<Option<Plan>, ResponderError> {
        let statement = format!("SELECT {COLUMNS} FROM response_plan WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(statement)).bind(id.as_str()).fetch_optional(self.store.pool()).await?;
        row.as_ref().map(plan_of).transpose()
    }

    /// Plans, newest first.
    pub(crate) async fn list(&self, filter: &PlanFilter) -> Result<Vec<Plan>, ResponderError> {
        let limit = if filter.limit == 0 { LIST_MAX } else { filter.limit.min(LIST_MAX) };
        let statement = format!(
            "SELECT {COLUMNS} FROM response_plan WHERE ($1 = '' OR status = $1) AND ($2 = '' OR alert = $2)
             ORDER BY created_ms DESC, id LIMIT $3"
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(filter.status.map_or("", PlanStatus::as_str))
            .bind(filter.alert.as_ref().map_or("", AlertId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.store.pool())
            .await?;
        rows.iter().map(plan_of).collect()
    }

    /// Plans whose blocks should stand in the kernel, or ended without anybody noting it.
    pub(crate) async fn in_force(&self) -> Result<Vec<Plan>, ResponderError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM response_plan WHERE status IN ('running', 'done') ORDER BY created_ms, id LIMIT $1"
        );
        let rows = sqlx::query(AssertSqlSafe(statement)).bind(IN_FORCE_MAX).fetch_all(self.store.pool()).await?;
        rows.iter().map(plan_of).collect()
    }

    /// Whether the journal ever had this target: a block of it in the kernel is ours.
    pub(crate) async fn knows(&self, target: &str) -> Result<bool, ResponderError> {
        let row =
            sqlx::query("SELECT COUNT(*) AS found FROM response_plan WHERE target = $1 AND started_ms IS NOT NULL")
                .bind(target)
                .fetch_one(self.store.pool())
                .await?;
        Ok(row.try_get::<i64, _>("found")? > 0)
    }

    /// How much is in force at `now` and was started within the hour before, and which of the targets are blocked.
    pub(crate) async fn loads(&self, targets: &[&str], now: Timestamp) -> Result<Loads, ResponderError> {
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let mut loads = Loads::default();
        let all = sqlx::query_scalar(
            "SELECT COUNT(DISTINCT target) FROM response_plan WHERE status IN ('running', 'done') AND ends_ms > $1",
        );
        loads.blocked_by_all(count(all.bind(now.millis()).fetch_one(self.store.pool()).await?));
        let blocked = sqlx::query(
            "SELECT playbook, COUNT(DISTINCT target) FROM response_plan
             WHERE status IN ('running', 'done') AND ends_ms > $1 GROUP BY playbook",
        );
        for row in blocked.bind(now.millis()).fetch_all(self.store.pool()).await? {
            loads.blocked(row.try_get(0)?, count(row.try_get(1)?));
        }
        let started =
            sqlx::query("SELECT playbook, COUNT(*) FROM response_plan WHERE started_ms > $1 GROUP BY playbook");
        for row in started.bind(now.millis().saturating_sub(HOUR_MS)).fetch_all(self.store.pool()).await? {
            loads.last_hour(row.try_get(0)?, count(row.try_get(1)?));
        }
        for (places, asked) in lists(self.store.kind(), targets) {
            let statement = format!(
                "SELECT playbook, target, ends_ms FROM response_plan
                 WHERE target IN {places} AND status IN ('running', 'done')"
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for target in asked {
                query = query.bind(target);
            }
            for row in query.fetch_all(self.store.pool()).await? {
                if row.try_get::<Option<i64>, _>(2)?.is_some_and(|ends| ends > now.millis()) {
                    loads.stands(row.try_get(0)?, row.try_get(1)?);
                }
            }
        }
        Ok(loads)
    }

    /// The steps of a plan, first one first.
    pub(crate) async fn steps(&self, plan: &PlanId) -> Result<Vec<JournalEntry>, ResponderError> {
        let rows = sqlx::query(
            "SELECT number, time_ms, actor, entry, detail FROM response_journal WHERE plan = $1 ORDER BY number LIMIT 10000",
        )
        .bind(plan.as_str())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(JournalEntry {
                    number: u64::try_from(row.try_get::<i64, _>("number")?).unwrap_or(0),
                    time: Timestamp::from_millis(row.try_get("time_ms")?),
                    actor: row.try_get("actor")?,
                    entry: row.try_get("entry")?,
                    detail: row.try_get("detail")?,
                })
            })
            .collect()
    }
}

async fn write(tx: &mut Tx, plan: &PlanId, step: &Step<'_>) -> Result<(), ResponderError> {
    let row = sqlx::query("SELECT COUNT(*) AS steps FROM response_journal WHERE plan = $1")
        .bind(plan.as_str())
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO response_journal (plan, number, time_ms, actor, entry, detail) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(plan.as_str())
    .bind(row.try_get::<i64, _>("steps")?)
    .bind(step.time.millis())
    .bind(step.actor)
    .bind(step.entry)
    .bind(step.detail)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn plan_of(row: &AnyRow) -> Result<Plan, ResponderError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let time = |column: &str| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
    };
    let status = text("status")?;
    let checks: Vec<Check> = serde_json::from_str(&text("checks")?).map_err(damaged)?;
    let action: Action = serde_json::from_str(&text("action")?).map_err(damaged)?;
    let site: Option<String> = row.try_get("site")?;
    let agency: Option<String> = row.try_get("agency")?;
    Ok(Plan {
        id: PlanId::new(text("id")?).map_err(damaged)?,
        alert: AlertId::new(text("alert")?).map_err(damaged)?,
        playbook: text("playbook")?,
        target: text("target")?,
        action,
        status: PlanStatus::parse(&status).ok_or_else(|| damaged(format!("status `{status}` is not known")))?,
        why: text("why")?,
        checks,
        note: text("note")?,
        site: site.map(SiteId::new).transpose().map_err(damaged)?,
        agency: agency.map(AgencyId::new).transpose().map_err(damaged)?,
        created: Timestamp::from_millis(row.try_get("created_ms")?),
        updated: Timestamp::from_millis(row.try_get("updated_ms")?),
        started: time("started_ms")?,
        ends: time("ends_ms")?,
    })
}

fn json(value: &impl Serialize) -> Result<String, ResponderError> {
    serde_json::to_string(value).map_err(damaged)
}

fn damaged(error: impl ToString) -> ResponderError {
    ResponderError::Damaged { reason: error.to_string() }
}

//! The journal: plans and every step taken with them, in SQL.

use event::{Action, AgencyId, AlertId, PlanId, SiteId, Timestamp};
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;
use store::{Store, Tx};

use crate::ResponderError;
use crate::limits::Load;
use crate::plan::{Check, Plan, PlanFilter, PlanStatus};

const LIST_MAX: u32 = 1_000;
/// Plans in force are bounded by the limits; this bounds the answer.
const IN_FORCE_MAX: i64 = 100_000;
const HOUR_MS: i64 = 3_600_000;

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

    /// Stores a new plan with its first step; says whether it was new.
    pub(crate) async fn add(&self, plan: &Plan, step: &Step<'_>) -> Result<bool, ResponderError> {
        let mut tx = self.store.begin().await?;
        let done = sqlx::query(
            "INSERT INTO response_plan (id, alert, playbook, target, action, status, why, checks, note, site, agency, created_ms,
             updated_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT DO NOTHING",
        )
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
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write(&mut tx, &plan.id, step).await?;
        tx.commit().await?;
        Ok(true)
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
        let row =
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id.as_str()).fetch_optional(self.store.pool()).await?;
        row.as_ref().map(plan_of).transpose()
    }

    /// Plans, newest first.
    pub(crate) async fn list(&self, filter: &PlanFilter) -> Result<Vec<Plan>, ResponderError> {
        let limit = if filter.limit == 0 { LIST_MAX } else { filter.limit.min(LIST_MAX) };
        let statement = format!(
            "SELECT {COLUMNS} FROM response_plan WHERE ($1 = '' OR status = $1) AND ($2 = '' OR alert = $2)
             ORDER BY created_ms DESC, id LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
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
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(IN_FORCE_MAX).fetch_all(self.store.pool()).await?;
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

    /// How much is in force and was started within the hour before `now`, by one playbook or by all (empty), the target
    /// itself not counted among the blocked.
    pub(crate) async fn load(&self, playbook: &str, target: &str, now: Timestamp) -> Result<Load, ResponderError> {
        let row = sqlx::query(
            "SELECT COUNT(DISTINCT target) AS blocked FROM response_plan
             WHERE status IN ('running', 'done') AND ends_ms > $1 AND target <> $2 AND ($3 = '' OR playbook = $3)",
        )
        .bind(now.millis())
        .bind(target)
        .bind(playbook)
        .fetch_one(self.store.pool())
        .await?;
        let blocked: i64 = row.try_get("blocked")?;
        let row = sqlx::query(
            "SELECT COUNT(*) AS started FROM response_plan WHERE started_ms > $1 AND ($2 = '' OR playbook = $2)",
        )
        .bind(now.millis().saturating_sub(HOUR_MS))
        .bind(playbook)
        .fetch_one(self.store.pool())
        .await?;
        let started: i64 = row.try_get("started")?;
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Load { blocked: count(blocked), last_hour: count(started) })
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

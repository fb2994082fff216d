//! Risk: the hosts, users, addresses and sites that the alerts of the last day speak of most.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use detector::alert::EntityKind;
use event::{Object, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::alerts::problem_of;
use super::caller::Caller;
use super::problem::Problem;

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskQuery {
    /// Kinds of entities, with commas; all without.
    kind: Option<String>,
    /// Most of each kind.
    limit: Option<usize>,
    /// What for; nothing is stated without.
    purpose: Option<String>,
}

impl RiskQuery {
    fn kinds(&self) -> Result<Vec<EntityKind>, Problem> {
        let Some(text) = self.kind.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(EntityKind::ALL.to_vec());
        };
        let read = |word: &str| match word.trim() {
            "host" => Ok(EntityKind::Host),
            "user" => Ok(EntityKind::User),
            "source_address" => Ok(EntityKind::SourceAddress),
            "site" => Ok(EntityKind::Site),
            other => Err(Problem::bad_request(format!("`{other}` is not one of host, user, source_address, site"))),
        };
        let mut kinds = text.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }
}

/// `GET /api/v1/risk`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<RiskQuery>,
) -> Result<Json<Value>, Problem> {
    let purpose = query.purpose.as_deref().unwrap_or_default().trim();
    let permit = caller.permit(&app, Operation::Read, Object::Alerts, purpose)?;
    let kinds = query.kinds()?;
    let limit = query.limit.unwrap_or(0);
    let page = app.alerts.risk(&permit, &kinds, limit).await.map_err(|error| problem_of(&error))?;
    let asked = json!({ "kinds": kinds, "shown": page.entities.len() });
    let ledger = app.record(&caller, "read_risk", "alerts", asked).await?;
    Ok(Json(json!({
        "entities": page.entities, "alerts": page.alerts, "truncated": page.is_truncated, "left_out": page.left_out,
        "explanation": permit.because(), "ledger": ledger,
    })))
}

//! Working on an alert: its state and who has it, each change in its history.

use event::{Alert, AlertId, AlertStatus, Operation, Permit, UserName};
use store::Tx;
use store::sqlx;

use super::list::{in_scope, mask};
use super::{Alerts, row};
use crate::DetectorError;

/// What shall change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertChange {
    /// Where it shall stand.
    pub status: Option<AlertStatus>,
    /// Who shall have it; `Some(None)` takes it from whoever has it.
    pub assignee: Option<Option<UserName>>,
}

impl Alerts {
    /// Changes an alert within the permit's scope and notes who did; what is so already is not noted.
    ///
    /// # Errors
    /// When the permit is not for writing alerts, the alert is not there, or the change makes no sense: nothing at all,
    /// or back to `new`.
    pub async fn update(&self, permit: &Permit, id: &AlertId, change: AlertChange) -> Result<Alert, DetectorError> {
        self.require(permit, Operation::Write)?;
        if change == AlertChange::default() {
            return Err(DetectorError::Unusable {
                what: "change of alert",
                text: id.to_string(),
                reason: "changes nothing",
            });
        }
        let mut tx = self.store.begin().await?;
        let stored =
            sqlx::query("SELECT * FROM alert WHERE id = $1").bind(id.as_str()).fetch_optional(&mut *tx).await?;
        let mut alert = in_scope(permit, id, stored.as_ref().map(row::read).transpose()?)?;
        let now = self.clock.now();
        let mut notes = Vec::new();
        if let Some(status) = change.status.filter(|status| *status != alert.status) {
            if status == AlertStatus::New {
                let reason = "an alert that somebody has looked at is not new again";
                return Err(DetectorError::Unusable { what: "status", text: status.as_str().to_owned(), reason });
            }
            notes.push(("status", from_to(Some(alert.status.as_str()), Some(status.as_str()))));
            alert.status = status;
        }
        if let Some(assignee) = change.assignee.filter(|assignee| *assignee != alert.assignee) {
            let name = |user: &Option<UserName>| user.as_ref().map(|user| user.as_str().to_owned());
            notes.push(("assignee", from_to(name(&alert.assignee).as_deref(), name(&assignee).as_deref())));
            alert.assignee = assignee;
        }
        if !notes.is_empty() {
            alert.updated = now;
            write(&mut tx, &alert).await?;
        }
        for (action, detail) in notes {
            row::note(&mut tx, id, now, permit.subject().name.as_str(), action, &detail).await?;
        }
        tx.commit().await?;
        mask(&mut alert, permit.masks());
        Ok(alert)
    }
}

async fn write(tx: &mut Tx, alert: &Alert) -> Result<(), DetectorError> {
    sqlx::query("UPDATE alert SET status = $2, assignee = $3, updated_ns = $4 WHERE id = $1")
        .bind(alert.id.as_str())
        .bind(alert.status.as_str())
        .bind(alert.assignee.as_ref().map(|name| name.as_str().to_owned()))
        .bind(alert.updated.nanos())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn from_to(from: Option<&str>, to: Option<&str>) -> String {
    serde_json::json!({ "from": from, "to": to }).to_string()
}

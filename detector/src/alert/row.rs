//! An alert as it is stored.

use std::net::IpAddr;

use event::{AgencyId, Alert, AlertId, AlertStatus, Entities, SiteId, Timestamp, UserName};
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};

use crate::DetectorError;

/// The alerts of a group that are not closed and were seen in the given time, the latest first.
pub(super) async fn open_alerts(
    tx: &mut Tx,
    key: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Alert>, DetectorError> {
    let rows = sqlx::query(
        "SELECT * FROM alert WHERE group_key = $1 AND last_seen_ns >= $2 AND first_seen_ns <= $3 \
         AND status IN ('new', 'acknowledged') ORDER BY last_seen_ns DESC",
    )
    .bind(key)
    .bind(from.nanos())
    .bind(to.nanos())
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(read).collect()
}

/// Stores a new alert and the first line of its history.
pub(super) async fn insert(tx: &mut Tx, key: &str, alert: &Alert) -> Result<(), DetectorError> {
    let entities = &alert.entities;
    sqlx::query(
        "INSERT INTO alert (id, group_key, rule, level, words, status, assignee, count, first_seen_ns, last_seen_ns, \
         created_ns, updated_ns, site, agency, host, user_name, source_ip, destination_ip, events, authenticated, atoms, \
         risk_score) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
    )
    .bind(alert.id.as_str())
    .bind(key)
    .bind(json(&alert.rule, alert)?)
    .bind(alert.rule.level.as_str())
    .bind(words(alert))
    .bind(alert.status.as_str())
    .bind(alert.assignee.as_ref().map(|name| name.as_str().to_owned()))
    .bind(signed(alert.count))
    .bind(alert.first_seen.nanos())
    .bind(alert.last_seen.nanos())
    .bind(alert.created.nanos())
    .bind(alert.updated.nanos())
    .bind(entities.site.as_ref().map(|site| site.as_str().to_owned()))
    .bind(entities.agency.as_ref().map(|agency| agency.as_str().to_owned()))
    .bind(without_nul(entities.host.as_deref()))
    .bind(without_nul(entities.user.as_deref()))
    .bind(entities.source_ip.map(|address| address.to_string()))
    .bind(entities.destination_ip.map(|address| address.to_string()))
    .bind(json(&alert.events, alert)?)
    .bind(i64::from(alert.authenticated))
    .bind(json(&alert.atoms, alert)?)
    .bind(i64::from(alert.risk_score))
    .execute(&mut **tx)
    .await?;
    note(tx, &alert.id, alert.created, "detector", "created", "{}").await
}

/// Stores what findings change of an alert.
pub(super) async fn grow(tx: &mut Tx, alert: &Alert) -> Result<(), DetectorError> {
    let entities = &alert.entities;
    sqlx::query(
        "UPDATE alert SET count = $2, first_seen_ns = $3, last_seen_ns = $4, updated_ns = $5, host = $6, user_name = $7, \
         source_ip = $8, destination_ip = $9, events = $10, authenticated = $11, atoms = $12 WHERE id = $1",
    )
    .bind(alert.id.as_str())
    .bind(signed(alert.count))
    .bind(alert.first_seen.nanos())
    .bind(alert.last_seen.nanos())
    .bind(alert.updated.nanos())
    .bind(without_nul(entities.host.as_deref()))
    .bind(without_nul(entities.user.as_deref()))
    .bind(entities.source_ip.map(|address| address.to_string()))
    .bind(entities.destination_ip.map(|address| address.to_string()))
    .bind(json(&alert.events, alert)?)
    .bind(i64::from(alert.authenticated))
    .bind(json(&alert.atoms, alert)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds a line to an alert's history.
pub(super) async fn note(
    tx: &mut Tx,
    alert: &AlertId,
    time: Timestamp,
    actor: &str,
    action: &str,
    detail: &str,
) -> Result<(), DetectorError> {
    sqlx::query(
        "INSERT INTO alert_history (alert, number, time_ns, actor, action, detail) \
         VALUES ($1, (SELECT COUNT(*) FROM alert_history WHERE alert = $2), $3, $4, $5, $6)",
    )
    .bind(alert.as_str())
    .bind(alert.as_str())
    .bind(time.nanos())
    .bind(actor)
    .bind(action)
    .bind(detail)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Reads a stored alert.
pub(super) fn read(row: &AnyRow) -> Result<Alert, DetectorError> {
    let id: String = row.try_get("id")?;
    let fault = |reason: String| DetectorError::Stored { id: id.clone(), reason };
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let time = |column: &str| row.try_get::<i64, _>(column).map(Timestamp::from_nanos);
    let address = |column: &str| -> Result<Option<IpAddr>, DetectorError> {
        text(column)?.map(|text| text.parse().map_err(|_| fault(format!("`{text}` is no address")))).transpose()
    };
    let status: String = row.try_get("status")?;
    let rule: String = row.try_get("rule")?;
    let events: String = row.try_get("events")?;
    let atoms: String = row.try_get("atoms")?;
    Ok(Alert {
        id: AlertId::new(&id).map_err(|error| fault(error.to_string()))?,
        rule: serde_json::from_str(&rule).map_err(|error| fault(error.to_string()))?,
        risk_score: u8::try_from(row.try_get::<i64, _>("risk_score")?).unwrap_or(100).min(100),
        status: AlertStatus::parse(&status).ok_or_else(|| fault(format!("unknown status `{status}`")))?,
        assignee: text("assignee")?.map(UserName::new).transpose().map_err(|error| fault(error.to_string()))?,
        count: row.try_get::<i64, _>("count")?.unsigned_abs(),
        first_seen: time("first_seen_ns")?,
        last_seen: time("last_seen_ns")?,
        created: time("created_ns")?,
        updated: time("updated_ns")?,
        entities: Entities {
            site: text("site")?.map(SiteId::new).transpose().map_err(|error| fault(error.to_string()))?,
            agency: text("agency")?.map(AgencyId::new).transpose().map_err(|error| fault(error.to_string()))?,
            host: text("host")?,
            user: text("user_name")?,
            source_ip: address("source_ip")?,
            destination_ip: address("destination_ip")?,
        },
        events: serde_json::from_str(&events).map_err(|error| fault(error.to_string()))?,
        atoms: serde_json::from_str(&atoms).map_err(|error| fault(error.to_string()))?,
        authenticated: row.try_get::<i64, _>("authenticated")? != 0,
    })
}

/// What free text finds an alert by. Entities are not in it: they may be masked for whoever asks.
fn words(alert: &Alert) -> String {
    let site = alert.entities.site.as_ref().map_or("", |site| site.as_str());
    let text = format!("{} {} {} {site}", alert.rule.title, alert.rule.id, alert.rule.tags.join(" "));
    text.replace('\0', "").to_lowercase()
}

/// PostgreSQL keeps no NUL in text.
fn without_nul(text: Option<&str>) -> Option<String> {
    text.map(|text| text.replace('\0', ""))
}

fn json<T: serde::Serialize>(value: &T, alert: &Alert) -> Result<String, DetectorError> {
    serde_json::to_string(value)
        .map_err(|error| DetectorError::Stored { id: alert.id.to_string(), reason: error.to_string() })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

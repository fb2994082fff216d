//! An alert as it is stored, many in one statement.

use std::collections::HashMap;
use std::net::IpAddr;

use event::{AgencyId, Alert, AlertId, AlertStatus, Entities, SiteId, Timestamp, UserName};
use store::many::{lists, parts, places, tables};
use store::sqlx::any::{AnyArguments, AnyRow};
use store::sqlx::query::Query;
use store::sqlx::{self, Any, AssertSqlSafe, Row};
use store::{Kind, Tx};

use crate::DetectorError;

/// What stands in a row, in the order in which [`bind`] gives it.
const COLUMNS: &str = "id, group_key, rule, level, words, status, assignee, count, first_seen_ns, last_seen_ns, \
                       created_ns, updated_ns, site, agency, host, user_name, source_ip, destination_ip, events, \
                       authenticated, atoms, risk_score";
const COLUMNS_COUNT: usize = 22;

/// What findings change of an alert that is there.
const GROWS: &str = "count = excluded.count, first_seen_ns = excluded.first_seen_ns, last_seen_ns = excluded.last_seen_ns, \
                     updated_ns = excluded.updated_ns, host = excluded.host, user_name = excluded.user_name, \
                     source_ip = excluded.source_ip, destination_ip = excluded.destination_ip, events = excluded.events, \
                     authenticated = excluded.authenticated, atoms = excluded.atoms";

/// A new alert whose id is taken: time gave a finding at the event at which another of the group was decided, and somebody
/// has closed that alert since. It is counted where it is.
const COUNTS: &str = "count = alert.count + excluded.count, updated_ns = excluded.updated_ns, \
                      last_seen_ns = CASE WHEN excluded.last_seen_ns > alert.last_seen_ns \
                      THEN excluded.last_seen_ns ELSE alert.last_seen_ns END";

/// A group, and when its alerts must have been seen to take its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<'k> {
    pub(super) key: &'k str,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// The alerts of groups that are not closed and were seen in the given times, by group, the latest first.
pub(super) async fn open_alerts(
    tx: &mut Tx,
    kind: Kind,
    wanted: &[Wanted<'_>],
) -> Result<HashMap<String, Vec<Alert>>, DetectorError> {
    let mut found: HashMap<String, Vec<Alert>> = HashMap::new();
    for (places, asked) in tables(kind, wanted, 3) {
        let sql = open_alerts_sql(&places);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for one in asked {
            query = query.bind(one.key).bind(one.from.nanos()).bind(one.to.nanos());
        }
        for row in query.fetch_all(&mut **tx).await? {
            let alert = read(&row)?;
            let of_group = found.entry(row.try_get("group_key")?).or_default();
            // What was wanted twice came twice.
            if of_group.iter().all(|other| other.id != alert.id) {
                of_group.push(alert);
            }
        }
    }
    for alerts in found.values_mut() {
        alerts.sort_by(|one, other| other.last_seen.cmp(&one.last_seen).then_with(|| one.id.cmp(&other.id)));
    }
    Ok(found)
}

/// For each group wanted its open alerts. On SQLite a cross join keeps that order, and `+` keeps it from other indexes.
pub(super) fn open_alerts_sql(places: &str) -> String {
    format!(
        "WITH wanted (group_key, from_ns, to_ns) AS (VALUES {places}) SELECT alert.* FROM wanted CROSS JOIN alert \
         WHERE alert.group_key = wanted.group_key AND +alert.last_seen_ns >= wanted.from_ns \
         AND alert.first_seen_ns <= wanted.to_ns AND alert.status IN ('new', 'acknowledged')"
    )
}

/// Stores new alerts, each with its group's key, and the first line of each one's history.
pub(super) async fn insert(tx: &mut Tx, kind: Kind, alerts: &[(&str, &Alert)]) -> Result<(), DetectorError> {
    write(tx, kind, alerts, COUNTS).await?;
    let ids: Vec<&str> = alerts.iter().map(|(_, alert)| alert.id.as_str()).collect();
    for (places, asked) in lists(kind, &ids) {
        let sql = format!(
            "INSERT INTO alert_history (alert, number, time_ns, actor, action, detail) \
             SELECT id, 0, created_ns, 'detector', 'created', '{{}}' FROM alert WHERE id IN {places} ON CONFLICT DO NOTHING"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in asked {
            query = query.bind(id);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Stores what findings change of alerts that are there, each with its group's key.
pub(super) async fn grow(tx: &mut Tx, kind: Kind, alerts: &[(&str, &Alert)]) -> Result<(), DetectorError> {
    write(tx, kind, alerts, GROWS).await
}

async fn write(
    tx: &mut Tx,
    kind: Kind,
    alerts: &[(&str, &Alert)],
    where_it_is: &'static str,
) -> Result<(), DetectorError> {
    for part in parts(alerts, COLUMNS_COUNT) {
        let places = places(kind, part.len(), COLUMNS_COUNT);
        let sql = format!("INSERT INTO alert ({COLUMNS}) VALUES {places} ON CONFLICT (id) DO UPDATE SET {where_it_is}");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, alert) in part {
            query = bind(query, key, alert)?;
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

fn bind<'q>(
    query: Query<'q, Any, AnyArguments>,
    key: &str,
    alert: &Alert,
) -> Result<Query<'q, Any, AnyArguments>, DetectorError> {
    let entities = &alert.entities;
    Ok(query
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
        .bind(i64::from(alert.risk_score)))
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

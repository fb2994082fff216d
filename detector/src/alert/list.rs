//! Reading alerts: under a permit, within its scope, through its masks.

use std::net::IpAddr;

use event::{
    Alert, AlertId, AlertStatus, Entities, Level, Masks, Object, Operation, Permit, Reach, SiteId, Timestamp,
    Visibility,
};
use serde::{Deserialize, Serialize};
use store::sqlx::any::AnyArguments;
use store::sqlx::{self, Any, AssertSqlSafe, Row};

use super::{Alerts, held, row};
use crate::DetectorError;

/// Most alerts on one page.
const LIMIT_MAX: usize = 500;
/// Longest free text.
const TEXT_BYTES_MAX: usize = 256;

/// Which alerts are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// With one of these states; empty for all.
    pub status: Vec<AlertStatus>,
    /// With one of these levels; empty for all.
    pub level: Vec<Level>,
    /// With this text in title, rule id, tags or site, in any case.
    pub text: Option<String>,
    /// From this site.
    pub site: Option<SiteId>,
    /// At most so many; 0 means 50, 500 is the most.
    pub limit: usize,
    /// Where the page before this one ended: its [`AlertPage::next`].
    pub cursor: Option<String>,
}

/// Alerts in the order of their last finding, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertPage {
    /// How many there are on all pages.
    pub total: u64,
    /// Those of this page, masked.
    pub alerts: Vec<Alert>,
    /// The cursor of the next page, when there is one.
    pub next: Option<String>,
}

/// One line of an alert's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub time: Timestamp,
    /// Who: a user's name or `detector`.
    pub actor: String,
    /// What: `created`, `status` or `assignee`.
    pub action: String,
    /// From what to what.
    pub detail: serde_json::Value,
}

impl Alerts {
    /// The alerts within the permit's scope that the query asks for.
    ///
    /// # Errors
    /// When the permit is for something else, the query cannot be meant or the store refuses.
    pub async fn list(&self, permit: &Permit, query: &AlertQuery) -> Result<AlertPage, DetectorError> {
        self.require(permit, Operation::Read)?;
        let limit = if query.limit == 0 { 50 } else { query.limit.min(LIMIT_MAX) };
        let mut condition = Condition::default();
        condition.reach(permit);
        condition.filter(query)?;
        let count = format!("SELECT COUNT(*) FROM alert WHERE {}", condition.sql());
        let total: i64 = condition.bind_scalar(&count).fetch_one(self.store.pool()).await?;
        if let Some(cursor) = &query.cursor {
            condition.behind(cursor)?;
        }
        let sql = format!(
            "SELECT * FROM alert WHERE {} ORDER BY last_seen_ns DESC, id DESC LIMIT {}",
            condition.sql(),
            limit + 1
        );
        let rows = condition.bind(&sql).fetch_all(self.store.pool()).await?;
        let mut alerts = rows.iter().map(row::read).collect::<Result<Vec<_>, _>>()?;
        let has_more = alerts.len() > limit;
        alerts.truncate(limit);
        let last = alerts.last().filter(|_| has_more);
        let next = last.map(|alert| format!("{}.{}", alert.last_seen.nanos(), alert.id));
        alerts.iter_mut().for_each(|alert| mask(alert, permit.masks()));
        Ok(AlertPage { total: total.unsigned_abs(), alerts, next })
    }

    /// One alert, masked.
    ///
    /// # Errors
    /// [`DetectorError::NoSuchAlert`] also when it lies outside the permit's scope.
    pub async fn get(&self, permit: &Permit, id: &AlertId) -> Result<Alert, DetectorError> {
        self.require(permit, Operation::Read)?;
        let mut alert = self.unmasked(permit, id).await?;
        mask(&mut alert, permit.masks());
        Ok(alert)
    }

    /// What happened to an alert, in order.
    ///
    /// # Errors
    /// As [`Alerts::get`].
    pub async fn history(&self, permit: &Permit, id: &AlertId) -> Result<Vec<HistoryEntry>, DetectorError> {
        self.require(permit, Operation::Read)?;
        self.unmasked(permit, id).await?;
        let rows =
            sqlx::query("SELECT time_ns, actor, action, detail FROM alert_history WHERE alert = $1 ORDER BY number")
                .bind(id.as_str())
                .fetch_all(self.store.pool())
                .await?;
        rows.iter()
            .map(|row| {
                let detail: String = row.try_get("detail")?;
                Ok(HistoryEntry {
                    time: Timestamp::from_nanos(row.try_get("time_ns")?),
                    actor: row.try_get("actor")?,
                    action: row.try_get("action")?,
                    detail: serde_json::from_str(&detail).unwrap_or(serde_json::Value::String(detail)),
                })
            })
            .collect()
    }

    /// How many alerts within the permit's scope are not closed.
    ///
    /// # Errors
    /// As [`Alerts::list`].
    pub async fn open_count(&self, permit: &Permit) -> Result<u64, DetectorError> {
        self.require(permit, Operation::Read)?;
        let mut condition = Condition::default();
        condition.reach(permit);
        condition.filter(&AlertQuery {
            status: vec![AlertStatus::New, AlertStatus::Acknowledged],
            ..AlertQuery::default()
        })?;
        let sql = format!("SELECT COUNT(*) FROM alert WHERE {}", condition.sql());
        let count: i64 = condition.bind_scalar(&sql).fetch_one(self.store.pool()).await?;
        Ok(count.unsigned_abs())
    }

    /// Fails closed unless the permit is for this operation on alerts, now.
    pub(super) fn require(&self, permit: &Permit, operation: Operation) -> Result<(), DetectorError> {
        if permit.allows(operation, Object::Alerts, self.clock.now()) {
            return Ok(());
        }
        Err(DetectorError::NotPermitted { operation: operation.as_str(), object: "alerts" })
    }

    async fn unmasked(&self, permit: &Permit, id: &AlertId) -> Result<Alert, DetectorError> {
        let row = sqlx::query("SELECT * FROM alert WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.store.pool())
            .await?;
        in_scope(permit, id, row.as_ref().map(row::read).transpose()?)
    }
}

/// The alert, unless it is missing, outside the permit's scope or withheld, which look the same.
pub(super) fn in_scope(permit: &Permit, id: &AlertId, alert: Option<Alert>) -> Result<Alert, DetectorError> {
    let holds = |alert: &Alert| permit.scope().holds(alert.entities.agency.as_ref(), alert.entities.site.as_ref());
    let shown = |alert: &Alert| holds(alert) && !held::is_withheld(permit, alert);
    alert.filter(shown).ok_or_else(|| DetectorError::NoSuchAlert { id: id.to_string() })
}

/// Shows of entities and atoms what the masks allow.
pub(super) fn mask(alert: &mut Alert, masks: &dyn Masks) {
    mask_entities(&mut alert.entities, masks);
    alert.atoms = std::mem::take(&mut alert.atoms).into_iter().filter_map(|atom| atom.masked(masks)).collect();
}

/// A masked address is no address: nothing is left of it.
fn mask_entities(entities: &mut Entities, masks: &dyn Masks) {
    let text = |field, value: &mut Option<String>| {
        *value = value.take().and_then(|text| event::shown_text(masks, field, &text).map(|shown| shown.into_owned()));
    };
    text("host.name", &mut entities.host);
    text("user.name", &mut entities.user);
    let address = |field, value: &mut Option<IpAddr>| {
        if masks.visibility(field) != Visibility::Clear {
            *value = value.and_then(|address| event::shown_text(masks, field, &address.to_string())?.parse().ok());
        }
    };
    address("source.ip", &mut entities.source_ip);
    address("destination.ip", &mut entities.destination_ip);
    if masks.visibility("metrosoc.site.id") != Visibility::Clear {
        entities.site = None;
    }
    if masks.visibility("metrosoc.agency.id") != Visibility::Clear {
        entities.agency = None;
    }
}

/// A condition in SQL with its values; the text of the statement never holds anything that was given to us.
#[derive(Debug, Default)]
pub(super) struct Condition {
    parts: Vec<String>,
    values: Vec<Bound>,
}

#[derive(Debug, Clone)]
enum Bound {
    Text(String),
    Number(i64),
}

impl Condition {
    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { "1 = 1".to_owned() } else { self.parts.join(" AND ") }
    }

    fn place(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn one_of<'t>(&mut self, column: &str, texts: impl Iterator<Item = &'t str>) {
        let places: Vec<String> = texts.map(|text| self.place(Bound::Text(text.to_owned()))).collect();
        self.parts.push(if places.is_empty() {
            "1 = 0".to_owned()
        } else {
            format!("{column} IN ({})", places.join(", "))
        });
    }

    /// Within the permit's scope, without what it withholds.
    pub(super) fn reach(&mut self, permit: &Permit) {
        if let Reach::Only(agencies) = &permit.scope().agencies {
            self.one_of("agency", agencies.iter().map(|agency| agency.as_str()));
        }
        if let Reach::Only(sites) = &permit.scope().sites {
            self.one_of("site", sites.iter().map(|site| site.as_str()));
        }
        if let Some(tokens) = permit.withheld() {
            let all = tokens.iter().map(String::as_str).chain([held::TOO_MANY]);
            let places: Vec<String> = all.map(|token| self.place(Bound::Text(token.to_owned()))).collect();
            let theirs = format!("SELECT alert FROM alert_token WHERE token IN ({})", places.join(", "));
            self.parts.push(format!("id NOT IN ({theirs})"));
        }
    }

    /// Alerts that were seen and stored since then and were not closed as false.
    pub(super) fn counts_as_risk_since(&mut self, time: Timestamp) {
        let (seen, stored) = (self.place(Bound::Number(time.nanos())), self.place(Bound::Number(time.nanos())));
        let status = self.place(Bound::Text(AlertStatus::ClosedFalse.as_str().to_owned()));
        self.parts.push(format!("last_seen_ns > {seen} AND updated_ns > {stored} AND status <> {status}"));
    }

    fn filter(&mut self, query: &AlertQuery) -> Result<(), DetectorError> {
        if !query.status.is_empty() {
            self.one_of("status", query.status.iter().map(|status| status.as_str()));
        }
        if !query.level.is_empty() {
            self.one_of("level", query.level.iter().map(|level| level.as_str()));
        }
        if let Some(site) = &query.site {
            self.one_of("site", std::iter::once(site.as_str()));
        }
        for word in query.text.as_deref().unwrap_or_default().split_whitespace() {
            if word.len() > TEXT_BYTES_MAX || word.contains('\0') {
                return Err(unusable("text", word, "is too long or holds a NUL"));
            }
            let escaped = word.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
            let place = self.place(Bound::Text(format!("%{escaped}%")));
            self.parts.push(format!("words LIKE {place} ESCAPE '!'"));
        }
        Ok(())
    }

    fn behind(&mut self, cursor: &str) -> Result<(), DetectorError> {
        let fault = || unusable("cursor", cursor, "did not come from a page before");
        let (time, id) = cursor.split_once('.').ok_or_else(fault)?;
        let time: i64 = time.parse().map_err(|_| fault())?;
        let id = AlertId::new(id).map_err(|_| fault())?;
        let before = self.place(Bound::Number(time));
        let same = self.place(Bound::Number(time));
        let id = self.place(Bound::Text(id.as_str().to_owned()));
        self.parts.push(format!("(last_seen_ns < {before} OR (last_seen_ns = {same} AND id < {id}))"));
        Ok(())
    }

    pub(super) fn bind(&self, sql: &str) -> sqlx::query::Query<'static, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        self.values.iter().fold(query, |query, value| match value {
            Bound::Text(text) => query.bind(text.clone()),
            Bound::Number(number) => query.bind(*number),
        })
    }

    fn bind_scalar(&self, sql: &str) -> sqlx::query::QueryScalar<'static, Any, i64, AnyArguments> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        self.values.iter().fold(query, |query, value| match value {
            Bound::Text(text) => query.bind(text.clone()),
            Bound::Number(number) => query.bind(*number),
        })
    }
}

fn unusable(what: &'static str, text: &str, reason: &'static str) -> DetectorError {
    DetectorError::Unusable { what, text: text.chars().take(64).collect(), reason }
}

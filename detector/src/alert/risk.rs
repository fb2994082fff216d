//! Risk: what the alerts of the last 24 hours say together about a host, a user, a source address or a site.
//!
//! Each alert adds its risk score, less the older it is: all of it at its last finding, nothing a day later. Alerts that
//! were closed as false add nothing. It is computed from the alerts when it is asked for, so it is never out of step
//! with them, and it passes the same scope and the same masks: nobody sees a sum over values that are masked for him.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use event::{Operation, Permit, SiteId, Timestamp, Visibility};
use serde::Serialize;
use store::sqlx::Row;
use store::sqlx::any::AnyRow;

use super::Alerts;
use super::list::Condition;
use crate::DetectorError;

/// How long an alert adds to a risk.
pub const RISK_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// Most alerts that are counted, the latest first.
const ALERTS_MAX: usize = 20_000;
/// Most entities in one answer.
const ENTITIES_MAX: usize = 500;

/// What a risk is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// `host.name`, at one site.
    Host,
    /// `user.name`, at one site.
    User,
    /// `source.ip`, wherever it was seen.
    SourceAddress,
    /// `metrosoc.site.id`.
    Site,
}

impl EntityKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Host, Self::User, Self::SourceAddress, Self::Site];

    /// The field whose mask decides.
    pub fn field(self) -> &'static str {
        match self {
            Self::Host => "host.name",
            Self::User => "user.name",
            Self::SourceAddress => "source.ip",
            Self::Site => "metrosoc.site.id",
        }
    }
}

/// The risk of one entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityRisk {
    /// What it is.
    pub kind: EntityKind,
    /// Its name or address.
    pub name: String,
    /// Its site, for hosts and users: the same name elsewhere is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The sum, to one decimal.
    pub risk: f64,
    /// The alerts in it.
    pub alerts: u64,
    /// The greatest risk score among them, 0 to 100.
    pub risk_score_max: u8,
    /// The last finding.
    pub last_seen: Timestamp,
}

/// The entities with the greatest risk, the greatest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RiskPage {
    /// The entities.
    pub entities: Vec<EntityRisk>,
    /// How many alerts were counted.
    pub alerts: u64,
    /// Whether older alerts of the day were left out.
    pub is_truncated: bool,
    /// Fields that are masked for who asks, so that nothing is summed up by them.
    pub left_out: Vec<&'static str>,
}

impl Alerts {
    /// The entities within the permit's scope with the greatest risk now, at most `limit` (0 means 20, 500 is the most)
    /// of each kind that is asked for.
    ///
    /// # Errors
    /// When the permit is not for reading alerts, or the store refuses.
    pub async fn risk(&self, permit: &Permit, kinds: &[EntityKind], limit: usize) -> Result<RiskPage, DetectorError> {
        self.require(permit, Operation::Read)?;
        let now = self.clock.now();
        let mut condition = Condition::default();
        condition.reach(permit);
        condition.counts_as_risk_since(now.minus(RISK_WINDOW));
        let sql = format!(
            "SELECT risk_score, last_seen_ns, updated_ns, site, host, user_name, source_ip FROM alert WHERE {} \
             ORDER BY last_seen_ns DESC LIMIT {}",
            condition.sql(),
            ALERTS_MAX + 1
        );
        let rows = condition.bind(&sql).fetch_all(self.store.pool()).await?;
        let (clear, masked): (Vec<EntityKind>, Vec<EntityKind>) =
            kinds.iter().partition(|kind| permit.masks().visibility(kind.field()) == Visibility::Clear);
        let shows_sites = permit.masks().visibility(EntityKind::Site.field()) == Visibility::Clear;
        let mut sums = BTreeMap::new();
        for row in rows.iter().take(ALERTS_MAX) {
            Counted::read(row)?.add(&mut sums, &clear, shows_sites, now);
        }
        let limit = if limit == 0 { 20 } else { limit.min(ENTITIES_MAX) };
        Ok(RiskPage {
            entities: greatest(sums, &clear, limit),
            alerts: rows.len().min(ALERTS_MAX) as u64,
            is_truncated: rows.len() > ALERTS_MAX,
            left_out: masked.into_iter().map(EntityKind::field).collect(),
        })
    }
}

/// Kind, site and name.
type Key = (EntityKind, Option<String>, String);

#[derive(Debug, Default)]
struct Sum {
    risk: f64,
    alerts: u64,
    risk_score_max: u8,
    last_seen: Timestamp,
}

/// What an alert adds.
struct Counted {
    risk_score: u8,
    last_seen: Timestamp,
    /// A sender's clock that is ahead does not make an alert younger than its storing.
    aged_from: Timestamp,
    site: Option<String>,
    host: Option<String>,
    user: Option<String>,
    source_ip: Option<String>,
}

impl Counted {
    fn read(row: &AnyRow) -> Result<Self, DetectorError> {
        let last_seen = Timestamp::from_nanos(row.try_get("last_seen_ns")?);
        Ok(Self {
            risk_score: u8::try_from(row.try_get::<i64, _>("risk_score")?).unwrap_or(100).min(100),
            last_seen,
            aged_from: last_seen.min(Timestamp::from_nanos(row.try_get("updated_ns")?)),
            site: row.try_get("site")?,
            host: row.try_get("host")?,
            user: row.try_get("user_name")?,
            source_ip: row.try_get("source_ip")?,
        })
    }

    fn add(self, sums: &mut BTreeMap<Key, Sum>, kinds: &[EntityKind], shows_sites: bool, now: Timestamp) {
        let share = now.since(self.aged_from).as_secs_f64() / RISK_WINDOW.as_secs_f64();
        let risk = f64::from(self.risk_score) * (1.0 - share.clamp(0.0, 1.0));
        let site = self.site.as_ref().filter(|_| shows_sites);
        for kind in kinds {
            let (at, name) = match kind {
                EntityKind::Host => (site, self.host.as_ref().map(|host| host.to_lowercase())),
                EntityKind::User => (site, self.user.as_ref().map(|user| user.to_lowercase())),
                EntityKind::SourceAddress => (None, self.source_ip.as_ref().map(|text| address(text))),
                EntityKind::Site => (None, self.site.clone()),
            };
            let Some(name) = name else { continue };
            let sum = sums.entry((*kind, at.cloned(), name)).or_default();
            sum.risk += risk;
            sum.alerts += 1;
            sum.risk_score_max = sum.risk_score_max.max(self.risk_score);
            sum.last_seen = sum.last_seen.max(self.last_seen);
        }
    }
}

/// One way to write an address.
fn address(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |address| address.to_canonical().to_string())
}

/// The greatest of each kind, all in one list.
fn greatest(sums: BTreeMap<Key, Sum>, kinds: &[EntityKind], limit: usize) -> Vec<EntityRisk> {
    let told = |((kind, site, name), sum): (Key, Sum)| EntityRisk {
        kind,
        name,
        site: site.and_then(|site| SiteId::new(site).ok()),
        risk: (sum.risk * 10.0).round() / 10.0,
        alerts: sum.alerts,
        risk_score_max: sum.risk_score_max,
        last_seen: sum.last_seen,
    };
    let mut all: Vec<EntityRisk> = sums.into_iter().map(told).collect();
    all.sort_by(|one, other| other.risk.total_cmp(&one.risk));
    let mut found = Vec::new();
    for kind in kinds {
        found.extend(all.iter().filter(|one| one.kind == *kind).take(limit).cloned());
    }
    found.sort_by(|one, other| other.risk.total_cmp(&one.risk));
    found
}

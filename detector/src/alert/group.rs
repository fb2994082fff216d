//! What belongs together: findings of one rule, at one site, about one entity, close in time.

use std::time::Duration;

use event::{Alert, AlertId, AlertStatus, Atom, EventId, Finding, Timestamp, Trigger};
use ring::digest::{SHA256, digest};
use store::Tx;

use super::row;
use crate::DetectorError;
use crate::sigma::explain::ATOMS_MAX;

/// Ids kept of the first events of an alert, and as many of the last.
const EVENTS_KEPT: usize = 50;

/// Findings of one batch with the same key, in the order of the events.
pub(super) struct Group<'f> {
    pub(super) key: String,
    pub(super) findings: Vec<&'f Finding>,
}

/// Rule, site and the entity that tells most: who attacked, else where, else who, else what was attacked.
pub(crate) fn key_of(finding: &Finding) -> String {
    let entities = &finding.entities;
    let entity = None
        .or_else(|| entities.source_ip.map(|address| format!("source.ip={address}")))
        .or_else(|| entities.host.as_ref().map(|host| format!("host.name={}", host.to_lowercase())))
        .or_else(|| entities.user.as_ref().map(|user| format!("user.name={}", user.to_lowercase())))
        .or_else(|| entities.destination_ip.map(|address| format!("destination.ip={address}")))
        .unwrap_or_default();
    let site = entities.site.as_ref().map_or("", |site| site.as_str());
    format!("{}\n{site}\n{entity}", finding.rule.id)
}

impl Group<'_> {
    /// Adds the findings to open alerts or makes new ones; returns a trigger for each alert touched.
    pub(super) async fn store(
        self,
        tx: &mut Tx,
        window: Duration,
        now: Timestamp,
    ) -> Result<Vec<Trigger>, DetectorError> {
        let times = || self.findings.iter().map(|finding| finding.time);
        let (Some(least), Some(greatest)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
        let open = row::open_alerts(tx, &self.key, least.minus(window), greatest.plus(window)).await?;
        let mut alerts: Vec<(Alert, Change)> = open.into_iter().map(|alert| (alert, Change::None)).collect();
        for finding in &self.findings {
            let near = alerts.iter_mut().find(|(alert, _)| is_near(alert, finding.time, window));
            match near {
                Some((alert, change)) => {
                    grow(alert, finding, now);
                    *change = change.grown();
                }
                None => alerts.push((first(&self.key, finding, now)?, Change::Made)),
            }
        }
        let mut triggers = Vec::new();
        for (alert, change) in alerts {
            match change {
                Change::None => continue,
                Change::Made => row::insert(tx, &self.key, &alert).await?,
                Change::Grown => row::grow(tx, &alert).await?,
            }
            triggers.push(trigger(&alert, now));
        }
        Ok(triggers)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Made,
    Grown,
}

impl Change {
    fn grown(self) -> Self {
        if self == Self::Made { Self::Made } else { Self::Grown }
    }
}

fn is_near(alert: &Alert, time: Timestamp, window: Duration) -> bool {
    time <= alert.last_seen.plus(window) && time >= alert.first_seen.minus(window)
}

fn first(key: &str, finding: &Finding, now: Timestamp) -> Result<Alert, DetectorError> {
    Ok(Alert {
        id: id_of(key, finding)?,
        rule: finding.rule.clone(),
        risk_score: finding.rule.risk(),
        status: AlertStatus::New,
        assignee: None,
        count: 1,
        first_seen: finding.time,
        last_seen: finding.time,
        created: now,
        updated: now,
        entities: finding.entities.clone(),
        events: finding.events().collect(),
        atoms: finding.atoms.clone(),
        authenticated: finding.known_by.authenticated(),
    })
}

/// Made of the first event and the key, so that the same stream always gives the same ids.
fn id_of(key: &str, finding: &Finding) -> Result<AlertId, DetectorError> {
    let digest = digest(&SHA256, key.as_bytes());
    let mark: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let id = format!("al-{}-{mark}", finding.event);
    AlertId::new(&id).map_err(|error| DetectorError::Stored { id, reason: error.to_string() })
}

fn grow(alert: &mut Alert, finding: &Finding, now: Timestamp) {
    alert.count = alert.count.saturating_add(1);
    alert.first_seen = alert.first_seen.min(finding.time);
    alert.last_seen = alert.last_seen.max(finding.time);
    alert.updated = now;
    alert.authenticated &= finding.known_by.authenticated();
    let (old, new) = (&mut alert.entities, &finding.entities);
    old.host = old.host.take().or_else(|| new.host.clone());
    old.user = old.user.take().or_else(|| new.user.clone());
    old.source_ip = old.source_ip.or(new.source_ip);
    old.destination_ip = old.destination_ip.or(new.destination_ip);
    finding.events().for_each(|id| keep(alert, id));
    finding.atoms.iter().for_each(|atom| witness(alert, atom));
}

/// The first ids stay, and the last.
fn keep(alert: &mut Alert, id: EventId) {
    if alert.events.contains(&id) {
        return;
    }
    if alert.events.len() >= 2 * EVENTS_KEPT {
        alert.events.remove(EVENTS_KEPT);
    }
    alert.events.push(id);
}

/// One atom of each comparison, with the value that came first.
fn witness(alert: &mut Alert, atom: &Atom) {
    let same = |own: &Atom| {
        (&own.selection, &own.field, &own.operator, &own.pattern)
            == (&atom.selection, &atom.field, &atom.operator, &atom.pattern)
    };
    if alert.atoms.len() < ATOMS_MAX && !alert.atoms.iter().any(same) {
        alert.atoms.push(atom.clone());
    }
}

fn trigger(alert: &Alert, now: Timestamp) -> Trigger {
    Trigger {
        alert: alert.id.clone(),
        rule: alert.rule.clone(),
        entities: alert.entities.clone(),
        count: alert.count,
        authenticated: alert.authenticated,
        time: now,
    }
}

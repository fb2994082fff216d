//! What belongs together: findings of one rule, at one site, about one entity, close in time.
//!
//! All findings of a batch are grouped in memory first; however many there are, each alert that they touch is written once.

use std::collections::HashMap;
use std::time::Duration;

use event::{Alert, AlertId, AlertStatus, Atom, EventId, Finding, Timestamp, Trigger};
use ring::digest::{SHA256, digest};

use super::row::Wanted;
use crate::DetectorError;
use crate::sigma::explain::ATOMS_MAX;

/// Ids kept of the first events of an alert, and as many of the last.
const EVENTS_KEPT: usize = 50;

/// Findings of one batch with the same key, in the order of the events.
pub(super) struct Group<'f> {
    pub(super) key: String,
    findings: Vec<&'f Finding>,
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
    let mut key = format!("{}\n{site}\n{entity}", finding.rule.id);
    // PostgreSQL keeps no NUL in text.
    key.retain(|letter| letter != '\0');
    key
}

/// An alert that findings touch.
pub(super) struct Touched {
    pub(super) alert: Alert,
    pub(super) change: Change,
    /// Whether it names more than what is stored of it does: an entity, or something that was compared.
    pub(super) tells_more: bool,
}

/// What findings do to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Made,
    Grown,
}

/// The groups of findings, in the order of their first ones.
pub(super) fn gather<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<Group<'f>> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let number = *numbers.entry(key_of(finding)).or_insert(all.len());
        match all.get_mut(number) {
            Some(group) => group.push(finding),
            None => all.push(vec![finding]),
        }
    }
    let mut keys: Vec<(String, usize)> = numbers.into_iter().collect();
    keys.sort_unstable_by_key(|(_, number)| *number);
    keys.into_iter().zip(all).map(|((key, _), findings)| Group { key, findings }).collect()
}

/// Which alerts groups want, to put their findings to them.
pub(super) fn wanted<'g>(groups: &'g [Group<'_>], window: Duration) -> Vec<Wanted<'g>> {
    groups.iter().filter_map(|group| group.wanted(window)).collect()
}

impl Group<'_> {
    fn wanted(&self, window: Duration) -> Option<Wanted<'_>> {
        let times = || self.findings.iter().map(|finding| finding.time);
        let (from, to) = (times().min()?.minus(window), times().max()?.plus(window));
        Some(Wanted { key: &self.key, from, to })
    }

    /// Adds the findings to open alerts of the group or makes new ones; gives those that changed.
    ///
    /// # Errors
    /// When no id can be made of an event and the key.
    pub(super) fn touch(
        &self,
        open: Vec<Alert>,
        window: Duration,
        now: Timestamp,
    ) -> Result<Vec<Touched>, DetectorError> {
        let stored = |alert| Touched { alert, change: Change::None, tells_more: false };
        let mut alerts: Vec<Touched> = open.into_iter().map(stored).collect();
        for finding in &self.findings {
            if let Some(near) = alerts.iter_mut().find(|one| is_near(&one.alert, finding.time, window)) {
                near.grow(finding, now);
                continue;
            }
            let made = first(&self.key, finding, now)?;
            // Time may give several at one event, days apart: an id is one alert's.
            match alerts.iter_mut().find(|one| one.alert.id == made.id) {
                Some(same) => same.grow(finding, now),
                None => alerts.push(Touched { alert: made, change: Change::Made, tells_more: true }),
            }
        }
        alerts.retain(|one| one.change != Change::None);
        Ok(alerts)
    }
}

impl Touched {
    fn grow(&mut self, finding: &Finding, now: Timestamp) {
        let before = told(&self.alert);
        grow(&mut self.alert, finding, now);
        self.tells_more |= told(&self.alert) != before;
        if self.change == Change::None {
            self.change = Change::Grown;
        }
    }

    /// What the responder is told.
    pub(super) fn trigger(&self, now: Timestamp) -> Trigger {
        let alert = &self.alert;
        Trigger {
            alert: alert.id.clone(),
            rule: alert.rule.clone(),
            entities: alert.entities.clone(),
            count: alert.count,
            authenticated: alert.authenticated,
            time: now,
        }
    }
}

/// How much it tells: entities and atoms are added, never changed.
fn told(alert: &Alert) -> ([bool; 4], usize) {
    let of = &alert.entities;
    let entities = [of.host.is_some(), of.user.is_some(), of.source_ip.is_some(), of.destination_ip.is_some()];
    (entities, alert.atoms.len())
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
    for atom in &finding.atoms {
        if alert.atoms.len() >= ATOMS_MAX {
            break;
        }
        witness(alert, atom);
    }
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
    if !alert.atoms.iter().any(same) {
        alert.atoms.push(atom.clone());
    }
}

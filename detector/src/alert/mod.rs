//! Alerts: findings grouped, stored with the detector's position, listed and changed under a permit.
//!
//! `group` decides what belongs together, `row` is the stored form, `held` what in it may be withheld, `list`,
//! `change` and `risk` are the doors.

mod change;
mod group;
mod held;
mod list;
mod overdue;
mod risk;
mod row;

use std::sync::Arc;
use std::time::Duration;

use event::{Alert, Clock, EventId, Finding, Trigger};
use store::{Store, Tx};

pub use change::AlertChange;
pub use list::{AlertPage, AlertQuery, HistoryEntry};
pub use risk::{EntityKind, EntityRisk, RISK_WINDOW, RiskPage};

use crate::DetectorError;
use crate::exception::{self, Hiding};
use group::Change;
pub(crate) use group::key_of;

/// How long after its last finding an open alert still takes new ones, unless told otherwise.
pub const WINDOW_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

const POSITION: &str = "detector_position";

/// The alerts of the platform; clones share them.
#[derive(Debug, Clone)]
pub struct Alerts {
    store: Store,
    clock: Arc<dyn Clock>,
    window: Duration,
}

impl Alerts {
    /// The alerts in `store`, grouped within [`WINDOW_DEFAULT`].
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, window: WINDOW_DEFAULT }
    }

    /// With another window.
    #[must_use]
    pub fn with_window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// The next event whose findings are wanted; `None` before the first [`Alerts::take`].
    ///
    /// # Errors
    /// When the store refuses or holds something else than a number.
    pub async fn position(&self) -> Result<Option<EventId>, DetectorError> {
        self.store.meta(POSITION).await?.map(|text| read_position(&text)).transpose()
    }

    /// Takes the findings of the events before `next` and moves the position there, in one transaction of few statements:
    /// every alert that is touched is read and written once, however many findings touch it.
    ///
    /// Findings of events that were taken before are left out, so a replay after a crash never counts twice. Returns one
    /// trigger for every alert that was made or grew.
    ///
    /// # Errors
    /// When the store refuses; then neither alerts nor position have changed.
    pub async fn take(&self, findings: &[Finding], next: EventId) -> Result<Vec<Trigger>, DetectorError> {
        self.take_with(findings, &[], next).await
    }

    /// As [`Alerts::take`], and counts what exceptions have hidden of the same events, in the same transaction: neither a
    /// restart nor a replay changes the counts.
    ///
    /// # Errors
    /// As [`Alerts::take`].
    pub async fn take_with(
        &self,
        findings: &[Finding],
        hidden: &[Hiding],
        next: EventId,
    ) -> Result<Vec<Trigger>, DetectorError> {
        let mut tx = self.store.begin().await?;
        let position: Option<String> = store::sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
            .bind(POSITION)
            .fetch_optional(&mut *tx)
            .await?;
        let position = position.map(|text| read_position(&text)).transpose()?.unwrap_or_default();
        if next <= position {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        let new = findings.iter().filter(|finding| finding.event >= position);
        let triggers = self.store_in(&mut tx, new).await?;
        exception::count(&mut tx, hidden.iter().filter(|hiding| hiding.event >= position)).await?;
        tx.set_meta(POSITION, &next.to_string()).await?;
        tx.commit().await?;
        Ok(triggers)
    }

    /// Takes findings that time gave, not an event: correlations whose window is over. The position stays. After a crash
    /// they may be given again; they are known by rule, group and the events that took part, and left out then.
    ///
    /// # Errors
    /// When the store refuses; then no alert has changed.
    pub async fn take_overdue(&self, findings: &[Finding]) -> Result<Vec<Trigger>, DetectorError> {
        let mut tx = self.store.begin().await?;
        let new = overdue::new_ones(&mut tx, self.store.kind(), findings, self.clock.now()).await?;
        let triggers = self.store_in(&mut tx, new.into_iter()).await?;
        tx.commit().await?;
        Ok(triggers)
    }

    async fn store_in<'f>(
        &self,
        tx: &mut Tx,
        findings: impl Iterator<Item = &'f Finding>,
    ) -> Result<Vec<Trigger>, DetectorError> {
        let now = self.clock.now();
        let groups = group::gather(findings);
        let mut open = row::open_alerts(tx, self.store.kind(), &group::wanted(&groups, self.window)).await?;
        let mut touched = Vec::with_capacity(groups.len());
        for group in &groups {
            let of_group = open.remove(&group.key).unwrap_or_default();
            touched.extend(group.touch(of_group, self.window, now)?.into_iter().map(|one| (group.key.as_str(), one)));
        }
        let changed = |change: Change| -> Vec<(&str, &Alert)> {
            let of_kind = touched.iter().filter(|(_, one)| one.change == change);
            of_kind.map(|(key, one)| (*key, &one.alert)).collect()
        };
        row::insert(tx, self.store.kind(), &changed(Change::Made)).await?;
        row::grow(tx, self.store.kind(), &changed(Change::Grown)).await?;
        let more = touched.iter().filter(|(_, one)| one.tells_more).map(|(_, one)| &one.alert);
        held::keep(tx, self.store.kind(), &more.collect::<Vec<_>>()).await?;
        Ok(touched.iter().map(|(_, one)| one.trigger(now)).collect())
    }
}

fn read_position(text: &str) -> Result<EventId, DetectorError> {
    let fault = || DetectorError::Stored { id: POSITION.to_owned(), reason: format!("`{text}` is no number") };
    text.parse().map(EventId).map_err(|_| fault())
}

#[cfg(test)]
mod tests;

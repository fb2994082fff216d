//! Reconciling: the kernel's blocks against the journal. Somebody may have flushed the rules, we may have died halfway.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use event::Timestamp;
use serde::Serialize;

use crate::ResponderError;
use crate::carry::remaining;
use crate::journal::Step;
use crate::plan::{Plan, PlanStatus};
use crate::responder::{Inner, Responder, SELF};

/// What was put right.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    /// Plans whose time was over.
    pub expired: usize,
    /// Addresses that were missing in the kernel and were blocked again for the time that was left.
    pub restored: Vec<IpAddr>,
    /// Addresses that stood in the kernel although their plans are over, and were let through.
    pub removed: Vec<IpAddr>,
    /// Addresses in our sets that the journal does not know; they are left alone.
    pub unknown: Vec<IpAddr>,
}

/// A kernel's timer and ours may differ by so many seconds before a block is set again.
const SLACK_SECS: u64 = 5;

impl Responder {
    /// Notes what expired, puts back what is missing in the kernel and takes out what should not be there any more.
    /// Without plans in force the firewall is not touched.
    ///
    /// # Errors
    /// When journal or firewall fail; the next call goes on where this one stopped.
    pub async fn reconcile(&self) -> Result<ReconcileReport, ResponderError> {
        let inner = self.inner();
        let _acting = inner.acting.lock().await;
        let now = inner.now();
        let mut report = ReconcileReport::default();
        let mut wanted: BTreeMap<IpAddr, (Timestamp, Vec<Plan>)> = BTreeMap::new();
        for plan in inner.journal.in_force().await? {
            let Ok(address) = plan.target.parse::<IpAddr>() else { continue };
            match plan.ends {
                Some(ends) if ends > now => {
                    let entry = wanted.entry(address).or_insert((ends, Vec::new()));
                    entry.0 = entry.0.max(ends);
                    entry.1.push(plan);
                }
                _ => {
                    inner.expire(plan, now).await?;
                    report.expired += 1;
                }
            }
        }
        if wanted.is_empty() && report.expired == 0 && !inner.enabled {
            return Ok(report);
        }
        if !wanted.is_empty() || inner.enabled {
            inner.on_firewall(|firewall| firewall.prepare()).await?;
        }
        let standing = inner.on_firewall(|firewall| firewall.blocked()).await?;
        let standing: HashMap<IpAddr, u64> =
            standing.iter().map(|one| (one.address, one.remaining.as_secs())).collect();
        for (address, (ends, plans)) in &wanted {
            inner.put_back(*address, *ends, plans, &standing, now, &mut report).await?;
        }
        for address in standing.keys().filter(|address| !wanted.contains_key(address)) {
            if inner.journal.knows(&address.to_string()).await? {
                let address = *address;
                inner.on_firewall(move |firewall| firewall.unblock(address)).await?;
                report.removed.push(address);
            } else {
                report.unknown.push(*address);
            }
        }
        if !report.restored.is_empty() || !report.unknown.is_empty() {
            tracing::warn!(restored = report.restored.len(), unknown = report.unknown.len(), "blocks reconciled");
        }
        Ok(report)
    }
}

impl Inner {
    async fn expire(&self, mut plan: Plan, now: Timestamp) -> Result<(), ResponderError> {
        (plan.status, plan.updated) = (PlanStatus::Expired, now);
        self.step(&plan, SELF, "expired", "").await?;
        self.record(SELF, "response_expired", &plan).await
    }

    async fn put_back(
        &self,
        address: IpAddr,
        ends: Timestamp,
        plans: &[Plan],
        standing: &HashMap<IpAddr, u64>,
        now: Timestamp,
        report: &mut ReconcileReport,
    ) -> Result<(), ResponderError> {
        let left = remaining(ends, now);
        let stands = standing.get(&address).is_some_and(|secs| secs.saturating_add(SLACK_SECS) >= left.as_secs());
        if !stands && self.protects(address, now).await {
            // It came onto the never-block list since; the plans run out by themselves.
            return Ok(());
        }
        if !stands {
            self.on_firewall(move |firewall| firewall.block(address, left)).await?;
            report.restored.push(address);
        }
        for plan in plans {
            if plan.status == PlanStatus::Running {
                // We died between the kernel and the journal, or before the kernel; it stands now.
                let done = Plan { status: PlanStatus::Done, updated: now, ..plan.clone() };
                self.step(&done, SELF, "done", "found running after a restart").await?;
            } else if !stands {
                let detail = format!("was missing in the kernel; blocked again for {} s", left.as_secs());
                let step = Step { time: now, actor: SELF, entry: "restored", detail: &detail };
                self.journal.note(&plan.id, &step).await?;
                self.record(SELF, "response_restored", plan).await?;
            }
        }
        Ok(())
    }
}

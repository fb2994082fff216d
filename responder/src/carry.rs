//! Doing and undoing: the intent is recorded, the kernel changed, and what became of it recorded as well.

use std::time::Duration;

use event::{Action, Timestamp};

use crate::ResponderError;
use crate::action::FirewallError;
use crate::plan::{Plan, PlanStatus};
use crate::responder::{Inner, SELF};

impl Inner {
    /// Blocks; the caller holds `acting` and has checked.
    pub(crate) async fn carry_out(&self, mut plan: Plan, actor: &str) -> Result<Plan, ResponderError> {
        let Action::BlockAddress { address, duration_secs } = plan.action else {
            return Err(ResponderError::Refused {
                plan: plan.id,
                reason: "this kind of action is not built yet".to_owned(),
            });
        };
        // Step 1: the intent, in the journal and in the ledger. What is not recorded is not done.
        let before = plan.clone();
        let now = self.now();
        let duration = self.limits.duration(duration_secs);
        (plan.status, plan.note) = (PlanStatus::Running, String::new());
        (plan.updated, plan.started, plan.ends) = (now, Some(now), Some(now.plus(duration)));
        self.step(&plan, actor, "running", "").await?;
        if let Err(error) = self.record(actor, "response_run", &plan).await {
            let plan = Plan { note: "the ledger did not record it".to_owned(), ..before };
            self.step(&plan, SELF, plan.status.as_str(), &plan.note).await?;
            return Err(error);
        }

        // Step 2: the kernel. Another plan may hold the address for longer; nothing shortens that.
        let longest = self.ends_of(&plan.target).await?.unwrap_or(now).max(now.plus(duration));
        let outcome = self.on_firewall(move |firewall| firewall.block(address, longest.since(now))).await;

        // Step 3: what became of it.
        plan.updated = self.now();
        let error = match outcome {
            Ok(()) => {
                plan.status = PlanStatus::Done;
                self.step(&plan, actor, "done", &format!("blocked for {} s", duration.as_secs())).await?;
                metrics::counter!("metrosoc_responses_done_total").increment(1);
                tracing::info!(plan = %plan.id, target = plan.target, actor, "address blocked");
                return Ok(plan);
            }
            Err(error) => error,
        };
        let unavailable = matches!(&error, ResponderError::Firewall(FirewallError::Unavailable { .. }));
        plan.status = if unavailable { PlanStatus::Planned } else { PlanStatus::Failed };
        (plan.note, plan.started, plan.ends) = (error.to_string(), before.started, before.ends);
        self.step(&plan, actor, plan.status.as_str(), &plan.note).await?;
        metrics::counter!("metrosoc_responses_failed_total").increment(1);
        tracing::warn!(plan = %plan.id, target = plan.target, %error, "address not blocked");
        Err(error)
    }

    /// Unblocks, or leaves the block that another plan still holds.
    pub(crate) async fn take_back(&self, plan: Plan, actor: &str, why: &str) -> Result<Plan, ResponderError> {
        let _acting = self.acting.lock().await;
        let mut plan = self.journal.plan(&plan.id).await?.ok_or(ResponderError::Unknown { plan: plan.id })?;
        if !plan.status.in_force() {
            let status = plan.status;
            return Err(ResponderError::Status { plan: plan.id, status, needed: "in force", verb: "undone" });
        }
        let Action::BlockAddress { address, .. } = plan.action else {
            return Err(ResponderError::Refused {
                plan: plan.id,
                reason: "this kind of action is not built yet".to_owned(),
            });
        };
        let now = self.now();
        let others = self.journal.in_force().await?;
        let other =
            others.iter().filter(|one| one.target == plan.target && one.id != plan.id).filter_map(|one| one.ends).max();
        self.on_firewall(move |firewall| match other.filter(|end| *end > now) {
            Some(end) => firewall.block(address, end.since(now)),
            None => firewall.unblock(address),
        })
        .await?;
        (plan.status, plan.note, plan.updated, plan.ends) = (PlanStatus::Undone, why.to_owned(), now, Some(now));
        self.step(&plan, actor, "undone", why).await?;
        self.record(actor, "response_undone", &plan).await?;
        metrics::counter!("metrosoc_responses_undone_total").increment(1);
        tracing::info!(plan = %plan.id, target = plan.target, actor, "address let through again");
        Ok(plan)
    }

    /// When the last block of a target ends.
    pub(crate) async fn ends_of(&self, target: &str) -> Result<Option<Timestamp>, ResponderError> {
        let plans = self.journal.in_force().await?;
        Ok(plans.iter().filter(|plan| plan.target == target).filter_map(|plan| plan.ends).max())
    }
}

/// At least a second, so that rounding never makes a block without an end.
pub(crate) fn remaining(ends: Timestamp, now: Timestamp) -> Duration {
    ends.since(now).max(Duration::from_secs(1))
}

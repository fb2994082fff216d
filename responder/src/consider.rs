//! Considering alerts, many at a time: which playbooks answer, what stands against each answer, and what is planned.
//!
//! What can be known once is asked once for all: which plans are there, what is blocked, what the system depends on. Nothing is
//! written for an alert that no playbook answers.

use std::collections::HashSet;
use std::net::IpAddr;

use event::{Action, PlanId, Timestamp, Trigger};
use ledger::Entry;

use crate::ResponderError;
use crate::limits::{Limits, Loads};
use crate::plan::{Check, Plan, PlanStatus};
use crate::playbook::Playbook;
use crate::responder::{Inner, Responder, SELF};

/// A playbook answers an alert.
struct Answer<'a> {
    trigger: &'a Trigger,
    playbook: &'a Playbook,
    address: IpAddr,
    plan: PlanId,
}

/// What the never-block list says of an address: why it must not be blocked; `Err` says why nobody knows.
pub(crate) type Never = Result<Option<String>, String>;

impl Responder {
    /// Makes plans of an alert, one for each playbook that answers, and carries out those that need no person. A plan
    /// that was made before is not made again. Gives the new ones.
    ///
    /// # Errors
    /// When journal or ledger fail; nothing is carried out then.
    pub async fn consider(&self, trigger: &Trigger) -> Result<Vec<Plan>, ResponderError> {
        self.consider_all(std::slice::from_ref(trigger)).await
    }

    /// [`Responder::consider`] for the alerts of a batch, in their order.
    ///
    /// # Errors
    /// When journal or ledger fail; what was planned before that stays, and is not planned again when the same alerts are
    /// given again.
    pub async fn consider_all(&self, triggers: &[Trigger]) -> Result<Vec<Plan>, ResponderError> {
        let playbooks = self.playbooks();
        let answers: Vec<Answer<'_>> = triggers
            .iter()
            .flat_map(|trigger| playbooks.matching(trigger).map(move |(book, address)| (trigger, book, address)))
            .filter_map(|(trigger, playbook, address)| {
                let plan = Plan::id_of(&trigger.alert, &playbook.id, &address.to_string())?;
                Some(Answer { trigger, playbook, address, plan })
            })
            .collect();
        if answers.is_empty() {
            return Ok(Vec::new());
        }
        self.inner().plan_all(answers).await
    }
}

impl Inner {
    async fn plan_all(&self, mut answers: Vec<Answer<'_>>) -> Result<Vec<Plan>, ResponderError> {
        let _acting = self.acting.lock().await;

        // Step 1: what is not planned yet, each once.
        let plans: Vec<&PlanId> = answers.iter().map(|answer| &answer.plan).collect();
        let known = self.journal.known(&plans).await?;
        let mut seen = HashSet::new();
        answers.retain(|answer| !known.contains(answer.plan.as_str()) && seen.insert(answer.plan.clone()));
        if answers.is_empty() {
            return Ok(Vec::new());
        }

        // Step 2: what is asked once for all.
        let now = self.now();
        let addresses: Vec<IpAddr> = answers.iter().map(|answer| answer.address).collect();
        let never = self.why_never(addresses, now).await;
        let targets: Vec<String> = answers.iter().map(|answer| answer.address.to_string()).collect();
        let asked: Vec<&str> = targets.iter().map(String::as_str).collect();
        let mut loads = self.journal.loads(&asked, now).await?;

        // Step 3: plans, stored together up to one that acts: what it blocks counts for those behind it.
        let (mut done, mut waiting) = (Vec::with_capacity(answers.len()), Vec::new());
        for (answer, never) in answers.into_iter().zip(never) {
            let plan = self.checked(&answer, never, &loads, now);
            let acts = plan.checks.iter().all(|check| check.passed);
            waiting.push(plan);
            if !acts {
                continue;
            }
            self.store(&waiting).await?;
            let acting = waiting.pop();
            done.append(&mut waiting);
            if let Some(plan) = acting {
                done.push(self.act(plan, &mut loads).await?);
            }
        }
        self.store(&waiting).await?;
        done.append(&mut waiting);
        Ok(done)
    }

    /// A plan with what was looked at.
    fn checked(&self, answer: &Answer<'_>, never: Never, loads: &Loads, now: Timestamp) -> Plan {
        let mut plan = self.draft(answer, now);
        let never = never_check(never);
        let forbidden = !never.passed;
        let limits = limits_check(&self.limits, loads, &plan, Some(answer.playbook));
        plan.checks = vec![never, limits, authenticated(answer.trigger), self.switched_on()];
        if let Some(failed) = plan.checks.iter().find(|check| !check.passed) {
            plan.note = failed.detail.clone();
        }
        plan.status = if forbidden { PlanStatus::Refused } else { PlanStatus::Planned };
        plan
    }

    /// Plans are stored, whatever becomes of them, and recorded.
    async fn store(&self, plans: &[Plan]) -> Result<(), ResponderError> {
        if plans.is_empty() {
            return Ok(());
        }
        self.journal.add(plans, SELF).await?;
        for plan in plans {
            metrics::counter!("metrosoc_response_plans_total", "status" => plan.status.as_str()).increment(1);
        }
        let entries: Vec<Entry> = plans.iter().map(|plan| self.entry(SELF, "response_planned", plan)).collect();
        self.ledger.append_all(entries).await?;
        Ok(())
    }

    /// The action, when nothing stands against it.
    async fn act(&self, plan: Plan, loads: &mut Loads) -> Result<Plan, ResponderError> {
        match self.carry_out(plan.clone(), SELF).await {
            Ok(done) => {
                loads.started(&done.playbook, &done.target);
                Ok(done)
            }
            Err(ResponderError::Firewall(_)) => Ok(self.journal.plan(&plan.id).await?.unwrap_or(plan)),
            Err(error) => Err(error),
        }
    }

    fn draft(&self, answer: &Answer<'_>, now: Timestamp) -> Plan {
        let Answer { trigger, playbook, address, plan } = answer;
        let target = address.to_string();
        let duration_secs = self.limits.duration(playbook.duration_secs).as_secs();
        Plan {
            id: plan.clone(),
            alert: trigger.alert.clone(),
            playbook: playbook.id.clone(),
            action: Action::BlockAddress { address: *address, duration_secs },
            status: PlanStatus::Planned,
            why: format!(
                "rule `{}` ({}) found {} times with {target}; playbook `{}` answers",
                trigger.rule.title,
                trigger.rule.level.as_str(),
                trigger.count,
                playbook.id
            ),
            target,
            checks: Vec::new(),
            note: String::new(),
            site: trigger.entities.site.clone(),
            agency: trigger.entities.agency.clone(),
            created: now,
            updated: now,
            started: None,
            ends: None,
        }
    }

    fn switched_on(&self) -> Check {
        if self.enabled {
            Check::passed("enabled", "automatic responses are on")
        } else {
            Check::failed("enabled", "automatic responses are off; a person must run this plan")
        }
    }
}

/// The check that the never-block list is.
pub(crate) fn never_check(never: Never) -> Check {
    match never {
        Ok(None) => Check::passed("never_block", "not on the never-block list"),
        Ok(Some(why)) | Err(why) => Check::failed("never_block", why),
    }
}

/// The check that the limits are.
pub(crate) fn limits_check(limits: &Limits, loads: &Loads, plan: &Plan, playbook: Option<&Playbook>) -> Check {
    let (all, own) = loads.of(&plan.playbook, &plan.target);
    match limits.exceeded(all, own, playbook) {
        None => Check::passed(
            "limits",
            format!("{} addresses blocked, {} started within an hour", all.blocked, all.last_hour),
        ),
        Some(why) => Check::failed("limits", why),
    }
}

fn authenticated(trigger: &Trigger) -> Check {
    if trigger.authenticated {
        Check::passed("authenticated", "every sender proved who it is")
    } else {
        Check::failed("authenticated", "the sender did not prove who it is; a person must run this plan")
    }
}

//! The responder: alert to plan, plan to checks, checks to action, and back again.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use event::{Action, Clock, Object, Operation, Permit, PlanId, Timestamp, Trigger};
use ipnet::IpNet;
use ledger::{Entry, Ledger};
use store::Store;
use tokio::sync::Mutex;

use crate::ResponderError;
use crate::action::{Firewall, FirewallError};
use crate::journal::{Journal, JournalEntry, Step};
use crate::limits::Limits;
use crate::plan::{Check, Plan, PlanFilter, PlanStatus};
use crate::playbook::{Playbook, Playbooks};
use crate::protect::{Protected, Sources};

/// Who acts when nobody asked.
pub(crate) const SELF: &str = "metrosoc";

/// What an operator may set of responses.
#[derive(Debug, Clone, Default)]
pub struct ResponderSettings {
    /// Whether plans are carried out without a person. Off by default: plans only.
    pub enabled: bool,
    /// Bounds of every action.
    pub limits: Limits,
    /// Networks that are never blocked, beside what the system names.
    pub never_block: Vec<IpNet>,
    /// Where the system names gateways, resolvers and its own addresses.
    pub sources: Sources,
    /// The playbooks.
    pub playbooks: Playbooks,
}

/// The responder. Clones share one.
#[derive(Clone)]
pub struct Responder(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) enabled: bool,
    pub(crate) limits: Limits,
    playbooks: RwLock<Arc<Playbooks>>,
    protected: Protected,
    pub(crate) journal: Journal,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    firewall: Arc<dyn Firewall>,
    /// Whoever counts blocks or changes them holds this: limits cannot be overrun by two at a time.
    pub(crate) acting: Mutex<()>,
}

impl Responder {
    /// Opens the responder. Call [`Responder::reconcile`] afterwards and every minute or so.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn open(
        settings: ResponderSettings,
        store: Store,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        firewall: Arc<dyn Firewall>,
    ) -> Result<Self, ResponderError> {
        let journal = Journal::new(store);
        let standing = journal.in_force().await?.len();
        tracing::info!(
            enabled = settings.enabled,
            playbooks = settings.playbooks.iter().count(),
            standing,
            "responder open"
        );
        Ok(Self(Arc::new(Inner {
            enabled: settings.enabled,
            limits: settings.limits.bounded(),
            playbooks: RwLock::new(Arc::new(settings.playbooks)),
            protected: Protected::new(settings.never_block, settings.sources),
            journal,
            ledger,
            clock,
            firewall,
            acting: Mutex::new(()),
        })))
    }

    /// Takes other playbooks from now on; plans that were made stay as they are.
    pub fn replace_playbooks(&self, playbooks: Playbooks) {
        *self.0.playbooks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(playbooks);
    }

    /// The playbooks in use.
    pub fn playbooks(&self) -> Arc<Playbooks> {
        Arc::clone(&self.0.playbooks.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Protects the address of somebody who signed in until his session ends. A block that already stands is taken back.
    ///
    /// # Errors
    /// When a standing block cannot be taken back; the address is protected from further ones all the same.
    pub async fn operator_signed_in(&self, address: IpAddr, until: Timestamp) -> Result<(), ResponderError> {
        let now = self.0.now();
        self.0.protected.add_operator(address, until, now);
        // Whoever checked before the address was protected is through after this; whoever checks later sees it.
        drop(self.0.acting.lock().await);
        let target = address.to_canonical().to_string();
        for plan in self.0.journal.in_force().await?.into_iter().filter(|plan| plan.target == target) {
            self.0.take_back(plan, SELF, "an operator signed in from this address").await?;
        }
        Ok(())
    }

    /// Whether the firewall can act.
    ///
    /// # Errors
    /// [`FirewallError::Unavailable`] says what is missing.
    pub async fn ready(&self) -> Result<(), ResponderError> {
        self.0.on_firewall(|firewall| firewall.ready()).await
    }

    /// Makes plans of an alert, one for each playbook that answers, and carries out those that need no person. A plan
    /// that was made before is not made again. Gives the new ones.
    ///
    /// # Errors
    /// When journal or ledger fail; nothing is carried out then.
    pub async fn consider(&self, trigger: &Trigger) -> Result<Vec<Plan>, ResponderError> {
        let playbooks = self.playbooks();
        let mut plans = Vec::new();
        for (playbook, address) in playbooks.matching(trigger) {
            plans.extend(self.0.consider(trigger, playbook, address).await?);
        }
        Ok(plans)
    }

    /// Carries out a plan because a person says so. Never-block list and limits hold for him as well.
    ///
    /// # Errors
    /// [`ResponderError::NotPermitted`] unless the permit is for writing or managing responses;
    /// [`ResponderError::Refused`] when a check says no; [`ResponderError::Firewall`] when the firewall does.
    pub async fn run(&self, id: &PlanId, permit: &Permit) -> Result<Plan, ResponderError> {
        let actor = self.0.actor(permit)?;
        let _acting = self.0.acting.lock().await;
        let mut plan = self.0.visible(id, permit).await?;
        if plan.status.in_force() {
            let status = plan.status;
            return Err(ResponderError::Status { plan: plan.id, status, needed: "not in force", verb: "run" });
        }
        let playbook = self.playbooks().by_id(&plan.playbook).cloned();
        let (never, limits) = self.0.check(&plan, playbook.as_ref()).await?;
        plan.checks = vec![never.clone(), limits.clone(), Check::passed("person", format!("run by {actor}"))];
        if let Some(check) = [never, limits].into_iter().find(|check| !check.passed) {
            self.0.step(&plan, actor, "refused", &check.detail).await?;
            return Err(ResponderError::Refused { plan: plan.id, reason: check.detail });
        }
        self.0.carry_out(plan, actor).await
    }

    /// Takes a plan's block back before its end.
    ///
    /// # Errors
    /// [`ResponderError::NotPermitted`] unless the permit is for writing or managing responses;
    /// [`ResponderError::Status`] when it is not in force; [`ResponderError::Firewall`] when it stands all the same.
    pub async fn undo(&self, id: &PlanId, permit: &Permit) -> Result<Plan, ResponderError> {
        let actor = self.0.actor(permit)?;
        let plan = self.0.visible(id, permit).await?;
        if !plan.status.in_force() {
            let status = plan.status;
            return Err(ResponderError::Status { plan: plan.id, status, needed: "in force", verb: "undone" });
        }
        self.0.take_back(plan, actor, "undone by a person").await
    }

    /// Plans within the permit's scope, newest first.
    ///
    /// # Errors
    /// [`ResponderError::NotPermitted`] unless the permit is for responses.
    pub async fn list(&self, permit: &Permit, filter: &PlanFilter) -> Result<Vec<Plan>, ResponderError> {
        self.0.reader(permit)?;
        let mut plans = self.0.journal.list(filter).await?;
        plans.retain(|plan| permit.scope().holds(plan.agency.as_ref(), plan.site.as_ref()));
        Ok(plans)
    }

    /// One plan with its steps.
    ///
    /// # Errors
    /// [`ResponderError::Unknown`] when there is none within the permit's scope.
    pub async fn get(&self, permit: &Permit, id: &PlanId) -> Result<(Plan, Vec<JournalEntry>), ResponderError> {
        self.0.reader(permit)?;
        let plan = self.0.visible(id, permit).await?;
        let steps = self.0.journal.steps(id).await?;
        Ok((plan, steps))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Responder").field("enabled", &self.0.enabled).finish_non_exhaustive()
    }
}

impl Inner {
    async fn consider(
        &self,
        trigger: &Trigger,
        playbook: &Playbook,
        address: IpAddr,
    ) -> Result<Option<Plan>, ResponderError> {
        let _acting = self.acting.lock().await;
        let Some(mut plan) = self.draft(trigger, playbook, address) else { return Ok(None) };
        if self.journal.plan(&plan.id).await?.is_some() {
            return Ok(None);
        }

        // Step 1: the checks.
        let (never, limits) = self.check(&plan, Some(playbook)).await?;
        let forbidden = !never.passed;
        plan.checks = vec![never, limits, self.authenticated(trigger), self.switched_on()];
        if let Some(failed) = plan.checks.iter().find(|check| !check.passed) {
            plan.note = failed.detail.clone();
        }
        plan.status = if forbidden { PlanStatus::Refused } else { PlanStatus::Planned };

        // Step 2: the plan is stored, whatever becomes of it.
        let step = Step { time: plan.created, actor: SELF, entry: plan.status.as_str(), detail: &plan.note };
        if !self.journal.add(&plan, &step).await? {
            return Ok(None);
        }
        metrics::counter!("metrosoc_response_plans_total", "status" => plan.status.as_str()).increment(1);
        self.record(SELF, "response_planned", &plan).await?;

        // Step 3: the action, when nothing stands against it.
        if plan.checks.iter().all(|check| check.passed) {
            plan = match self.carry_out(plan.clone(), SELF).await {
                Ok(done) => done,
                Err(ResponderError::Firewall(_)) => self.journal.plan(&plan.id).await?.unwrap_or(plan),
                Err(error) => return Err(error),
            };
        }
        Ok(Some(plan))
    }

    fn draft(&self, trigger: &Trigger, playbook: &Playbook, address: IpAddr) -> Option<Plan> {
        let now = self.now();
        let target = address.to_string();
        let duration_secs = self.limits.duration(playbook.duration_secs).as_secs();
        Some(Plan {
            id: Plan::id_of(&trigger.alert, &playbook.id, &target)?,
            alert: trigger.alert.clone(),
            playbook: playbook.id.clone(),
            action: Action::BlockAddress { address, duration_secs },
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
        })
    }

    /// The checks that nobody can overrule: the never-block list, then the limits.
    async fn check(&self, plan: &Plan, playbook: Option<&Playbook>) -> Result<(Check, Check), ResponderError> {
        let now = self.now();
        let Action::BlockAddress { address, .. } = &plan.action else {
            return Ok((
                Check::failed("never_block", "this kind of action is not built yet"),
                Check::passed("limits", "nothing to count"),
            ));
        };
        let never = match self.protected.why(*address, now) {
            Ok(None) => Check::passed("never_block", "not on the never-block list"),
            Ok(Some(why)) => Check::failed("never_block", why),
            Err(error) => Check::failed("never_block", format!("the never-block list cannot be read: {error}")),
        };
        let all = self.journal.load("", &plan.target, now).await?;
        let own = self.journal.load(&plan.playbook, &plan.target, now).await?;
        let limits = match self.limits.exceeded(all, own, playbook) {
            None => Check::passed(
                "limits",
                format!("{} addresses blocked, {} started within an hour", all.blocked, all.last_hour),
            ),
            Some(why) => Check::failed("limits", why),
        };
        Ok((never, limits))
    }

    fn authenticated(&self, trigger: &Trigger) -> Check {
        if trigger.authenticated {
            Check::passed("authenticated", "every sender proved who it is")
        } else {
            Check::failed("authenticated", "the sender did not prove who it is; a person must run this plan")
        }
    }

    fn switched_on(&self) -> Check {
        if self.enabled {
            Check::passed("enabled", "automatic responses are on")
        } else {
            Check::failed("enabled", "automatic responses are off; a person must run this plan")
        }
    }

    pub(crate) fn protects(&self, address: IpAddr, now: Timestamp) -> bool {
        !matches!(self.protected.why(address, now), Ok(None))
    }

    pub(crate) async fn step(&self, plan: &Plan, actor: &str, entry: &str, detail: &str) -> Result<(), ResponderError> {
        self.journal.update(plan, &Step { time: self.now(), actor, entry, detail }).await
    }

    pub(crate) async fn record(&self, actor: &str, action: &str, plan: &Plan) -> Result<(), ResponderError> {
        let detail = serde_json::json!({
            "alert": plan.alert,
            "playbook": plan.playbook,
            "target": plan.target,
            "status": plan.status,
            "ends": plan.ends,
            "note": plan.note,
        });
        self.ledger.append(Entry::new(actor, action, plan.id.to_string(), detail)).await?;
        Ok(())
    }

    /// Now, to the millisecond as the journal keeps times.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().millis())
    }

    /// Calls the firewall off the runtime.
    pub(crate) async fn on_firewall<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Firewall) -> Result<T, FirewallError> + Send + 'static,
    ) -> Result<T, ResponderError> {
        let firewall = Arc::clone(&self.firewall);
        let called = tokio::task::spawn_blocking(move || call(&*firewall)).await;
        Ok(called.map_err(|_| ResponderError::Interrupted)??)
    }

    async fn visible(&self, id: &PlanId, permit: &Permit) -> Result<Plan, ResponderError> {
        let plan = self.journal.plan(id).await?;
        plan.filter(|plan| permit.scope().holds(plan.agency.as_ref(), plan.site.as_ref()))
            .ok_or_else(|| ResponderError::Unknown { plan: id.clone() })
    }

    fn reader(&self, permit: &Permit) -> Result<(), ResponderError> {
        let now = self.now();
        let allowed = [Operation::Read, Operation::Write, Operation::Manage]
            .into_iter()
            .any(|operation| permit.allows(operation, Object::Responses, now));
        if allowed { Ok(()) } else { Err(ResponderError::NotPermitted { operation: "read" }) }
    }

    fn actor<'p>(&self, permit: &'p Permit) -> Result<&'p str, ResponderError> {
        let now = self.now();
        let allowed = permit.allows(Operation::Write, Object::Responses, now)
            || permit.allows(Operation::Manage, Object::Responses, now);
        if allowed {
            Ok(permit.subject().name.as_str())
        } else {
            Err(ResponderError::NotPermitted { operation: "write" })
        }
    }
}

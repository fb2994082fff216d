//! The responder: alert to plan, plan to checks, checks to action, and back again.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use event::{Action, Clock, Object, Operation, Permit, PlanId, Timestamp};
use ipnet::IpNet;
use ledger::{Entry, Ledger};
use store::Store;
use tokio::sync::Mutex;

use crate::ResponderError;
use crate::action::{Firewall, FirewallError};
use crate::consider::{Never, limits_check, never_check};
use crate::journal::{Journal, JournalEntry, Step};
use crate::limits::Limits;
use crate::plan::{Check, Plan, PlanFilter};
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
    pub(crate) ledger: Ledger,
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
        let address = address.to_canonical();
        for plan in self.0.journal.in_force().await? {
            let Ok(target) = plan.target.parse::<IpAddr>() else { continue };
            if target != address && self.0.meant(target).await.ok() != Some(address) {
                continue;
            }
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
    /// The checks that nobody can overrule: the never-block list, then the limits.
    async fn check(&self, plan: &Plan, playbook: Option<&Playbook>) -> Result<(Check, Check), ResponderError> {
        let now = self.now();
        let Action::BlockAddress { address, .. } = &plan.action else {
            return Ok((
                Check::failed("never_block", "this kind of action is not built yet"),
                Check::passed("limits", "nothing to count"),
            ));
        };
        let never = self.why_never(vec![*address], now).await.pop();
        let never = never.unwrap_or_else(|| Err("nobody knows which address is meant".to_owned()));
        let loads = self.journal.loads(&[plan.target.as_str()], now).await?;
        Ok((never_check(never), limits_check(&self.limits, &loads, plan, playbook)))
    }

    pub(crate) async fn protects(&self, address: IpAddr, now: Timestamp) -> bool {
        !matches!(self.why_never(vec![address], now).await.as_slice(), [Ok(None)])
    }

    /// Why the addresses that plans mean must not be blocked, each told with the plan's own writing of it.
    pub(crate) async fn why_never(&self, addresses: Vec<IpAddr>, now: Timestamp) -> Vec<Never> {
        let nobody = |error: ResponderError| format!("nobody knows which address is meant: {error}");
        let asked = addresses.clone();
        let meant = match self.on_firewall(move |firewall| Ok(firewall.meant_all(&asked))).await {
            Ok(meant) => meant,
            Err(error) => vec![Err(FirewallError::Refused { reason: error.to_string() }); addresses.len()],
        };
        let look = self.protected.look();
        let why = |address: &IpAddr, meant: Result<IpAddr, FirewallError>| -> Never {
            let meant = meant.map_err(|error| nobody(error.into()))?;
            let why = look.why(meant, now).map_err(|error| format!("the never-block list cannot be read: {error}"))?;
            Ok(why.map(|why| why.replace(&meant.to_canonical().to_string(), &address.to_canonical().to_string())))
        };
        addresses.iter().zip(meant).map(|(address, meant)| why(address, meant)).collect()
    }

    async fn meant(&self, address: IpAddr) -> Result<IpAddr, ResponderError> {
        self.on_firewall(move |firewall| firewall.meant(address)).await
    }

    pub(crate) async fn step(&self, plan: &Plan, actor: &str, entry: &str, detail: &str) -> Result<(), ResponderError> {
        self.journal.update(plan, &Step { time: self.now(), actor, entry, detail }).await
    }

    pub(crate) async fn record(&self, actor: &str, action: &str, plan: &Plan) -> Result<(), ResponderError> {
        self.ledger.append(self.entry(actor, action, plan)).await?;
        Ok(())
    }

    /// What the ledger says of a step.
    pub(crate) fn entry(&self, actor: &str, action: &str, plan: &Plan) -> Entry {
        let detail = serde_json::json!({
            "alert": plan.alert,
            "playbook": plan.playbook,
            "target": plan.target,
            "status": plan.status,
            "ends": plan.ends,
            "note": plan.note,
        });
        Entry::new(actor, action, plan.id.to_string(), detail)
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

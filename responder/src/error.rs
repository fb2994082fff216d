//! What can go wrong with responses.

use event::PlanId;

use crate::action::FirewallError;
use crate::plan::PlanStatus;

/// What is wrong with a playbook file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("playbook `{file}`: {field}: {reason}")]
pub struct PlaybookError {
    /// The file.
    pub file: String,
    /// The field, dotted; `playbook` for the whole of it.
    pub field: String,
    /// What is wrong with it, and the way out.
    pub reason: String,
}

/// Why a response was not planned, run, undone or shown.
#[derive(Debug, thiserror::Error)]
pub enum ResponderError {
    /// The permit is for something else, for another part of the data, or has ended.
    #[error("the permit does not allow `{operation}` on this response")]
    NotPermitted {
        /// What would have been needed.
        operation: &'static str,
    },
    /// There is no such plan within the permit's scope.
    #[error("no plan `{plan}`")]
    Unknown {
        /// The plan.
        plan: PlanId,
    },
    /// The plan stands where this cannot be done with it.
    #[error("plan `{plan}` is {status}; only a plan that is {needed} can be {verb}", status = status.as_str())]
    Status {
        /// The plan.
        plan: PlanId,
        /// Where it stands.
        status: PlanStatus,
        /// Where it would have to stand.
        needed: &'static str,
        /// What was asked for.
        verb: &'static str,
    },
    /// A check says no, whoever asks.
    #[error("plan `{plan}` is refused: {reason}")]
    Refused {
        /// The plan.
        plan: PlanId,
        /// Which check, and why.
        reason: String,
    },
    /// A playbook file is wrong.
    #[error(transparent)]
    Playbook(#[from] PlaybookError),
    /// The firewall did not do it.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// A stored plan cannot be read back.
    #[error("stored plan is damaged: {reason}")]
    Damaged {
        /// Where it fails.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The database refused a statement.
    #[error("journal of responses")]
    Sql(#[from] sqlx::Error),
    /// The ledger did not take the entry.
    #[error("ledger did not record it")]
    Ledger(#[from] ledger::LedgerError),
    /// A worker thread ended early.
    #[error("the work was cut short")]
    Interrupted,
}

//! Who sees what: the guard and its permits, masks, accounts, classes of personal data, and the reading of the audit
//! record.
//!
//! [`guard::Guard`] is the one place where a [`event::Permit`] comes from. It asks Casbin, and whatever goes wrong on
//! the way (no policy, a broken or stale one, an unknown role, an error of the engine) ends in a denial.

pub mod account;
pub mod audit;
mod error;
pub mod guard;
pub mod mask;
pub mod privacy;

pub use account::{Account, AccountSettings, Accounts, Journal, Session, SignedIn};
pub use audit::{Audit, AuditPage, AuditQuery};
pub use error::{AccountError, AuditError, PolicyError};
pub use guard::{Denied, Guard, PolicySource, Reason};
pub use mask::MaskTable;

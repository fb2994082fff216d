//! Who sees what: the guard and its permits, masks, accounts, classes of personal data, the vault of their values and the
//! pseudonyms that stand for them, and the reading of the audit record.
//!
//! [`guard::Guard`] is the one place where a [`event::Permit`] comes from. It asks Casbin, and whatever goes wrong on
//! the way (no policy, a broken or stale one, an unknown role, an error of the engine) ends in a denial.

pub mod account;
pub mod application;
pub mod audit;
pub mod care;
mod error;
pub mod guard;
pub mod holiday;
pub mod mask;
pub mod privacy;
pub mod pseudonym;
pub mod request;
pub mod reveal;
pub mod subject;
pub mod vault;

pub use account::{Account, AccountSettings, Accounts, Entry, Journal, Session, SignedIn, Visitor};
pub use audit::{Audit, AuditPage, AuditQuery};
pub use error::{AccountError, AuditError, CareError, HolidayError, PolicyError, VaultError};
pub use guard::{Denied, Guard, PolicySource, Reason};
pub use mask::MaskTable;
pub use vault::Vault;

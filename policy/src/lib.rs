//!
//! [`guard::Guard`] is the one place where a [`event::Permit`] comes from. It asks Casbin, and whatever goes wrong on
//! the way (no policy, a broken or stale one, an unknown role, an error of the engine) ends in a denial.

mod error;
pub mod guard;
pub mod mask;

pub use error::PolicyError;
pub use guard::{Denied, Guard, PolicySource, Reason};
pub use mask::MaskTable;

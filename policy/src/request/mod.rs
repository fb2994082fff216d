//! Access requests: an agency asks for data, the data owner approves, narrows or refuses, and what is granted is enforced
//! by the guard at the next read, until it ends by itself.

mod agreement;
mod approvals;
mod register;
mod state;
mod terms;
#[cfg(test)]
mod tests;

pub use agreement::{Named, agreement};
pub use approvals::{Approval, Approvals, Party};
pub use register::{Ask, DUE_AFTER, ENDING_BEFORE, Requests, told};
pub use state::{AccessRequest, Act, State, Step};
pub use terms::{GRANT_LIFE_MAX, Narrowing, Terms};

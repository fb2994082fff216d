//! The persons whom data is about: what they ask for and by when it must be answered, whose data is not processed further,
//! and what waits to be destroyed.
//!
//! Nothing here holds a value: persons are meant by the tokens of the vault. The times are those of the Law on Personal Data
//! Protection 91/2025/QH15 with Decree 356/2025, as read in a secondary copy; the platform counts them and says so, it does
//! not judge the law.

mod form;
mod register;
mod restriction;
mod terms;
#[cfg(test)]
mod tests;
mod waiting;

pub use form::Form;
pub use register::{Closing, NewRequest, Outcome, Register, Reminder, RequestState, Step, SubjectRequest};
pub use restriction::{Restriction, Restrictions};
pub use terms::{Duty, Kind};
pub use waiting::{Waiting, WaitingShreds};

//! The care of a policy: its versions, what was decided under it, what a change would do, who may see what, and that
//! nobody does alone what takes two.
//!
//! Nothing here decides; that is the guard's. Every change needs a permit from it, and is in the journal before it
//! counts.

pub mod cases;
mod change;
pub mod decisions;
pub mod notice;
pub mod people;
pub mod review;
pub mod simulate;
mod versions;

pub use change::{Change, changes};
pub use versions::{PolicyVersions, VersionInfo, VersionText};

use crate::CareError;

pub(crate) fn storing(error: impl std::error::Error + Send + Sync + 'static) -> CareError {
    CareError::Store(Box::new(error))
}

/// A text of a person, kept short and on one line.
pub(crate) fn sentence(text: &str, most: usize) -> String {
    let plain: String = text.trim().chars().map(|found| if found.is_control() { ' ' } else { found }).collect();
    plain.chars().take(most).collect()
}

/// An id that nobody can guess: 64 random bits.
pub(crate) fn fresh_id() -> String {
    let mut id = keys::token::digest(keys::token::random("").expose());
    id.truncate(16);
    id
}

//! Masks: what somebody may know of a field, the form of a value that he may see, and how he may see counts.
//!
//! `masks.yml` chooses a profile by role, dataset and purpose; [`RoleMasks`] is that profile with the key of the one who
//! looks. `event::shown` applies it, on every way out.

mod choice;
mod entry;
mod file;
mod form;
mod granted;
mod key;
mod table;
#[cfg(test)]
mod tests;

pub use choice::{Choice, Chosen};
pub use file::{MaskSet, Profile, parse};
pub use form::{COVER, Form, age_band, city, hour, is_pseudonym, keep_first, keep_last, keep_last_4, network, shifted};
pub use granted::GrantMasks;
pub use key::{Masking, RecipientKey};
pub use table::{MaskTable, RoleMasks};

//! A simulated MetroNet: sites of a register, invented people, ordinary traffic and attacks, sent over real protocols.
//!
//! Nothing here is part of the product: it knows the product's listeners and what its command line writes, and no
//! crate of it.

mod attack;
mod dice;
mod entry;
mod fleet;
mod people;
mod platform;
mod simulator;
mod site;
mod source;
mod traffic;

pub use attack::{Attack, Door, Promise, Step};
pub use dice::Dice;
pub use entry::{Body, Entry};
pub use fleet::{Fleet, Impostor, Totals};
pub use people::Person;
pub use platform::{Platform, Ports};
pub use simulator::{Settings, Simulator};
pub use site::{Kind, Site, Town, Via, register_for_this_machine};
pub use traffic::{Rhythm, Traffic};

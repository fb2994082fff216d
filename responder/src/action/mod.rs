//! Actions: what a plan does to the world. A firewall blocks addresses; `nftables` is the kernel's.

pub mod nftables;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// An address that is blocked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// The address.
    pub address: IpAddr,
    /// How long it stays so.
    pub remaining: Duration,
}

/// Why the firewall did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirewallError {
    /// There is none that could: no program, no kernel support, no capability. Plans stay plans.
    #[error("blocking is not available: {reason}")]
    Unavailable {
        /// What is missing and how to get it.
        reason: String,
    },
    /// It holds as many addresses as it can; nothing was added.
    #[error("the set of blocked addresses is full; nothing was added")]
    Full,
    /// It said no.
    #[error("the firewall refused: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// It did not answer in time.
    #[error("the firewall did not answer within {secs} seconds")]
    Slow {
        /// How long we waited.
        secs: u64,
    },
}

/// Blocks addresses for a time. Calls may take tens of milliseconds and are made off the runtime.
pub trait Firewall: Send + Sync + fmt::Debug {
    /// Whether it can act, found out without changing anything for traffic.
    ///
    /// # Errors
    /// [`FirewallError::Unavailable`] says what is missing.
    fn ready(&self) -> Result<(), FirewallError>;

    /// Makes what it needs (tables, sets, rules) where that is missing; blocks that stand are not touched.
    ///
    /// # Errors
    /// [`FirewallError::Unavailable`] says what is missing.
    fn prepare(&self) -> Result<(), FirewallError>;

    /// Drops everything from `address` for `duration` from now; established connections as well. An earlier block of the
    /// same address gets the new end.
    ///
    /// # Errors
    /// Nothing is changed then.
    fn block(&self, address: IpAddr, duration: Duration) -> Result<(), FirewallError>;

    /// Lets `address` through again; fine when it was not blocked.
    ///
    /// # Errors
    /// Nothing is changed then.
    fn unblock(&self, address: IpAddr) -> Result<(), FirewallError>;

    /// The address of the network that `address` of a plan stands for: the same, unless plans hold pseudonyms. It is
    /// compared with the never-block list and goes nowhere else.
    ///
    /// # Errors
    /// When nobody knows; nothing is blocked then.
    fn meant(&self, address: IpAddr) -> Result<IpAddr, FirewallError> {
        Ok(address)
    }

    /// [`Firewall::meant`] for many addresses, each with its own answer, in their order.
    fn meant_all(&self, addresses: &[IpAddr]) -> Vec<Result<IpAddr, FirewallError>> {
        addresses.iter().map(|address| self.meant(*address)).collect()
    }

    /// What is blocked now, as plans name it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn blocked(&self) -> Result<Vec<Blocked>, FirewallError>;
}

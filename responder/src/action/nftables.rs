//! The kernel's firewall, through `nft` in its JSON form: a table of our own, a set of addresses for v4 and one for v6.
//!
//! The chain hangs in prerouting at priority −300, before connection tracking, so that established connections stop as
//! well. The sets are plain hash sets: interval sets merge neighbours and corrupt their timeouts. Every change is one
//! transaction; an address is added before it is deleted, since one missing delete would abort the whole batch.
//!
//! Documents are built and read with the `nftables` crate. The program is run here and not by the crate, which loses
//! what `nft` says on standard error and waits for ever.

mod program;
mod ruleset;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Blocked, Firewall, FirewallError};

/// The kernel's firewall.
#[derive(Debug, Clone)]
pub struct Nftables {
    program: PathBuf,
}

impl Default for Nftables {
    fn default() -> Self {
        Self::new(PathBuf::from("nft"))
    }
}

impl Nftables {
    /// The firewall behind this program, `nft` on the search path by default.
    pub fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Takes the whole table out, blocks included; fine when it is not there.
    ///
    /// # Errors
    /// As [`Firewall::prepare`].
    pub fn tear_down(&self) -> Result<(), FirewallError> {
        self.apply(&ruleset::tear_down())
    }

    /// Applies changes to elements; when somebody flushed our table it is made again with them, in one transaction.
    fn change(&self, elements: Vec<ruleset::Command>) -> Result<(), FirewallError> {
        match self.apply(&elements) {
            Err(FirewallError::Refused { reason }) if missing(&reason) => {
                let mut all = ruleset::set_up();
                all.extend(elements);
                self.apply(&all)
            }
            done => done,
        }
    }

    fn apply(&self, commands: &[ruleset::Command]) -> Result<(), FirewallError> {
        let document = ruleset::document(commands)?;
        program::run(&self.program, &["-j", "-f", "-"], document.as_bytes()).map(|_| ())
    }
}

impl Firewall for Nftables {
    fn ready(&self) -> Result<(), FirewallError> {
        // A dry run (`-c`): the kernel checks, nothing is made.
        let document = ruleset::document(&ruleset::set_up())?;
        program::run(&self.program, &["-c", "-j", "-f", "-"], document.as_bytes()).map(|_| ())
    }

    fn prepare(&self) -> Result<(), FirewallError> {
        self.apply(&ruleset::set_up())
    }

    fn block(&self, address: IpAddr, duration: Duration) -> Result<(), FirewallError> {
        self.change(ruleset::block(address.to_canonical(), duration))
    }

    fn unblock(&self, address: IpAddr) -> Result<(), FirewallError> {
        self.change(ruleset::unblock(address.to_canonical()))
    }

    fn blocked(&self) -> Result<Vec<Blocked>, FirewallError> {
        let mut all = Vec::new();
        for set in [ruleset::SET4, ruleset::SET6] {
            let arguments = ["-j", "list", "set", ruleset::FAMILY, ruleset::TABLE, set];
            match program::run(&self.program, &arguments, &[]) {
                Ok(answer) => all.extend(ruleset::elements(&answer)?),
                Err(FirewallError::Refused { reason }) if missing(&reason) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// Whether table or set were not there.
fn missing(reason: &str) -> bool {
    reason.contains("No such file or directory")
}

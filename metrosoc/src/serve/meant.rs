//! A firewall for plans that hold pseudonyms: only the kernel learns which address is meant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use policy::privacy::Class;
use policy::pseudonym::Pseudonyms;
use policy::vault::{Kind, Token, Writing};
use responder::action::{Blocked, Firewall, FirewallError};
use tokio::runtime::Handle;

/// Puts the addresses behind pseudonyms in where the kernel acts, and pseudonyms in what it tells.
#[derive(Debug)]
pub struct Meant<F> {
    inner: F,
    pseudonyms: Arc<Pseudonyms>,
    runtime: Handle,
}

impl<F: Firewall> Meant<F> {
    /// Before this firewall; calls come from outside the runtime, as [`Firewall`] says.
    pub fn new(inner: F, pseudonyms: Arc<Pseudonyms>, runtime: Handle) -> Self {
        Self { inner, pseudonyms, runtime }
    }

    /// The pseudonym of an address of a citizen, if it has one.
    fn named(&self, address: IpAddr) -> Result<IpAddr, FirewallError> {
        if !self.pseudonyms.scanner().rules().is_citizen_address(address) {
            return Ok(address);
        }
        let vault = self.pseudonyms.vault();
        let found = self.runtime.block_on(vault.find(&[Kind::Value(Class::IpAddress)], &address.to_string()));
        let token = found.map_err(refused)?.first().copied();
        Ok(token.map_or(address, |token| IpAddr::V6(token.as_address())))
    }
}

impl<F: Firewall> Firewall for Meant<F> {
    fn ready(&self) -> Result<(), FirewallError> {
        self.inner.ready()
    }

    fn prepare(&self) -> Result<(), FirewallError> {
        self.inner.prepare()
    }

    fn block(&self, address: IpAddr, duration: Duration) -> Result<(), FirewallError> {
        self.inner.block(self.meant(address)?, duration)
    }

    fn unblock(&self, address: IpAddr) -> Result<(), FirewallError> {
        self.inner.unblock(self.meant(address)?)
    }

    fn meant(&self, address: IpAddr) -> Result<IpAddr, FirewallError> {
        let meant = self.meant_all(&[address]).pop();
        meant.unwrap_or_else(|| Err(FirewallError::Refused { reason: format!("nobody knows `{address}`") }))
    }

    fn meant_all(&self, addresses: &[IpAddr]) -> Vec<Result<IpAddr, FirewallError>> {
        let writing = |address: &IpAddr| match address {
            IpAddr::V6(v6) => Token::of_address(*v6).map(|token| Writing { token, number: 0 }),
            IpAddr::V4(_) => None,
        };
        let writings: Vec<Writing> = addresses.iter().filter_map(writing).collect();
        let values = if writings.is_empty() {
            Ok(HashMap::new())
        } else {
            self.runtime.block_on(self.pseudonyms.vault().reveal(&writings)).map_err(refused)
        };
        if values.is_err() && writings.len() > 1 {
            // One that cannot be opened must not keep back the others.
            return addresses.iter().map(|address| self.meant(*address)).collect();
        }
        let meant = |address: &IpAddr| -> Result<IpAddr, FirewallError> {
            let Some(writing) = writing(address) else { return Ok(*address) };
            let value = values.as_ref().map_err(Clone::clone)?.get(&writing);
            let value = value.and_then(|value| value.parse::<IpAddr>().ok());
            value.map(|address| address.to_canonical()).ok_or_else(|| FirewallError::Refused {
                reason: format!("nobody knows any more which address `{address}` stands for"),
            })
        };
        addresses.iter().map(meant).collect()
    }

    fn blocked(&self) -> Result<Vec<Blocked>, FirewallError> {
        let standing = self.inner.blocked()?.into_iter();
        standing.map(|one| Ok(Blocked { address: self.named(one.address)?, ..one })).collect()
    }
}

fn refused(error: policy::VaultError) -> FirewallError {
    FirewallError::Refused { reason: crate::api::problem::chain(&error) }
}

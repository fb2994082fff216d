//! Lock-out with exponential back-off, per account name and per address, in bounded memory.
//!
//! An attempt counts as failed from its beginning, so that a thousand at once are not a thousand free ones. Names are
//! counted whether or not an account of that name exists: the lock tells nothing. Kept in memory; a restart forgets.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event::Timestamp;

use crate::AccountError;

/// The bounds of the lock-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Failed attempts for one account name before waiting begins.
    pub account_free: u32,
    /// Failed attempts from one address (IPv6: one /64) before waiting begins.
    pub address_free: u32,
    /// The first wait; each further failure doubles it.
    pub wait_first: Duration,
    /// The longest wait.
    pub wait_max: Duration,
    /// After so long without an attempt everything is forgotten.
    pub forget_after: Duration,
    /// Most names and most addresses remembered; those with the fewest failures go first.
    pub entries_max: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            account_free: 5,
            address_free: 20,
            wait_first: Duration::from_secs(2),
            wait_max: Duration::from_secs(15 * 60),
            forget_after: Duration::from_secs(60 * 60),
            entries_max: 10_000,
        }
    }
}

#[derive(Debug)]
pub(super) struct Throttle {
    settings: ThrottleSettings,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    names: HashMap<String, Entry>,
    addresses: HashMap<IpAddr, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Timestamp,
    until: Timestamp,
}

impl Throttle {
    pub(super) fn new(settings: ThrottleSettings) -> Self {
        Self { settings, tables: Mutex::default() }
    }

    /// Counts an attempt, or refuses it because the wait is not over.
    pub(super) fn begin(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), AccountError> {
        let name = key(name);
        let address = network(address);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = [self.wait(tables.names.get_mut(&name), now), self.wait(tables.addresses.get_mut(&address), now)];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(AccountError::Locked { wait });
        }
        self.count(&mut tables.names, name, self.settings.account_free, now);
        self.count(&mut tables.addresses, address, self.settings.address_free, now);
        Ok(())
    }

    /// The attempt was right: the name is forgiven, the address gets back this attempt alone, so that whoever has an
    /// account cannot use it to guess at others for ever.
    pub(super) fn succeed(&self, name: &str, address: IpAddr) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.names.remove(&key(name));
        let address = network(address);
        if let Some(entry) = tables.addresses.get_mut(&address) {
            entry.failures = entry.failures.saturating_sub(1);
            entry.until = Timestamp::MIN;
            if entry.failures == 0 {
                tables.addresses.remove(&address);
            }
        }
    }

    /// Lifts the lock of a name.
    pub(super) fn forgive(&self, name: &str) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).names.remove(&key(name));
    }

    /// The rest of the wait, if any. A clock that went back does not make it longer than the longest.
    fn wait(&self, entry: Option<&mut Entry>, now: Timestamp) -> Option<Duration> {
        let entry = entry?;
        entry.until = entry.until.min(now.plus(self.settings.wait_max));
        Some(entry.until.since(now)).filter(|wait| !wait.is_zero())
    }

    fn count<K: Eq + Hash + Clone>(&self, table: &mut HashMap<K, Entry>, key: K, free: u32, now: Timestamp) {
        if !table.contains_key(&key) {
            self.make_room(table, now);
        }
        let fresh = Entry { failures: 0, last: now, until: Timestamp::MIN };
        let entry = table.entry(key).or_insert(fresh);
        if now.since(entry.last) > self.settings.forget_after {
            *entry = fresh;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        if let Some(over) = entry.failures.checked_sub(free + 1) {
            let wait = self.settings.wait_first.saturating_mul(2_u32.saturating_pow(over.min(30)));
            entry.until = now.plus(wait.min(self.settings.wait_max));
        }
    }

    fn make_room<K: Eq + Hash + Clone>(&self, table: &mut HashMap<K, Entry>, now: Timestamp) {
        if table.len() < self.settings.entries_max {
            return;
        }
        table.retain(|_, entry| now.since(entry.last) <= self.settings.forget_after);
        while table.len() >= self.settings.entries_max {
            let least = table.iter().min_by_key(|(_, entry)| (entry.failures, entry.last)).map(|(key, _)| key.clone());
            let Some(least) = least else { return };
            table.remove(&least);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        let tables = self.tables.lock().unwrap();
        (tables.names.len(), tables.addresses.len())
    }
}

/// A name of any length as a bounded key.
fn key(name: &str) -> String {
    keys::token::digest(name)
}

/// A single IPv4 address, or the /64 of an IPv6 address, which one household or office has whole.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

//! Bounds on connections: in total, by address, on handshakes, and on the memory of unfinished frames.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// What one listener bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitBounds {
    /// Most connections.
    pub total_max: usize,
    /// Most connections of one address.
    pub per_address_max: usize,
    /// Most handshakes of one address at the same time; others wait for their turn.
    pub handshakes_per_address_max: usize,
    /// Most connections that have not shaken hands yet; one address has half of them at most.
    pub unproven_max: usize,
    /// Most memory of unfinished frames.
    pub partial_bytes_max: usize,
}

/// Counts the connections of one listener.
#[derive(Debug)]
pub struct Limits {
    transport: &'static str,
    total_max: usize,
    per_address_max: usize,
    handshakes_per_address_max: usize,
    unproven_max: usize,
    partial_bytes_max: usize,
    partial_bytes: AtomicUsize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    /// Connections of which nobody knows yet whose they are.
    unproven: usize,
    by_address: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    connections: usize,
    unproven: usize,
    handshakes: Arc<Semaphore>,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSlot {
    /// There are as many connections as there may be.
    Total,
    /// One address has as many as it may have.
    Address,
    /// As many as may be have not shaken hands yet.
    Unproven,
}

impl NoSlot {
    /// As it is written in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "too many connections",
            Self::Address => "too many connections from one address",
            Self::Unproven => "too many connections that have not shaken hands",
        }
    }
}

/// One connection's place; given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    limits: Arc<Limits>,
    address: IpAddr,
    handshakes: Arc<Semaphore>,
    partial_bytes: usize,
    is_proven: bool,
}

impl Limits {
    /// Of one listener.
    pub fn new(transport: &'static str, bounds: LimitBounds) -> Arc<Self> {
        let LimitBounds { total_max, per_address_max, handshakes_per_address_max, unproven_max, partial_bytes_max } =
            bounds;
        Arc::new(Self {
            transport,
            total_max,
            per_address_max,
            handshakes_per_address_max,
            unproven_max,
            partial_bytes_max,
            partial_bytes: AtomicUsize::new(0),
            open: Mutex::default(),
        })
    }

    /// A place for a connection from `address`, of which nobody knows yet whose it is.
    ///
    /// # Errors
    /// When there is none; the connection is to be closed.
    pub fn slot(self: &Arc<Self>, address: IpAddr) -> Result<Slot, NoSlot> {
        let mut open = self.lock();
        if open.total >= self.total_max {
            return Err(NoSlot::Total);
        }
        if open.unproven >= self.unproven_max {
            return Err(NoSlot::Unproven);
        }
        let entry = open.by_address.entry(address).or_insert_with(|| Address {
            connections: 0,
            unproven: 0,
            handshakes: Arc::new(Semaphore::new(self.handshakes_per_address_max)),
        });
        if entry.connections >= self.per_address_max {
            return Err(NoSlot::Address);
        }
        if entry.unproven >= self.unproven_max.div_ceil(2) {
            return Err(NoSlot::Unproven);
        }
        entry.connections += 1;
        entry.unproven += 1;
        let handshakes = Arc::clone(&entry.handshakes);
        open.total += 1;
        open.unproven += 1;
        drop(open);
        self.gauge().increment(1.0);
        Ok(Slot { limits: Arc::clone(self), address, handshakes, partial_bytes: 0, is_proven: false })
    }

    fn gauge(&self) -> metrics::Gauge {
        metrics::gauge!("metrosoc_connections", "transport" => self.transport)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// It is known whose the connection is.
    pub fn prove(&mut self) {
        if !self.is_proven {
            self.is_proven = true;
            let mut open = self.limits.lock();
            open.unproven = open.unproven.saturating_sub(1);
            if let Some(entry) = open.by_address.get_mut(&self.address) {
                entry.unproven = entry.unproven.saturating_sub(1);
            }
        }
    }

    /// The turns for handshakes of this address.
    pub fn handshakes(&self) -> Arc<Semaphore> {
        Arc::clone(&self.handshakes)
    }

    /// Says how many bytes of an unfinished frame the connection holds; `false` when all together hold too many.
    pub fn holds(&mut self, bytes: usize) -> bool {
        let total = &self.limits.partial_bytes;
        if bytes > self.partial_bytes {
            total.fetch_add(bytes - self.partial_bytes, Ordering::Relaxed);
        } else {
            total.fetch_sub(self.partial_bytes - bytes, Ordering::Relaxed);
        }
        self.partial_bytes = bytes;
        total.load(Ordering::Relaxed) <= self.limits.partial_bytes_max
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.limits.partial_bytes.fetch_sub(self.partial_bytes, Ordering::Relaxed);
        let mut open = self.limits.lock();
        open.total = open.total.saturating_sub(1);
        let unproven = usize::from(!self.is_proven);
        open.unproven = open.unproven.saturating_sub(unproven);
        self.limits.gauge().decrement(1.0);
        if let Some(entry) = open.by_address.get_mut(&self.address) {
            entry.connections = entry.connections.saturating_sub(1);
            entry.unproven = entry.unproven.saturating_sub(unproven);
            if entry.connections == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let bounds = LimitBounds {
            total_max: 3,
            per_address_max: 2,
            handshakes_per_address_max: 1,
            unproven_max: 4,
            partial_bytes_max: 100,
        };
        let limits = Limits::new("test", bounds);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = limits.slot(one).unwrap();
        let mut second = limits.slot(one).unwrap();
        assert_eq!(limits.slot(one).unwrap_err(), NoSlot::Address);
        let _third = limits.slot(two).unwrap();
        assert_eq!(limits.slot(two).unwrap_err(), NoSlot::Total);
        drop(first);
        assert!(limits.slot(one).is_ok());
        assert!(second.holds(100) && !second.holds(101));
        drop(second);
        assert!(limits.slot(one).unwrap().holds(100));
    }

    #[test]
    fn who_has_not_shaken_hands_takes_no_place_of_others() {
        let bounds = LimitBounds {
            total_max: 10,
            per_address_max: 10,
            handshakes_per_address_max: 1,
            unproven_max: 4,
            partial_bytes_max: 0,
        };
        let limits = Limits::new("test", bounds);
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mut first = limits.slot(address(1)).unwrap();
        let second = limits.slot(address(1)).unwrap();
        assert_eq!(limits.slot(address(1)).unwrap_err(), NoSlot::Unproven, "half of them for one address");
        let _others = [limits.slot(address(2)).unwrap(), limits.slot(address(3)).unwrap()];
        assert_eq!(limits.slot(address(4)).unwrap_err(), NoSlot::Unproven);
        first.prove();
        first.prove();
        let _fifth = limits.slot(address(1)).unwrap();
        assert_eq!(limits.slot(address(4)).unwrap_err(), NoSlot::Unproven);
        drop(first);
        assert_eq!(limits.slot(address(4)).unwrap_err(), NoSlot::Unproven, "it had its own place by then");
        drop(second);
        assert!(limits.slot(address(4)).is_ok());
    }
}

//! Bounds on connections: in total, by address, on handshakes, and on the memory of unfinished frames.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Counts the connections of one listener.
#[derive(Debug)]
pub(crate) struct Limits {
    transport: &'static str,
    total_max: usize,
    per_address_max: usize,
    handshakes_per_address_max: usize,
    partial_bytes_max: usize,
    partial_bytes: AtomicUsize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    connections: usize,
    handshakes: Arc<Semaphore>,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSlot {
    Total,
    Address,
}

impl NoSlot {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Total => "too many connections",
            Self::Address => "too many connections from one address",
        }
    }
}

/// One connection's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    limits: Arc<Limits>,
    address: IpAddr,
    handshakes: Arc<Semaphore>,
    partial_bytes: usize,
}

impl Limits {
    pub(crate) fn new(
        transport: &'static str,
        total_max: usize,
        per_address_max: usize,
        handshakes_per_address_max: usize,
        partial_bytes_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            transport,
            total_max,
            per_address_max,
            handshakes_per_address_max,
            partial_bytes_max,
            partial_bytes: AtomicUsize::new(0),
            open: Mutex::default(),
        })
    }

    /// A place for a connection from `address`.
    pub(crate) fn slot(self: &Arc<Self>, address: IpAddr) -> Result<Slot, NoSlot> {
        let mut open = self.lock();
        if open.total >= self.total_max {
            return Err(NoSlot::Total);
        }
        let entry = open.by_address.entry(address).or_insert_with(|| Address {
            connections: 0,
            handshakes: Arc::new(Semaphore::new(self.handshakes_per_address_max)),
        });
        if entry.connections >= self.per_address_max {
            return Err(NoSlot::Address);
        }
        entry.connections += 1;
        let handshakes = Arc::clone(&entry.handshakes);
        open.total += 1;
        drop(open);
        self.gauge().increment(1.0);
        Ok(Slot { limits: Arc::clone(self), address, handshakes, partial_bytes: 0 })
    }

    fn gauge(&self) -> metrics::Gauge {
        metrics::gauge!("metrosoc_connections", "transport" => self.transport)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The turns for handshakes of this address.
    pub(crate) fn handshakes(&self) -> Arc<Semaphore> {
        Arc::clone(&self.handshakes)
    }

    /// Says how many bytes of an unfinished frame the connection holds; `false` when all together hold too many.
    pub(crate) fn holds(&mut self, bytes: usize) -> bool {
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
        self.limits.gauge().decrement(1.0);
        if let Some(entry) = open.by_address.get_mut(&self.address) {
            entry.connections = entry.connections.saturating_sub(1);
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
        let limits = Limits::new("test", 3, 2, 1, 100);
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
}

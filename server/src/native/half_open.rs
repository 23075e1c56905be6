//! Connections that have proved nothing yet. There are only so many, for each network and in all; one more pushes out the
//! oldest. Somebody who opens connections and says nothing thus loses their own, and people get through: an honest
//! handshake is over long before its turn comes.

use crate::network::Network;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// For one network.
const PER_NETWORK: usize = 128;
/// In all.
const IN_ALL: usize = 1024;

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    all: BTreeMap<u64, (Network, CancellationToken)>,
    count: HashMap<Network, usize>,
}

/// All connections that have proved nothing yet.
#[derive(Clone, Debug, Default)]
pub struct HalfOpen(Arc<Mutex<Inner>>);

/// One connection's place among them, until it is released or dropped.
#[derive(Debug)]
pub struct Place {
    all: HalfOpen,
    number: u64,
    /// Cancelled when a newer connection pushes this one out.
    pub pushed_out: CancellationToken,
}

impl HalfOpen {
    /// Takes a place.
    pub fn enter(&self, address: IpAddr) -> Place {
        let network = Network::of(address);
        let mut inner = self.lock();
        if inner.count.get(&network).copied().unwrap_or(0) >= PER_NETWORK {
            let oldest = inner.all.iter().find(|(_, (of, _))| *of == network).map(|(number, _)| *number);
            inner.push_out(oldest);
        } else if inner.all.len() >= IN_ALL {
            let oldest = inner.all.keys().next().copied();
            inner.push_out(oldest);
        }
        inner.next += 1;
        let (number, pushed_out) = (inner.next, CancellationToken::new());
        inner.all.insert(number, (network, pushed_out.clone()));
        *inner.count.entry(network).or_default() += 1;
        Place { all: self.clone(), number, pushed_out }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push_out(&mut self, number: Option<u64>) {
        if let Some(token) = number.and_then(|number| self.remove(number)) {
            token.cancel();
        }
    }

    fn remove(&mut self, number: u64) -> Option<CancellationToken> {
        let (network, token) = self.all.remove(&number)?;
        if let Some(count) = self.count.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.count.remove(&network);
            }
        }
        Some(token)
    }
}

impl Place {
    /// The connection has proved itself; it can no longer be pushed out, unless it was already.
    pub fn release(&self) {
        self.all.lock().remove(self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_from_an_address_pushes_out_its_own_oldest_and_nobody_elses() {
        let all = HalfOpen::default();
        let (noisy, quiet) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let other = all.enter(quiet);
        let mut places: Vec<_> = (0..PER_NETWORK).map(|_| all.enter(noisy)).collect();
        assert!(places.iter().all(|place| !place.pushed_out.is_cancelled()));
        places.push(all.enter(noisy));
        assert!(places[0].pushed_out.is_cancelled());
        assert!(places[1..].iter().all(|place| !place.pushed_out.is_cancelled()));
        assert!(!other.pushed_out.is_cancelled());
        drop(places);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_host_with_a_whole_network_of_addresses_pushes_out_its_own() {
        let all = HalfOpen::default();
        let of = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]);
        let places: Vec<_> = (0..1024).map(|last| all.enter(of(last))).collect();
        assert_eq!(all.len(), PER_NETWORK);
        assert!(places[..1024 - PER_NETWORK].iter().all(|place| place.pushed_out.is_cancelled()));
    }

    #[test]
    fn a_released_place_is_never_pushed_out() {
        let all = HalfOpen::default();
        let address = IpAddr::from([10, 0, 0, 1]);
        let proved = all.enter(address);
        proved.release();
        let _places: Vec<_> = (0..=PER_NETWORK).map(|_| all.enter(address)).collect();
        assert!(!proved.pushed_out.is_cancelled());
    }
}

//! What runs at a site and writes logs; one file a product. Everything here is ordinary: stories add what is not.

pub(crate) mod camera;
pub(crate) mod dns;
pub(crate) mod firewall;
pub(crate) mod gateway;
pub(crate) mod ids;
pub(crate) mod linux;
pub(crate) mod portal;
pub(crate) mod switch;
pub(crate) mod web;
pub(crate) mod windows;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use jiff::Timestamp;

use crate::dice::Dice;
use crate::entry::{Body, Entry};
use crate::people::Person;
use crate::site::Site;

/// Most people who work at one site.
const STAFF_MAX: u64 = 14;

/// A moment at a site, in which something is logged.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    /// Chance.
    pub dice: &'a mut Dice,
    /// The site.
    pub site: &'a Arc<Site>,
    /// When.
    pub at: Timestamp,
    /// Who works there; see [`staff`].
    pub staff: &'a [Person],
}

impl Scene<'_> {
    /// One of the people who work there.
    pub(crate) fn officer(&mut self) -> Person {
        match self.dice.pick(self.staff) {
            Some(person) => person.clone(),
            None => Person::invent(self.dice),
        }
    }

    /// A workstation's address, of either protocol.
    pub(crate) fn workstation(&mut self) -> IpAddr {
        let machine = u8::try_from(self.dice.between(50, 99)).unwrap_or(50);
        self.site.address(machine, self.dice)
    }

    /// A record of a machine of the site.
    pub(crate) fn entry(&mut self, role: &str, program: &'static str, priority: u8, body: Body) -> Entry {
        let number = self.dice.between(1, 2);
        let host = self.site.machine(role, number);
        let pid = Some(self.dice.between(700, 30_000));
        Entry { site: Arc::clone(self.site), at: self.at, host, program, pid, priority, body }
    }
}

/// The people who work at a site: always the same for one seed.
pub(crate) fn staff(seed: &Dice, site: &Site) -> Vec<Person> {
    let mut dice = seed.of(&site.id);
    (0..dice.between(5, STAFF_MAX)).map(|_| Person::invent(&mut dice)).collect()
}

/// Somebody on the internet, of the ranges that RFC 5737 and RFC 3849 keep for examples. Never of [`intruder`]'s.
pub(crate) fn somebody(dice: &mut Dice) -> IpAddr {
    let machine = u8::try_from(dice.between(1, 254)).unwrap_or(1);
    match dice.below(5) {
        0 => Ipv4Addr::new(198, 51, 100, machine).into(),
        1 => Ipv4Addr::new(203, 0, 113, machine).into(),
        _ => {
            let part = u16::try_from(dice.between(0x1000, 0xffff)).unwrap_or(0x1000);
            Ipv6Addr::new(0x2001, 0xdb8, 0xc, part, 0, 0, 0, u16::from(machine)).into()
        }
    }
}

/// Somebody on the internet with bad intent: `192.0.2.0/24` or `2001:db8:bad::/48`.
pub(crate) fn intruder(dice: &mut Dice) -> IpAddr {
    let machine = u8::try_from(dice.between(1, 254)).unwrap_or(1);
    match dice.chance(0.5) {
        true => Ipv4Addr::new(192, 0, 2, machine).into(),
        false => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, u16::from(machine)).into(),
    }
}

#[cfg(test)]
mod tests;

//! Attacks on request: short stories of events from one or several sites, with ordinary ones in between.

mod lgsp_bulk;
mod portal_webshell;
mod rogue_ipv6_router;
mod ssh_foothold;
mod stolen_certificate;
mod story;
mod ward_ransomware;

use jiff::Timestamp;

pub use story::{Door, Step};

use crate::site::Town;
use crate::traffic::Traffic;
use story::Story;

/// A rule whose alert an attack promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The rule's id in `rules/sigma`.
    pub rule: &'static str,
    /// The rule's title, for people.
    pub title: &'static str,
}

/// An attack that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// Passwords are guessed at a server until one fits; then sudo and cron make the foothold last.
    SshFoothold,
    /// A script is uploaded to a one-stop portal and called with commands.
    PortalWebshell,
    /// One agency reads citizens in bulk through the gateway, at night.
    LgspBulk,
    /// A ward's file server loses its shadow copies and then its files.
    WardRansomware,
    /// An unknown machine says that it is the router.
    RogueIpv6Router,
    /// A site's certificate is used from another address, and what it sends is odd.
    StolenCertificate,
}

impl Attack {
    /// Every attack, in the order in which a schedule takes them.
    pub const ALL: [Self; 6] = [
        Self::SshFoothold,
        Self::PortalWebshell,
        Self::LgspBulk,
        Self::WardRansomware,
        Self::RogueIpv6Router,
        Self::StolenCertificate,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::SshFoothold => "ssh-foothold",
            Self::PortalWebshell => "portal-webshell",
            Self::LgspBulk => "lgsp-bulk",
            Self::WardRansomware => "ward-ransomware",
            Self::RogueIpv6Router => "rogue-ipv6-router",
            Self::StolenCertificate => "stolen-certificate",
        }
    }

    /// The rules that must raise an alert.
    pub fn promises(self) -> &'static [Promise] {
        match self {
            Self::SshFoothold => &ssh_foothold::PROMISES,
            Self::PortalWebshell => &portal_webshell::PROMISES,
            Self::LgspBulk => &lgsp_bulk::PROMISES,
            Self::WardRansomware => &ward_ransomware::PROMISES,
            Self::RogueIpv6Router => &rogue_ipv6_router::PROMISES,
            Self::StolenCertificate => &stolen_certificate::PROMISES,
        }
    }

    /// Its events from `start` on. `traffic` gives chance, people and the ordinary events in between; take one
    /// [`Traffic::apart`]. `haste` shortens the pauses: 1 is the pace for an audience, 10 a tenth of it.
    ///
    /// Empty when the town is.
    pub fn story(self, town: &Town, traffic: &mut Traffic, start: Timestamp, haste: f64) -> Vec<Step> {
        let mut story = Story::new(town, traffic, start, haste);
        let told = match self {
            Self::SshFoothold => ssh_foothold::tell(&mut story),
            Self::PortalWebshell => portal_webshell::tell(&mut story),
            Self::LgspBulk => lgsp_bulk::tell(&mut story),
            Self::WardRansomware => ward_ransomware::tell(&mut story),
            Self::RogueIpv6Router => rogue_ipv6_router::tell(&mut story),
            Self::StolenCertificate => stolen_certificate::tell(&mut story),
        };
        told.map_or_else(Vec::new, |()| story.into_steps())
    }
}

#[cfg(test)]
mod tests;

//! `[quota]`: how much a site may send.

use collector::sites::Quotas;
use event::SiteId;
use serde::{Deserialize, Serialize};

/// How much a site may send. Beyond it TCP, TLS and RELP senders wait, HTTPS and edges are told to come again later, and
/// datagrams are dropped and counted; an alert says so once for each stretch. Zero is no bound.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Records a second of each site, a mean over ten seconds; all unknown senders together count as one site.
    pub events_per_sec: u32,
    /// Bytes a second of each site, likewise.
    pub bytes_per_sec: u64,
    /// Other quotas of single sites, as in `[{ site = "hcm-a", events_per_sec = 500, bytes_per_sec = 0 }]`.
    pub sites: Vec<SiteQuota>,
}

/// The quota of one site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteQuota {
    /// The site.
    pub site: SiteId,
    /// Records a second; 0 for no bound.
    #[serde(default)]
    pub events_per_sec: u32,
    /// Bytes a second; 0 for no bound.
    #[serde(default)]
    pub bytes_per_sec: u64,
}

impl Quota {
    /// What the collector works with.
    pub fn quotas(&self) -> Quotas {
        let quota = |events_per_sec, bytes_per_sec| collector::sites::Quota { events_per_sec, bytes_per_sec };
        let sites = self.sites.iter().map(|one| (one.site.clone(), quota(one.events_per_sec, one.bytes_per_sec)));
        Quotas { default: quota(self.events_per_sec, self.bytes_per_sec), sites: sites.collect() }
    }

    /// What types cannot say.
    pub(super) fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let mut named: Vec<&SiteId> = self.sites.iter().map(|one| &one.site).collect();
        named.sort_unstable();
        named.dedup();
        check(named.len() == self.sites.len(), "quota.sites", "a site is named twice");
    }
}

//! Whose a record is: by certificate or token where there is one, by address otherwise, and whether it is taken.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use event::{Acts, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use ipnet::IpNet;

use super::register::Register;
use super::share::{Quotas, Share, Shares};
use super::shown::Shown;
use super::{Sites, Source};

/// Senders remembered with their verdict; the memory is emptied when it is full or the register changes.
const VERDICTS_MAX: usize = 16_384;

/// What becomes of plain syslog from addresses that no site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownSenders {
    /// Taken, under the site `unknown`.
    #[default]
    Keep,
    /// Refused and counted.
    Refuse,
}

/// Who may send plain syslog, and how much anybody may.
#[derive(Debug, Clone, Default)]
pub struct AttributionSettings {
    /// Networks beside loopback that plain syslog is taken from.
    pub plain_networks: Vec<IpNet>,
    /// What becomes of senders in these networks that no site has.
    pub unknown_senders: UnknownSenders,
    /// How much each site may send.
    pub quotas: Quotas,
}

/// Why nothing is taken from a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its address lies in none of the networks that may send plain syslog.
    OutsideNetworks,
    /// No site has its address, and unknown senders are refused.
    UnknownSender,
}

impl Refusal {
    /// As it is written in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutsideNetworks => "outside the configured networks",
            Self::UnknownSender => "unknown sender",
        }
    }
}

/// Where the records of one sender go: their origin and its counters.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Where they come from.
    pub origin: Arc<Origin>,
    /// What it has sent.
    pub source: Arc<Source>,
    /// Its site's share of what is taken.
    pub share: Arc<Share>,
}

type Verdict = Result<Lane, Refusal>;

/// Tells whose a record is.
#[derive(Debug)]
pub struct Attribution {
    sites: Arc<Sites>,
    settings: AttributionSettings,
    verdicts: Mutex<Verdicts>,
    shown: Shown,
    shares: Shares,
}

#[derive(Debug, Default)]
struct Verdicts {
    /// The register that they were made of.
    register: Arc<Register>,
    by_sender: HashMap<(IpAddr, Transport), Verdict>,
}

impl Attribution {
    /// By the register of `sites`.
    pub fn new(sites: Arc<Sites>, settings: AttributionSettings) -> Self {
        let shares = Shares::new(settings.quotas.clone());
        Self { sites, settings, verdicts: Mutex::default(), shown: Shown::default(), shares }
    }

    /// The same, telling `acts` of certificates that are shown, once an hour for each address of one, and of sites that send
    /// more than their quota.
    #[must_use]
    pub fn telling(self, acts: Arc<dyn Acts>) -> Self {
        let shares = self.shares.telling(Arc::clone(&acts));
        Self { shown: Shown::to(acts), shares, ..self }
    }

    /// A certificate of `site` with this serial number was accepted from `peer`; every listener that asks for
    /// certificates says so.
    pub fn certificate_shown(&self, site: &SiteId, serial: &str, peer: IpAddr) {
        self.shown.note(site, self.sites.by_id(site).as_deref(), serial, peer, self.now());
    }

    /// The register that it decides by.
    pub fn sites(&self) -> &Arc<Sites> {
        &self.sites
    }

    /// Where records from a plain sender go, or why they are refused. The address proves nothing.
    ///
    /// # Errors
    /// The refusal. It is not counted yet: use [`Attribution::refuse`].
    pub fn lane_for_address(&self, address: IpAddr, transport: Transport) -> Result<Lane, Refusal> {
        let address = address.to_canonical();
        let register = self.sites.register();
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&verdicts.register, &register) || verdicts.by_sender.len() >= VERDICTS_MAX {
            *verdicts = Verdicts { register: Arc::clone(&register), by_sender: HashMap::new() };
        }
        if let Some(verdict) = verdicts.by_sender.get(&(address, transport)) {
            return verdict.clone();
        }
        let verdict = self.judge(&register, address, transport);
        verdicts.by_sender.insert((address, transport), verdict.clone());
        verdict
    }

    /// [`Attribution::lane_for_address`] without the counters.
    pub fn origin_for_address(&self, address: IpAddr, transport: Transport) -> Option<Arc<Origin>> {
        self.lane_for_address(address, transport).ok().map(|lane| lane.origin)
    }

    /// Where the records of a site go that is known otherwise: by certificate, token or operator.
    pub fn lane_for_site(&self, site: &SiteId, known_by: KnownBy, transport: Transport, peer: Option<IpAddr>) -> Lane {
        let agency = self.sites.register().by_id(site).map(|site| site.agency.clone());
        let source = SourceId::of(transport, site.as_str());
        let peer = peer.map(|peer| peer.to_canonical());
        self.lane(Origin { site: site.clone(), agency, known_by, source, transport, peer })
    }

    /// [`Attribution::lane_for_site`] without the counters.
    pub fn origin_for_site(
        &self,
        site: &SiteId,
        known_by: KnownBy,
        transport: Transport,
        peer: Option<IpAddr>,
    ) -> Arc<Origin> {
        self.lane_for_site(site, known_by, transport, peer).origin
    }

    /// The lane of an origin that the caller has made.
    pub fn lane(&self, origin: Origin) -> Lane {
        let share = self.share(&origin.site);
        Lane { source: self.sites.traffic().source(&origin), origin: Arc::new(origin), share }
    }

    /// A site's share of what is taken.
    pub fn share(&self, site: &SiteId) -> Arc<Share> {
        self.shares.of(site, self.now())
    }

    /// Tells of stretches over a quota that have ended; once a second.
    pub fn settle_shares(&self) {
        self.shares.settle(self.now());
    }

    /// Records of `origin` were stored: for those who submit without a lane.
    pub fn stored(&self, origin: &Origin, records: usize, bytes: usize) {
        self.sites.traffic().source(origin).stored(records, bytes, self.now());
    }

    /// Something from a sender was refused: counted and shown among the unknown senders.
    pub fn refuse(&self, address: IpAddr, transport: Transport, count: u64) {
        let origin = unknown(address.to_canonical(), transport);
        self.sites.traffic().source(&origin).refused(count, self.now());
    }

    /// Now, by the clock of the register.
    pub fn now(&self) -> Timestamp {
        self.sites.clock().now()
    }

    fn judge(&self, register: &Register, address: IpAddr, transport: Transport) -> Verdict {
        let allowed = address.is_loopback() || self.settings.plain_networks.iter().any(|net| net.contains(&address));
        if !allowed {
            return Err(Refusal::OutsideNetworks);
        }
        let origin = match (register.by_address(address), self.settings.unknown_senders) {
            (Some(site), _) => Origin {
                site: site.id.clone(),
                agency: Some(site.agency.clone()),
                known_by: KnownBy::Address,
                ..unknown(address, transport)
            },
            (None, UnknownSenders::Keep) => unknown(address, transport),
            (None, UnknownSenders::Refuse) => return Err(Refusal::UnknownSender),
        };
        Ok(self.lane(origin))
    }
}

fn unknown(address: IpAddr, transport: Transport) -> Origin {
    Origin {
        site: SiteId::unknown(),
        agency: None,
        known_by: KnownBy::Unknown,
        source: SourceId::of(transport, &address.to_string()),
        transport,
        peer: Some(address),
    }
}

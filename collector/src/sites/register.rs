//! An immutable snapshot of the register, made for looking senders up.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use event::{Agency, AgencyId, Site, SiteId};
use ipnet::IpNet;

/// Sites and agencies as they stood at one moment.
#[derive(Debug, Default)]
pub(super) struct Register {
    sites: BTreeMap<SiteId, Arc<Site>>,
    agencies: BTreeMap<AgencyId, Agency>,
    /// Sites by network; the prefix lengths in use, longest first.
    networks: HashMap<IpNet, Arc<Site>>,
    prefixes_v4: Vec<u8>,
    prefixes_v6: Vec<u8>,
}

impl Register {
    pub(super) fn new(sites: Vec<Site>, agencies: Vec<Agency>) -> Self {
        let mut register = Self::default();
        for site in sites {
            let site = Arc::new(site);
            for &network in &site.addresses {
                let prefixes = match network {
                    IpNet::V4(_) => &mut register.prefixes_v4,
                    IpNet::V6(_) => &mut register.prefixes_v6,
                };
                prefixes.push(network.prefix_len());
                register.networks.insert(network, Arc::clone(&site));
            }
            register.sites.insert(site.id.clone(), site);
        }
        for prefixes in [&mut register.prefixes_v4, &mut register.prefixes_v6] {
            prefixes.sort_unstable_by(|left, right| right.cmp(left));
            prefixes.dedup();
        }
        register.agencies = agencies.into_iter().map(|agency| (agency.id.clone(), agency)).collect();
        register
    }

    pub(super) fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.sites.values()
    }

    pub(super) fn agencies(&self) -> impl Iterator<Item = &Agency> {
        self.agencies.values()
    }

    pub(super) fn by_id(&self, id: &SiteId) -> Option<Arc<Site>> {
        self.sites.get(id).map(Arc::clone)
    }

    pub(super) fn agency(&self, id: &AgencyId) -> Option<&Agency> {
        self.agencies.get(id)
    }

    pub(super) fn by_address(&self, address: IpAddr) -> Option<Arc<Site>> {
        let address = address.to_canonical();
        let prefixes = if address.is_ipv4() { &self.prefixes_v4 } else { &self.prefixes_v6 };
        let network = |&prefix: &u8| IpNet::new(address, prefix).ok().map(|network| network.trunc());
        prefixes.iter().filter_map(network).find_map(|network| self.networks.get(&network)).map(Arc::clone)
    }
}

//! Sites and agencies: who is connected to MetroNet.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{AgencyId, SiteId};

/// An organisation that owns sites and data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agency {
    /// Its id; the domain of policy decisions.
    pub id: AgencyId,
    /// Its name, as people write it.
    pub name: String,
}

/// One of MetroNet's connection points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its id, such as `hcm-q1-p-bennghe`.
    pub id: SiteId,
    /// Its name, as people write it.
    pub name: String,
    /// The agency that owns it.
    pub agency: AgencyId,
    /// The data centre that it hangs on.
    pub data_center: String,
    /// Networks and addresses that its plain syslog comes from, v4 and v6.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
    /// Degrees north; invented for demonstration data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude_deg: Option<f64>,
    /// Degrees east; invented for demonstration data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude_deg: Option<f64>,
    /// The General Statistics Office's code of its ward or commune.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward_code: Option<String>,
}

impl Site {
    /// Prefix length of the narrowest network of this site that holds `address`; `None` when none does.
    pub fn holds(&self, address: IpAddr) -> Option<u8> {
        let address = address.to_canonical();
        self.addresses.iter().filter(|net| net.contains(&address)).map(IpNet::prefix_len).max()
    }
}

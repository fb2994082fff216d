//! Certificates that sites show, told to the ledger: whose, from where, and whether that is where the site lives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Act, Acts, NoActs, Site, SiteId, Timestamp};
use serde_json::json;

/// The same certificate from the same address is told of once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(3_600);
/// Certificates and addresses that are remembered; the memory is emptied when it is full.
const REMEMBERED_MAX: usize = 16_384;

/// Tells of certificates that were accepted.
#[derive(Debug)]
pub(super) struct Shown {
    acts: Arc<dyn Acts>,
    told: Mutex<HashMap<(String, IpAddr), Timestamp>>,
}

impl Default for Shown {
    fn default() -> Self {
        Self::to(Arc::new(NoActs))
    }
}

impl Shown {
    pub(super) fn to(acts: Arc<dyn Acts>) -> Self {
        Self { acts, told: Mutex::default() }
    }

    /// A certificate of `id` was accepted from `address`; `site` is what the register says of it.
    pub(super) fn note(&self, id: &SiteId, site: Option<&Site>, serial: &str, address: IpAddr, now: Timestamp) {
        let address = address.to_canonical();
        if !self.is_due(serial, address, now) {
            return;
        }
        let (action, reason) = match site {
            None => ("certificate_used", Some("unknown_site")),
            Some(site) if !site.addresses.is_empty() && site.holds(address).is_none() => {
                ("certificate_from_unusual_address", None)
            }
            Some(_) => ("certificate_used", None),
        };
        let mut detail = json!({ "address": address.to_string(), "serial": serial, "site": id });
        if let (Some(map), Some(reason)) = (detail.as_object_mut(), reason) {
            map.insert("reason".to_owned(), reason.into());
        }
        self.acts.happened(Act {
            actor: format!("site:{id}"),
            action,
            object: format!("certificate:{serial}"),
            detail,
        });
    }

    fn is_due(&self, serial: &str, address: IpAddr, now: Timestamp) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (serial.to_owned(), address);
        if told.get(&key).is_some_and(|before| now < before.plus(TOLD_EVERY) && now >= *before) {
            return false;
        }
        if told.len() >= REMEMBERED_MAX {
            told.clear();
        }
        told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(&'static str, String)>>);

    impl Acts for Heard {
        fn happened(&self, act: Act) {
            self.0.lock().unwrap().push((act.action, act.detail["reason"].as_str().unwrap_or("-").to_owned()));
        }
    }

    #[test]
    fn each_address_of_a_certificate_is_told_of_once_an_hour() {
        let heard = Arc::new(Heard::default());
        let shown = Shown::to(Arc::clone(&heard) as Arc<dyn Acts>);
        let id = SiteId::new("hcm-a").unwrap();
        let site = |addresses: &[&str]| Site {
            id: id.clone(),
            name: "A".to_owned(),
            agency: event::AgencyId::new("agency-a").unwrap(),
            data_center: "dc1".to_owned(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            latitude_deg: None,
            longitude_deg: None,
            ward_code: None,
        };
        let mut now = Timestamp::from_secs(1_793_664_000);
        let mut check = |site: Option<Site>, address: &str, secs: u64, expected: &[(&'static str, &str)]| {
            now = now.plus(Duration::from_secs(secs));
            shown.note(&id, site.as_ref(), "4f:a1", address.parse().unwrap(), now);
            let found = std::mem::take(&mut *heard.0.lock().unwrap());
            let found: Vec<_> = found.iter().map(|(action, reason)| (*action, reason.as_str())).collect();
            assert_eq!(found, expected, "{address}");
        };
        check(Some(site(&["10.0.0.0/24"])), "10.0.0.7", 0, &[("certificate_used", "-")]);
        check(Some(site(&["10.0.0.0/24"])), "::ffff:10.0.0.7", 60, &[]);
        check(Some(site(&["10.0.0.0/24"])), "2001:db8::1", 0, &[("certificate_from_unusual_address", "-")]);
        check(Some(site(&[])), "2001:db8::2", 0, &[("certificate_used", "-")]);
        check(None, "2001:db8::3", 0, &[("certificate_used", "unknown_site")]);
        check(Some(site(&["10.0.0.0/24"])), "10.0.0.7", 3_600, &[("certificate_used", "-")]);
    }
}

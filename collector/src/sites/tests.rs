//! The register, attribution and counts, on every database that is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{KnownBy, ManualClock, SystemClock, Timestamp, Transport};
use ipnet::IpNet;

use super::*;

async fn on_each(test: impl AsyncFn(Arc<Sites>, Store)) {
    for store in store::testing::stores().await.unwrap() {
        let sites = Sites::open(store.store().clone(), Arc::new(SystemClock)).await.unwrap();
        test(Arc::new(sites), store.store().clone()).await;
    }
}

fn site(id: &str) -> SiteId {
    SiteId::new(id).unwrap()
}

#[tokio::test]
async fn the_demonstration_register_is_consistent() {
    on_each(async |sites, store| {
        let agencies = sites.import_agencies_csv(DEMO_AGENCIES_CSV.as_bytes()).await.unwrap();
        let report = sites.import_csv(DEMO_SITES_CSV.as_bytes()).await.unwrap();
        assert_eq!((report.rows, report.added, &report.faults[..], &agencies.faults[..]), (807, 807, &[][..], &[][..]));
        let list = sites.list();
        assert!(list.iter().all(|site| site.id.as_str().is_ascii() && site.id.as_str().starts_with("hcm-")));
        assert_eq!(list.iter().map(|site| &site.data_center).collect::<BTreeSet<_>>().len(), 2);
        assert_eq!(list.iter().filter_map(|site| site.ward_code.as_ref()).collect::<BTreeSet<_>>().len(), 168);
        let named: BTreeSet<_> = sites.agencies().into_iter().map(|agency| agency.id).collect();
        assert_eq!(named, list.iter().map(|site| site.agency.clone()).collect());
        let invented = |net: &IpNet| match net {
            IpNet::V4(net) => net.addr().is_private(),
            IpNet::V6(net) => net.addr().is_unique_local(),
        };
        assert!(list.iter().flat_map(|site| &site.addresses).all(invented));
        let again = sites.import_csv(DEMO_SITES_CSV.as_bytes()).await.unwrap();
        assert_eq!((again.added, again.updated, again.unchanged), (0, 0, 807));
        let reopened = Sites::open(store, Arc::new(SystemClock)).await.unwrap();
        assert_eq!(reopened.list(), list);
    })
    .await;
}

#[tokio::test]
async fn good_rows_are_kept_and_faulty_ones_named() {
    on_each(async |sites, _| {
        let csv = b"\xef\xbb\xbfid,name,agency,data_center,addresses,latitude_deg,longitude_deg,ward_code\n\
            hcm-a,A,agency-a,dc1,10.0.0.1 2001:db8::/64,10.5,106.5,26740\n\
            ,B,agency-a,dc1,,,,\n\
            hcm-c,C,bad agency,dc1,,,,\n\
            hcm-d,D,agency-a,dc1,10.0.0.1,,,\n\
            hcm-a,A again,agency-a,dc1,,,,\n\
            unknown,U,agency-a,dc1,,,,\n\
            hcm-e,E,agency-a,dc1,10.0.0.300,,,\n\
            hcm-f,F,agency-a,dc1,::/0,,,\n\
            hcm-g,G,agency-a,dc1,,91,0,\n\
            hcm-h,H,agency-a,dc1,,10,,\n\
            hcm-i,I,agency-a\n\
            hcm-j,\xff,agency-a,dc1,,,,\n\
            \"hcm-k\",\"K, with a comma\nand a line\",agency-b,dc2,,,,\n\
            hcm-l,L,agency-b,dc2,::ffff:10.9.9.9 10.8.7.6/16,,,\n";
        let report = sites.import_csv(&csv[..]).await.unwrap();
        let faults: Vec<_> = report.faults.iter().map(|fault| (fault.line, fault.reason.as_str())).collect();
        assert_eq!(
            faults,
            [
                (3, "`id` is empty"),
                (4, "agency id `bad agency` contains ` `; letters, digits and `._-:@` are allowed"),
                (5, "`10.0.0.1/32` belongs to site `hcm-a` already"),
                (6, "site `hcm-a` stands in line 2 already"),
                (7, "`unknown` is reserved and cannot be a site's id"),
                (8, "`10.0.0.300` is neither an address nor a network"),
                (9, "`::/0` would claim every sender"),
                (10, "`latitude_deg` `91` is no number from -90 to 90"),
                (11, "`latitude_deg` and `longitude_deg` belong together"),
                (12, "3 cells where the first line has 8"),
                (13, "`name` is not UTF-8"),
                (14, "`name` is longer than 200 characters or has control characters"),
            ]
        );
        assert_eq!((report.rows, report.added, sites.list().len()), (14, 2, 2));
        assert_eq!(sites.by_address("10.9.9.9".parse().unwrap()).unwrap().id, site("hcm-l"));
        assert_eq!(sites.by_address("10.8.255.1".parse().unwrap()).unwrap().id, site("hcm-l"));
        assert_eq!(sites.by_address("2001:db8::77".parse().unwrap()).unwrap().id, site("hcm-a"));
        assert_eq!(sites.by_address("::ffff:10.0.0.1".parse().unwrap()).unwrap().id, site("hcm-a"));
        assert_eq!(sites.by_address("10.0.0.2".parse().unwrap()), None);
        let missing = sites.import_csv(&b"id,name\nx,y\n"[..]).await.unwrap_err().to_string();
        assert_eq!(
            missing,
            "sites file: column `agency` is missing in the first line; expected `id,name,agency,data_center`"
        );
        assert!(sites.remove(&site("hcm-a")).await.unwrap() && !sites.remove(&site("hcm-a")).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_site_may_hand_its_address_to_another() {
    on_each(async |sites, _| {
        let head = "id,name,agency,data_center,addresses\n";
        sites.import_csv(format!("{head}hcm-a,A,x,dc1,10.0.0.1\nhcm-b,B,x,dc1,10.0.0.2\n").as_bytes()).await.unwrap();
        let swapped = format!("{head}hcm-a,A,x,dc1,10.0.0.2\nhcm-b,B,x,dc1,10.0.0.1\n");
        let report = sites.import_csv(swapped.as_bytes()).await.unwrap();
        assert_eq!((report.updated, report.faults.len()), (2, 0));
        assert_eq!(sites.by_address("10.0.0.1".parse().unwrap()).unwrap().id, site("hcm-b"));
        let thief = format!("{head}hcm-c,C,x,dc1,10.0.0.1\n");
        assert_eq!(sites.import_csv(thief.as_bytes()).await.unwrap().faults.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn plain_senders_are_known_by_address_or_not_at_all() {
    on_each(async |sites, _| {
        let csv = "id,name,agency,data_center,addresses\nhcm-a,A,agency-a,dc1,10.0.0.0/24 fd00:1::/64\n";
        sites.import_csv(csv.as_bytes()).await.unwrap();
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let keep = AttributionSettings { plain_networks: networks.clone(), ..AttributionSettings::default() };
        let unknown_senders = UnknownSenders::Refuse;
        let refuse =
            AttributionSettings { plain_networks: networks, unknown_senders, ..AttributionSettings::default() };
        let (keep, refuse) = (Attribution::new(sites.clone(), keep), Attribution::new(sites.clone(), refuse));
        let check = |attribution: &Attribution, address: &str, expected: &str| {
            let lane = attribution.lane_for_address(address.parse().unwrap(), Transport::SyslogUdp);
            let found = lane.map_or_else(
                |refusal| refusal.as_str().to_owned(),
                |lane| format!("{} {} {}", lane.origin.site, lane.origin.known_by.as_str(), lane.origin.source),
            );
            assert_eq!(found, expected, "{address}");
        };
        check(&keep, "10.0.0.7", "hcm-a address syslog-udp:10.0.0.7");
        check(&keep, "::ffff:10.0.0.7", "hcm-a address syslog-udp:10.0.0.7");
        check(&keep, "fd00:1::5", "hcm-a address syslog-udp:fd00:1::5");
        check(&keep, "10.1.0.7", "unknown unknown syslog-udp:10.1.0.7");
        check(&keep, "::1", "unknown unknown syslog-udp:::1");
        check(&refuse, "10.1.0.7", "unknown sender");
        check(&refuse, "192.0.2.1", "outside the configured networks");
        sites.remove(&site("hcm-a")).await.unwrap();
        check(&keep, "10.0.0.7", "unknown unknown syslog-udp:10.0.0.7");
    })
    .await;
}

#[tokio::test]
async fn counts_survive_a_restart_and_unknown_senders_are_shown() {
    for store in store::testing::stores().await.unwrap() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_000)));
        let open = || Sites::open(store.store().clone(), clock.clone());
        let sites = Arc::new(open().await.unwrap());
        sites.import_csv("id,name,agency,data_center\nhcm-a,A,x,dc1\n".as_bytes()).await.unwrap();
        let attribution = Attribution::new(sites.clone(), AttributionSettings::default());
        let lane = attribution.lane_for_site(&site("hcm-a"), KnownBy::Certificate, Transport::SyslogTls, None);
        assert_eq!(lane.origin.agency.as_ref().unwrap().as_str(), "x");
        lane.source.stored(10, 100, clock.now());
        attribution.refuse("192.0.2.9".parse().unwrap(), Transport::SyslogTcp, 3);
        sites.flush().await.unwrap();
        lane.source.stored(1, 5, Timestamp::from_secs(2_000));
        lane.source.dropped(2, Timestamp::from_secs(1_500));
        sites.flush().await.unwrap();
        sites.flush().await.unwrap();
        let seen = sites.sources();
        let again = Arc::new(open().await.unwrap());
        assert_eq!(again.sources(), seen);
        let of_a = &again.sources_of(&site("hcm-a"))[0];
        assert_eq!((of_a.records, of_a.bytes, of_a.dropped), (11, 105, 2));
        assert_eq!((of_a.first_seen, of_a.last_seen), (Timestamp::from_secs(1_000), Timestamp::from_secs(2_000)));
        assert_eq!((again.unknown_senders().len(), again.seen_total()), (1, 1));
        assert_eq!((again.unknown_senders()[0].refused, again.unknown_senders()[0].records), (3, 0));
        let attribution = Attribution::new(again.clone(), AttributionSettings::default());
        let lane = attribution.lane_for_site(&site("hcm-a"), KnownBy::Certificate, Transport::SyslogTls, None);
        lane.source.stored(1, 1, Timestamp::from_secs(3_000));
        again.flush().await.unwrap();
        assert_eq!(open().await.unwrap().sources_of(&site("hcm-a"))[0].records, 12);
    }
}

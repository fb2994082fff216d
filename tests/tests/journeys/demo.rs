//! The simulated MetroNet against the real server: ordinary days raise none of the promised alerts, each attack its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ::demo::{Attack, Platform, Ports, Rhythm, Settings, Simulator, Town};
use serde_json::Value;
use tests::{Api, Role, Server, Setup, repository, wait_for};

const SITES: usize = 40;
const ORDINARY_EVENTS: u64 = 600;

fn town() -> Town {
    let csv = std::fs::read_to_string(repository().join("collector/demo/sites.csv")).unwrap();
    Town::read(csv.as_bytes()).unwrap().few(SITES)
}

/// Rows of the register: each site with the address that its connections come from.
fn rows(town: &Town) -> String {
    town.sites().iter().fold(String::new(), |mut rows, site| {
        writeln!(rows, "{0},{0},{1},dc1,{2}/32", site.id, site.agency, site.sends_from).unwrap();
        rows
    })
}

/// The rules of all alerts.
fn alerted(api: &Api) -> anyhow::Result<BTreeSet<String>> {
    let mut rules = BTreeSet::new();
    let mut path = "/api/v1/alerts?limit=200".to_owned();
    loop {
        let (status, page) = api.get(&path)?;
        assert_eq!(status, 200, "{page}");
        let alerts = page["alerts"].as_array().cloned().unwrap_or_default();
        rules.extend(alerts.iter().filter_map(|alert| alert["rule"]["id"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) if !alerts.is_empty() => path = format!("/api/v1/alerts?limit=200&cursor={next}"),
            _ => return Ok(rules),
        }
    }
}

fn promised() -> BTreeSet<String> {
    let promises = Attack::ALL.into_iter().flat_map(Attack::promises);
    promises.map(|promise| promise.rule.to_owned()).collect()
}

#[test]
fn a_city_goes_about_its_day_and_six_attacks_are_seen() {
    let town = town();
    let server = Server::start(&Setup { sites: rows(&town), ..Setup::default() }).unwrap();
    let certificates = server.path("certificates");
    server.cli(&["pki", "bulk", "--out", &certificates.display().to_string()]).unwrap();
    let token = server.token("metronet", Role("machine", None)).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let port = |name: &str| server.port(name);
    let ports =
        Ports { https: port("https"), udp: port("syslog-udp"), tcp: port("syslog-tcp"), tls: port("syslog-tls") };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings {
        town: town.clone(),
        platform: Platform { host: "localhost".to_owned(), ports, certificates, token },
        rate: 120.0,
        rhythm: Rhythm::Steady,
        seed: 807,
        connections_per_second: 100,
        haste: 10.0,
    };
    let simulator = runtime.block_on(Simulator::start(settings)).unwrap();

    // An ordinary day, in short: every way of sending arrives under its site, understood, and nothing promised is raised.
    wait_for("ordinary traffic is searchable", 60, || Ok((lead.count("*")? >= ORDINARY_EVENTS).then_some(())))
        .unwrap_or_else(|error| panic!("{error}: {:?} {}", simulator.totals(), simulator.last_failure()));
    let streams = town.sites().iter().filter(|site| site.via.is_connected()).count();
    assert_eq!(simulator.totals().connected, streams as u64, "{}", simulator.last_failure());
    for known_by in ["certificate", "address", "token"] {
        assert!(lead.count(&format!("metrosoc.site.known_by:{known_by}")).unwrap() > 0, "{known_by}");
    }
    assert_eq!(lead.count("metrosoc.site.id:unknown").unwrap(), 0);
    assert_eq!(lead.count("event.kind:pipeline_error").unwrap(), 0);
    let promised = promised();
    let early: Vec<String> = alerted(&lead).unwrap().intersection(&promised).cloned().collect();
    assert!(early.is_empty(), "raised by ordinary traffic: {early:?}");

    for attack in Attack::ALL {
        runtime.block_on(simulator.attack(attack, 1)).unwrap();
        let expected: BTreeSet<&str> = attack.promises().iter().map(|promise| promise.rule).collect();
        assert!(!expected.is_empty(), "{}", attack.name());
        let missing = |alerted: &BTreeSet<String>| -> Vec<&str> {
            expected.iter().copied().filter(|rule| !alerted.contains(*rule)).collect()
        };
        wait_for(attack.name(), 30, || Ok(missing(&alerted(&lead)?).is_empty().then_some(())))
            .unwrap_or_else(|error| panic!("{error}: missing {:?}", missing(&alerted(&lead).unwrap())));
    }

    // The thief had the site's certificate and came from elsewhere.
    let answer = lead.search(&serde_json::json!({ "query": "log.source.address:\"::1\"", "limit": 1 })).unwrap();
    let fields: &Value = &answer["hits"][0]["fields"];
    assert_eq!(fields["metrosoc.site.known_by"], "certificate", "{answer}");

    // Everything that was sent is there once.
    let totals = runtime.block_on(simulator.stop()).unwrap();
    assert_eq!((totals.dropped, totals.failures, totals.connected), (0, 0, 0), "{totals:?}");
    wait_for("all that was sent is found", 30, || Ok((lead.count("*")? >= totals.sent).then_some(()))).unwrap();
    assert_eq!(lead.count("*").unwrap(), totals.sent);
}

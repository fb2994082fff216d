//! A site that floods is held back to its quota, whatever way it sends, and told of once; another's line passes meanwhile.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use tests::{Role, Server, Setup, wait_for};

const SITES: &str = "hcm-noisy,Noisy,agency-a,dc1,127.0.0.1/32\nhcm-quiet,Quiet,agency-b,dc1,::1/128\n";
const CONFIG: &str = "[quota]\nsites = [{ site = \"hcm-noisy\", events_per_sec = 100 }]\n";
const OVER_QUOTA: &str = "8a2d5c47-0b1b-4a57-a2f4-6e9d0c3b7f41";
/// More than the burst, and more than sockets and a batch hold.
const LINES: u64 = 60_000;

#[test]
fn a_flooding_site_waits_and_others_go_on() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), config: CONFIG.to_owned() }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let shipper = server.user("shipper", Role("machine", None)).unwrap();
    let port = server.port("syslog-tcp");
    let is_sent = Arc::new(AtomicBool::new(false));
    let mut flood = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let told = Arc::clone(&is_sent);
    let flooding = flood.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let filling = "x".repeat(280);
        for number in 0..LINES {
            // Ends when the test closes the connection.
            if writeln!(flood, "<13>flood {number} {filling}").is_err() {
                return;
            }
        }
        told.store(true, Ordering::Relaxed);
    });

    // The alarm: once, of that site.
    let alert = wait_for("the alert of the quota", 60, || {
        let (_, answer) = lead.get("/api/v1/alerts?limit=100")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().find(|alert| alert["rule"]["id"] == OVER_QUOTA))
    })
    .unwrap();
    assert_eq!((&alert["entities"]["site"], &alert["count"]), (&"hcm-noisy".into(), &1.into()), "{alert}");

    // The quiet site's line passes while the flood is held in its socket.
    let mut quiet = TcpStream::connect(("::1", port)).unwrap();
    quiet.write_all(b"<13>a line of the quiet site\n").unwrap();
    wait_for("the quiet line is searchable", 60, || {
        Ok((lead.count("metrosoc.site.id:hcm-quiet AND message:quiet")? == 1).then_some(()))
    })
    .unwrap();
    assert!(!is_sent.load(Ordering::Relaxed), "the flood is still held back");
    let taken = lead.count("metrosoc.site.id:hcm-noisy").unwrap();
    assert!(taken > 0 && taken < LINES, "{taken}");

    // HTTPS is told when to come again, datagrams are dropped and counted, and another site's are not.
    let send = |site: &str| {
        let request = shipper.request(Method::POST, &format!("/api/v1/ingest?site={site}"));
        request.body("one more\n").send().unwrap()
    };
    let refused = send("hcm-noisy");
    assert_eq!(refused.status().as_u16(), 429);
    let after = refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
    assert!(after >= 1, "{after}");
    assert_eq!(send("hcm-quiet").status().as_u16(), 200);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    wait_for("the datagrams are counted as dropped", 30, || {
        socket.send_to(b"<13>a datagram too many", ("127.0.0.1", server.port("syslog-udp")))?;
        let (_, answer) = lead.get("/api/v1/sources?site=hcm-noisy")?;
        let sources = answer["sources"].as_array().cloned().unwrap_or_default();
        Ok(sources
            .iter()
            .any(|one| one["transport"] == "syslog-udp" && one["dropped"].as_u64() > Some(0))
            .then_some(()))
    })
    .unwrap();
    flooding.shutdown(std::net::Shutdown::Both).unwrap();
    writer.join().unwrap();
}

#[test]
fn many_sites_over_their_quota_are_one_alert() {
    const MANY: usize = 30;
    let sites: String = (1..=MANY).map(|at| format!("hcm-{at},Site {at},agency-a,dc1,127.0.1.{at}/32\n")).collect();
    let config = "[quota]\nevents_per_sec = 10\n".to_owned();
    let server = Server::start(&Setup { sites, config }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let auditor = server.user("auditor", Role("auditor", None)).unwrap();
    let sockets: Vec<UdpSocket> = (1..=MANY).map(|at| UdpSocket::bind((format!("127.0.1.{at}"), 0)).unwrap()).collect();
    // Ten seconds' worth are free; an attack comes to all of them at once.
    for _ in 0..150 {
        for socket in &sockets {
            socket.send_to(b"<13>an attack on many", ("127.0.0.1", server.port("syslog-udp"))).unwrap();
        }
    }
    let told = || -> anyhow::Result<Vec<serde_json::Value>> {
        let (_, answer) = auditor.get("/api/v1/audit?limit=500")?;
        let entries = answer["entries"].as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| entry["action"] == "site_over_quota").collect())
    };
    let of = |entry: &serde_json::Value| entry["detail"]["sites_count"].as_u64().unwrap_or(1);
    let entries = wait_for("all of them are told of", 60, || {
        let entries = told()?;
        Ok((entries.iter().map(of).sum::<u64>() == MANY as u64).then_some(entries))
    })
    .unwrap();
    assert!(entries.len() <= 10 && entries.iter().any(|entry| of(entry) >= 10), "not one for each: {entries:?}");
    let alerts = wait_for("the alert", 60, || {
        let (_, answer) = lead.get("/api/v1/alerts?limit=100")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> = alerts.into_iter().filter(|alert| alert["rule"]["id"] == OVER_QUOTA).collect();
        Ok((!found.is_empty()).then_some(found))
    })
    .unwrap();
    assert!(alerts.len() <= entries.len(), "{alerts:?}");
}

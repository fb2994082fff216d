//! Faults under the real binary: flushes that fail, a clock that is set back, certificates that end during a connection,
//! three days without a link.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tests::{Api, Edge, Faults, Role, Server, Setup, wait_for};

const DAY: i64 = 86_400;
const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";

/// Sends one line; whether it was acknowledged.
fn ingest(api: &Api, text: &str) -> bool {
    let sent = api.request(Method::POST, "/api/v1/ingest").body(text.to_owned()).send().unwrap();
    let status = sent.status().as_u16();
    // 403: a policy that was not confirmed for too long, as a clock that jumps makes it seem, is none.
    assert!(matches!(status, 200 | 403 | 503), "{status}: {}", sent.text().unwrap());
    status == 200
}

/// The numbers `N` of the messages `WORD N` that are found, in the order in which they came; each once.
fn numbers(api: &Api, word: &str) -> anyhow::Result<Vec<usize>> {
    let answer = api.search(&json!({ "query": format!("message:{word}"), "limit": 1_000 }))?;
    let mut found: Vec<(u64, usize)> = Vec::new();
    for hit in answer["hits"].as_array().unwrap() {
        let message = hit["fields"]["message"].as_str().unwrap();
        let number = message.split(&format!("{word} ")).nth(1).unwrap().split(' ').next().unwrap();
        found.push((hit["id"].as_u64().unwrap(), number.parse().unwrap()));
    }
    found.sort_unstable();
    let different: BTreeSet<usize> = found.iter().map(|(_, number)| *number).collect();
    assert_eq!(different.len(), found.len(), "stored twice: {found:?}");
    Ok(found.into_iter().map(|(_, number)| number).collect())
}

#[test]
fn what_a_failing_flush_refused_was_never_acknowledged() {
    let Some(faults) = Faults::new().unwrap() else { return };
    let setup = Setup { sites: SITES.to_owned(), ..Setup::default() };
    let mut server = Server::start_in(&setup, faults.environment()).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let shipper = server.token("shipper", Role("machine", None)).unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let machine = Api::new(server.port("https"), server.roots(), Some(shipper.clone())).unwrap();
        let send = |at: usize| ingest(&machine, &format!("flushed {at} end")).then_some(at);
        acknowledged.extend((round * 100..round * 100 + 20).map(|at| send(at).expect("the disk is well")));
        faults.fail_flushes(true).unwrap();
        for at in round * 100 + 20..round * 100 + 24 {
            assert_eq!(send(at), None, "nothing is acknowledged that may be lost");
        }
        let anonymous = server.anonymous().unwrap();
        wait_for("red", 20, || Ok((anonymous.get("/readyz")?.0 == 503).then_some(()))).unwrap();
        if round == 1 {
            // A power cut while the disk is ill.
            server.kill().unwrap();
            faults.fail_flushes(false).unwrap();
            server.restart().unwrap();
            continue;
        }
        faults.fail_flushes(false).unwrap();
        let at = round * 100 + 30;
        wait_for("it takes again", 60, || Ok(send(at))).unwrap();
        acknowledged.push(at);
        wait_for("green again", 20, || Ok((anonymous.get("/readyz")?.0 == 200).then_some(()))).unwrap();
    }
    server.kill_and_restart().unwrap();
    let lead = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_for("everything acknowledged is found", 60, || {
        let found = numbers(&lead, "flushed")?;
        Ok(acknowledged.iter().all(|at| found.contains(at)).then_some(()))
    })
    .unwrap();
    assert_eq!(server.stop().unwrap(), 0);
}

#[test]
fn a_clock_that_jumps_back_loses_nothing() {
    let Some(faults) = Faults::new().unwrap() else { return };
    let setup = Setup { sites: SITES.to_owned(), ..Setup::default() };
    let mut server = Server::start_in(&setup, faults.environment()).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let shipper = server.token("shipper", Role("machine", None)).unwrap();
    let mut sent = 0;
    // By a second, by an hour, by days, to and fro, and over a power cut.
    for seconds in [0, -1, -3_600, -3 * DAY, -DAY, 0, -2 * DAY] {
        faults.set_clock(seconds).unwrap();
        if seconds == -DAY {
            server.kill_and_restart().unwrap();
        }
        let machine = Api::new(server.port("https"), server.roots(), Some(shipper.clone())).unwrap();
        for at in sent..sent + 20 {
            let line = format!("clocked {at} end");
            wait_for("it is acknowledged", 60, || Ok(ingest(&machine, &line).then_some(()))).unwrap();
        }
        sent += 20;
    }
    faults.set_clock(0).unwrap();
    server.kill_and_restart().unwrap();
    let lead = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let found = wait_for("everything is found", 60, || {
        let found = numbers(&lead, "clocked")?;
        Ok((found.len() == sent).then_some(found))
    })
    .unwrap();
    assert_eq!(found, (0..sent).collect::<Vec<_>>(), "positions follow the order of arrival, whatever the clock says");
    assert_eq!(server.stop().unwrap(), 0);
    let verified = server.command(&["ledger", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

fn connected(server: &Server, port: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let folder = server.path("certificates");
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(server.roots().as_bytes()) {
        roots.add(root.unwrap()).unwrap();
    }
    let chain = CertificateDer::pem_file_iter(folder.join("hcm-a.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("hcm-a.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let stream = TcpStream::connect(("localhost", server.port(port))).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    StreamOwned::new(connection, stream)
}

/// Reads until the other side ends the connection.
fn until_cut(stream: &mut impl std::io::Read) {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "not cut");
    }
}

#[test]
fn a_connection_does_not_outlive_its_certificate() {
    let Some(faults) = Faults::new().unwrap() else { return };
    let setup = Setup { sites: SITES.to_owned(), ..Setup::default() };
    let server = Server::start_in(&setup, faults.environment()).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    server.cli(&["pki", "bulk", "--out", &server.path("certificates").display().to_string()]).unwrap();
    let line = |at: usize| {
        let text = format!("<13>host app: expiring {at} x");
        format!("{} {text}", text.len())
    };
    let mut syslog = connected(&server, "syslog-tls");
    syslog.write_all(line(1).as_bytes()).unwrap();
    syslog.flush().unwrap();
    let mut relp = connected(&server, "relp");
    write!(relp, "1 open 30 relp_version=0\ncommands=syslog\n2 syslog {}\n", line(2)).unwrap();
    relp.flush().unwrap();
    let mut https = connected(&server, "https");
    https.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    https.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    wait_for("both lines are found", 60, || Ok((numbers(&lead, "expiring")?.len() == 2).then_some(()))).unwrap();

    faults.set_clock(366 * DAY).unwrap();
    until_cut(&mut syslog);
    until_cut(&mut relp);
    until_cut(&mut https);
    wait_for("each is told", 10, || {
        let told = server.log().matches("connection cut: certificate expired").count();
        Ok((told >= 3).then_some(()))
    })
    .unwrap();
    // Nor does it open another one.
    let mut again = connected(&server, "syslog-tls");
    let _ = again.write_all(line(3).as_bytes());
    until_cut(&mut again);
    faults.set_clock(0).unwrap();
    let mut valid = connected(&server, "syslog-tls");
    valid.write_all(line(4).as_bytes()).unwrap();
    valid.flush().unwrap();
    let last = wait_for("the line of a valid connection", 60, || {
        // A clock that went back leaves nothing allowed until the policy is confirmed again.
        Ok(numbers(&lead, "expiring").ok().filter(|found| found.contains(&4)))
    });
    let mut last = last.unwrap();
    last.sort_unstable();
    assert_eq!(last, [1, 2, 4]);
}

/// A server whose HTTPS port stays the same over restarts, and an edge; one clock for both.
fn site(faults: &Faults) -> (Server, Edge, String) {
    let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let config = format!("[https]\nlisten = \"[::]:{port}\"\n");
    let server = Server::start_in(&Setup { config, sites: SITES.to_owned() }, faults.environment()).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let quick = "[ship]\nlinger_ms = 0\nbackoff_ms_first = 50\nbackoff_ms_max = 300\n";
    let mut edge = Edge::enrolled(&server, "hcm-a", quick).unwrap();
    edge.set_environment(faults.environment());
    edge.start().unwrap();
    (server, edge, token)
}

#[test]
fn an_edge_brings_what_it_gathered_in_three_days_offline() {
    let Some(faults) = Faults::new().unwrap() else { return };
    let (mut server, mut edge, token) = site(&faults);
    wait_for("the edge is connected", 30, || Ok((edge.status()?["healthy"] == true).then_some(()))).unwrap();
    server.kill().unwrap();
    let (steps, lines) = (12, 25);
    for step in 0..steps {
        faults.set_clock(3 * DAY * step / (steps - 1)).unwrap();
        let first = usize::try_from(step).unwrap() * lines;
        edge.send((first..first + lines).map(|at| format!("<14>Nov  3 10:00:00 fw-1 app[7]: offline {at} end")))
            .unwrap();
        edge.wait_received(if step < 6 { first + lines } else { first + lines - 6 * lines } as u64).unwrap();
        if step == 5 {
            // Power fails there too.
            edge.kill().unwrap();
            edge.start().unwrap();
        }
    }
    wait_for("the edge says since when its records wait, those from before its own restart too", 60, || {
        Ok((edge.status()?["oldest_secs"].as_i64() >= Some(3 * DAY)).then_some(()))
    })
    .unwrap();
    server.restart().unwrap();
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let all = usize::try_from(steps).unwrap() * lines;
    wait_for("all of it is found", 90, || Ok((numbers(&api, "offline")?.len() == all).then_some(()))).unwrap();
    let answer = api.search(&json!({ "query": "message:offline", "limit": 1_000 })).unwrap();
    let time = |hit: &Value| hit["fields"]["event.created"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let created: BTreeSet<i64> = answer["hits"].as_array().unwrap().iter().map(|hit| time(hit).as_second()).collect();
    let span = created.last().unwrap() - created.first().unwrap();
    assert!(span >= 3 * DAY, "each has the time at which the edge had it: {span} s");
    wait_for("nothing is left at the site", 30, || Ok((edge.status()?["shipped"]["waiting"] == 0).then_some(())))
        .unwrap();
    assert_eq!(edge.status().unwrap()["dropped_total"], 0);
    assert_eq!(edge.stop().unwrap(), 0);
}

#[test]
fn an_edge_renews_its_certificate_at_the_real_server() {
    let Some(faults) = Faults::new().unwrap() else { return };
    let (mut server, mut edge, _) = site(&faults);
    let line = |at: usize| std::iter::once(format!("<14>Nov  3 10:00:00 fw-1 app[7]: renewing {at} end"));
    let end = |edge: &Edge| edge.status().unwrap()["certificate_not_after"].clone();
    edge.send(line(1)).unwrap();
    let first = end(&edge);
    let kept = std::fs::read_to_string(edge.path("data/edge/identity.pem")).unwrap();
    for (number, days) in [(2, 250), (3, 400)] {
        // Two thirds of the first certificate's year are over, then all of it.
        faults.set_clock(days * DAY).unwrap();
        edge.kill().unwrap();
        server.kill_and_restart().unwrap();
        edge.start().unwrap();
        if number == 2 {
            wait_for("the certificate is renewed", 60, || Ok((end(&edge) != first).then_some(()))).unwrap();
            let fresh = std::fs::read_to_string(edge.path("data/edge/identity.pem")).unwrap();
            let key = |text: &str| text.split("PRIVATE KEY").nth(1).map(str::to_owned);
            assert_ne!(key(&kept), key(&fresh), "with a key of its own");
        }
        edge.send(line(number)).unwrap();
        // The server's own certificate is of that year too: only the edge, whose clock is the same, can ask it.
        edge.wait_received(1).unwrap();
        let done = || {
            let status = edge.status()?;
            Ok((status["healthy"] == true && status["shipped"]["waiting"] == 0).then_some(()))
        };
        wait_for("acknowledged under this certificate", 60, done)
            .unwrap_or_else(|error| panic!("{error}\n{}", edge.log()));
    }
}

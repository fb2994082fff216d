//! Edges at sites: enrolled by a one-time token, shipping exactly once whatever is killed, what matters first.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tests::{Api, Edge, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc1,\n";
/// Small batches, and no long pause after a failure.
const QUICK: &str = "[ship]\nbatch_records_max = 50\nlinger_ms = 0\nbackoff_ms_first = 50\nbackoff_ms_max = 300\n[urgent]\nbehind_records = 100\n";

/// Memory of its own that an edge with nothing to do may have; with the pages of the released program 40 MB (`make bench`).
const IDLE_BYTES_MAX: u64 = 14_000_000;

/// A server whose HTTPS port stays the same over restarts.
fn server() -> Server {
    let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let config =
        format!("[https]\nlisten = \"[::]:{port}\"\n[syslog]\nudp = \"[::]:0\"\ntcp = \"[::]:0\"\ntls = \"[::]:0\"\n");
    Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap()
}

fn ordinary(at: usize) -> String {
    format!("<14>Nov  3 10:00:00 fw-1 app[7]: counted line {at} end")
}

fn urgent(at: usize) -> String {
    format!("<38>Nov  3 10:00:00 fw-1 sshd[7]: counted line {at} end")
}

/// Every event that a query finds, by id.
fn all(api: &Api, query: &str) -> Vec<(u64, String, Value)> {
    let mut found = BTreeMap::new();
    let mut cursor = Value::Null;
    loop {
        let answer = api.search(&json!({ "query": query, "limit": 1_000, "cursor": cursor })).unwrap();
        let hits = answer["hits"].as_array().unwrap();
        for hit in hits {
            let message = hit["fields"]["message"].as_str().unwrap_or_default().to_owned();
            found.insert(hit["id"].as_u64().unwrap(), (message, hit["fields"].clone()));
        }
        cursor = answer["next"].clone();
        if cursor.is_null() || hits.is_empty() {
            return found.into_iter().map(|(id, (message, fields))| (id, message, fields)).collect();
        }
    }
}

/// The number in a counted line.
fn number(message: &str) -> usize {
    let behind = message.split("counted line ").nth(1).unwrap();
    behind.split(' ').next().unwrap().parse().unwrap()
}

fn wait_counted(api: &Api, count: u64) {
    wait_for(&format!("{count} counted lines are found"), 90, || {
        let found = api.count("\"counted line\"")?;
        anyhow::ensure!(found <= count, "{found} found, {count} sent");
        Ok((found == count).then_some(()))
    })
    .unwrap();
}

#[test]
fn records_arrive_exactly_once_whatever_is_killed() {
    let mut server = server();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let mut edge = Edge::enrolled(&server, "hcm-a", QUICK).unwrap();
    edge.start().unwrap();
    wait_for("the edge has a link", 30, || Ok((edge.status()?["healthy"] == true).then_some(()))).unwrap();
    let idle = edge.own_bytes().unwrap();
    assert!(idle < IDLE_BYTES_MAX, "{idle} bytes");
    edge.send((0..1_500).map(ordinary)).unwrap();
    server.kill_and_restart().unwrap();
    edge.send((1_500..3_000).map(ordinary)).unwrap();
    edge.wait_received(3_000).unwrap();
    // Killed while it ships.
    edge.kill().unwrap();
    edge.start().unwrap();
    edge.send((3_000..4_000).map(ordinary)).unwrap();
    server.kill_and_restart().unwrap();
    edge.send((4_000..4_500).map(ordinary)).unwrap();

    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_counted(&api, 4_500);
    let found = all(&api, "\"counted line\"");
    let numbers: Vec<usize> = found.iter().map(|(_, message, _)| number(message)).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..4_500).collect::<Vec<_>>(), "each once");

    let fields = &found[0].2;
    assert_eq!(fields["metrosoc.site.id"], "hcm-a");
    assert_eq!(fields["metrosoc.site.known_by"], "certificate");
    assert_eq!(fields["metrosoc.transport"], "edge");
    assert_eq!(fields["metrosoc.edge.transport"], "syslog-tcp");
    assert_eq!(fields["log.source.address"], "::1");
    let time = |name: &str| fields[name].as_str().unwrap().to_owned();
    assert_eq!(time("event.created"), time("metrosoc.edge.received"));
    assert!(time("event.created") < time("event.ingested"), "when the edge had it, and when the server had it");

    wait_for("the edge has nothing left", 30, || {
        let status = edge.status()?;
        Ok((status["healthy"] == true && status["shipped"]["waiting"] == 0).then_some(()))
    })
    .unwrap();
    assert_eq!(edge.stop().unwrap(), 0);
    let gone = edge.command(&["status"]).output().unwrap();
    assert_eq!(gone.status.code(), Some(69), "a dead edge does not look healthy");
    wait_for("the edge's own health is an event", 30, || {
        Ok(Some(api.count("event.dataset:metrosoc.edge")?).filter(|n| *n > 0))
    })
    .unwrap();
    assert_eq!(server.stop().unwrap(), 0);
}

#[test]
fn after_a_long_time_offline_what_matters_comes_first() {
    let mut server = server();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let config = QUICK.replace("batch_records_max = 50", "batch_records_max = 500");
    let mut edge = Edge::enrolled(&server, "hcm-b", &config).unwrap();
    edge.start().unwrap();
    wait_for("the edge is connected", 30, || Ok((edge.status()?["healthy"] == true).then_some(()))).unwrap();
    server.kill().unwrap();
    let line = |at: usize| if at % 20 == 19 { urgent(at) } else { ordinary(at) };
    edge.send((0..5_000).map(line)).unwrap();
    edge.wait_received(5_000).unwrap();
    wait_for("the edge says that its link is down", 30, || {
        let status = edge.status()?;
        Ok((status["healthy"] == false && status["shipped"]["connected"] == false).then_some(()))
    })
    .unwrap();
    // What waits outlives the edge, and its own restart makes it no other edge.
    edge.kill().unwrap();
    edge.start().unwrap();
    server.restart().unwrap();
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_counted(&api, 5_000);
    let found = all(&api, "\"counted line\"");
    let of = |is_urgent: bool| -> Vec<(u64, usize)> {
        let rows = found.iter().map(|(id, message, _)| (*id, number(message)));
        rows.filter(|(_, at)| (at % 20 == 19) == is_urgent).collect()
    };
    let (first, rest) = (of(true), of(false));
    assert_eq!((first.len(), rest.len()), (250, 4_750));
    assert!(first.last().unwrap().0 < rest[0].0, "all urgent ones came before the first other");
    for lane in [first, rest] {
        assert!(lane.windows(2).all(|pair| pair[0].1 < pair[1].1), "the order within a lane is kept");
    }
}

#[test]
fn a_site_enrols_once_by_its_token() {
    let server = server();
    let token = String::from_utf8(server.cli(&["pki", "token", "hcm-a"]).unwrap().stdout).unwrap();
    let unknown = server.command(&["pki", "token", "nowhere"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(65));
    let edge = Edge::new(&server, "").unwrap();
    let config = edge.path("edge.toml").display().to_string();
    let before = edge.command(&["--config", &config]).output().unwrap();
    assert_eq!(before.status.code(), Some(78), "{}", String::from_utf8_lossy(&before.stderr));
    edge.enrol(&server, &token).unwrap();
    let kept = edge.path("data/edge/identity.pem");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains("PRIVATE KEY") && text.matches("BEGIN CERTIFICATE").count() == 2);

    let thief = Edge::new(&server, "").unwrap();
    let refused = thief.enrol(&server, &token).unwrap_err().to_string();
    assert!(refused.contains("unknown, used or expired"), "{refused}");
    assert!(!thief.path("data/edge/identity.pem").exists());
    assert!(thief.enrol(&server, "msoc_enrol_invented").is_err());

    let auditor = server.user("auditor", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit").unwrap();
    let text = audit.to_string();
    assert!(text.contains("enrolment_token_created") && text.contains("site_enrolled"), "{text}");
    assert!(!text.contains(token.trim()), "the token itself stands nowhere");
}

#[test]
fn only_the_sites_own_valid_certificate_ships() {
    let server = server();
    let mut edge = Edge::enrolled(&server, "hcm-a", QUICK).unwrap();
    edge.start().unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    edge.send((0..10).map(ordinary)).unwrap();
    wait_counted(&lead, 10);

    // Nobody without a certificate speaks as an edge, whatever the role.
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let (status, _) = machine.get("/api/v1/edge/position?stream=00000000000000000000000000000000").unwrap();
    assert_eq!(status, 403);
    // With one, what is no batch is refused and harms nothing.
    let identity = std::fs::read_to_string(edge.path("data/edge/identity.pem")).unwrap();
    let site = Api::with_identity(server.port("https"), server.roots(), None, Some(&identity)).unwrap();
    let post =
        |body: Vec<u8>| site.request(reqwest::Method::POST, "/api/v1/edge/batches").body(body).send().unwrap().status();
    assert_eq!(post(b"no batch".to_vec()), 400);
    assert_eq!(post(zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap()), 413, "a bomb is not unpacked");

    // Revoked: refused at once, and what comes meanwhile waits.
    server.cli(&["pki", "revoke", "hcm-a", "--reason", "keyCompromise"]).unwrap();
    edge.send((10..20).map(ordinary)).unwrap();
    wait_for("the edge is refused", 30, || Ok((edge.status()?["healthy"] == false).then_some(()))).unwrap();
    assert_eq!(lead.count("\"counted line\"").unwrap(), 10);
    assert_eq!(edge.stop().unwrap(), 0);
    // With a new token the same edge goes on where it stood.
    let token = String::from_utf8(server.cli(&["pki", "token", "hcm-a"]).unwrap().stdout).unwrap();
    edge.enrol(&server, &token).unwrap();
    edge.start().unwrap();
    wait_counted(&lead, 20);
}

/// Its address leads to somebody else: a wrong name, or a man in the middle.
#[test]
fn a_server_of_another_authority_gets_nothing() {
    let (server, other) = (server(), server());
    let (lead, stranger) =
        (server.user("lead", Role("soc-lead", None)).unwrap(), other.user("lead", Role("soc-lead", None)).unwrap());
    let mut edge = Edge::enrolled(&server, "hcm-a", QUICK).unwrap();
    edge.start().unwrap();
    edge.send((0..5).map(ordinary)).unwrap();
    wait_counted(&lead, 5);
    assert_eq!(edge.stop().unwrap(), 0);

    let config = edge.path("edge.toml");
    let right = std::fs::read_to_string(&config).unwrap();
    let port = |server: &Server| format!("localhost:{}", server.port("https"));
    let wrong = right.replace(&port(&server), &port(&other));
    assert_ne!(right, wrong);
    std::fs::write(&config, wrong).unwrap();
    edge.start().unwrap();
    edge.send((5..10).map(ordinary)).unwrap();
    edge.wait_received(5).unwrap();
    wait_for("the edge tells of it, and of what waits", 30, || {
        let status = edge.status()?;
        let shipped = &status["shipped"];
        let is_down = status["healthy"] == false && shipped["connected"] == false;
        Ok((is_down && shipped["waiting"].as_u64() >= Some(5)).then_some(()))
    })
    .unwrap();
    // Nor does it give a token away there.
    let token = String::from_utf8(server.cli(&["pki", "token", "hcm-b"]).unwrap().stdout).unwrap();
    let newcomer = Edge::new(&server, "").unwrap();
    assert!(newcomer.enrol(&other, &token).is_err());
    assert!(!newcomer.path("data/edge/identity.pem").exists());
    newcomer.enrol(&server, &token).unwrap();

    assert_eq!(edge.stop().unwrap(), 0);
    std::fs::write(&config, right).unwrap();
    edge.start().unwrap();
    wait_counted(&lead, 10);
    assert_eq!(stranger.count("*").unwrap(), 0, "not a line of it");
}

#[test]
fn a_full_spool_holds_senders_back() {
    let mut server = server();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let config = format!("{QUICK}[spool]\nbytes_max = 2097152\nsegment_bytes_max = 1048576\n");
    let mut edge = Edge::enrolled(&server, "hcm-a", &config.replace("= 50\nlinger", "= 1000\nlinger")).unwrap();
    server.kill().unwrap();
    edge.start().unwrap();
    // Sealed and compressed, twice what the spool may hold.
    let mut state = 1_u64;
    let mut word = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let lines: Vec<String> =
        (0..8_000).map(|at| format!("{} {}", ordinary(at), (0..112).map(|_| word()).collect::<String>())).collect();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| edge.send(lines.iter().cloned()));
        wait_for("the spool is full", 60, || {
            let status = edge.status()?;
            let (held, most) = (status["spool_bytes"].as_u64(), status["spool_bytes_max"].as_u64());
            anyhow::ensure!(held <= most, "the bound holds: {held:?} of {most:?}");
            Ok((held.unwrap_or(0) > 1_500_000).then_some(()))
        })
        .unwrap();
        let status = edge.status().unwrap();
        assert!(status["received"].as_u64().unwrap() < 8_000, "the sender waits");
        server.restart().unwrap();
        sending.join().unwrap().unwrap();
    });
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_counted(&api, 8_000);
    assert_eq!(edge.status().unwrap()["dropped_total"], 0);
}

#[test]
fn a_thin_link_is_not_overrun_and_datagrams_are_counted() {
    let server = server();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let rate = 20_000;
    let mut edge =
        Edge::enrolled(&server, "hcm-a", &format!("[ship]\nbytes_per_second = {rate}\nlinger_ms = 0\n")).unwrap();
    edge.start().unwrap();
    let begun = std::time::Instant::now();
    // What looks random does not compress well.
    let mut state = 1_u64;
    let mut word = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let mut line = |at: usize| format!("{} {}", ordinary(at), (0..20).map(|_| word()).collect::<String>());
    edge.send((0..1_000).map(&mut line)).unwrap();
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    for at in 1_000..1_020 {
        socket.send_to(line(at).as_bytes(), ("::1", edge.udp())).unwrap();
    }
    wait_counted(&lead, 1_020);
    let status = wait_for("everything is acknowledged", 30, || {
        let status = edge.status()?;
        Ok((status["shipped"]["waiting"] == 0).then_some(status))
    })
    .unwrap();
    let sent = status["shipped"]["body_bytes"].as_u64().unwrap();
    assert!(sent > 60_000, "enough to be held back: {sent}");
    // At most the rate, and one batch at once besides.
    let most = rate * begun.elapsed().as_secs() + 3 * rate;
    assert!(sent <= most, "{sent} bytes sent, {most} allowed");
    assert_eq!(status["received"], 1_020);
    assert_eq!(status["dropped_total"], 0);
    assert_eq!(lead.count("metrosoc.edge.transport:syslog-udp").unwrap(), 20);
}

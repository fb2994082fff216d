//! A fleet of real rsyslogs, each in a network namespace of its own, sends to one server over IPv6 alone: UDP, TCP, TLS and RELP
//! over TLS. Then cables are cut and the server is killed while they send.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::{Api, Role, Server, Setup, has, wait_for};

use super::relp::{has_omrelp, numbers};
use super::rsyslog::{Sender, rsyslog_by};

/// How each of the fleet sends; its number is its place here, from 1.
const FLEET: [&str; 8] = ["udp", "tcp", "tls", "relp", "udp", "tcp", "tls", "relp"];
/// The server's address; the fleet's end with `::1:` and their number.
const SERVER: &str = "fd00:5ec::1";
/// Names the namespaces for the copy of this test that runs beside the server.
const INSIDE: &str = "METROSOC_TEST_FLEET";
/// Lines of each, before and again after the cut.
const LINES: usize = 300;

/// One namespace for the server and one for each sender, joined by a bridge; gone when dropped.
struct Spaces(String);

impl Spaces {
    fn make(prefix: String) -> anyhow::Result<Self> {
        let spaces = Self(prefix);
        let hub = spaces.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "set", "lo", "up"])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "addr", "add", &format!("{SERVER}/64"), "dev", "bridge", "nodad"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        for number in 1..=FLEET.len() {
            let (space, cable) = (spaces.of(number), cable(number));
            ip(&["netns", "add", &space])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            ip(&["link", "add", &cable, "netns", &hub, "type", "veth", "peer", "name", "out", "netns", &space])?;
            ip(&["-n", &hub, "link", "set", &cable, "master", "bridge", "up"])?;
            ip(&["-n", &space, "addr", "add", &format!("{}/64", address(number)), "dev", "out", "nodad"])?;
            ip(&["-n", &space, "link", "set", "out", "up"])?;
        }
        Ok(spaces)
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.0)
    }

    fn of(&self, number: usize) -> String {
        format!("{}-{number}", self.0)
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for space in std::iter::once(self.hub()).chain((1..=FLEET.len()).map(|number| self.of(number))) {
            let _ = ip(&["netns", "del", &space]);
        }
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    tests::run(Command::new("ip").args(arguments)).map(drop)
}

fn cable(number: usize) -> String {
    format!("cable{number}")
}

fn address(number: usize) -> String {
    format!("fd00:5ec::1:{number}")
}

#[test]
fn a_fleet_of_rsyslogs_over_ipv6_loses_nothing_that_was_acknowledged() {
    if let Ok(prefix) = std::env::var(INSIDE) {
        // The copy inside: who made the namespaces removes them.
        return inside(&std::mem::ManuallyDrop::new(Spaces(prefix)));
    }
    if !has("rsyslogd") || !has("ip") || !has_omrelp() {
        return;
    }
    let spaces = match Spaces::make(format!("msoc-fleet{}", std::process::id())) {
        Ok(spaces) => spaces,
        Err(error) => return eprintln!("SKIPPED: no network namespaces here ({error}); run as root with iproute2"),
    };
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let mut again = Command::new("ip");
    again.args(["netns", "exec", &spaces.hub()]).arg(std::env::current_exe().unwrap());
    tests::run(again.args(["--exact", &test, "--nocapture"]).env(INSIDE, &spaces.0)).unwrap();
}

/// What rsyslog is told to do with its lines, by how it is to send them.
fn action(kind: &str, site: &str, certificates: &Path, port: u16) -> String {
    let certificates = certificates.display();
    let to = format!("target=\"{SERVER}\" port=\"{port}\" template=\"RSYSLOG_SyslogProtocol23Format\"");
    let patience = "action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" queue.type=\"LinkedList\" \
                    queue.size=\"100000\" queue.timeoutEnqueue=\"60000\"";
    match kind {
        "tls" => format!(
            "global(DefaultNetstreamDriver=\"ossl\" DefaultNetstreamDriverCAFile=\"{certificates}/roots.pem\" \
             DefaultNetstreamDriverCertFile=\"{certificates}/{site}.pem\" \
             DefaultNetstreamDriverKeyFile=\"{certificates}/{site}.key.pem\")\n\
             action(type=\"omfwd\" {to} protocol=\"tcp\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" \
             StreamDriverAuthMode=\"x509/certvalid\" TCP_Framing=\"octet-counted\" {patience})"
        ),
        "relp" => format!(
            "module(load=\"omrelp\" tls.tlslib=\"openssl\")\n\
             action(type=\"omrelp\" {to} tls=\"on\" tls.caCert=\"{certificates}/roots.pem\" \
             tls.myCert=\"{certificates}/{site}.pem\" tls.myPrivKey=\"{certificates}/{site}.key.pem\" \
             tls.authMode=\"name\" tls.permittedPeer=[\"localhost\"] timeout=\"5\" {patience})"
        ),
        _ => format!("action(type=\"omfwd\" {to} protocol=\"{kind}\" {patience})"),
    }
}

fn site(number: usize) -> String {
    format!("fleet-{number}")
}

fn query(number: usize, kind: &str) -> String {
    let known_by = if matches!(kind, "tls" | "relp") { "certificate" } else { "address" };
    format!("process.name:fleet AND metrosoc.site.id:{} AND metrosoc.site.known_by:{known_by}", site(number))
}

/// Lines with numbers, into the socket of a sender.
fn say(sender: &Sender, lines: std::ops::Range<usize>) {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(&sender.socket).unwrap();
    for line in lines {
        socket.send(format!("<38>fleet: of the fleet, line {line}").as_bytes()).unwrap();
        if line % 50 == 0 {
            // UDP has no way to say that it is too fast.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn inside(spaces: &Spaces) {
    let port = || std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    // They must be the same after a restart, or the senders would not find it.
    let ports = [("udp", port()), ("tcp", port()), ("tls", port()), ("relp", port())];
    let of = |kind: &str| ports.iter().find(|(name, _)| *name == kind).unwrap().1;
    let config = format!(
        "[syslog]\nudp = \"[::]:{}\"\ntcp = \"[::]:{}\"\ntls = \"[::]:{}\"\nnetworks = [\"fd00:5ec::/64\"]\n\
         unknown_senders = \"refuse\"\n[relp]\ntls = \"[::]:{}\"\n",
        ports[0].1, ports[1].1, ports[2].1, ports[3].1
    );
    let numbered = || (1..).zip(FLEET);
    let sites = numbered()
        .map(|(number, _)| format!("{},Phường {number},p-{number},dc1,{}/128\n", site(number), address(number)));
    let mut server = Server::start(&Setup { config, sites: sites.collect() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("certificates");
    server.cli(&["pki", "bulk", "--out", &certificates.display().to_string()]).unwrap();
    std::fs::write(certificates.join("roots.pem"), server.roots()).unwrap();
    let token = server.token("lan", Role("soc-lead", None)).unwrap();
    let senders: Vec<Sender> = numbered()
        .map(|(number, kind)| {
            let mut program = Command::new("ip");
            program.args(["netns", "exec", &spaces.of(number), "rsyslogd"]);
            rsyslog_by(program, folder.path(), &site(number), &action(kind, &site(number), &certificates, of(kind)))
        })
        .collect();

    senders.iter().for_each(|sender| say(sender, 0..LINES));
    let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
    for (number, kind) in numbered() {
        let query = query(number, kind);
        wait_for(&format!("the lines of {} over {kind}", site(number)), 60, || {
            Ok((api.count(&query)? == LINES as u64).then_some(()))
        })
        .unwrap();
    }

    // Whoever waits for an answer loses nothing when the cable is cut and the server dies meanwhile.
    let acknowledged = || numbered().filter(|(_, kind)| *kind == "relp");
    for (number, _) in acknowledged() {
        ip(&["-n", &spaces.hub(), "link", "set", &cable(number), "down"]).unwrap();
        say(&senders[number - 1], LINES..2 * LINES);
    }
    server.kill_and_restart().unwrap();
    for (number, _) in acknowledged() {
        ip(&["-n", &spaces.hub(), "link", "set", &cable(number), "up"]).unwrap();
    }
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    for (number, kind) in acknowledged() {
        let query = query(number, kind);
        wait_for(&format!("every line of {} over {kind}", site(number)), 120, || {
            Ok((numbers(&api, &query)?.len() == 2 * LINES).then_some(()))
        })
        .unwrap();
    }
    // What the others had brought before the kill is there once, and they come back by themselves, though rsyslog may lose what
    // it wrote into a connection that was dead already. Its TLS output (8.2302) now and then tries no connection any more after
    // that: nothing is asked of it here.
    for (number, kind) in numbered().filter(|(_, kind)| *kind != "relp") {
        let query = query(number, kind);
        assert_eq!(numbers(&api, &query).unwrap().len(), LINES, "{} over {kind}", site(number));
        assert_eq!(api.count(&query).unwrap(), LINES as u64, "{} over {kind}", site(number));
        if kind == "tls" {
            continue;
        }
        let mut next = 2 * LINES..;
        wait_for(&format!("new lines of {} over {kind}", site(number)), 60, || {
            let line = next.next().unwrap();
            say(&senders[number - 1], line..line + 1);
            std::thread::sleep(Duration::from_millis(200));
            Ok(numbers(&api, &query)?.range(2 * LINES..).next().map(|_| ()))
        })
        .unwrap();
    }
    assert_eq!(server.stop().unwrap(), 0);
}

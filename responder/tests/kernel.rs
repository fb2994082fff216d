//! The kernel's own firewall, in network namespaces that the test makes: packets stop and come again, v4 and v6.
//!
//! The test starts itself again inside the namespaces; what it does there stands in `METROSOC_KERNEL_ROLE`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use responder::action::nftables::Nftables;
use responder::{Firewall, FirewallError};

const ROLE: &str = "METROSOC_KERNEL_ROLE";
const PORT: u16 = 7_777;
const NEAR: [&str; 2] = ["10.99.0.1", "fd99::1"];
const FAR: [&str; 2] = ["10.99.0.2", "fd99::2"];
const WAIT: Duration = Duration::from_millis(600);

/// Two namespaces with a cable between them; gone when dropped.
struct Lab {
    near: String,
    far: String,
}

impl Lab {
    /// `None`, loudly, where namespaces cannot be made.
    fn new(name: &str) -> Option<Self> {
        let id = std::process::id();
        let lab = Self { near: format!("msoc-{name}-n{id}"), far: format!("msoc-{name}-f{id}") };
        for space in [&lab.near, &lab.far] {
            if let Err(error) = ip(&["netns", "add", space]) {
                eprintln!("SKIPPED: no network namespaces here ({error}); run as root with iproute2 and nftables");
                return None;
            }
        }
        let (near, far) = (&lab.near, &lab.far);
        ip(&["link", "add", "near0", "netns", near, "type", "veth", "peer", "name", "far0", "netns", far]).unwrap();
        for (space, device, addresses) in [(near, "near0", NEAR), (far, "far0", FAR)] {
            ip(&["-n", space, "addr", "add", &format!("{}/24", addresses[0]), "dev", device]).unwrap();
            ip(&["-n", space, "addr", "add", &format!("{}/64", addresses[1]), "dev", device, "nodad"]).unwrap();
            ip(&["-n", space, "link", "set", device, "up"]).unwrap();
            ip(&["-n", space, "link", "set", "lo", "up"]).unwrap();
        }
        Some(lab)
    }

    /// Starts this test again inside a namespace.
    fn start(&self, space: &str, role: &str) -> Inside {
        let mut child = Command::new("ip")
            .args(["netns", "exec", space])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "inside_a_namespace", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Inside { child, input, output }
    }

    /// What a firewall command inside the far namespace says.
    fn firewall(&self, command: &str) -> String {
        self.start(&self.far, command).answer()
    }

    /// Waits until new connections come about: a fresh cable needs a moment, a block its end.
    fn reaches(&self, address: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.connects(address) {
                return true;
            }
        }
        false
    }

    /// Whether a new connection from near to far comes about at once, there and back.
    fn connects(&self, address: &str) -> bool {
        self.start(&self.near, &format!("connect {address}")).answer() == "yes"
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in [&self.near, &self.far] {
            let _ = ip(&["netns", "del", space]);
        }
    }
}

/// A copy of this test inside a namespace.
struct Inside {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Inside {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "ended without an answer");
            if let Some((_, answer)) = line.trim_end_matches('\n').split_once("ANSWER ") {
                return answer.to_owned();
            }
        }
    }

    fn ask(&mut self) -> String {
        self.input.write_all(b"?\n").unwrap();
        self.answer()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(text) }
}

#[test]
fn blocked_addresses_are_cut_off_and_let_in_again() {
    let Some(lab) = Lab::new("cut") else { return };
    let mut server = lab.start(&lab.far, "serve");
    assert_eq!(server.answer(), "ready");
    for (near, far) in NEAR.into_iter().zip(FAR) {
        assert!(lab.reaches(far), "{far} answers before");
        let mut established = lab.start(&lab.near, &format!("hold {far}"));
        assert_eq!(established.answer(), "connected");
        assert_eq!(established.ask(), "alive");

        let said = lab.firewall(&format!("block {near} 600"));
        if said.contains("not available") {
            eprintln!("SKIPPED: {said}");
            return;
        }
        assert_eq!(said, "fine");
        assert!(!lab.connects(far), "{near} cannot connect");
        assert_eq!(established.ask(), "dead", "an established connection stops as well");
        let other = FAR.into_iter().find(|address| *address != far).unwrap();
        assert!(lab.reaches(other), "the other family is not touched");

        // Doing it again, later or earlier, sets the end.
        assert_eq!(lab.firewall(&format!("block {near} 60")), "fine");
        let left: u64 = lab.firewall("list").split_once(&format!("{near}=")).unwrap().1.trim_end().parse().unwrap();
        assert!((50..=60).contains(&left), "{left}");
        assert_eq!(lab.firewall(&format!("block {near} 900")), "fine");
        let left: u64 = lab.firewall("list").split_once(&format!("{near}=")).unwrap().1.trim_end().parse().unwrap();
        assert!((890..=900).contains(&left), "{left}");
        assert_eq!(lab.firewall("prepare"), "fine");
        assert!(!lab.connects(far), "making the table again leaves blocks alone");

        assert_eq!(lab.firewall(&format!("unblock {near}")), "fine");
        assert_eq!(lab.firewall(&format!("unblock {near}")), "fine", "twice is once");
        assert!(lab.reaches(far), "{near} connects again");
        assert_eq!(lab.firewall("list"), "");

        // A block ends by itself.
        assert_eq!(lab.firewall(&format!("block {near} 1")), "fine");
        assert!(lab.reaches(far), "the block of one second ends");
    }
}

#[test]
fn a_flushed_table_is_made_again() {
    let Some(lab) = Lab::new("flush") else { return };
    let mut server = lab.start(&lab.far, "serve");
    assert_eq!(server.answer(), "ready");
    assert!(lab.reaches(FAR[1]));
    let said = lab.firewall(&format!("block {} 600", NEAR[1]));
    if said.contains("not available") {
        eprintln!("SKIPPED: {said}");
        return;
    }
    assert!(!lab.connects(FAR[1]));
    ip(&["netns", "exec", &lab.far, "nft", "flush", "ruleset"]).unwrap();
    assert!(lab.reaches(FAR[1]));
    assert_eq!(lab.firewall("list"), "", "no table, no blocks");
    assert_eq!(lab.firewall(&format!("unblock {}", NEAR[0])), "fine");
    assert_eq!(lab.firewall(&format!("block ::ffff:{} 600", NEAR[0])), "fine", "a v4-mapped address is v4");
    assert!(!lab.connects(FAR[0]) && lab.reaches(FAR[1]));
    assert_eq!(lab.firewall("tear_down"), "fine");
    assert_eq!(lab.firewall("tear_down"), "fine", "twice is once");
    assert!(lab.reaches(FAR[0]));
}

#[test]
fn without_the_capability_it_says_so() {
    let Some(lab) = Lab::new("cap") else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("nft-as-nobody");
    let script = "#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all nft \"$@\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    if Command::new("setpriv").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no `setpriv` on this machine");
        return;
    }
    let said = lab.firewall(&format!("ready {}", program.display()));
    assert!(said.contains("blocking is not available: the capability CAP_NET_ADMIN is missing"), "{said}");
    assert_eq!(lab.firewall("ready nft"), "fine");
}

/// What the copies do; nothing when the test runner calls it.
#[test]
fn inside_a_namespace() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split(' ').collect();
    let firewall = Nftables::default();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    match words.as_slice() {
        ["serve"] => serve(),
        ["connect", to] => answer(if echo(&mut connect(to)) { "yes" } else { "no" }),
        ["hold", to] => hold(to),
        ["block", who, secs] => report(firewall.block(address(who), Duration::from_secs(secs.parse().unwrap()))),
        ["unblock", who] => report(firewall.unblock(address(who))),
        ["prepare"] => report(firewall.prepare()),
        ["tear_down"] => report(firewall.tear_down()),
        ["ready", program] => report(Nftables::new(program.into()).ready()),
        ["list"] => {
            let blocked = firewall.blocked().unwrap();
            let all: Vec<_> =
                blocked.iter().map(|one| format!("{}={}", one.address, one.remaining.as_secs())).collect();
            answer(&all.join(" "));
        }
        other => panic!("no such role: {other:?}"),
    }
}

fn report(done: Result<(), FirewallError>) {
    answer(&done.map_or_else(|error| error.to_string(), |()| "fine".to_owned()));
}

fn answer(text: &str) {
    println!("\nANSWER {text}");
}

/// Echoes until the test that started it is gone.
fn serve() {
    let listener = TcpListener::bind(("::", PORT)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            });
        }
    });
    answer("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn hold(to: &str) {
    let mut stream = connect(to);
    answer(if stream.is_some() { "connected" } else { "no" });
    for _ in std::io::stdin().lines() {
        answer(if echo(&mut stream) { "alive" } else { "dead" });
    }
}

fn connect(to: &str) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::new(to.parse().unwrap(), PORT), WAIT).ok()?;
    stream.set_read_timeout(Some(WAIT)).unwrap();
    Some(stream)
}

fn echo(stream: &mut Option<TcpStream>) -> bool {
    let Some(stream) = stream else { return false };
    let mut byte = [7];
    stream.write_all(&byte).is_ok() && stream.read_exact(&mut byte).is_ok()
}

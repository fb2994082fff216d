//! Whoever is signed in is not blocked, and a restart of the server does not change that.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use reqwest::Method;
use serde_json::json;
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const PASSWORD: &str = "correct horse battery staple";

/// An address of this machine that is not loopback; nothing is sent to find it.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    let found = socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr()).ok();
    let address = found.map(|found| found.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified());
    if address.is_none() {
        eprintln!("SKIPPED: this machine has no address beside loopback, which is never blocked anyway");
    }
    address
}

/// Five guesses from `address`, which the playbook against password guessing answers.
fn guess(server: &Server, address: IpAddr, user: &str) {
    let line = |at: u32| {
        format!(
            "<86>1 2026-11-03T00:00:0{at}Z srv-1 sshd 10 - - Failed password for invalid user {user} from {address} port 22022 ssh2\n"
        )
    };
    let file = server.path(&format!("{user}.log"));
    std::fs::write(&file, (0..8).map(line).collect::<String>()).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
}

#[test]
fn an_operators_address_is_protected_after_a_restart() {
    let Some(address) = own_address() else { return };
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    server.user_with_password("minh", "soc-lead", PASSWORD).unwrap();
    let from = Api::at_address(SocketAddr::new(address, server.port("https")), server.roots(), None).unwrap();
    let form = json!({ "name": "minh", "password": PASSWORD });
    let signed_in = from.request(Method::POST, "/api/v1/session").json(&form).send().unwrap();
    assert_eq!(signed_in.status().as_u16(), 200);
    let token = server.token("lead", Role("soc-lead", None)).unwrap();

    server.kill_and_restart().unwrap();
    guess(&server, address, "root2");
    let lead = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let plan = wait_for("a plan", 20, || {
        let (status, answer) = lead.get("/api/v1/responses")?;
        assert_eq!(status, 200, "{answer}");
        let plans = answer["plans"].as_array().cloned().unwrap_or_default();
        Ok(plans.into_iter().find(|plan| plan["target"] == address.to_string()))
    })
    .unwrap();
    assert_eq!(plan["status"], "refused", "{plan}");
    // It is one of this machine's own addresses too: the operator is the first reason that is found.
    assert_eq!(plan["note"], format!("a signed-in operator works from {address}"), "{plan}");
}

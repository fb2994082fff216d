//! A spool that is full refuses by a kind of its own, and `metrosoc import` waits until there is room: nothing is lost.

use reqwest::Method;
use tests::{Role, Server, Setup};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
/// Lines of about 1 KiB; together several times what the spool holds.
const LINES: usize = 10_000;
const MIB: usize = 1024 * 1024;

#[test]
fn an_import_larger_than_the_spool_waits_for_room() {
    let config = format!("[spool]\nbytes_max = {}\nsegment_bytes_max = {MIB}\n", 5 * MIB);
    let server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    // The spool compresses: only what looks random fills it.
    let mut state = 1_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let mut line = |at: usize| {
        let filler: String = (0..112).map(|_| word()).collect();
        format!("<14>1 2026-11-03T00:00:01Z srv-1 app 10 - - line {at} {filler}\n")
    };
    let file = server.path("large.log");
    std::fs::write(&file, (0..LINES).map(&mut line).collect::<String>()).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    assert_eq!(lead.count("*").unwrap(), LINES as u64);
    server.wait_logged("spool is full").unwrap();

    // What an empty spool could not take either is refused at once: to wait for room would be to wait for ever.
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let body: String = (0..LINES).map(line).collect();
    let sent = machine.request(Method::POST, "/api/v1/ingest?site=hcm-a").body(body).send().unwrap();
    assert_eq!(sent.status().as_u16(), 413);
    assert!(!sent.headers().contains_key("retry-after"));
    let problem: serde_json::Value = sent.json().unwrap();
    assert_eq!(problem["type"], "/problems/too-large", "{problem}");
    assert_eq!(lead.count("*").unwrap(), LINES as u64);
}

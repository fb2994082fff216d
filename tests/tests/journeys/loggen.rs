//! loggen, syslog-ng's own load generator, feeds a hundred thousand lines over TCP; exactly so many are found.

use std::path::Path;
use std::time::Instant;

use tests::{Api, Role, Server, Setup, lines_of_zst, loggen, loggen_count, shared, wait_for};

const SITES: &str = "hcm-load,Phường Tải,p-tai,dc1,127.0.0.1/32 ::1/128\n";
/// Messages that loggen makes itself, in frames that begin with their length (RFC 6587, octet counting).
const FRAMED: u64 = 5_000;

/// Sends and gives the number that loggen says it sent.
fn send(server: &Server, options: &[&str], file: Option<&Path>) -> u64 {
    let mut command = loggen().unwrap();
    command.args(["--inet", "--stream", "--rate", "1000000", "--interval", "60"]).args(options);
    if let Some(file) = file {
        command.arg("--dont-parse").arg("--read-file").arg(file);
    }
    command.args(["127.0.0.1", &server.port("syslog-tcp").to_string()]);
    let output = tests::run(&mut command).unwrap();
    loggen_count(&output).unwrap()
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(&format!("{expected} events of `{query}`"), 120, || {
        let found = api.count(query)?;
        anyhow::ensure!(found <= expected, "{found} found, {expected} sent");
        Ok((found == expected).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_hundred_thousand_lines_of_loggen_are_found() {
    if loggen().is_none() {
        return;
    }
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let api = server.user("lead", Role("soc-lead", None)).unwrap();

    let framed = FRAMED.to_string();
    assert_eq!(send(&server, &["--syslog-proto", "--number", &framed, "--size", "300"], None), FRAMED);
    found(&api, "metrosoc.site.id:hcm-load AND host.name:localhost AND process.name:prg00000", FRAMED);
    assert_eq!(api.count("event.kind:pipeline_error").unwrap(), 0);

    let Some(path) = shared("logs/metronet-100k.rfc5424.zst") else { return };
    let lines = lines_of_zst(&path).unwrap();
    let file = server.path("lines.log");
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let began = Instant::now();
    assert_eq!(send(&server, &[], Some(&file)), lines.len() as u64);
    found(&api, "*", FRAMED + lines.len() as u64);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{} lines sent and found within {seconds:.1} s", lines.len());
    let refused = lines.iter().filter(|line| line.contains("Failed password")).count();
    found(&api, "\"Failed password\"", refused as u64);
    assert!(server.rss_bytes_max().unwrap() < 600 * 1024 * 1024, "{} bytes", server.rss_bytes_max().unwrap());
}

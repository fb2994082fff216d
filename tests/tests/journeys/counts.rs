//! What is imported is found: counts agree with a plain search over the same lines.

use std::collections::BTreeMap;
use std::process::Command;

use tests::{Role, Server, Setup, lines_of_zst, shared};

const SITES: &str = "hcm-count,Site,agency,dc1,\n";

fn lines_with(lines: &[String], pattern: &str) -> u64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines.join("\n") + "\n").unwrap();
    let output = Command::new("grep").args(["-cE", pattern]).arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_hundred_thousand_lines_agree_with_grep() {
    let Some(path) = shared("logs/metronet-100k.rfc5424.zst") else { return };
    let lines = lines_of_zst(&path).unwrap();
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    server.cli(&["import", "--site", "hcm-count", &path.display().to_string()]).unwrap();
    let api = server.user("lead", Role("soc-lead", None)).unwrap();
    let minute = |from: u32| format!("^<[0-9]+>1 2026-11-03T00:{from:02}:");
    for (query, pattern) in [
        ("*", "."),
        ("event.dataset:system.auth AND user.name:root", "sshd [0-9]+ - - .* for (invalid user )?root from "),
        ("\"Failed password\"", "Failed password"),
        ("source.ip:199.184.18.46", r"\b199\.184\.18\.46\b"),
        ("source.ip:199.184.0.0/16", r"\b199\.184\.[0-9]+\.[0-9]+\b"),
        ("event.dataset:nginx.access AND http.response.status_code:403", r"nginx - - - .*HTTP/1\.1. 403 "),
        ("http.response.status_code:[500 TO 599]", r"nginx - - - .*HTTP/1\.1. 5[0-9][0-9] "),
        ("winlog.event_id:4625", "\"EventID\":4625"),
        ("destination.port:3389", "(dpt=|\"dest_port\":)3389\\b"),
        ("host.name:DC-03.hcm.local", " DC-03.hcm.local winlog"),
        ("event.dataset:suricata.eve", " suricata - - - "),
    ] {
        assert_eq!(api.count(query).unwrap(), lines_with(&lines, pattern), "{query} against {pattern}");
    }
    let range = "@timestamp:[\"2026-11-03T00:07:00Z\" TO \"2026-11-03T00:08:00Z\"}";
    assert_eq!(api.count(range).unwrap(), lines_with(&lines, &minute(7)));
}

#[test]
fn windows_event_files_agree_with_their_reader() {
    let Some(folder) = shared("evtx") else { return };
    let mut expected: BTreeMap<i64, u64> = BTreeMap::new();
    let mut total = 0;
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for record in evtx::EvtxParser::from_path(&path).unwrap().records_json_value() {
            let id = &record.unwrap().data["Event"]["System"]["EventID"];
            let id = id.as_i64().or_else(|| id["#text"].as_i64()).unwrap();
            *expected.entry(id).or_default() += 1;
            total += 1;
        }
        files.push(path.display().to_string());
    }
    let mut arguments = vec!["import", "--site", "hcm-count"];
    arguments.extend(files.iter().map(String::as_str));
    server.cli(&arguments).unwrap();
    let api = server.user("lead", Role("soc-lead", None)).unwrap();
    assert_eq!(api.count("*").unwrap(), total);
    assert_eq!(api.count("event.kind:pipeline_error").unwrap(), 0);
    for (id, count) in expected {
        assert_eq!(api.count(&format!("winlog.event_id:{id}")).unwrap(), count, "event id {id}");
    }
}

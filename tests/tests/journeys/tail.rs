//! Files are followed through rotation, truncation and `kill -9`: each whole line is there exactly once.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;

use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-files,Phường Tệp,p-tep,dc1,\n";

fn write(path: &std::path::Path, lines: std::ops::Range<usize>) {
    let text: String = lines.map(|line| format!("tailed line {line}\n")).collect();
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn every_line_is_there_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let (log, rotated) = (folder.path().join("app.log"), folder.path().join("app.log.1"));
    let config =
        format!("[tail]\npaths = [\"{}/*.log\"]\nsite = \"hcm-files\"\nlook_ms = 50\n", folder.path().display());
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let found = |server: &Server, expected: u64| {
        let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
        wait_for(&format!("{expected} lines"), 30, || {
            let count = api.count("tailed AND metrosoc.site.id:hcm-files")?;
            anyhow::ensure!(count <= expected, "{count} lines found, {expected} written");
            Ok((count == expected).then_some(()))
        })
        .unwrap();
    };

    // Killed while it reads, several times.
    for part in 0..5 {
        write(&log, part * 4_000..(part + 1) * 4_000);
        server.kill_and_restart().unwrap();
    }
    found(&server, 20_000);

    // Rotated by renaming while the server is away, with lines that it has not read yet.
    server.stop().unwrap();
    write(&log, 20_000..20_010);
    fs::rename(&log, &rotated).unwrap();
    write(&log, 20_010..20_020);
    server.restart().unwrap();
    found(&server, 20_020);
    // Packed then, under a name that the pattern takes too: it is what was read before.
    tests::run(Command::new("gzip").arg(&rotated)).unwrap();
    fs::rename(folder.path().join("app.log.1.gz"), folder.path().join("app.1.log")).unwrap();

    // A line waits for its end.
    OpenOptions::new().append(true).open(&log).unwrap().write_all(b"tailed half").unwrap();
    write(&log, 20_020..20_021);
    found(&server, 20_021);

    // Copied and truncated, then written anew.
    fs::copy(&log, &rotated).unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    write(&log, 30_000..30_005);
    found(&server, 20_026);
    server.kill_and_restart().unwrap();
    write(&log, 30_005..30_006);
    found(&server, 20_027);
    let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
    assert_eq!(api.count("\"tailed halftailed line 20020\"").unwrap(), 1);
    assert_eq!(api.count("metrosoc.site.id:hcm-files").unwrap(), 20_027, "nothing packed was read");
}

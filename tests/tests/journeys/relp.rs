//! A real rsyslog sends by RELP over TLS with a client certificate while the server is killed again and again: every line is
//! there. A session over plain RELP that notes what was acknowledged finds each of it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, has, wait_for};

use crate::rsyslog::rsyslog;

const SITES: &str = "hcm-test-relp,Phường Thử Nghiệm,p-thu-nghiem,dc1,\n\
                     hcm-test-plain,Phường Loopback,p-loopback,dc1,::1/128 127.0.0.1/32\n";
/// Lines that rsyslog is given, in so many parts; between two the server is killed.
const LINES: usize = 6_000;
const PARTS: usize = 4;

/// Whether rsyslog's RELP output is there; says loudly when it is not.
pub(crate) fn has_omrelp() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.into_iter().any(|folder| folder.path().join("rsyslog/omrelp.so").exists());
    if !found {
        eprintln!("SKIPPED: rsyslog's `omrelp` is not installed (scripts/install-test-parts installs it)");
    }
    found
}

/// The numbers that stand behind `line ` in the messages of what a query finds.
pub(crate) fn numbers(api: &Api, query: &str) -> anyhow::Result<BTreeSet<usize>> {
    let (mut found, mut cursor) = (BTreeSet::new(), Value::Null);
    loop {
        let mut question = json!({ "query": query, "limit": 1_000 });
        if !cursor.is_null() {
            question["cursor"] = cursor;
        }
        let answer = api.search(&question)?;
        for hit in answer["hits"].as_array().into_iter().flatten() {
            let message = hit["fields"]["message"].as_str().unwrap_or_default();
            found.extend(message.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok()));
        }
        cursor = answer["next"].clone();
        if cursor.is_null() {
            return Ok(found);
        }
    }
}

fn omrelp(folder: &Path, port: u16) -> String {
    format!(
        "module(load=\"omrelp\" tls.tlslib=\"openssl\")\n\
         action(type=\"omrelp\" target=\"localhost\" port=\"{port}\" template=\"RSYSLOG_SyslogProtocol23Format\" \
         tls=\"on\" tls.caCert=\"{0}/roots.pem\" tls.myCert=\"{0}/hcm-test-relp.pem\" \
         tls.myPrivKey=\"{0}/hcm-test-relp.key.pem\" tls.authMode=\"name\" tls.permittedPeer=[\"localhost\"] \
         timeout=\"5\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" \
         queue.type=\"LinkedList\" queue.size=\"100000\" queue.timeoutEnqueue=\"60000\")",
        folder.display()
    )
}

#[test]
fn every_line_of_a_real_rsyslog_survives_kill_9() {
    if !has("rsyslogd") || !has_omrelp() {
        return;
    }
    // The port must be the same after a restart, or the sender would not find it.
    let port = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let config = format!("[relp]\ntls = \"[::]:{port}\"\n");
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), config }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("certificates");
    server.cli(&["pki", "issue", "hcm-test-relp", "--out", &certificates.display().to_string()]).unwrap();
    std::fs::write(certificates.join("roots.pem"), server.roots()).unwrap();
    let token = server.token("lan", Role("soc-lead", None)).unwrap();

    let sender = rsyslog(folder.path(), "relp", &omrelp(&certificates, port));
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(&sender.socket).unwrap();
    for part in 0..PARTS {
        for line in part * LINES / PARTS..(part + 1) * LINES / PARTS {
            socket.send(format!("<38>relptest: of rsyslog, line {line}").as_bytes()).unwrap();
        }
        if part == 0 {
            let api = Api::new(server.port("https"), server.roots(), Some(token.clone())).unwrap();
            wait_for("the first lines", 30, || Ok((api.count("process.name:relptest")? > 0).then_some(()))).unwrap();
        }
        if part + 1 < PARTS {
            server.kill_and_restart().unwrap();
        }
    }
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let query = "process.name:relptest AND metrosoc.site.id:hcm-test-relp AND metrosoc.site.known_by:certificate";
    wait_for("every line", 60, || Ok((numbers(&api, query)?.len() == LINES).then_some(()))).unwrap();
    // At-least-once: what was stored and not yet answered comes again, and is kept as it came.
    let stored = api.count(query).unwrap();
    assert!(stored >= LINES as u64);
    eprintln!("{LINES} lines sent, {stored} stored, {} of them sent again", stored - LINES as u64);

    // A revoked certificate cuts the session and is not let in again.
    server.cli(&["pki", "revoke", "hcm-test-relp", "--reason", "keyCompromise"]).unwrap();
    server.wait_logged("certificate revoked").unwrap();
    assert_eq!(server.stop().unwrap(), 0);
}

/// Reads answers until the connection ends, and notes the transactions that were answered with 200.
fn note(stream: TcpStream, noted: &Mutex<BTreeSet<usize>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut header = String::new();
        if !matches!(reader.read_line(&mut header), Ok(1..)) || !header.ends_with('\n') {
            return;
        }
        let words: Vec<&str> = header.split_whitespace().collect();
        match words.as_slice() {
            [transaction, "rsp", "6", "200", "OK"] => noted.lock().unwrap().insert(transaction.parse().unwrap()),
            [_, "serverclose", "0"] => return,
            other => {
                assert!(other.is_empty(), "an answer of another form: {other:?}");
                false
            }
        };
    }
}

#[test]
fn what_plain_relp_acknowledged_is_found_after_kill_9() {
    let config = "[relp]\ntls = \"\"\nplain = \"[::]:0\"\n".to_owned();
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), config }).unwrap();
    let token = server.token("lan", Role("soc-lead", None)).unwrap();
    let mut all = BTreeSet::new();
    for round in 0..3 {
        let mut stream = TcpStream::connect(("::1", server.port("relp-plain"))).unwrap();
        stream.write_all(b"1 open 30 relp_version=0\ncommands=syslog\n").unwrap();
        let mut opened = [0; "1 rsp 60 ".len() + 61];
        stream.read_exact(&mut opened).unwrap();
        let noted = Arc::new(Mutex::new(BTreeSet::new()));
        let reading = std::thread::spawn({
            let (answers, noted) = (stream.try_clone().unwrap(), Arc::clone(&noted));
            move || note(answers, &noted)
        });
        let writing = std::thread::spawn(move || {
            for transaction in 2..1_000_000 {
                let text = format!("<38>plainrelp: line {}", round * 1_000_000 + transaction);
                if writeln!(stream, "{transaction} syslog {} {text}", text.len()).is_err() {
                    return;
                }
            }
        });
        wait_for("answers", 30, || Ok((noted.lock().unwrap().len() >= 500).then_some(()))).unwrap();
        server.kill_and_restart().unwrap();
        writing.join().unwrap();
        reading.join().unwrap();
        all.extend(noted.lock().unwrap().iter().map(|transaction| round * 1_000_000 + transaction));
    }
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_for("every acknowledged line", 60, || {
        let found = numbers(&api, "process.name:plainrelp AND metrosoc.site.id:hcm-test-plain")?;
        Ok(all.is_subset(&found).then_some(()))
    })
    .unwrap();
    eprintln!("{} acknowledged, all found", all.len());
}

//! A reconnect storm: more than a hundred sites with certificates of their own connect at once, again and again, while
//! strangers hold handshakes open; every line is found once, under the site of its certificate.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use tests::{Role, Server, Setup, wait_for};

const SITES: usize = 120;
const ROUNDS: usize = 4;
const LINES: usize = 10;

fn config(folder: &std::path::Path, site: &str, roots: &str) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(root.unwrap()).unwrap();
    }
    let chain = CertificateDer::pem_file_iter(folder.join(format!("{site}.pem"))).unwrap();
    let chain: Vec<_> = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{site}.key.pem"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(store).with_client_auth_cert(chain, key).unwrap())
}

/// One connection: some lines, an orderly end, and the server's own.
fn send(config: &Arc<ClientConfig>, address: (&str, u16), site: usize, round: usize) {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    for line in 0..LINES {
        let text = format!("<13>storm site{site} round{round} line{line}");
        stream.write_all(format!("{} {text}", text.len()).as_bytes()).unwrap();
    }
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    // The server closes when it has stored what came.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

#[test]
fn a_reconnect_storm_loses_nothing() {
    let sites: String = (0..SITES).map(|site| format!("hcm-{site},Site {site},agency-a,dc1,\n")).collect();
    let server = Server::start(&Setup { sites, ..Setup::default() }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let folder = server.path("certificates");
    server.cli(&["pki", "bulk", "--out", &folder.display().to_string()]).unwrap();
    let port = server.port("syslog-tls");

    // Strangers who say nothing hold places of their own, and get nowhere.
    let strangers: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(("localhost", port)).unwrap()).collect();
    let start = Arc::new(Barrier::new(SITES));
    let senders: Vec<_> = (0..SITES)
        .map(|site| {
            let (config, start) = (config(&folder, &format!("hcm-{site}"), server.roots()), Arc::clone(&start));
            std::thread::spawn(move || {
                for round in 0..ROUNDS {
                    start.wait();
                    send(&config, ("localhost", port), site, round);
                }
            })
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());

    let total = (SITES * ROUNDS * LINES) as u64;
    wait_for("every line is searchable", 90, || Ok((lead.count("message:storm")? == total).then_some(()))).unwrap();
    let by_site = json!({
        "query": "message:storm", "limit": 0, "aggregations": { "sites": { "terms": { "field": "metrosoc.site.id", "size": 200 } } },
    });
    let answer = lead.search(&by_site).unwrap();
    let buckets = answer["aggregations"]["sites"]["buckets"].as_array().unwrap();
    let counts: BTreeMap<&str, u64> =
        buckets.iter().map(|one| (one["key"].as_str().unwrap(), one["count"].as_u64().unwrap())).collect();
    assert_eq!(counts.len(), SITES, "{answer}");
    assert!(counts.values().all(|count| *count == (ROUNDS * LINES) as u64), "{counts:?}");
    drop(strangers);
}

#[test]
fn strangers_of_one_address_do_not_shut_out_the_others() {
    let config_text = "[syslog]\ntls = \"[::]:0\"\nunproven_max = 8\nhandshake_timeout_secs = 600\n".to_owned();
    let server =
        Server::start(&Setup { sites: "hcm-0,Site 0,agency-a,dc1,\n".to_owned(), config: config_text }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let folder = server.path("certificates");
    server.cli(&["pki", "bulk", "--out", &folder.display().to_string()]).unwrap();
    let port = server.port("syslog-tls");

    // Four say nothing and stay; a fifth of the same address is closed at once.
    let strangers: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let mut fifth = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let closed = fifth.read(&mut [0]);
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");

    send(&config(&folder, "hcm-0", server.roots()), ("::1", port), 0, 0);
    wait_for("the site's lines are searchable", 60, || {
        Ok((lead.count("metrosoc.site.id:hcm-0 AND message:storm")? == LINES as u64).then_some(()))
    })
    .unwrap();
    drop(strangers);
}

//! Traces and metrics arrive at an OTLP collector when one is configured, whatever the level of the log lines is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tests::{Server, Setup, wait_for};

/// Bodies received, by path.
type Received = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Takes one request after another of a connection, as OTLP/HTTP sends them.
fn serve(stream: TcpStream, received: &Received) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut path, mut length) = (String::new(), 0_usize);
        let mut protobuf = false;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("content-type", value)) => protobuf = value == "application/x-protobuf",
                _ if path.is_empty() => path = line.split(' ').nth(1).unwrap().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        assert!(protobuf, "{path} is not protobuf");
        received.lock().unwrap().entry(path).or_default().extend(body);
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    }
}

fn receiver() -> (u16, Received) {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Received::default();
    let into = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let into = Arc::clone(&into);
            std::thread::spawn(move || serve(stream, &into));
        }
    });
    (port, received)
}

#[test]
fn traces_and_metrics_arrive_at_a_collector() {
    let (port, received) = receiver();
    let config =
        format!("[telemetry]\nlog = \"warn\"\notlp_endpoint = \"http://[::1]:{port}\"\notlp_interval_secs = 1\n");
    let mut server = Server::start(&Setup { config, ..Setup::default() }).unwrap();
    let held = TcpStream::connect(("::1", server.port("syslog-tcp"))).unwrap();
    let (status, _) = server.anonymous().unwrap().get("/healthz").unwrap();
    assert_eq!(status, 200);
    for (path, names) in [
        // The names stand in the protobuf as they are; `/healthz` is the path of the request that was traced.
        ("/v1/traces", ["metrosoc", "http", "/healthz"]),
        ("/v1/metrics", ["metrosoc_index_events", "metrosoc_connections", "syslog-tcp"]),
    ] {
        wait_for(&format!("{names:?} at {path}"), 30, || {
            let received = received.lock().unwrap();
            let body = received.get(path).map(Vec::as_slice).unwrap_or_default();
            let has = |name: &str| body.windows(name.len()).any(|window| window == name.as_bytes());
            Ok(names.iter().all(|name| has(name)).then_some(()))
        })
        .unwrap();
    }
    drop(held);
    assert_eq!(server.stop().unwrap(), 0, "the last spans and metrics leave, and the server ends");
}

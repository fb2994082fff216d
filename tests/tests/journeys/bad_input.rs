//! Garbage on every port: no panic, bounded memory, the good lines beside it kept, and a word about it.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};

use reqwest::Method;
use serde_json::json;
use tests::{Role, Server, Setup, wait_for};

const MEMORY_MAX: u64 = 700 * 1024 * 1024;

fn garbage(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn good_lines_beside_garbage_are_kept() {
    let server = Server::start(&Setup::default()).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let tcp = || TcpStream::connect(("127.0.0.1", server.port("syslog-tcp"))).unwrap();
    let good = |word: &str| format!("<13>1 2026-11-03T00:00:00Z host app - - - {word} line\n");

    // TCP: garbage, a frame length of four billion, a NUL, a megabyte, then a good line on a connection of its own each.
    for (word, bytes) in [
        ("garbagea", garbage(7, 200_000)),
        ("lengthb", b"4294967295 <13>1 - - - - - - short\n".to_vec()),
        ("nullc", b"<13>nul \0 in the middle\n".to_vec()),
        ("longd", [b"<13>".to_vec(), vec![b'x'; 3 << 20], b"\n".to_vec()].concat()),
        ("truncatede", b"120 <13>1 2026-11-03T00:00:00Z host app".to_vec()),
    ] {
        let mut stream = tcp();
        // The server may close a connection that sends nonsense while it is still being written.
        let _ = stream.write_all(&bytes);
        drop(stream);
        tcp().write_all(good(word).as_bytes()).unwrap();
    }
    // UDP: garbage and a good datagram behind it.
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = ("127.0.0.1", server.port("syslog-udp"));
    for seed in 1..200 {
        udp.send_to(&garbage(seed, 900), target).unwrap();
    }
    udp.send_to(good("datagramf").trim_end().as_bytes(), target).unwrap();
    // TLS ports: plain text.
    for name in ["syslog-tls", "https"] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port(name))).unwrap();
        let _ = stream.write_all(&garbage(3, 5_000));
    }
    // HTTP: invalid UTF-8, deep JSON, a broken line between good ones, a zip bomb, an absurd date.
    let deep = format!("{}1{}\n", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let body = [
        b"{\"message\":\"jsong line\"}\n".to_vec(),
        b"{\"message\":\"\xff\xfe\"}\n{broken\n".to_vec(),
        deep.into_bytes(),
        b"{\"message\":\"absurd\",\"@timestamp\":\"99999-99-99T99:99:99Z\"}\n{\"message\":\"jsonh line\"}\n".to_vec(),
    ]
    .concat();
    let send = |body: Vec<u8>, encoding: Option<&str>| {
        let request = machine.request(Method::POST, "/api/v1/ingest").header("content-type", "application/x-ndjson");
        let request = match encoding {
            Some(encoding) => request.header("content-encoding", encoding),
            None => request,
        };
        request.body(body).send().unwrap().status().as_u16()
    };
    assert_eq!(send(body, None), 200);
    let bomb = zstd::encode_all(&vec![b'a'; 1 << 30][..], 1).unwrap();
    assert_eq!(send(bomb, Some("zstd")), 413);

    for word in ["garbagea", "lengthb", "nullc", "longd", "truncatede", "datagramf", "jsong", "jsonh"] {
        wait_for(word, 20, || Ok((lead.count(&format!("\"{word} line\""))? == 1).then_some(())))
            .unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
    }
    assert!(lead.count("event.kind:pipeline_error").unwrap() > 0);
    let (status, _) = server.anonymous().unwrap().get("/healthz").unwrap();
    assert_eq!(status, 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert!(server.rss_bytes_max().unwrap() < MEMORY_MAX, "{}", server.rss_bytes_max().unwrap());
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = Server::start(&Setup::default()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["hcm-a".to_owned()]).unwrap().self_signed(&key).unwrap();
    let identity = format!("{}{}", certificate.pem(), key.serialize_pem());
    let api = tests::Api::with_identity(server.port("https"), server.roots(), None, Some(&identity)).unwrap();
    assert!(api.post("/_bulk", &json!({})).is_err());
    server.wait_logged("certificate").unwrap();
}

#[test]
fn wrong_queries_name_the_place() {
    let server = Server::start(&Setup::default()).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    for query in ["source.ip:", "(a OR", "\"open", "a AND", "field:[1 TO", "user.name:(a b"] {
        let (status, answer) = lead.post("/api/v1/search", &json!({ "query": query })).unwrap();
        assert_eq!(status, 400, "{query}: {answer}");
        assert!(answer["position"].is_u64(), "{query}: {answer}");
    }
}

#[test]
fn every_refusal_is_a_problem_document() {
    let config = "[https]\nlisten = \"[::]:0\"\nbody_bytes_max = 1024\n".to_owned();
    let server = Server::start(&Setup { config, ..Setup::default() }).unwrap();
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let check = |method: Method, packing: Option<&str>, body: Vec<u8>, status: u16, kind: &str| {
        let mut request = machine.request(method, "/api/v1/ingest").body(body);
        if let Some(packing) = packing {
            request = request.header("content-encoding", packing);
        }
        let answer = request.send().unwrap();
        let media = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((answer.status().as_u16(), media.as_deref()), (status, Some("application/problem+json")));
        let problem: serde_json::Value = answer.json().unwrap();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    };
    check(Method::POST, None, vec![b'x'; 4096], 413, "too-large");
    // Over HTTP/2 too, to who is still sending.
    let body = server.path("large");
    std::fs::write(&body, vec![b'x'; 8 << 20]).unwrap();
    let roots = server.path("roots.pem");
    std::fs::write(&roots, server.roots()).unwrap();
    let token = server.path("token");
    std::fs::write(&token, format!("authorization: Bearer {}", server.token("sender", Role("machine", None)).unwrap()))
        .unwrap();
    let url = format!("https://localhost:{}/api/v1/ingest", server.port("https"));
    let told = std::process::Command::new("curl")
        .args(["--silent", "--show-error", "--http2", "--write-out", " %{http_version} %{http_code}", "--cacert"])
        .arg(&roots)
        .args(["--header", &format!("@{}", token.display()), "--data-binary", &format!("@{}", body.display()), &url])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        said.contains("/problems/too-large") && said.ends_with(" 2 413"),
        "{said} {:?}",
        String::from_utf8_lossy(&told.stderr)
    );
    check(Method::POST, Some("gzip"), b"no gzip".to_vec(), 400, "bad-request");
    check(Method::POST, Some("lzma"), b"x".to_vec(), 415, "unsupported");
    check(Method::PUT, None, b"x".to_vec(), 405, "method-not-allowed");
}

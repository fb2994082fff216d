//! Senders that go wrong beside good ones: bytes that are mangled on the way, links that flap, connections that are only
//! half open, datagrams that the kernel drops, sessions that end with records unanswered.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tests::{Api, Role, Server, Setup, run, wait_for};

const MEMORY_MAX: u64 = 700 * 1024 * 1024;
const SITES: &str = "hcm-good,Good,agency-a,dc1,::1/128\nhcm-bad,Bad,agency-b,dc1,127.0.0.1/32\n";
const RELP: &str = "[relp]\ntls = \"\"\nplain = \"[::]:0\"\n";
const OPEN: &str = "1 open 30 relp_version=0\ncommands=syslog\n";

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One byte of ten is another one.
    fn mangle(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for byte in &mut bytes {
            if self.next().is_multiple_of(10) {
                *byte = self.next().to_le_bytes()[4];
            }
        }
        bytes
    }
}

/// The numbers of the messages `WORD N end` that are found, with how often each.
fn numbers(api: &Api, word: &str) -> anyhow::Result<Vec<usize>> {
    let (mut found, mut cursor) = (Vec::new(), serde_json::Value::Null);
    loop {
        let answer = api.search(&json!({ "query": format!("\"{word}\""), "limit": 1_000, "cursor": cursor }))?;
        for hit in answer["hits"].as_array().unwrap() {
            let message = hit["fields"]["message"].as_str().unwrap();
            let number = message.split(&format!("{word} ")).nth(1).and_then(|rest| rest.split(' ').next());
            found.push(number.unwrap().parse().unwrap());
        }
        cursor = answer["next"].clone();
        if cursor.is_null() {
            return Ok(found);
        }
    }
}

#[test]
fn mangled_bytes_beside_good_ones_lose_nothing_for_the_good() {
    let setup = Setup { sites: SITES.to_owned(), config: RELP.to_owned() };
    let server = Server::start(&setup).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let shipper = server.user("shipper", Role("machine", None)).unwrap();
    let (rounds, lines) = (40, 25);
    let mut dice = Dice(42);
    for round in 0..rounds {
        let good = |word: &str| -> String {
            (round * lines..(round + 1) * lines)
                .map(|at| format!("<38>Nov  3 10:00:00 host app: {word} {at} end\n"))
                .collect()
        };
        // Each way in has a bad sender and a good one, at the same time.
        for port in ["syslog-tcp", "relp-plain"] {
            let mut bad = TcpStream::connect(("127.0.0.1", server.port(port))).unwrap();
            let text = match port {
                "relp-plain" => format!("{OPEN}2 syslog 30 <38>host app: bad 000000000 end\n").repeat(20),
                _ => good("mangledtcp"),
            };
            // It may be shown the door while it still speaks.
            let _ = bad.write_all(&dice.mangle(text.into_bytes()));
        }
        let bad = UdpSocket::bind("127.0.0.1:0").unwrap();
        for line in good("mangledudp").lines() {
            bad.send_to(&dice.mangle(line.as_bytes().to_vec()), ("127.0.0.1", server.port("syslog-udp"))).unwrap();
        }
        for kind in ["application/x-ndjson", "application/json"] {
            let body = json!({ "message": "mangledhttp", "source": { "ip": "203.0.113.9" } }).to_string() + "\n";
            let request = shipper.request(reqwest::Method::POST, "/api/v1/ingest").header("content-type", kind);
            let sent = request.body(dice.mangle(body.repeat(lines).into_bytes())).send().unwrap();
            assert!(sent.status().as_u16() < 500, "{}", sent.status());
        }
        TcpStream::connect(("::1", server.port("syslog-tcp"))).unwrap().write_all(good("welltcp").as_bytes()).unwrap();
        let body: String = (round * lines..(round + 1) * lines)
            .map(|at| json!({ "message": format!("wellhttp {at} end") }).to_string() + "\n")
            .collect();
        let request =
            shipper.request(reqwest::Method::POST, "/api/v1/ingest").header("content-type", "application/x-ndjson");
        assert_eq!(request.body(body).send().unwrap().status().as_u16(), 200);
    }
    for word in ["welltcp", "wellhttp"] {
        let found =
            wait_for(word, 60, || Ok(Some(numbers(&lead, word)?).filter(|found| found.len() >= rounds * lines)));
        let mut found = found.unwrap();
        found.sort_unstable();
        assert_eq!(found, (0..rounds * lines).collect::<Vec<_>>(), "{word}: each once");
    }
    assert!(lead.count("metrosoc.site.id:hcm-bad").unwrap() > 0, "what came mangled is kept as it came");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert!(server.rss_bytes_max().unwrap() < MEMORY_MAX, "{}", server.rss_bytes_max().unwrap());
}

/// Opens a session and sends these lines, then reads answers until `enough`; gives the transactions answered with 200.
fn relp(server: &Server, transactions: &[usize], enough: usize, abrupt: bool) -> BTreeSet<usize> {
    // One that is stopping takes nobody any more.
    let Ok(mut stream) = TcpStream::connect(("::1", server.port("relp-plain"))) else { return BTreeSet::new() };
    stream.set_read_timeout(Some(Duration::from_secs(150))).unwrap();
    let mut text = OPEN.to_owned();
    for transaction in transactions {
        let line = format!("<38>host app: flapping {transaction} end");
        text.push_str(&format!("{transaction} syslog {} {line}\n", line.len()));
    }
    let mut noted = BTreeSet::new();
    if stream.write_all(text.as_bytes()).is_err() {
        return noted;
    }
    let mut reader = BufReader::new(stream);
    while noted.len() < enough {
        let mut header = String::new();
        match reader.read_line(&mut header) {
            Ok(1..) => {}
            Ok(0) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                break;
            }
        }
        let words: Vec<&str> = header.split_whitespace().collect();
        if let [transaction, "rsp", "6", "200", "OK"] = words.as_slice() {
            noted.insert(transaction.parse().unwrap());
        }
    }
    if abrupt {
        // What was not read goes with a reset.
        drop(reader);
    } else {
        let _ = reader.into_inner().shutdown(Shutdown::Both);
    }
    noted
}

#[test]
fn a_flapping_sender_loses_nothing_and_nothing_unanswered_counts_as_dropped() {
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), config: RELP.to_owned() }).unwrap();
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let total = 600;
    let mut acknowledged = BTreeSet::new();
    let mut turn = 0;
    while acknowledged.len() < total {
        turn += 1;
        assert!(turn < 400, "{} of {total} after {turn} connections", acknowledged.len());
        let open: Vec<usize> = (2..total + 2).filter(|at| !acknowledged.contains(at)).take(60).collect();
        // Most links break before half of the answers were read, in turn with a word of farewell and without.
        let enough = if turn % 5 == 0 { open.len() } else { open.len().min(turn % 20) };
        acknowledged.extend(relp(&server, &open, enough, turn % 2 == 0));
    }
    // It ends while a sender waits for answers.
    let stopping = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| relp(&server, &(total + 2..total + 2_000).collect::<Vec<_>>(), usize::MAX, false));
        run(Command::new("kill").args(["-TERM", &server.pid().to_string()])).unwrap();
        waiting.join().unwrap()
    });
    acknowledged.extend(stopping);
    assert_eq!(server.stop_signalled().unwrap(), 0);
    server.restart().unwrap();
    let api = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    wait_for("every acknowledged line", 60, || {
        let found: BTreeSet<usize> = numbers(&api, "flapping")?.into_iter().collect();
        Ok(acknowledged.is_subset(&found).then_some(()))
    })
    .unwrap();
    assert_eq!(dropped(&server), 0, "who was not answered has it still");
}

/// Records that the server says it dropped, of all sources.
fn dropped(server: &Server) -> u64 {
    let listed = server.cli(&["site", "sources", "--json"]).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let sources = listed.as_array().unwrap();
    sources.iter().map(|source| source["dropped"].as_u64().unwrap()).sum()
}

#[test]
fn half_open_connections_are_ended_and_hinder_nobody() {
    let config =
        format!("[syslog]\nudp = \"[::]:0\"\ntcp = \"[::]:0\"\ntls = \"[::]:0\"\nframe_timeout_secs = 2\n{RELP}");
    let server = Server::start(&Setup { sites: SITES.to_owned(), config }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    // Each stops in the middle of a frame and says nothing more: no end, no reset.
    let half = |port: &str, text: &str| {
        let mut stream = TcpStream::connect(("::1", server.port(port))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let mut open = Vec::new();
    for at in 0..40 {
        open.push(half("syslog-tcp", &format!("90 <38>Nov  3 10:00:00 host app: halfopen {at} en")));
        let line = format!("<38>host app: halfrelp {at} end");
        open.push(half("relp-plain", &format!("{OPEN}2 syslog {} {}", line.len(), &line[..line.len() - 4])));
    }
    let mut good = TcpStream::connect(("::1", server.port("syslog-tcp"))).unwrap();
    for at in 0..200 {
        good.write_all(format!("<38>Nov  3 10:00:00 host app: wellbeside {at} end\n").as_bytes()).unwrap();
    }
    drop(good);
    wait_for("the good lines", 60, || Ok((numbers(&lead, "wellbeside")?.len() == 200).then_some(()))).unwrap();
    for mut stream in open {
        let mut rest = Vec::new();
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it is ended: {error}");
        }
    }
    assert_eq!(lead.count("message:halfrelp").unwrap(), 0, "half a frame was not answered: its sender has it still");
    assert_eq!(lead.count("message:wellbeside").unwrap(), 200);
}

#[test]
fn datagrams_that_the_kernel_dropped_are_counted() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let signal = |name: &str| run(Command::new("kill").args([name, &server.pid().to_string()])).map(drop).unwrap();
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let target = ("::1", server.port("syslog-udp"));
    let sent = 30_000;
    signal("-STOP");
    for at in 0..sent {
        socket
            .send_to(format!("<38>Nov  3 10:00:00 host app: kerneldrop {at} {}", "x".repeat(1_200)).as_bytes(), target)
            .unwrap();
    }
    signal("-CONT");
    let here = server.anonymous().unwrap();
    let counted = || -> anyhow::Result<u64> {
        let text = here.request(reqwest::Method::GET, "/metrics").send()?.error_for_status()?.text()?;
        let name = "metrosoc_udp_kernel_dropped_datagrams_total";
        let line = text.lines().find(|line| line.starts_with(name));
        Ok(line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default() as u64)
    };
    let lost = wait_for("each datagram is found or counted", 90, || {
        // What the spool could not keep up with is counted beside what never left the kernel.
        let (lost, unkept, found) = (counted()?, dropped(&server), lead.count("message:kerneldrop")?);
        anyhow::ensure!(found + lost + unkept <= sent, "{found} found, {lost} and {unkept} dropped, {sent} sent");
        Ok((found + lost + unkept == sent).then_some(lost))
    })
    .unwrap();
    assert!(lost > 0, "the kernel kept all of them: too few to show anything");
}

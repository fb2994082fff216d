//! How much the whole way of a line costs, from socket to searchable, through the real binary.
//!
//! `cargo run --release -p tests --example ingest_rate -- LOGS.zst [RULES]`
//!
//! For plain TCP and TLS with client certificates, over 1 and 807 connections, and for syslog-ng's loggen over TCP where it is
//! installed (it cannot show a certificate): lines a second until all are searchable, lines per CPU-second of the server (its
//! own time alone, senders not counted) and the most memory it had. Then at half of the rate that 807 TLS connections reached:
//! the time from a line's stamp at its sender until its alert is stored.
//! `LINES` says how many lines each turn sends (300,000).

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: usize = 807;
/// Threads that send, each over its share of the connections.
const SENDERS: usize = 4;
/// Lines written to a connection at a time.
const LINES_AT_ONCE: usize = 50;
/// Alerts whose way is timed.
const PROBES: usize = 200;
const PROBE: &str = "title: probe of ingest_rate\nid: 5f0d6f0c-8f0e-4f1b-9a53-0d5d4a4b6c11\nlevel: low\nlogsource: {product: linux}\n\
                     detection: {selection: {process.name: ingestprobe}, condition: selection}\n";

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection of either kind.
enum Connection {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

impl Connection {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (logs, rules) = match arguments.as_slice() {
        [logs] => (logs, None),
        [logs, rules] => (logs, Some(std::path::absolute(rules)?)),
        _ => anyhow::bail!("usage: ingest_rate LOGS.zst [RULES]"),
    };
    let lines = tests::lines_of_zst(logs)?;
    let wanted = match std::env::var("LINES") {
        Ok(text) => text.parse().with_context(|| format!("`LINES={text}` is no number"))?,
        Err(_) => 300_000_usize,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "transport connections      lines  lines/s  lines per CPU-second  most MB")?;
    let mut rate = 0.0;
    let with_loggen = tests::loggen().is_some();
    let turns = [("loggen", 1), ("loggen", SITES), ("tcp", 1), ("tcp", SITES), ("tls", 1), ("tls", SITES)];
    for (transport, connections) in turns.into_iter().filter(|(transport, _)| with_loggen || *transport != "loggen") {
        let bench = Bench::start(rules.as_deref())?;
        let figures = bench.run(transport, connections, &lines, wanted)?;
        rate = figures.lines_per_second;
        writeln!(
            out,
            "{transport:<9} {connections:>11} {wanted:>10} {rate:>8.0} {:>21.0} {:>8.0}",
            figures.lines_per_cpu_second, figures.megabytes_max
        )?;
    }
    let bench = Bench::start(rules.as_deref())?;
    let mut took = bench.latency(rate / 2.0, &lines)?;
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).or(took.last()).copied().unwrap_or_default();
    writeln!(
        out,
        "from socket to alert at {:.0} lines/s: p50 {} ms, p99 {} ms, {} alerts",
        rate / 2.0,
        at(50),
        at(99),
        took.len()
    )?;
    Ok(())
}

struct Figures {
    lines_per_second: f64,
    lines_per_cpu_second: f64,
    megabytes_max: f64,
}

/// A server with 807 sites that have certificates.
struct Bench {
    server: Server,
    api: Api,
    certificates: PathBuf,
}

impl Bench {
    fn start(rules: Option<&Path>) -> anyhow::Result<Self> {
        let probe = tempfile::Builder::new().suffix(".yml").tempfile()?;
        std::fs::write(probe.path(), PROBE)?;
        let paths: Vec<String> =
            rules.into_iter().chain([probe.path()]).map(|path| path.display().to_string()).collect();
        let mut sites: String =
            (1..=SITES).map(|number| format!("load-{number:03},Site {number},agency,dc1,\n")).collect();
        sites += "load-plain,Loopback,agency,dc1,::1/128 127.0.0.1/32\n";
        let server = Server::start(&Setup { config: format!("[rules]\npaths = {paths:?}\n"), sites })?;
        let certificates = server.path("certificates");
        server.cli(&["pki", "bulk", "--out", &certificates.display().to_string()])?;
        let api = server.user("lead", Role("soc-lead", None))?;
        Ok(Self { server, api, certificates })
    }

    fn run(&self, transport: &str, connections: usize, lines: &[String], wanted: usize) -> anyhow::Result<Figures> {
        let mut open = if transport == "loggen" { Vec::new() } else { self.connect(transport, connections)? };
        let before = self.api.count("*")?;
        let (started, cpu) = (Instant::now(), self.cpu_secs()?);
        let sent = if open.is_empty() {
            self.loggen(connections, lines, wanted)?
        } else {
            send_all(&mut open, lines, wanted)?
        };
        wait_for("everything is searchable", 600, || {
            std::thread::sleep(Duration::from_millis(150));
            Ok((self.api.count("*")? >= before + sent as u64).then_some(()))
        })?;
        let (wall, cpu) = (started.elapsed().as_secs_f64(), self.cpu_secs()? - cpu);
        Ok(Figures {
            lines_per_second: sent as f64 / wall,
            lines_per_cpu_second: sent as f64 / cpu,
            megabytes_max: self.server.rss_bytes_max()? as f64 / 1e6,
        })
    }

    /// Lets loggen send the lines, each of its connections an equal share; gives how many it sent.
    fn loggen(&self, connections: usize, lines: &[String], wanted: usize) -> anyhow::Result<usize> {
        let file = self.server.path("loggen.log");
        if !file.exists() {
            std::fs::write(&file, lines.join("\n") + "\n")?;
        }
        let mut command = tests::loggen().context("loggen")?;
        command.args([
            "--inet",
            "--stream",
            "--rate",
            "1000000",
            "--interval",
            "600",
            "--dont-parse",
            "--loop-reading",
        ]);
        command.arg("--read-file").arg(&file);
        command.arg("--active-connections").arg(connections.to_string());
        command.arg("--number").arg((wanted / connections).to_string());
        command.args(["127.0.0.1", &self.server.port("syslog-tcp").to_string()]);
        Ok(usize::try_from(tests::loggen_count(&tests::run(&mut command)?)?)?)
    }

    /// Milliseconds from the stamp of each probe to its alert, beside a steady load.
    fn latency(&self, lines_per_second: f64, lines: &[String]) -> anyhow::Result<Vec<i64>> {
        let mut open = self.connect("tls", SITES)?;
        let mut probe = self.connect("tls", 1)?.pop().context("no connection")?;
        let pause = Duration::from_millis(100);
        let at_once = (lines_per_second * pause.as_secs_f64()) as usize;
        let mut first = 0;
        for number in 0..PROBES {
            let begun = Instant::now();
            let connection = open.get_mut(number % SITES).context("no connection")?;
            send(std::slice::from_mut(connection), lines, first, at_once)?;
            first += at_once;
            let stamp = rfc3339_now()?;
            probe.write(format!("<38>1 {stamp} probe-{number} ingestprobe 1 - - probe {number}\n").as_bytes())?;
            std::thread::sleep(pause.saturating_sub(begun.elapsed()));
        }
        wait_for("every probe has its alert", 60, || {
            let alerts = self.alerts()?;
            Ok((alerts.len() >= PROBES).then_some(alerts))
        })
    }

    fn alerts(&self) -> anyhow::Result<Vec<i64>> {
        let (mut took, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.api.get(&format!("/api/v1/alerts?limit=200{cursor}"))?;
            anyhow::ensure!(status == 200, "{status} {page}");
            for alert in page.get("alerts").and_then(Value::as_array).into_iter().flatten() {
                if alert.pointer("/rule/title").and_then(Value::as_str) == Some("probe of ingest_rate") {
                    let time = |name: &str| alert.get(name).and_then(Value::as_str).context("time").and_then(millis_of);
                    took.push(time("created")? - time("first_seen")?);
                }
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(took),
            }
        }
    }

    fn connect(&self, transport: &str, connections: usize) -> anyhow::Result<Vec<Connection>> {
        if transport == "tcp" {
            let address = ("::1", self.server.port("syslog-tcp"));
            return (0..connections).map(|_| Ok(Connection::Plain(TcpStream::connect(address)?))).collect();
        }
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(self.server.roots().as_bytes()) {
            roots.add(root?)?;
        }
        let roots = Arc::new(roots);
        (1..=connections)
            .map(|number| {
                let file = |end: &str| self.certificates.join(format!("load-{number:03}.{end}"));
                let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file("pem"))?.collect();
                let key = PrivateKeyDer::from_pem_file(file("key.pem"))?;
                let config = ClientConfig::builder()
                    .with_root_certificates(Arc::clone(&roots))
                    .with_client_auth_cert(chain?, key)?;
                let client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
                let stream = TcpStream::connect(("::1", self.server.port("syslog-tls")))?;
                let mut stream = StreamOwned::new(client, stream);
                stream.conn.complete_io(&mut stream.sock)?;
                Ok(Connection::Tls(Box::new(stream)))
            })
            .collect()
    }

    /// Processor time of the server, all threads.
    fn cpu_secs(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.pid()))?;
        let behind = stat.rsplit(')').next().context("stat")?;
        let ticks = |at: usize| -> anyhow::Result<f64> {
            Ok(behind.split_whitespace().nth(at).context("stat")?.parse::<f64>()?)
        };
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }
}

/// Sends `wanted` lines from several threads, each over its share of the connections.
fn send_all(open: &mut [Connection], lines: &[String], wanted: usize) -> anyhow::Result<usize> {
    let (all, share) = (open.len(), open.len().div_ceil(SENDERS));
    std::thread::scope(|scope| {
        let threads: Vec<_> = open
            .chunks_mut(share)
            .enumerate()
            .map(|(part, mine)| {
                let count = wanted * mine.len() / all;
                scope.spawn(move || send(mine, lines, part * count, count).map(|()| count))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?).sum()
    })
}

/// Sends `count` lines from `first` on, in turn over the connections.
fn send(connections: &mut [Connection], lines: &[String], first: usize, count: usize) -> anyhow::Result<()> {
    let mut done = 0;
    while done < count {
        for connection in connections.iter_mut() {
            let now = LINES_AT_ONCE.min(count - done);
            let text: String = lines
                .iter()
                .cycle()
                .skip((first + done) % lines.len())
                .take(now)
                .map(|line| format!("{line}\n"))
                .collect();
            connection.write(text.as_bytes())?;
            done += now;
        }
    }
    Ok(())
}

fn rfc3339_now() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(jiff::Timestamp::from_second(i64::try_from(now.as_secs())?)?
        .checked_add(jiff::Span::new().microseconds(i64::from(now.subsec_micros())))?
        .to_string())
}

fn millis_of(text: &str) -> anyhow::Result<i64> {
    Ok(text.parse::<jiff::Timestamp>()?.as_millisecond())
}

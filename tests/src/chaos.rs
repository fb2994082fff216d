//! `kill -9` at random moments under load: three senders note what was acknowledged, and all of it must be found.
//!
//! | sender | acknowledged by | sent again after a cut |
//! | --- | --- | --- |
//! | RELP | an answer of 200 to the transaction | everything unanswered, as librelp does; it may be stored again |
//! | `_bulk` with `_id` | the item's status | the whole request with the same ids; stored once |
//! | a real `metrosoc edge` | its own spool, which it says in `status` | by itself; stored once |
//!
//! Beside them somebody sends bytes that are no log, and opens connections that say nothing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Api, Edge, Role, Server, Setup};

const SITES: &str = "chaos-edge,Edge,agency-a,dc1,\nchaos-plain,Loopback,agency-b,dc1,::1/128 127.0.0.1/32\n";
/// What each sender's lines have as a word of their own, and whether its lines may be stored again when they were sent again.
const SENDERS: [(&str, bool); 3] = [("chaosrelp", true), ("chaosbulk", false), ("chaosedge", false)];
/// Lines that a sender puts into one request or window.
const BATCH: u64 = 50;
/// How long a sender waits for an answer before it takes the connection for dead.
const PATIENCE: Duration = Duration::from_secs(20);

/// How hard it is made.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    /// How often the server is killed; every fourth time while it starts.
    pub kills: u64,
    /// Requests or windows of fifty lines that each sender sends a second, at most.
    pub batches_per_second: u64,
    /// Where the random moments start.
    pub seed: u64,
}

/// What came of it, in lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Different lines sent.
    pub sent: u64,
    /// Lines sent once more.
    pub resent: u64,
    /// Different lines acknowledged.
    pub acknowledged: u64,
    /// Different lines found.
    pub found: u64,
    /// Acknowledged and not found.
    pub lost: u64,
    /// Found more often than they were sent, or than their sender's identity for them allows.
    pub duplicate: u64,
}

impl std::fmt::Display for Count {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sent, resent, acknowledged, found, lost, duplicate } = self;
        write!(
            out,
            "sent {sent}, resent {resent}, acknowledged {acknowledged}, found {found}, lost {lost}, duplicate {duplicate}"
        )
    }
}

/// What one sender knows of each of its lines, which are numbered from 0.
#[derive(Debug, Default)]
struct Lines {
    /// How often each was sent.
    times: Vec<u32>,
    acknowledged: Vec<bool>,
}

impl Lines {
    /// The next numbers to send: the unacknowledged ones first, then new ones when `is_new_allowed`.
    fn next(&mut self, is_new_allowed: bool) -> Vec<usize> {
        let open = self.acknowledged.iter().enumerate().filter(|(_, is_done)| !**is_done).map(|(at, _)| at);
        let mut numbers: Vec<usize> = open.take(BATCH as usize).collect();
        while is_new_allowed && (numbers.len() as u64) < BATCH {
            numbers.push(self.times.len());
            self.times.push(0);
            self.acknowledged.push(false);
        }
        numbers
    }

    fn sent(&mut self, numbers: &[usize]) {
        for number in numbers {
            if let Some(times) = self.times.get_mut(*number) {
                *times += 1;
            }
        }
    }

    fn acknowledge(&mut self, number: usize) {
        if let Some(is_done) = self.acknowledged.get_mut(number) {
            *is_done = true;
        }
    }

    fn is_open(&self) -> bool {
        self.acknowledged.contains(&false)
    }

    fn count(&self, found: &BTreeMap<usize, u32>, may_repeat: bool) -> Count {
        let mut count = Count { sent: self.times.len() as u64, found: found.len() as u64, ..Count::default() };
        for (number, (times, is_done)) in self.times.iter().zip(&self.acknowledged).enumerate() {
            let stored = found.get(&number).copied().unwrap_or_default();
            let most = if may_repeat { *times } else { 1 };
            count.resent += u64::from(times.saturating_sub(1));
            count.acknowledged += u64::from(*is_done);
            count.lost += u64::from(*is_done && stored == 0);
            count.duplicate += u64::from(stored.saturating_sub(most));
        }
        count
    }
}

/// What became of a batch.
enum Outcome {
    /// No connection, so that nothing can have arrived.
    NobodyThere,
    /// It was sent, at least in part; these lines of it were acknowledged.
    Sent(Vec<usize>),
}

/// What the senders share.
struct Load {
    /// No new lines are wanted; what is open is still sent.
    is_over: AtomicBool,
    /// Everything acknowledged so far, for progress.
    acknowledged: AtomicU64,
    pause: Duration,
}

impl Load {
    /// Sends batches by `send` until the load is over and nothing is open.
    fn run(&self, mut send: impl FnMut(&[usize]) -> anyhow::Result<Outcome>) -> anyhow::Result<Lines> {
        let mut lines = Lines::default();
        let mut unanswered = 0_u32;
        while !self.is_over.load(Ordering::Relaxed) || lines.is_open() {
            let numbers = lines.next(!self.is_over.load(Ordering::Relaxed));
            let stored = match send(&numbers)? {
                Outcome::NobodyThere => Vec::new(),
                Outcome::Sent(stored) => {
                    lines.sent(&numbers);
                    stored
                }
            };
            unanswered = if stored.is_empty() { unanswered + 1 } else { 0 };
            anyhow::ensure!(unanswered < 3_000, "nothing was taken for minutes");
            self.acknowledged.fetch_add(stored.len() as u64, Ordering::Relaxed);
            stored.into_iter().for_each(|number| lines.acknowledge(number));
            std::thread::sleep(self.pause);
        }
        Ok(lines)
    }
}

/// A session of plain RELP, opened anew after each cut.
struct Relp {
    port: u16,
    session: Option<(BufReader<TcpStream>, u64)>,
}

impl Relp {
    fn open(port: u16) -> anyhow::Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(("::1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"1 open 30 relp_version=0\ncommands=syslog\n")?;
        let mut opened = [0; "1 rsp 60 ".len() + 61];
        stream.read_exact(&mut opened)?;
        Ok(BufReader::new(stream))
    }

    /// One window; what was answered before the connection was cut counts, the rest is an open line.
    fn send(&mut self, numbers: &[usize]) -> anyhow::Result<Outcome> {
        let session = self.session.take();
        let Some((mut reader, first)) = session.or_else(|| Some((Self::open(self.port).ok()?, 2))) else {
            return Ok(Outcome::NobodyThere);
        };
        let mut window = Vec::new();
        for (transaction, number) in (first..).zip(numbers) {
            let text = format!("<38>chaos[1]: chaosrelp line {number}");
            writeln!(window, "{transaction} syslog {} {text}", text.len())?;
        }
        let mut stored = Vec::new();
        if reader.get_mut().write_all(&window).is_err() {
            return Ok(Outcome::Sent(stored));
        }
        for (transaction, number) in (first..).zip(numbers) {
            let mut answer = String::new();
            match reader.read_line(&mut answer) {
                Ok(1..) if answer.ends_with('\n') => {}
                _ => return Ok(Outcome::Sent(stored)),
            }
            anyhow::ensure!(answer.trim_end() == format!("{transaction} rsp 6 200 OK"), "answered `{answer}`");
            stored.push(*number);
        }
        self.session = Some((reader, first + numbers.len() as u64));
        Ok(Outcome::Sent(stored))
    }
}

/// One `_bulk` request; the items that were stored now or before.
fn bulk(api: &Api, numbers: &[usize]) -> anyhow::Result<Outcome> {
    let mut body = String::new();
    for number in numbers {
        body += &format!("{}\n", json!({ "create": { "_index": "chaos", "_id": format!("chaos-{number}") } }));
        body += &format!("{}\n", json!({ "message": format!("chaosbulk line {number}") }));
    }
    let request = api.request(Method::POST, "/_bulk").header("content-type", "application/x-ndjson");
    let answer = match request.timeout(PATIENCE).body(body).send() {
        Err(error) if error.is_connect() => return Ok(Outcome::NobodyThere),
        // Cut in the middle, or not ready yet.
        Err(_) => return Ok(Outcome::Sent(Vec::new())),
        Ok(answer) if answer.status() == 503 || answer.status() == 429 => return Ok(Outcome::Sent(Vec::new())),
        Ok(answer) => answer.error_for_status()?,
    };
    let Ok(answer) = answer.json::<Value>() else { return Ok(Outcome::Sent(Vec::new())) };
    let items = answer.get("items").and_then(Value::as_array).context("items")?;
    let is_stored = |item: &Value| matches!(item.pointer("/create/status").and_then(Value::as_u64), Some(201 | 409));
    let stored = numbers.iter().zip(items).filter(|(_, item)| is_stored(item));
    Ok(Outcome::Sent(stored.map(|(number, _)| *number).collect()))
}

/// A real edge that is fed over TCP, asked what it has stored, and now and then killed itself.
struct Fed<'a> {
    edge: &'a mut Edge,
    since_start: u64,
    batches: u64,
}

impl Fed<'_> {
    fn send(&mut self, numbers: &[usize]) -> anyhow::Result<Outcome> {
        self.edge.send(numbers.iter().map(|number| format!("<14>chaos[1]: chaosedge line {number}")))?;
        self.since_start += numbers.len() as u64;
        self.edge.wait_received(self.since_start)?;
        self.batches += 1;
        if self.batches.is_multiple_of(40) {
            self.edge.kill()?;
            self.edge.start()?;
            self.since_start = 0;
        }
        Ok(Outcome::Sent(numbers.to_vec()))
    }
}

/// Bytes that are no log, and connections that stay silent, until the load is over.
fn disturb(port: u16, mut random: Random, is_over: &AtomicBool) {
    let mut silent = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        // The server may be down at this moment: that is what all this is about.
        if let Ok(mut stream) = TcpStream::connect(("::1", port)) {
            let bytes: Vec<u8> = (0..2_000).map(|_| u8::try_from(random.below(256)).unwrap_or_default()).collect();
            if stream.write_all(&bytes).is_ok() {
                silent.push(stream);
            }
            silent.truncate(20);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Numbers that look random; the same seed gives the same ones.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

/// How often each line of a sender is stored.
fn found(api: &Api, word: &str) -> anyhow::Result<BTreeMap<usize, u32>> {
    let (mut found, mut cursor) = (BTreeMap::new(), Value::Null);
    loop {
        let answer = api.search(&json!({ "query": word, "limit": 1_000, "cursor": cursor }))?;
        for hit in answer.get("hits").and_then(Value::as_array).into_iter().flatten() {
            let message = hit.pointer("/fields/message").and_then(Value::as_str).unwrap_or_default();
            let number = message.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok());
            *found.entry(number.with_context(|| format!("no number in `{message}`"))?).or_default() += 1;
        }
        cursor = answer.get("next").cloned().unwrap_or_default();
        if cursor.is_null() {
            return Ok(found);
        }
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("[::1]:0")?.local_addr()?.port())
}

/// Kills and restarts the server; says on standard error how far it is.
fn kill_again_and_again(server: &mut Server, plan: Chaos, load: &Load) -> anyhow::Result<()> {
    let mut random = Random(plan.seed);
    for kill in 1..=plan.kills {
        std::thread::sleep(Duration::from_millis(50 + random.below(1_200)));
        server.kill()?;
        if kill.is_multiple_of(4) {
            server.start_and_kill(Duration::from_millis(random.below(400)))?;
        }
        server.restart()?;
        if kill.is_multiple_of(10) {
            let acknowledged = load.acknowledged.load(Ordering::Relaxed);
            eprintln!("{kill} of {} kills, {acknowledged} lines acknowledged", plan.kills);
        }
    }
    Ok(())
}

impl Chaos {
    /// Runs it through the real binary.
    ///
    /// # Errors
    /// When the server or the edge does not start again, nothing is taken for minutes, or the ledger does not verify.
    pub fn run(self) -> anyhow::Result<Count> {
        let (https, relp, tcp) = (free_port()?, free_port()?, free_port()?);
        let config = format!(
            "[https]\nlisten = \"[::]:{https}\"\n[relp]\ntls = \"\"\nplain = \"[::]:{relp}\"\n\
             [syslog]\nudp = \"[::]:0\"\ntcp = \"[::]:{tcp}\"\ntls = \"[::]:0\"\n"
        );
        let mut server = Server::start(&Setup { config, sites: SITES.to_owned() })?;
        let shipper = server.token("shipper", Role("machine", None))?;
        let lead = server.token("lead", Role("soc-lead", None))?;
        let bulk_api = Api::new(https, server.roots(), Some(shipper))?;
        let quick = "[ship]\nbatch_records_max = 200\nlinger_ms = 0\nbackoff_ms_first = 50\nbackoff_ms_max = 300\n";
        let mut edge = Edge::enrolled(&server, "chaos-edge", quick)?;
        edge.start()?;
        let pause = Duration::from_millis(1_000 / self.batches_per_second.max(1));
        let load = Load { is_over: AtomicBool::new(false), acknowledged: AtomicU64::new(0), pause };
        let sent = std::thread::scope(|scope| -> anyhow::Result<[Lines; 3]> {
            let mut relp = Relp { port: relp, session: None };
            let mut fed = Fed { edge: &mut edge, since_start: 0, batches: 0 };
            let load = &load;
            let by_relp = scope.spawn(move || load.run(|numbers| relp.send(numbers)));
            let by_bulk = scope.spawn(|| load.run(|numbers| bulk(&bulk_api, numbers)));
            let by_edge = scope.spawn(move || load.run(|numbers| fed.send(numbers)));
            scope.spawn(move || disturb(tcp, Random(self.seed ^ 1), &load.is_over));
            let killed = kill_again_and_again(&mut server, self, load);
            load.is_over.store(true, Ordering::Relaxed);
            let [relp, bulk, edge] = [by_relp, by_bulk, by_edge].map(|thread| thread.join());
            killed?;
            let ended = |lines: std::thread::Result<anyhow::Result<Lines>>| {
                lines.map_err(|_| anyhow::anyhow!("a sender panicked"))?
            };
            Ok([ended(relp)?, ended(bulk)?, ended(edge)?])
        })?;
        let api = Api::new(https, server.roots(), Some(lead))?;
        // The edge runs on: what its own spool acknowledged may still be on its way.
        let end = search(&api, &sent).and_then(|count| {
            edge.kill()?;
            let code = server.stop()?;
            anyhow::ensure!(code == 0, "the server did not stop cleanly: {code}");
            Ok(count)
        });
        let count = end.with_context(|| server.log())?;
        server.cli(&["ledger", "verify"])?;
        Ok(count)
    }
}

/// Looks for every line; waits two minutes for what is not searchable yet. What is lost is a result, not an error.
fn search(api: &Api, sent: &[Lines; 3]) -> anyhow::Result<Count> {
    for _ in 0..60 {
        let count = count(api, sent)?;
        if count.lost == 0 {
            return Ok(count);
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    count(api, sent)
}

fn count(api: &Api, sent: &[Lines; 3]) -> anyhow::Result<Count> {
    let mut sum = Count::default();
    for (lines, (word, may_repeat)) in sent.iter().zip(SENDERS) {
        let part = lines.count(&found(api, word)?, may_repeat);
        eprintln!("{word}: {part}");
        sum.sent += part.sent;
        sum.resent += part.resent;
        sum.acknowledged += part.acknowledged;
        sum.found += part.found;
        sum.lost += part.lost;
        sum.duplicate += part.duplicate;
    }
    Ok(sum)
}

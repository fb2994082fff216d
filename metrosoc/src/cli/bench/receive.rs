//! From the socket to the durable spool: the log ports with real connections, senders in the same process but not counted.

use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::Record;
use collector::sites::{Attribution, AttributionSettings, Sites};
use collector::source::bind_tcp;
use collector::source::syslog::{SyslogSettings, serve_tcp, serve_tls};
use collector::spool::{Spool, SpoolSettings};
use event::{Clock, EventId, Object, Operation, Role, SiteId, Subject, SystemClock, UserName};
use keys::{KeySource, Keyring};
use ledger::Ledger;
use pki::link::mutual_config;
use pki::{Authority, AuthoritySettings, ServerNames, SiteKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Serialize;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::serve::peers::Gate;

/// Connections of the larger turns: one for each site.
const CONNECTIONS: usize = 807;
/// Threads that send, each over its share of the connections.
const SENDERS: usize = 2;
/// Lines written to a connection at a time.
const LINES_AT_ONCE: usize = 50;
/// How long lines that were sent may be on their way.
const PATIENCE: Duration = Duration::from_secs(60);
/// Names of threads, by which the kernel tells their time.
const RECEIVE: &str = "receive";
const SPOOL: &str = "spool-writer";

/// What was measured: lines until they are durable, of both kinds of connection.
#[derive(Debug, Serialize)]
pub struct Figures {
    tcp_1_receive_to_spool_lines_per_cpu_second: f64,
    tcp_807_receive_to_spool_lines_per_cpu_second: f64,
    tls_1_receive_to_spool_lines_per_cpu_second: f64,
    tls_807_receive_to_spool_lines_per_cpu_second: f64,
    /// Of the last: reading, deciphering and framing; then sealing, writing and fsync.
    receive_cpu_seconds_per_million_lines: f64,
    spool_cpu_seconds_per_million_lines: f64,
}

/// Processor time of one turn.
struct Turn {
    lines: usize,
    receive: Duration,
    spool: Duration,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.lines as f64 / (self.receive + self.spool).as_secs_f64().max(1e-9)
    }

    fn per_million(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.lines.max(1) as f64
    }
}

/// Sends `lines` of these records, over and over, in each of four turns.
pub fn run(records: &[Record], lines: usize) -> anyhow::Result<Figures> {
    let texts: Vec<Vec<u8>> = records.iter().map(|record| [&record.bytes[..], b"\n"].concat()).collect();
    anyhow::ensure!(!texts.is_empty(), "the file has no lines to send");
    let turn = |is_tls: bool, connections: usize| -> anyhow::Result<Turn> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(RECEIVE).enable_all().build()?;
        let bench = runtime.block_on(Bench::start(is_tls, connections))?;
        let turn = bench.turn(&texts, lines)?;
        runtime.block_on(bench.stop());
        Ok(turn)
    };
    let (tcp_1, tcp_807) = (turn(false, 1)?, turn(false, CONNECTIONS)?);
    let (tls_1, tls_807) = (turn(true, 1)?, turn(true, CONNECTIONS)?);
    Ok(Figures {
        tcp_1_receive_to_spool_lines_per_cpu_second: tcp_1.rate(),
        tcp_807_receive_to_spool_lines_per_cpu_second: tcp_807.rate(),
        tls_1_receive_to_spool_lines_per_cpu_second: tls_1.rate(),
        tls_807_receive_to_spool_lines_per_cpu_second: tls_807.rate(),
        receive_cpu_seconds_per_million_lines: tls_807.per_million(tls_807.receive),
        spool_cpu_seconds_per_million_lines: tls_807.per_million(tls_807.spool),
    })
}

/// A port, its spool and who sends there.
struct Bench {
    spool: Spool,
    address: SocketAddr,
    clients: Option<Arc<ClientConfig>>,
    connections: usize,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start(is_tls: bool, connections: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let keyring = Keyring::open(&KeySource::File(folder.path().join("master.key")), &data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // A consumer that never comes: nothing is destroyed while it is measured.
        let settings = SpoolSettings { consumers: vec!["bench".to_owned()], ..SpoolSettings::new(data.join("spool")) };
        let spool = Spool::open(settings, keyring.sealer("spool")?, Arc::clone(&clock))?;
        let sites = Arc::new(Sites::unregistered(Arc::clone(&clock)));
        let attribution = Arc::new(Attribution::new(sites, AttributionSettings::default()));
        let listener = bind_tcp((Ipv6Addr::LOCALHOST, 0).into())?;
        let address = listener.local_addr()?;
        let (intake, cancel, settings) = (spool.intake(), CancellationToken::new(), SyslogSettings::default());
        let clients = if is_tls {
            let (gate, clients) = certificates(&data, &keyring, &clock).await?;
            tokio::spawn(serve_tls(listener, Arc::new(gate), settings, intake, attribution, cancel.clone()));
            Some(clients)
        } else {
            tokio::spawn(serve_tcp(listener, settings, intake, attribution, cancel.clone()));
            None
        };
        Ok(Self { spool, address, clients, connections, cancel, _folder: folder })
    }

    /// Connects, then sends; what connecting costs is not counted.
    fn turn(&self, texts: &[Vec<u8>], lines: usize) -> anyhow::Result<Turn> {
        let mut open: Vec<Connection> = (0..self.connections).map(|_| self.connect()).collect::<Result<_, _>>()?;
        // The first line of each has come: every handshake is over at both ends.
        send(&mut open, texts, self.connections)?;
        self.stored(self.connections)?;
        let before = (cpu_of_threads(RECEIVE)?, cpu_of_threads(SPOOL)?);
        let share = open.len().div_ceil(SENDERS);
        let each = lines / open.len().div_ceil(share).max(1);
        let sent = std::thread::scope(|scope| -> anyhow::Result<usize> {
            let threads: Vec<_> = open
                .chunks_mut(share)
                .map(|mine| scope.spawn(move || send(mine, texts, each).map(|()| each)))
                .collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?).sum()
        })?;
        self.stored(self.connections + sent)?;
        let (receive, spool) = (cpu_of_threads(RECEIVE)?, cpu_of_threads(SPOOL)?);
        Ok(Turn { lines: sent, receive: receive.saturating_sub(before.0), spool: spool.saturating_sub(before.1) })
    }

    /// Waits until so many lines are durable.
    fn stored(&self, lines: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.spool.next_id() < EventId(lines as u64) {
            let stored = self.spool.next_id();
            anyhow::ensure!(began.elapsed() < PATIENCE, "only {stored} of {lines} lines were stored");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn connect(&self) -> anyhow::Result<Connection> {
        let mut stream = TcpStream::connect(self.address).context("the bench's own port")?;
        let Some(clients) = &self.clients else { return Ok(Connection::Plain(stream)) };
        let mut client = ClientConnection::new(Arc::clone(clients), ServerName::try_from("localhost")?)?;
        client.complete_io(&mut stream)?;
        Ok(Connection::Tls(Box::new(StreamOwned::new(client, stream))))
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.spool.close().await;
    }
}

/// A connection of either kind.
enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Sends so many lines, in turn over the connections.
fn send(connections: &mut [Connection], texts: &[Vec<u8>], count: usize) -> anyhow::Result<()> {
    let at_once = LINES_AT_ONCE.min(count.div_ceil(connections.len().max(1))).max(1);
    let (mut lines, mut left) = (texts.iter().cycle(), count);
    while left > 0 {
        for connection in connections.iter_mut() {
            let now = at_once.min(left);
            let text: Vec<u8> = lines.by_ref().take(now).flatten().copied().collect();
            match connection {
                Connection::Plain(stream) => stream.write_all(&text)?,
                Connection::Tls(stream) => stream.write_all(&text)?,
            }
            left -= now;
        }
    }
    Ok(())
}

/// A gate of an authority of its own, and what a sender with one of its certificates needs.
async fn certificates(
    data: &Path,
    keyring: &Keyring,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Gate, Arc<ClientConfig>)> {
    let store = Store::open(&store::sqlite_url(&data.join("metrosoc.sqlite"))).await?;
    let signer = Arc::new(keyring.note_signer("bench")?);
    let ledger = Ledger::open(&data.join("ledger"), signer, Arc::clone(clock))?;
    let authority = Authority::open(store, keyring, ledger, Arc::clone(clock), AuthoritySettings::default()).await?;
    let ours = authority.server_certificate(&ServerNames::local(&[])?).await?;
    let guard = policy::Guard::open(policy::PolicySource::Embedded, Arc::clone(clock))?;
    let subject = Subject { name: UserName::new("bench")?, role: Role::Admin, agency: None };
    let permit = guard.permit(&subject, Operation::Manage, Object::Certificates, "operations")?;
    let issued = authority.issue(&permit, &SiteId::new("bench")?, SiteKey::Made).await?;
    let trust = authority.trust();
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority.roots_pem().as_bytes()) {
        roots.add(root?)?;
    }
    let chain: Vec<_> = CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).collect::<Result<_, _>>()?;
    let key = issued.key_pem.context("the certificate came without its key")?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())?;
    let clients = ClientConfig::builder_with_provider(pki::link::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    Ok((Gate::new(mutual_config(&ours, &trust)?, trust), Arc::new(clients)))
}

/// Processor time of the threads of this process that have this name and live.
fn cpu_of_threads(name: &str) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task")?.flatten() {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let Some((before, behind)) = stat.rsplit_once(')') else { continue };
        if before.split_once('(').is_none_or(|(_, comm)| comm != name) {
            continue;
        }
        let field = |at: usize| behind.split_whitespace().nth(at).and_then(|ticks| ticks.parse::<u64>().ok());
        // utime and stime (proc(5)), in hundredths of a second.
        let ticks = field(11).zip(field(12)).map(|(user, system)| user + system).context("/proc/self/task/*/stat")?;
        sum += Duration::from_millis(ticks * 10);
    }
    Ok(sum)
}

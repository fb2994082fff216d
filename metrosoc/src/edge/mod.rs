//! `metrosoc edge`: a light forwarder at a site. Inputs → its own spool → two lanes → the server, over mutual TLS.
//!
//! What it receives is durable here first and leaves the spool when the server has it. A link that is down costs disk,
//! never records, until the disk's bound is reached: then TCP senders wait and datagrams are dropped and counted.

pub mod config;
pub mod health;
pub mod identity;
mod lanes;
pub mod link;
mod pace;
mod ship;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::edge::Priority;
use collector::sites::{Attribution, AttributionSettings, Sites};
use collector::source::local::{self, LocalLog, LocalSettings};
use collector::source::syslog::{self, SyslogSettings};
use collector::source::{FrameLimits, bind_tcp, bind_udp};
use collector::spool::{Spool, SpoolSettings};
use event::{Clock, SystemClock, Timestamp};
use keys::Keyring;
use pki::holder::Request;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Loaded;
use crate::exit::{Failure, Status};
use crate::serve::{key_source, stop_signal, watch_source};
use crate::telemetry;
use config::EdgeConfig;
use health::{Health, Progress};
use identity::Identity;
use link::Link;
use ship::Shipper;

/// The edge's folder in the data directory.
pub const FOLDER: &str = "edge";
/// The spool's folder in it.
const SPOOL: &str = "spool";
/// How often the certificate's age is looked at.
const RENEW_EVERY: Duration = Duration::from_secs(3_600);
/// Pause before a renewal that failed is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(300);
/// Longest wait for inputs to end after the signal to stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Memory bounds of a small machine: what waits for the disk, and the newest records.
const WAITING_BYTES_MAX: usize = 8 << 20;
const RECENT_BYTES_MAX: usize = 1 << 20;
/// Unfinished frames of all connections, datagrams that wait, and what the kernel keeps of them.
const PARTIAL_BYTES_MAX: usize = 16 << 20;
const DATAGRAMS_BYTES_MAX: usize = 4 << 20;
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// The edge's folder, made for its owner alone when it is not there.
///
/// # Errors
/// When it cannot be made.
pub fn folder(data: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = data.join(FOLDER);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("data directory `{}`", folder.display()))?;
    Ok(folder)
}

/// Runs the edge until SIGTERM or Ctrl-C.
///
/// # Errors
/// When state cannot be opened, a port cannot be bound, or the spool cannot be read any more.
pub async fn run(loaded: Loaded<EdgeConfig>, data: PathBuf, telemetry: &telemetry::Running) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = loaded.config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cancel = CancellationToken::new();
    let tracker = TaskTracker::new();

    // Step 1: state. The tests of the lanes are in force before anything is received.
    let folder = folder(&data)?;
    crate::format::settle(&data)?;
    let identity = Identity::read(&config, &folder)?;
    let spool = Arc::new(open_spool(&config, &data, &folder, &clock)?);
    let link = Arc::new(Link::new(&config.server.url, &identity, Duration::from_secs(config.ship.timeout_secs))?);
    let progress = Arc::new(Progress::default());
    let shipper = Shipper::open(
        &config,
        &folder.join(SPOOL),
        Arc::clone(&spool),
        Arc::clone(&link),
        Arc::clone(&clock),
        Arc::clone(&progress),
    )?;

    // Step 2: ports.
    let inputs = Inputs::bind(&config)?;
    let socket = health::bind(&folder)?;

    // Step 3: everything runs.
    let sites = Arc::new(Sites::unregistered(Arc::clone(&clock)));
    let not_after = Arc::new(Mutex::new(identity.held.not_after));
    let health = Arc::new(Health {
        site: identity.held.site.clone(),
        not_after: Arc::clone(&not_after),
        started,
        clock: Arc::clone(&clock),
        spool: Arc::clone(&spool),
        spool_bytes_max: config.spool.bytes_max,
        spool_dir: folder.join(SPOOL),
        sites: Arc::clone(&sites),
        progress,
        prometheus: telemetry.prometheus.clone(),
    });
    let interval = Duration::from_secs(config.health.interval_secs);
    tracker.spawn(Arc::clone(&health).report(interval, cancel.clone()));
    tracker.spawn(Arc::clone(&health).answer(socket, cancel.clone()));
    if identity.renewable {
        tracker.spawn(keep_renewed(
            config.clone(),
            folder.clone(),
            Arc::clone(&link),
            clock,
            not_after,
            cancel.clone(),
        ));
    }
    let settings = AttributionSettings { plain_networks: config.syslog.networks.clone(), ..Default::default() };
    let attribution = Arc::new(Attribution::new(sites, settings));
    let names = inputs.start(&config, &folder, &spool, &attribution, &cancel, &tracker).await;
    announce(&identity, &config, &names, &folder);
    let mut shipping = tokio::spawn(shipper.run(cancel.clone()));

    // Step 4: until the signal. What is received and not shipped waits on disk for the next start.
    let outcome = tokio::select! {
        signal = stop_signal() => signal,
        ended = &mut shipping => Err(anyhow::anyhow!("shipping ended: {ended:?}")),
    };
    tracing::info!("stopping");
    cancel.cancel();
    tracker.close();
    if tokio::time::timeout(DRAIN_MAX, tracker.wait()).await.is_err() {
        tracing::warn!("inputs were still open after {DRAIN_MAX:?}");
    }
    if !shipping.is_finished() {
        shipping.await.context("shipping")??;
    }
    spool.close().await;
    let _ = std::fs::remove_file(folder.join(health::SOCKET));
    tracing::info!("stopped");
    outcome
}

fn open_spool(config: &EdgeConfig, data: &Path, folder: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<Spool> {
    let keyring = Keyring::open(&key_source(&config.keys, data)?, data).context("the key that seals the spool")?;
    let settings = SpoolSettings {
        bytes_max: config.spool.bytes_max,
        segment_bytes: config.spool.segment_bytes_max,
        commit_delay: Duration::from_millis(config.spool.flush_ms_max),
        waiting_bytes_max: WAITING_BYTES_MAX,
        recent_bytes_max: RECENT_BYTES_MAX,
        consumers: Priority::ALL.map(|priority| priority.as_str().to_owned()).to_vec(),
        ..SpoolSettings::new(folder.join(SPOOL))
    };
    Spool::open(settings, keyring.sealer("edge spool")?, Arc::clone(clock)).context("the spool")
}

/// Sockets that are bound and not yet served.
struct Inputs {
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
}

impl Inputs {
    fn bind(config: &EdgeConfig) -> anyhow::Result<Self> {
        Ok(Self {
            udp: bound("syslog.udp", &config.syslog.udp, bind_udp)?,
            tcp: bound("syslog.tcp", &config.syslog.tcp, bind_tcp)?,
        })
    }

    /// Serves every input until `cancel`; gives their names and addresses.
    async fn start(
        self,
        config: &EdgeConfig,
        folder: &Path,
        spool: &Arc<Spool>,
        attribution: &Arc<Attribution>,
        cancel: &CancellationToken,
        tracker: &TaskTracker,
    ) -> Vec<(&'static str, String)> {
        let settings = settings(config);
        let (mut names, mut found) = (Vec::new(), None);
        let given = || (spool.intake(), Arc::clone(attribution), cancel.clone());
        if let Some(socket) = self.udp {
            names.push(("syslog-udp", socket.local_addr().map_or_else(|_| String::new(), |at| at.to_string())));
            let (intake, attribution, cancel) = given();
            watch_source(
                tracker,
                "syslog-udp",
                syslog::serve_udp(socket, settings.clone(), intake, attribution, cancel),
            );
        }
        if let Some(listener) = self.tcp {
            names.push(("syslog-tcp", listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string())));
            let (intake, attribution, cancel) = given();
            watch_source(tracker, "syslog-tcp", syslog::serve_tcp(listener, settings, intake, attribution, cancel));
        }
        let frame = FrameLimits { frame_bytes_max: config.syslog.line_bytes_max, ..FrameLimits::default() };
        if config.local_log.enabled {
            let settings = LocalSettings { frame, ..LocalSettings::new(folder.join("local")) };
            let log = LocalLog::find(&settings).await;
            names.push(("local-log", describe(&log)));
            let (intake, attribution, cancel) = given();
            let serving = local::serve(log.clone(), settings, Arc::clone(spool), intake, attribution, cancel);
            watch_source(tracker, "local-log", serving);
            found = Some(log);
        }
        if found != Some(LocalLog::Journal)
            && let Err(error) = local::without_journal(spool)
        {
            tracing::warn!(error = %crate::api::problem::chain(&error), "the spool keeps what the journal does not need");
        }
        if !config.files.paths.is_empty() {
            let settings = LocalSettings { frame, ..LocalSettings::new(folder.join("files")) };
            let files = LocalLog::Files(config.files.paths.iter().map(PathBuf::from).collect());
            names.push(("files", describe(&files)));
            let (intake, attribution, cancel) = given();
            watch_source(
                tracker,
                "files",
                local::serve(files, settings, Arc::clone(spool), intake, attribution, cancel),
            );
        }
        names
    }
}

fn settings(config: &EdgeConfig) -> SyslogSettings {
    SyslogSettings {
        frame: FrameLimits { frame_bytes_max: config.syslog.line_bytes_max, ..FrameLimits::default() },
        frame_timeout: Duration::from_secs(config.syslog.frame_timeout_secs),
        connections_max: config.syslog.connections_max,
        partial_bytes_max: PARTIAL_BYTES_MAX,
        receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        datagrams_bytes_max: DATAGRAMS_BYTES_MAX,
        ..SyslogSettings::default()
    }
}

fn bound<T>(key: &str, text: &str, bind: fn(SocketAddr) -> std::io::Result<T>) -> anyhow::Result<Option<T>> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().with_context(|| format!("{key}: `{text}`"))?;
    bind(address).map(Some).map_err(|error| {
        let message = format!("port {address} cannot be used: {error} (set `{key}` to another one, port 0 picks one)");
        Failure::new(Status::Unavailable, message).into()
    })
}

fn describe(log: &LocalLog) -> String {
    match log {
        LocalLog::Journal => "this machine's journal".to_owned(),
        LocalLog::Files(files) => files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "),
        LocalLog::Nothing(reason) => reason.clone(),
    }
}

fn announce(identity: &Identity, config: &EdgeConfig, names: &[(&'static str, String)], folder: &Path) {
    use std::io::Write as _;
    let mut text = format!("MetroSOC edge of site {} is ready\n", identity.held.site);
    for (name, address) in names {
        text.push_str(&format!("  {name:<10} {address}\n"));
    }
    text.push_str(&format!("  server     {}\n  data       {}\n", config.server.url, folder.display()));
    // When standard error is closed nobody listens.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Gets the next certificate when two thirds of this one's life are over, with a fresh key.
async fn keep_renewed(
    config: EdgeConfig,
    folder: PathBuf,
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    not_after: Arc<Mutex<Timestamp>>,
    cancel: CancellationToken,
) {
    loop {
        let pause = match renew_if_due(&config, &folder, &link, &*clock).await {
            Ok(end) => {
                *not_after.lock().unwrap_or_else(PoisonError::into_inner) = end;
                RENEW_EVERY
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "certificate not renewed; trying again");
                RENEW_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// Gives when the certificate in force ends.
async fn renew_if_due(config: &EdgeConfig, folder: &Path, link: &Link, clock: &dyn Clock) -> anyhow::Result<Timestamp> {
    let identity = Identity::read(config, folder)?;
    if clock.now() < identity.held.renew_from() {
        return Ok(identity.held.not_after);
    }
    let request = Request::make().context("the next key")?;
    let granted = link.renew(&request.request_pem).await?;
    Identity::keep(folder, &request.key_pem, &granted.chain)?;
    let fresh = Identity::read(config, folder)?;
    link.replace(&fresh)?;
    tracing::info!(site = %fresh.held.site, not_after = %fresh.held.not_after, "certificate renewed");
    Ok(fresh.held.not_after)
}

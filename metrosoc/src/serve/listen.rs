//! Ports: bound before anything runs, then handed to the sources and to HTTP.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use collector::source::local::{self, LocalLog, LocalSettings};
use collector::source::relp;
use collector::source::syslog::{self, SyslogSettings};
use collector::source::tail::{self, TailSettings, TailSink};
use collector::source::{FrameLimits, bind_tcp, bind_udp};
use event::SiteId;
use pki::link::{ClientCertificate, https_config, mutual_config};
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::https::Server;
use super::open::{self, Identity};
use super::peers::Gate;
use crate::api::{App, otlp};
use crate::client::SOCKET_NAME;
use crate::config::{Config, Syslog};
use crate::exit::{Failure, Status};

/// A port that is listened on.
#[derive(Debug, Clone)]
pub struct Listening {
    /// What it speaks.
    pub name: &'static str,
    /// Where.
    pub address: String,
    /// Its port; 0 for the Unix socket.
    pub port: u16,
}

/// Sockets that are bound and not yet served.
pub struct Bound {
    https: TcpListener,
    unix: UnixListener,
    udp: Option<UdpSocket>,
    tcp: Option<TcpListener>,
    tls: Option<TcpListener>,
    relp: Option<TcpListener>,
    relp_plain: Option<TcpListener>,
    otlp: Option<TcpListener>,
}

/// Binds every configured port and the Unix socket.
///
/// # Errors
/// When one cannot be bound; the message names the key of the configuration.
pub async fn bind(config: &Config, data: &Path) -> anyhow::Result<Bound> {
    open::remove_socket(data);
    let socket = data.join(SOCKET_NAME);
    let unix = UnixListener::bind(&socket).with_context(|| format!("Unix socket `{}`", socket.display()))?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("Unix socket `{}`", socket.display()))?;
    Ok(Bound {
        https: bound("https.listen", config.https.listen, bind_tcp)?,
        unix,
        udp: optional("syslog.udp", &config.syslog.udp, bind_udp)?,
        tcp: optional("syslog.tcp", &config.syslog.tcp, bind_tcp)?,
        tls: optional("syslog.tls", &config.syslog.tls, bind_tcp)?,
        relp: optional("relp.tls", &config.relp.tls, bind_tcp)?,
        relp_plain: optional("relp.plain", &config.relp.plain, bind_tcp)?,
        otlp: optional("otlp.grpc", &config.otlp.grpc, bind_tcp)?,
    })
}

fn optional<T>(key: &str, text: &str, bind: fn(SocketAddr) -> std::io::Result<T>) -> anyhow::Result<Option<T>> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().with_context(|| format!("{key}: `{text}`"))?;
    bound(key, address, bind).map(Some)
}

fn bound<T>(key: &str, address: SocketAddr, bind: fn(SocketAddr) -> std::io::Result<T>) -> anyhow::Result<T> {
    bind(address).map_err(|error| {
        let message = format!("port {address} cannot be used: {error} (set `{key}` to another one, port 0 picks one)");
        Failure::new(Status::Unavailable, message).into()
    })
}

impl Bound {
    /// Serves every port until `cancel`; gives their addresses.
    ///
    /// # Errors
    /// When a TLS configuration cannot be made.
    pub async fn start(
        self,
        app: &Arc<App>,
        identity: &Identity,
        router: Router,
        cancel: &CancellationToken,
        tracker: &TaskTracker,
    ) -> anyhow::Result<Vec<Listening>> {
        let mut listening = Vec::new();
        let trust = app.authority.trust().telling(Arc::clone(&app.acts));
        let tls = https_config(&identity.https, ClientCertificate::Optional, &trust).context("https")?;
        let server = Server::new("https", router, &app.loaded.config.https, cancel.clone(), tracker.clone());
        listening.push(named("https", self.https.local_addr()?));
        tracker.spawn(server.clone().tls(self.https, tls, trust.clone(), Arc::clone(&app.clock)));
        tracker.spawn(server.unix(self.unix));
        listening.push(Listening {
            name: "socket",
            address: app.data.join(SOCKET_NAME).display().to_string(),
            port: 0,
        });

        if let Some(listener) = self.otlp {
            listening.push(named("otlp", listener.local_addr()?));
            let tls = https_config(&identity.ours, ClientCertificate::Optional, &trust).context("otlp.grpc")?;
            let router = otlp::grpc_router(Arc::clone(app));
            let server = Server::new("otlp", router, &app.loaded.config.https, cancel.clone(), tracker.clone());
            tracker.spawn(server.tls(listener, tls, trust.clone(), Arc::clone(&app.clock)));
        }
        let settings = settings(&app.loaded.config.syslog);
        let (intake, attribution) = (app.intake.clone(), Arc::clone(&app.attribution));
        let shared = || (settings.clone(), intake.clone(), Arc::clone(&attribution), cancel.clone());
        if let Some(socket) = self.udp {
            listening.push(named("syslog-udp", socket.local_addr()?));
            let (settings, intake, attribution, cancel) = shared();
            watch_source(tracker, "syslog-udp", syslog::serve_udp(socket, settings, intake, attribution, cancel));
        }
        if let Some(listener) = self.tcp {
            listening.push(named("syslog-tcp", listener.local_addr()?));
            let (settings, intake, attribution, cancel) = shared();
            watch_source(tracker, "syslog-tcp", syslog::serve_tcp(listener, settings, intake, attribution, cancel));
        }
        if let Some(listener) = self.relp_plain {
            listening.push(named("relp-plain", listener.local_addr()?));
            let (settings, intake, attribution, cancel) = shared();
            watch_source(tracker, "relp-plain", relp::serve_plain(listener, settings, intake, attribution, cancel));
        }
        let config = mutual_config(&identity.ours, &trust).context("the log ports")?;
        let gate = Arc::new(Gate::new(config, trust));
        if let Some(listener) = self.tls {
            listening.push(named("syslog-tls", listener.local_addr()?));
            let (settings, intake, attribution, cancel) = shared();
            let gate = Arc::clone(&gate);
            watch_source(
                tracker,
                "syslog-tls",
                syslog::serve_tls(listener, gate, settings, intake, attribution, cancel),
            );
        }
        if let Some(listener) = self.relp {
            listening.push(named("relp", listener.local_addr()?));
            let (settings, intake, attribution, cancel) = shared();
            watch_source(tracker, "relp", relp::serve_tls(listener, gate, settings, intake, attribution, cancel));
        }
        if !app.loaded.config.tail.paths.is_empty() {
            let sink = TailSink {
                intake: intake.clone(),
                attribution: Arc::clone(&attribution),
                identities: Arc::clone(&app.identities),
                cancel: cancel.clone(),
            };
            let address = app.loaded.config.tail.paths.join(" ");
            listening.push(Listening { name: "tail", address, port: 0 });
            watch_source(tracker, "tail", tail::serve(tail_settings(&app.loaded.config)?, sink));
        }
        let mut found = None;
        if app.loaded.config.local_log.enabled {
            let settings = LocalSettings::new(app.data.join("local"));
            let log = LocalLog::find(&settings).await;
            listening.push(Listening { name: "local-log", address: describe(&log), port: 0 });
            let spool = Arc::clone(&app.spool);
            let serving = local::serve(log.clone(), settings, spool, intake, attribution, cancel.clone());
            watch_source(tracker, "local-log", serving);
            found = Some(log);
        }
        if found != Some(LocalLog::Journal) {
            local::without_journal(&app.spool).context("the spool")?;
        }
        Ok(listening)
    }
}

/// Runs a source; that it stopped is told.
pub fn watch_source(
    tracker: &TaskTracker,
    name: &'static str,
    serving: impl Future<Output = Result<(), collector::SourceError>> + Send + 'static,
) {
    tracker.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(source = name, error = %crate::api::problem::chain(&error), "source stopped");
        }
    });
}

fn describe(log: &LocalLog) -> String {
    match log {
        LocalLog::Journal => "this machine's journal".to_owned(),
        LocalLog::Files(files) => {
            let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
            names.join(" ")
        }
        LocalLog::Nothing(reason) => {
            format!("{reason}; `metrosoc import collector/corpus/*.log` puts sample events in")
        }
    }
}

fn named(name: &'static str, address: SocketAddr) -> Listening {
    Listening { name, address: address.to_string(), port: address.port() }
}

fn tail_settings(config: &Config) -> anyhow::Result<TailSettings> {
    let site = match config.tail.site.as_str() {
        "" => SiteId::local(),
        site => SiteId::new(site).context("tail.site")?,
    };
    Ok(TailSettings {
        paths: config.tail.paths.clone(),
        site,
        line_bytes_max: config.syslog.line_bytes_max,
        look_every: Duration::from_millis(config.tail.look_ms),
    })
}

fn settings(syslog: &Syslog) -> SyslogSettings {
    let frame_timeout = Duration::from_secs(syslog.frame_timeout_secs);
    SyslogSettings {
        frame: FrameLimits { frame_bytes_max: syslog.line_bytes_max, ..FrameLimits::default() },
        frame_timeout,
        handshake_timeout: Duration::from_secs(syslog.handshake_timeout_secs),
        unproven_max: syslog.unproven_max,
        connections_max: syslog.connections_max,
        ..SyslogSettings::default()
    }
}

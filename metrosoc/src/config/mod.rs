//! The configuration: one TOML file, every key optional, every default visible here.
//!
//! `load` reads file and environment and reports every fault at once; `metrosoc config show` prints the outcome.

mod disk;
mod document;
mod files;
mod health;
mod load;
mod quota;
mod retention;
mod sign_in;

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

#[cfg(test)]
pub use disk::Amount;
pub use disk::Disk;
pub use health::Health;
pub use load::{Loaded, Settings, load};
pub use quota::Quota;
pub use retention::Retention;
pub use sign_in::{Oidc, SignIn};

/// The version of the configuration's form that this program reads.
pub const VERSION: u32 = 1;
/// Most threads that batches are decoded and matched on, whatever the machine has.
pub const THREADS_MAX: usize = 64;

/// Everything that can be configured. `Config::default()` is what runs without a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Form of this file; 1.
    pub version: u32,
    /// The HTTPS listener: page, API, ingest.
    pub https: Https,
    /// The syslog listeners.
    pub syslog: Syslog,
    /// The RELP listeners.
    pub relp: Relp,
    /// The listener for OpenTelemetry logs.
    pub otlp: Otlp,
    /// Log files that are followed.
    pub tail: Tail,
    /// This machine's own log.
    pub local_log: LocalLog,
    /// The durable queue behind every input.
    pub spool: Spool,
    /// The searchable events.
    pub index: Index,
    /// How full the disk may become.
    pub disk: Disk,
    /// How long events are kept.
    pub retention: Retention,
    /// When a source or a site is told of.
    pub health: Health,
    /// How much a site may send.
    pub quota: Quota,
    /// The append-only record.
    pub ledger: Ledger,
    /// The database of alerts, accounts, certificates and sites.
    pub store: Store,
    /// Where the master key comes from.
    pub keys: Keys,
    /// Detection rules.
    pub rules: Rules,
    /// Access policy.
    pub policy: Policy,
    /// How people sign in.
    pub sign_in: SignIn,
    /// The sign-on provider.
    pub oidc: Oidc,
    /// What becomes of personal values.
    pub privacy: Privacy,
    /// Automatic responses.
    pub respond: Respond,
    /// What MetroSOC tells about itself.
    pub telemetry: Telemetry,
}

/// The HTTPS listener: page, API, ingest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Https {
    /// Address and port; `[::]` takes IPv4 too, port 0 picks one and prints it.
    pub listen: SocketAddr,
    /// Names and addresses that the server's own certificate is for, beside the host name and loopback.
    pub names: Vec<String>,
    /// The operator's own certificate chain (PEM) instead of one from MetroSOC's CA; empty for none.
    pub certificate: String,
    /// The key that belongs to it (PEM, mode 0600).
    pub key: String,
    /// Most bytes of one request body, decompressed.
    pub body_bytes_max: usize,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most connections of one address.
    pub connections_per_address_max: usize,
    /// Most connections whose TLS handshake is not finished; more are closed at once, of one address half as many.
    pub unproven_max: usize,
    /// Seconds in which a request's head must arrive.
    pub header_timeout_secs: u64,
    /// Seconds in which a whole request must be answered.
    pub request_timeout_secs: u64,
}

/// What is done with lines from addresses that belong to no site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSenders {
    /// Kept under the site `unknown`.
    Keep,
    /// Refused and counted.
    Refuse,
}

/// The syslog listeners.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Syslog {
    /// UDP (RFC 5426); empty for none.
    pub udp: String,
    /// TCP (RFC 6587); empty for none.
    pub tcp: String,
    /// TLS with client certificates (RFC 5425); empty for none.
    pub tls: String,
    /// Networks that plain syslog (UDP, TCP) is accepted from, beside loopback. Within them the sites' registered
    /// addresses tell whose lines they are.
    pub networks: Vec<IpNet>,
    /// What is done with plain lines from those networks that belong to no site.
    pub unknown_senders: UnknownSenders,
    /// The zone of RFC 3164 times, which name none.
    pub time_zone: String,
    /// Longest line in bytes; what is longer is cut there and marked.
    pub line_bytes_max: usize,
    /// Most connections at once, each listener for itself, RELP's too.
    pub connections_max: usize,
    /// Most connections of one listener that have not shown whose they are yet; more are closed at once, of one
    /// address half as many.
    pub unproven_max: usize,
    /// Seconds in which a TLS handshake must complete, the wait for its turn included.
    pub handshake_timeout_secs: u64,
    /// Seconds in which a frame that has begun must complete.
    pub frame_timeout_secs: u64,
}

/// The RELP listeners: syslog whose records are acknowledged. Their bounds are those of `[syslog]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Relp {
    /// TLS with client certificates; empty for none.
    pub tls: String,
    /// Plain TCP, accepted from where plain syslog is; empty for none.
    pub plain: String,
}

/// The listener for OpenTelemetry logs over gRPC; `POST /v1/logs` of the HTTPS listener takes them over HTTP.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Otlp {
    /// gRPC over TLS, with a client certificate or an API token; empty for none.
    pub grpc: String,
}

/// Log files of this machine that are followed, beside its own log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tail {
    /// Paths; `*` and `?` stand for characters of one name. Compressed files are left out.
    pub paths: Vec<String>,
    /// The registered site that the lines belong to; empty for this machine itself.
    pub site: String,
    /// Milliseconds between two looks.
    pub look_ms: u64,
}

/// This machine's own log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalLog {
    /// Whether to read the journal, or the files in `/var/log` where there is none.
    pub enabled: bool,
}

/// The durable queue behind every input.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// Most bytes on disk; when they are full nothing more is acknowledged.
    pub bytes_max: u64,
    /// Bytes after which a new segment with a new key begins.
    pub segment_bytes_max: u64,
    /// Longest wait in milliseconds before what came is written and acknowledged together.
    pub flush_ms_max: u64,
}

/// The searchable events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    /// Hours of receipt that one slice holds.
    pub slice_hours: u32,
    /// Memory of a slice's writer in bytes.
    pub writer_bytes: usize,
    /// Longest wait in milliseconds before new events are searchable.
    pub commit_ms_max: u64,
    /// Share of one core, in percent, that putting together the segments of slices that are over may take; 0 for never.
    pub seal_core_percent: u32,
}

/// The append-only record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// A directory, best on another machine, that the newest signed checkpoint is written to; empty for none.
    pub mirror: String,
}

/// The database of alerts, accounts, certificates and sites.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// A file (mode 0600) whose first line is a PostgreSQL URL; empty for SQLite in the data directory.
    pub url_file: String,
}

/// Where the master key comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// The key file, outside the data directory; empty for `DATA.key` beside it, or systemd's credential `metrosoc.key`.
    pub file: String,
    /// A file with the passphrase that seals the key file; empty for none.
    pub passphrase_file: String,
}

/// Detection rules.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Sigma files and folders, beside the embedded rules.
    pub paths: Vec<String>,
    /// Signed bundles of Sigma rules (`metrosoc rules bundle create` makes one); each is taken as a whole or refused.
    pub bundles: Vec<String>,
    /// The keys that are trusted to sign bundles, `NAME+ID+KEY` as `metrosoc rules bundle key` prints them.
    pub bundle_keys: Vec<String>,
    /// Leave the embedded rules out.
    pub without_embedded: bool,
    /// Processing pipelines in pySigma's YAML form, files and folders: field names, values, placeholders.
    pub pipelines: Vec<String>,
    /// On how many threads batches are decoded and matched; 0 for one a core.
    pub threads: usize,
}

/// Access policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// A folder with `model.conf`, `policy.csv`, `masks.yml` and `purposes.yml`; empty for the embedded policy.
    pub path: String,
}

/// What becomes of personal values.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Whether personal values are replaced by pseudonyms before anything is written. It begins with a data directory: one
    /// that holds clear text already, or did for a while, stays without until its logs are imported anew.
    pub pseudonyms: bool,
    /// A folder with any of `classes.yml`, `words.yml`, `exempt.yml`, `sources.yml` and `fields.yml`, added to what MetroSOC
    /// comes with; empty for none.
    pub rules: String,
    /// Values whose pseudonyms are remembered in memory; about 40 bytes each.
    pub cache_values_max: usize,
}

/// Automatic responses.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Respond {
    /// Whether plans are carried out; `false` makes plans only.
    pub enabled: bool,
    /// A folder of playbooks, beside the embedded ones; empty for none.
    pub playbooks: String,
    /// Networks that are never blocked, beside loopback, gateways, resolvers and signed-in operators.
    pub never_block: Vec<IpNet>,
    /// Most addresses blocked at once.
    pub blocks_max: usize,
    /// Most addresses blocked within an hour.
    pub blocks_per_hour_max: usize,
    /// Longest block in seconds.
    pub block_secs_max: u64,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What MetroSOC tells about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Level, or `target=level` pairs as `tracing` reads them.
    pub log: String,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Where OTLP/HTTP traces and metrics go, such as `http://[::1]:4318`; empty for nowhere.
    pub otlp_endpoint: String,
    /// Seconds between two sendings of metrics.
    pub otlp_interval_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: VERSION,
            https: Https::default(),
            syslog: Syslog::default(),
            relp: Relp::default(),
            otlp: Otlp::default(),
            tail: Tail::default(),
            local_log: LocalLog { enabled: true },
            spool: Spool::default(),
            index: Index::default(),
            disk: Disk::default(),
            retention: Retention::default(),
            health: Health::default(),
            quota: Quota::default(),
            ledger: Ledger::default(),
            store: Store::default(),
            keys: Keys::default(),
            rules: Rules::default(),
            policy: Policy::default(),
            sign_in: SignIn::default(),
            oidc: Oidc::default(),
            privacy: Privacy::default(),
            respond: Respond::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Https {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 8443)),
            names: Vec::new(),
            certificate: String::new(),
            key: String::new(),
            body_bytes_max: 32 * 1024 * 1024,
            connections_max: 4_096,
            connections_per_address_max: 2_048,
            unproven_max: 2_048,
            header_timeout_secs: 15,
            request_timeout_secs: 60,
        }
    }
}

impl Default for Syslog {
    fn default() -> Self {
        Self {
            udp: "[::]:5514".to_owned(),
            tcp: "[::]:5514".to_owned(),
            tls: "[::]:6514".to_owned(),
            networks: Vec::new(),
            unknown_senders: UnknownSenders::Keep,
            time_zone: "Asia/Ho_Chi_Minh".to_owned(),
            line_bytes_max: 1024 * 1024,
            connections_max: 4_096,
            unproven_max: 2_048,
            handshake_timeout_secs: 30,
            frame_timeout_secs: 30,
        }
    }
}

impl Default for Relp {
    fn default() -> Self {
        Self { tls: "[::]:2514".to_owned(), plain: String::new() }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self { grpc: "[::]:4317".to_owned() }
    }
}

impl Default for Tail {
    fn default() -> Self {
        Self { paths: Vec::new(), site: String::new(), look_ms: 1_000 }
    }
}

impl Default for LocalLog {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self { bytes_max: 8 * 1024 * 1024 * 1024, segment_bytes_max: 64 * 1024 * 1024, flush_ms_max: 10 }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { slice_hours: 24, writer_bytes: 96 * 1024 * 1024, commit_ms_max: 900, seal_core_percent: 50 }
    }
}

impl Default for Privacy {
    fn default() -> Self {
        Self { pseudonyms: true, rules: String::new(), cache_values_max: policy::vault::CACHE_VALUES_MAX }
    }
}

impl Default for Respond {
    fn default() -> Self {
        Self {
            enabled: false,
            playbooks: String::new(),
            never_block: Vec::new(),
            blocks_max: 10_000,
            blocks_per_hour_max: 500,
            block_secs_max: 86_400,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            otlp_endpoint: String::new(),
            otlp_interval_secs: 15,
        }
    }
}

impl Settings for Config {
    const VARIABLE_PREFIX: &'static str = "METROSOC_CONFIG__";
    const SHOWN_BY: &'static str = "metrosoc config show";

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &'static str, reason: &str| {
            if !holds {
                faults.push((key, reason.to_owned()));
            }
        };
        check(self.version == VERSION, "version", "this program reads version 1");
        check(
            self.https.certificate.is_empty() == self.https.key.is_empty(),
            "https.certificate",
            "certificate and key go together: give both or neither",
        );
        check((64..=1 << 30).contains(&self.https.body_bytes_max), "https.body_bytes_max", "between 64 and 1 GiB");
        let remembered = (1_000..=100_000_000).contains(&self.privacy.cache_values_max);
        check(remembered, "privacy.cache_values_max", "between 1,000 and 100,000,000");
        check(self.https.connections_max > 0, "https.connections_max", "at least 1");
        check(self.https.connections_per_address_max > 0, "https.connections_per_address_max", "at least 1");
        check(self.https.unproven_max > 0, "https.unproven_max", "at least 1");
        check(self.https.header_timeout_secs > 0, "https.header_timeout_secs", "at least 1");
        check(self.https.request_timeout_secs > 0, "https.request_timeout_secs", "at least 1");
        for (key, listen) in [
            ("syslog.udp", &self.syslog.udp),
            ("syslog.tcp", &self.syslog.tcp),
            ("syslog.tls", &self.syslog.tls),
            ("relp.tls", &self.relp.tls),
            ("relp.plain", &self.relp.plain),
            ("otlp.grpc", &self.otlp.grpc),
        ] {
            let readable = listen.is_empty() || listen.parse::<SocketAddr>().is_ok();
            check(readable, key, "not an address with a port such as `[::]:5514`, nor empty");
        }
        let zone = jiff::tz::TimeZone::get(&self.syslog.time_zone);
        check(zone.is_ok(), "syslog.time_zone", "not an IANA time zone such as `Asia/Ho_Chi_Minh`");
        let line = self.syslog.line_bytes_max;
        check((1_024..=16 << 20).contains(&line), "syslog.line_bytes_max", "between 1,024 and 16 MiB");
        check(self.syslog.connections_max > 0, "syslog.connections_max", "at least 1");
        check(self.syslog.unproven_max > 0, "syslog.unproven_max", "at least 1");
        check(self.syslog.handshake_timeout_secs > 0, "syslog.handshake_timeout_secs", "at least 1");
        check(self.syslog.frame_timeout_secs > 0, "syslog.frame_timeout_secs", "at least 1");
        check((10..=60_000).contains(&self.tail.look_ms), "tail.look_ms", "between 10 and 60,000");
        let site = self.tail.site.is_empty() || event::SiteId::new(self.tail.site.as_str()).is_ok();
        check(site, "tail.site", "not a site's id, nor empty");
        check(self.tail.paths.iter().all(|path| path.starts_with('/')), "tail.paths", "paths begin with `/`");
        check(self.spool.segment_bytes_max >= 1 << 20, "spool.segment_bytes_max", "at least 1 MiB");
        check(
            self.spool.bytes_max >= 2 * self.spool.segment_bytes_max,
            "spool.bytes_max",
            "at least two segments (`spool.segment_bytes_max`)",
        );
        check((1..=20).contains(&self.spool.flush_ms_max), "spool.flush_ms_max", "between 1 and 20");
        check((1..=744).contains(&self.index.slice_hours), "index.slice_hours", "between 1 and 744");
        check(
            (15 << 20..=4 << 30).contains(&self.index.writer_bytes),
            "index.writer_bytes",
            "between 15 MiB and 4 GiB",
        );
        self.disk.check(&mut check);
        self.retention.check(&mut check);
        self.sign_in.check(&mut check);
        self.oidc.check(&mut check);
        self.health.check(&mut check);
        self.quota.check(&mut check);
        check(self.index.seal_core_percent <= 100, "index.seal_core_percent", "between 0 and 100");
        check((50..=10_000).contains(&self.index.commit_ms_max), "index.commit_ms_max", "between 50 and 10,000");
        check(self.rules.threads <= THREADS_MAX, "rules.threads", "at most 64; 0 for one a core");
        let keys = &self.rules.bundle_keys;
        let readable = keys.iter().all(|key| key.parse::<keys::VerifierKey>().is_ok());
        check(
            readable,
            "rules.bundle_keys",
            "not all are verifier keys `NAME+ID+KEY` (`metrosoc rules bundle key` prints one)",
        );
        let trusts = self.rules.bundles.is_empty() || !keys.is_empty();
        check(trusts, "rules.bundles", "no key is trusted to sign bundles; name one in `rules.bundle_keys`");
        check(self.respond.block_secs_max > 0, "respond.block_secs_max", "at least 1");
        let endpoint = &self.telemetry.otlp_endpoint;
        let scheme = endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://");
        check(scheme, "telemetry.otlp_endpoint", "begins with `http://` or `https://`, or is empty");
        check(self.telemetry.otlp_interval_secs > 0, "telemetry.otlp_interval_secs", "at least 1");
        let filter = self.telemetry.log.parse::<tracing_subscriber::EnvFilter>();
        check(filter.is_ok(), "telemetry.log", "not a level such as `info` or a list such as `info,collector=debug`");
        self.check_files(&mut check);
        faults
    }
}

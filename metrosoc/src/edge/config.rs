//! The edge's configuration: one TOML file; the server's address is all that has no default.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use collector::edge::Urgency;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::config::{Keys, LocalLog, Settings, Telemetry, VERSION};

/// Everything of an edge that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeConfig {
    /// Form of this file; 1.
    pub version: u32,
    /// Where records go.
    pub server: Server,
    /// What the edge proves its site with.
    pub identity: Identity,
    /// The syslog listeners of the site.
    pub syslog: Syslog,
    /// This machine's own log.
    pub local_log: LocalLog,
    /// Further files that are followed.
    pub files: Files,
    /// What waits for the server.
    pub spool: Spool,
    /// How it travels.
    pub ship: Ship,
    /// What travels first when the edge is behind.
    pub urgent: Urgent,
    /// What the edge says of itself.
    pub health: Health,
    /// Where the key that seals the spool comes from.
    pub keys: Keys,
    /// Log lines.
    pub telemetry: Telemetry,
}

/// Where records go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The server's HTTPS address, such as `https://soc.hcm.gov.vn:8443`. Required.
    pub url: String,
    /// The roots (PEM) that the server's certificate is checked against; empty for those that `metrosoc edge enrol` kept.
    pub ca: String,
}

/// What the edge proves its site with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// The site's certificate chain (PEM); empty for what `metrosoc edge enrol` got, which is also renewed by itself.
    pub certificate: String,
    /// The key that belongs to it (PEM, mode 0600).
    pub key: String,
}

/// The syslog listeners of the site.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Syslog {
    /// UDP (RFC 5426); empty for none.
    pub udp: String,
    /// TCP (RFC 6587); empty for none.
    pub tcp: String,
    /// Networks that syslog is accepted from, beside loopback.
    pub networks: Vec<IpNet>,
    /// Longest line in bytes; what is longer is cut there and marked.
    pub line_bytes_max: usize,
    /// Most connections at once.
    pub connections_max: usize,
    /// Seconds in which a frame that has begun must complete.
    pub frame_timeout_secs: u64,
}

/// Further files that are followed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// Their paths; the last parts must differ.
    pub paths: Vec<String>,
}

/// What waits for the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// Most bytes on disk; when they are full, TCP senders wait and datagrams are dropped and counted.
    pub bytes_max: u64,
    /// Bytes after which a new segment with a new key begins.
    pub segment_bytes_max: u64,
    /// Longest wait in milliseconds before what came is written together.
    pub flush_ms_max: u64,
}

/// How records travel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ship {
    /// Most records of a batch.
    pub batch_records_max: usize,
    /// Most bytes of a batch before compression, unless one record is larger.
    pub batch_bytes_max: usize,
    /// Mean of the compressed bytes a second that are sent; 0 for no limit.
    pub bytes_per_second: u64,
    /// Milliseconds that a small batch waits for more.
    pub linger_ms: u64,
    /// Seconds in which a batch must be answered.
    pub timeout_secs: u64,
    /// First bound in milliseconds of the random pause after a failure; it doubles with each.
    pub backoff_ms_first: u64,
    /// Greatest bound of that pause.
    pub backoff_ms_max: u64,
}

/// What travels first when the edge is behind: any of these.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Urgent {
    /// Records that wait beyond which urgent ones overtake the others.
    pub behind_records: u64,
    /// Syslog facilities by number: 4 auth, 10 authpriv, 13 audit.
    pub facilities: Vec<u8>,
    /// Syslog severities up to this number: 3 is `err`.
    pub severity_max: u8,
    /// Programs, as the syslog header names them.
    pub programs: Vec<String>,
}

/// What the edge says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Seconds between two records about the edge itself.
    pub interval_secs: u64,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            version: VERSION,
            server: Server::default(),
            identity: Identity::default(),
            syslog: Syslog::default(),
            local_log: LocalLog::default(),
            files: Files::default(),
            spool: Spool::default(),
            ship: Ship::default(),
            urgent: Urgent::default(),
            health: Health { interval_secs: 60 },
            keys: Keys::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Syslog {
    fn default() -> Self {
        Self {
            udp: "[::]:5514".to_owned(),
            tcp: "[::]:5514".to_owned(),
            networks: Vec::new(),
            line_bytes_max: 256 * 1024,
            connections_max: 512,
            frame_timeout_secs: 30,
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self { bytes_max: 2 << 30, segment_bytes_max: 8 << 20, flush_ms_max: 10 }
    }
}

impl Default for Ship {
    fn default() -> Self {
        Self {
            batch_records_max: 2_000,
            batch_bytes_max: 512 * 1024,
            bytes_per_second: 0,
            linger_ms: 100,
            timeout_secs: 60,
            backoff_ms_first: 500,
            backoff_ms_max: 60_000,
        }
    }
}

impl Default for Urgent {
    fn default() -> Self {
        let Urgency { facilities, severity_max, programs } = Urgency::default();
        Self { behind_records: 5_000, facilities, severity_max, programs }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { interval_secs: 60 }
    }
}

impl Urgent {
    /// The test of a record.
    pub fn urgency(&self) -> Urgency {
        let (facilities, programs) = (self.facilities.clone(), self.programs.clone());
        Urgency { facilities, severity_max: self.severity_max, programs }
    }
}

impl Settings for EdgeConfig {
    const VARIABLE_PREFIX: &'static str = "METROSOC_EDGE__";
    const SHOWN_BY: &'static str = "metrosoc edge check --show";

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, key: &'static str, reason: &str| {
            if !holds {
                faults.push((key, reason.to_owned()));
            }
        };
        check(self.version == VERSION, "version", "this program reads version 1");
        check(
            self.server.url.starts_with("https://"),
            "server.url",
            "the server's address is needed, such as `https://soc.hcm.gov.vn:8443`",
        );
        check(
            self.identity.certificate.is_empty() == self.identity.key.is_empty(),
            "identity.certificate",
            "certificate and key go together: give both, or neither and `metrosoc edge enrol` once",
        );
        for (key, listen) in [("syslog.udp", &self.syslog.udp), ("syslog.tcp", &self.syslog.tcp)] {
            let readable = listen.is_empty() || listen.parse::<SocketAddr>().is_ok();
            check(readable, key, "not an address with a port such as `[::]:5514`, nor empty");
        }
        let line = self.syslog.line_bytes_max;
        check((1_024..=1 << 20).contains(&line), "syslog.line_bytes_max", "between 1,024 and 1 MiB");
        check(self.syslog.connections_max > 0, "syslog.connections_max", "at least 1");
        check(self.syslog.frame_timeout_secs > 0, "syslog.frame_timeout_secs", "at least 1");
        let names: BTreeSet<_> = self.files.paths.iter().map(|path| Path::new(path).file_name()).collect();
        let differ = names.len() == self.files.paths.len() && !names.contains(&None);
        check(differ, "files.paths", "each names a file, and no two files have the same name");
        self.check_shipping(&mut check);
        check((1..=3_600).contains(&self.health.interval_secs), "health.interval_secs", "between 1 and 3,600");
        let filter = self.telemetry.log.parse::<tracing_subscriber::EnvFilter>();
        check(filter.is_ok(), "telemetry.log", "not a level such as `info` or a list such as `info,collector=debug`");
        faults
    }
}

impl EdgeConfig {
    fn check_shipping(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let (spool, ship) = (&self.spool, &self.ship);
        check(spool.segment_bytes_max >= 1 << 20, "spool.segment_bytes_max", "at least 1 MiB");
        check(
            spool.bytes_max >= 2 * spool.segment_bytes_max,
            "spool.bytes_max",
            "at least two segments (`spool.segment_bytes_max`)",
        );
        check((1..=20).contains(&spool.flush_ms_max), "spool.flush_ms_max", "between 1 and 20");
        check((1..=10_000).contains(&ship.batch_records_max), "ship.batch_records_max", "between 1 and 10,000");
        check((4_096..=4 << 20).contains(&ship.batch_bytes_max), "ship.batch_bytes_max", "between 4 KiB and 4 MiB");
        check(
            ship.bytes_per_second == 0 || ship.bytes_per_second >= 1_024,
            "ship.bytes_per_second",
            "0 for no limit, otherwise at least 1,024",
        );
        check(ship.linger_ms <= 10_000, "ship.linger_ms", "at most 10,000");
        check((1..=600).contains(&ship.timeout_secs), "ship.timeout_secs", "between 1 and 600");
        check((1..=60_000).contains(&ship.backoff_ms_first), "ship.backoff_ms_first", "between 1 and 60,000");
        check(ship.backoff_ms_max >= ship.backoff_ms_first, "ship.backoff_ms_max", "at least `ship.backoff_ms_first`");
        check(ship.backoff_ms_max <= 3_600_000, "ship.backoff_ms_max", "at most an hour");
        let urgent = &self.urgent;
        check(urgent.facilities.iter().all(|one| *one < 24), "urgent.facilities", "each between 0 and 23");
        check(urgent.severity_max <= 7, "urgent.severity_max", "between 0 and 7");
        check(urgent.programs.len() <= 200, "urgent.programs", "at most 200");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.toml");
        std::fs::write(&path, text).unwrap();
        let faults = match load::<EdgeConfig>(Some(&path), std::iter::empty()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.0,
        };
        let prefix = format!("{}:", path.display());
        let faults: Vec<_> = faults.iter().map(|fault| fault.replace(&prefix, "")).collect();
        assert_eq!(faults, expected);
    }

    #[test]
    fn the_address_is_all_that_is_needed() {
        check("[server]\nurl = \"https://soc.example:8443\"\n", &[]);
        check(
            "",
            &["configuration: `server.url`: the server's address is needed, such as `https://soc.hcm.gov.vn:8443`"],
        );
    }

    #[test]
    fn every_fault_is_reported_at_once_with_its_line() {
        check(
            "[server]\nurl = \"http://soc\"\n[ship]\nbytes_per_secnd = 5\nlinger_ms = \"x\"\n[files]\npaths = [\"/a/x\", \"/b/x\"]\n",
            &[
                "4: unknown key `ship.bytes_per_secnd` (did you mean `ship.bytes_per_second`?)",
                "5: `ship.linger_ms`: invalid type: string \"x\", expected a whole number, not below zero",
                "2: `server.url`: the server's address is needed, such as `https://soc.hcm.gov.vn:8443`",
                "7: `files.paths`: each names a file, and no two files have the same name",
            ],
        );
    }
}

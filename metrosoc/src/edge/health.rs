//! What an edge says of itself: every minute a record through its own channel, and at once to who asks its socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use collector::edge::DATASET;
use collector::sites::{Sites, SourceSeen};
use collector::spool::Spool;
use collector::{Format, Record};
use event::{Clock, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

/// Name of the edge's socket in its folder.
pub const SOCKET: &str = "edge.sock";
/// Sources named in a record, those that lost most first.
const SOURCES_MAX: usize = 20;
/// Datagrams that the kernel dropped before anybody could read them.
const KERNEL_DROPS: &str = "metrosoc_udp_kernel_dropped_datagrams_total";
/// Longest wait for who asks the socket.
const ASKER_MAX: Duration = Duration::from_secs(5);

/// What the shipper did so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shipped {
    /// The spool's id, as the server knows it.
    pub stream: String,
    /// Whether the server answered last.
    pub connected: bool,
    /// Why it did not.
    pub fault: Option<String>,
    /// When it answered last.
    pub answered: Option<Timestamp>,
    /// Times that it failed since the start.
    pub failures: u64,
    /// Batches acknowledged since the start.
    pub batches: u64,
    /// Their bytes, compressed, without TLS.
    pub body_bytes: u64,
    /// Urgent records acknowledged.
    pub urgent: u64,
    /// Other records acknowledged.
    pub ordinary: u64,
    /// Records of them that the server had already.
    pub resent: u64,
    /// Records that wait.
    pub waiting: u64,
    /// When the first of them was received.
    pub oldest: Option<Timestamp>,
    /// By how much this machine's clock is ahead of the server's, behind when negative.
    pub clock_ahead_ms: i64,
}

/// Shared by the shipper and who tells about it.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Shipped>);

impl Progress {
    /// Changes it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Shipped) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An edge's state, as the socket and the health record tell it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Whether it ships and has room.
    pub healthy: bool,
    /// The site of its certificate.
    pub site: SiteId,
    /// The program's version.
    pub version: String,
    /// Seconds since its start.
    pub uptime_secs: u64,
    /// When its certificate ends.
    pub certificate_not_after: Timestamp,
    /// Shipping.
    pub shipped: Shipped,
    /// Seconds that the oldest record waits.
    pub oldest_secs: u64,
    /// Bytes of the spool on disk.
    pub spool_bytes: u64,
    /// Its bound.
    pub spool_bytes_max: u64,
    /// Why nothing can be written to the spool.
    pub spool_trouble: Option<String>,
    /// Records received and stored.
    pub received: u64,
    /// Records dropped, by source, those that lost most first.
    pub dropped: Vec<Dropped>,
    /// All records dropped after they were read from their sockets.
    pub dropped_total: u64,
    /// Datagrams that the kernel dropped.
    pub kernel_dropped_datagrams: u64,
    /// Records or connections refused.
    pub refused_total: u64,
    /// Free bytes of the spool's file system, for this user.
    pub disk_free_bytes: Option<u64>,
    /// Resident memory.
    pub memory_bytes: Option<u64>,
}

/// What one source lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dropped {
    /// The source.
    pub source: String,
    /// Its records.
    pub records: u64,
}

/// Where the state is read from.
pub struct Health {
    pub site: SiteId,
    pub not_after: Arc<Mutex<Timestamp>>,
    pub started: Instant,
    pub clock: Arc<dyn Clock>,
    pub spool: Arc<Spool>,
    pub spool_bytes_max: u64,
    pub spool_dir: PathBuf,
    pub sites: Arc<Sites>,
    pub progress: Arc<Progress>,
    pub prometheus: PrometheusHandle,
}

impl Health {
    /// The state now.
    pub fn status(&self) -> Status {
        let shipped = self.progress.change(|shipped| shipped.clone());
        let sources = self.sites.sources();
        let mut lossy: Vec<_> = sources.iter().filter(|source| source.dropped > 0).collect();
        lossy.sort_by_key(|source| std::cmp::Reverse(source.dropped));
        let lost = |source: &&SourceSeen| Dropped { source: source.id.to_string(), records: source.dropped };
        let dropped = lossy.iter().take(SOURCES_MAX).map(lost).collect();
        let spool_bytes = self.spool.disk_bytes();
        let spool_trouble = self.spool.trouble();
        let full = spool_bytes >= self.spool_bytes_max / 10 * 9;
        let oldest_secs = shipped.oldest.map_or(0, |oldest| self.clock.now().since(oldest).as_secs());
        Status {
            healthy: shipped.connected && spool_trouble.is_none() && !full,
            site: self.site.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_secs: self.started.elapsed().as_secs(),
            certificate_not_after: *self.not_after.lock().unwrap_or_else(PoisonError::into_inner),
            oldest_secs,
            shipped,
            spool_bytes,
            spool_bytes_max: self.spool_bytes_max,
            spool_trouble,
            received: sources.iter().map(|source| source.records).sum(),
            dropped,
            dropped_total: sources.iter().map(|source| source.dropped).sum(),
            kernel_dropped_datagrams: total(&self.prometheus.render(), KERNEL_DROPS),
            refused_total: sources.iter().map(|source| source.refused).sum(),
            disk_free_bytes: disk_free(&self.spool_dir),
            memory_bytes: resident(),
        }
    }

    /// Puts a record about this edge into its own spool every `interval` until `cancel`.
    pub async fn report(self: Arc<Self>, interval: Duration, cancel: CancellationToken) {
        let origin = Arc::new(Origin {
            site: SiteId::local(),
            agency: None,
            known_by: KnownBy::Operator,
            source: SourceId::of(Transport::Edge, "health"),
            transport: Transport::Edge,
            peer: None,
        });
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let intake = self.spool.intake();
        loop {
            let (now, status) = (self.clock.now(), self.status());
            let text = json!({
                "@timestamp": now, "event.dataset": DATASET, "host.name": host.trim(), "edge": status,
            });
            let record = Record::new(Arc::clone(&origin), now, text.to_string()).with_format(Format::Json);
            if let Err(error) = intake.submit_now(vec![record]).await {
                tracing::warn!(%error, "record about this edge not kept");
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Answers who connects to the socket with the state as JSON, until `cancel`.
    pub async fn answer(self: Arc<Self>, listener: UnixListener, cancel: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = cancel.cancelled() => return,
            };
            match accepted {
                Ok((mut stream, _)) => {
                    let text = serde_json::to_vec(&self.status()).unwrap_or_default();
                    // One at a time, each with little patience: only this user can connect at all.
                    let _ = tokio::time::timeout(ASKER_MAX, stream.write_all(&text)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "connection on the edge's socket not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Binds the socket, for this user alone; one that a crash left is replaced.
///
/// # Errors
/// When it cannot be bound.
pub fn bind(folder: &Path) -> anyhow::Result<UnixListener> {
    let path = folder.join(SOCKET);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| format!("`{}`", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("`{}`", path.display()))?;
    Ok(listener)
}

/// The sum of a counter in Prometheus text.
fn total(text: &str, name: &str) -> u64 {
    let of = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let value = rest.rsplit(' ').next()?;
        (rest.starts_with(' ') || rest.starts_with('{')).then(|| value.parse::<u64>().ok())?
    };
    text.lines().filter_map(of).sum()
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn disk_free(dir: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(dir).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed() {
        let text = "# TYPE a_total counter\na_total 3\na_total{x=\"y z\"} 4\na_total_more 9\n";
        assert_eq!(total(text, "a_total"), 7);
        assert_eq!(total(text, "b_total"), 0);
    }

    #[test]
    fn this_process_has_memory_and_a_disk() {
        assert!(resident().unwrap() > 1024 * 1024);
        assert!(disk_free(Path::new("/")).is_some());
    }
}

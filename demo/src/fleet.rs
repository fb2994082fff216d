//! The sites' connections: one task a site, each with a bounded queue, back-off, and its way of sending.

mod backoff;
mod connect;
mod https;
mod stream;
mod udp;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::entry::Entry;
use crate::platform::Platform;
use crate::site::{Site, Town};

/// Records that wait for one site's connection; what ordinary traffic adds beyond is dropped and counted.
const QUEUE_MAX: usize = 512;
/// How long an attack's record waits for room.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has been done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records that were written to a connection; over HTTPS, that were acknowledged.
    pub sent: u64,
    /// Records that found no room.
    pub dropped: u64,
    /// Connections that are open now.
    pub connected: u64,
    /// Connections that were lost or could not be made.
    pub failures: u64,
}

/// Counters of [`Totals`].
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    dropped: AtomicU64,
    connected: AtomicU64,
    failures: AtomicU64,
    last_failure: std::sync::Mutex<String>,
}

/// What every site's task needs.
#[derive(Debug)]
struct Shared {
    platform: Platform,
    address: IpAddr,
    http: reqwest::Client,
    counters: Counters,
    gate: Mutex<Instant>,
    gap: Duration,
    stop: CancellationToken,
}

impl Shared {
    /// Waits for a turn to connect, so that hundreds of handshakes do not come at once.
    async fn turn(&self) {
        let mine = {
            let mut next = self.gate.lock().await;
            let mine = (*next).max(Instant::now());
            *next = mine + self.gap;
            mine
        };
        sleep_until(mine).await;
    }

    fn sent(&self, records: usize) {
        self.counters.sent.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn dropped(&self, records: usize) {
        self.counters.dropped.fetch_add(records as u64, Ordering::Relaxed);
    }

    fn failed(&self, site: &Site, error: &anyhow::Error) {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut last) = self.counters.last_failure.lock() {
            *last = format!("site `{}`: {error:#}", site.id);
        }
    }
}

/// The connections of a town's sites.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    queues: BTreeMap<String, mpsc::Sender<Entry>>,
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Begins to connect every site of the town, `per_second` of them a second. Nothing is waited for.
    ///
    /// # Errors
    /// When the platform's name has no address, or its roots cannot be read.
    pub async fn start(town: &Town, platform: Platform, per_second: u32, seed: u64) -> anyhow::Result<Self> {
        // A second start within one process keeps the first provider, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = platform.address().await?;
        let roots = reqwest::Certificate::from_pem_bundle(&platform.roots_pem()?).context("the platform's roots")?;
        let http = reqwest::Client::builder()
            .tls_certs_only(roots)
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .build()
            .context("preparing HTTPS")?;
        let shared = Arc::new(Shared {
            platform,
            address,
            http,
            counters: Counters::default(),
            gate: Mutex::new(Instant::now()),
            gap: Duration::from_secs(1) / per_second.max(1),
            stop: CancellationToken::new(),
        });
        let dice = Dice::new(seed).of("fleet");
        let mut tasks = JoinSet::new();
        let mut queues = BTreeMap::new();
        for site in town.sites() {
            let (sender, queue) = mpsc::channel(QUEUE_MAX);
            queues.insert(site.id.clone(), sender);
            let (shared, site, dice) = (Arc::clone(&shared), Arc::clone(site), dice.of(&site.id));
            tasks.spawn(async move {
                if site.via.is_https() {
                    https::serve(&shared, &site, queue, dice).await;
                } else if matches!(site.via, crate::site::Via::Udp | crate::site::Via::UdpOld) {
                    udp::serve(&shared, &site, queue).await;
                } else {
                    stream::serve(&shared, &site, queue, dice).await;
                }
            });
        }
        Ok(Self { shared, queues, tasks })
    }

    /// Hands an ordinary record over; dropped and counted when its site's queue is full.
    pub fn offer(&self, entry: Entry) {
        let taken = self.queues.get(&entry.site.id).is_some_and(|queue| queue.try_send(entry).is_ok());
        if !taken {
            self.shared.dropped(1);
        }
    }

    /// Hands a record over and waits for room.
    ///
    /// # Errors
    /// When there is no such site, or there was no room for a minute.
    pub async fn deliver(&self, entry: Entry) -> anyhow::Result<()> {
        let id = entry.site.id.clone();
        let queue = self.queues.get(&id).with_context(|| format!("site `{id}` is not simulated"))?;
        let sent = timeout(PATIENCE, queue.send(entry)).await;
        sent.with_context(|| format!("site `{id}` does not get through: {}", self.last_failure()))?
            .with_context(|| format!("site `{id}` has stopped"))
    }

    /// Sends records with the certificate of their site, from an address that is not the site's.
    ///
    /// # Errors
    /// When the platform does not let them in.
    pub async fn impersonate(&self, site: &Site) -> anyhow::Result<Impostor> {
        Ok(Impostor { stream: connect::stolen(&self.shared, site).await?, shared: Arc::clone(&self.shared) })
    }

    /// What has been done so far.
    pub fn totals(&self) -> Totals {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            sent: read(&counters.sent),
            dropped: read(&counters.dropped),
            connected: read(&counters.connected),
            failures: read(&counters.failures),
        }
    }

    /// Why a connection failed last; empty when none has.
    pub fn last_failure(&self) -> String {
        self.shared.counters.last_failure.lock().map(|last| last.clone()).unwrap_or_default()
    }

    /// Sends what waits, closes every connection in order, and gives the totals. What is not done in `patience` is
    /// dropped.
    pub async fn stop(mut self, patience: Duration) -> Totals {
        self.queues.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(patience, all).await.is_err() {
            self.shared.stop.cancel();
            self.tasks.shutdown().await;
        }
        self.totals()
    }
}

/// Somebody with a certificate that is not theirs.
#[derive(Debug)]
pub struct Impostor {
    stream: connect::Stream,
    shared: Arc<Shared>,
}

impl Impostor {
    /// Sends one record in the site's name.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send(&mut self, entry: &Entry) -> anyhow::Result<()> {
        connect::write(&mut self.stream, &stream::framed(entry)).await?;
        self.shared.sent(1);
        Ok(())
    }

    /// Ends the connection in order.
    ///
    /// # Errors
    /// When it is lost before.
    pub async fn close(mut self) -> anyhow::Result<()> {
        connect::close(&mut self.stream).await
    }
}

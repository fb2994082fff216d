//! What each source has sent: counted in memory, flushed to SQL now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use event::{KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use metrics::Counter;

use crate::health::Pulse;

/// Most sources that are counted one by one; datagrams can claim any address, so what comes beyond is counted together.
const SOURCES_MAX: usize = 20_000;

/// What a source has sent so far.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSeen {
    /// The stream of logs.
    pub id: SourceId,
    /// Its site; `unknown` for senders that nobody registered.
    pub site: SiteId,
    /// How the site is known.
    pub known_by: KnownBy,
    /// The way it comes.
    pub transport: String,
    /// The sender's address where there is one.
    pub peer: Option<IpAddr>,
    /// When it sent first.
    pub first_seen: Timestamp,
    /// When it sent last.
    pub last_seen: Timestamp,
    /// Records stored.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Records that were lost because the protocol left no other way (UDP) or the connection ended.
    pub dropped: u64,
    /// Records or connections that were refused.
    pub refused: u64,
}

/// The counters of one source; shared by its connections.
#[derive(Debug)]
pub struct Source {
    id: SourceId,
    transport: &'static str,
    peer: Option<IpAddr>,
    whose: RwLock<(SiteId, KnownBy)>,
    first_seen: AtomicI64,
    last_seen: AtomicI64,
    stored: Counts,
    /// Since the last flush.
    fresh: Counts,
    /// Records stored since the start of the program, and when the last was.
    heard: AtomicU64,
    heard_last: AtomicI64,
    metric: Metrics,
}

#[derive(Debug, Default)]
struct Counts {
    records: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    fn all(&self) -> [&AtomicU64; 4] {
        [&self.records, &self.bytes, &self.dropped, &self.refused]
    }

    fn add(&self, counts: [u64; 4]) {
        for (counter, count) in self.all().into_iter().zip(counts) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn take(&self) -> [u64; 4] {
        self.all().map(|counter| counter.swap(0, Ordering::Relaxed))
    }

    fn read(&self) -> [u64; 4] {
        self.all().map(|counter| counter.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Metrics {
    records: Counter,
    bytes: Counter,
    refused: Counter,
}

impl Source {
    fn new(origin: &Origin) -> Self {
        let transport = origin.transport.as_str();
        let site = origin.site.as_str().to_owned();
        let metric = Metrics {
            records: metrics::counter!("metrosoc_source_records_total", "transport" => transport, "site" => site.clone()),
            bytes: metrics::counter!("metrosoc_source_bytes_total", "transport" => transport, "site" => site),
            refused: metrics::counter!("metrosoc_source_refused_records_total", "transport" => transport),
        };
        Self {
            id: origin.source.clone(),
            transport,
            peer: origin.peer,
            whose: RwLock::new((origin.site.clone(), origin.known_by)),
            first_seen: AtomicI64::new(i64::MAX),
            last_seen: AtomicI64::new(i64::MIN),
            stored: Counts::default(),
            fresh: Counts::default(),
            heard: AtomicU64::new(0),
            heard_last: AtomicI64::new(i64::MIN),
            metric,
        }
    }

    /// Its id.
    pub fn id(&self) -> &SourceId {
        &self.id
    }

    /// Records were stored.
    pub fn stored(&self, records: usize, bytes: usize, now: Timestamp) {
        self.fresh.records.fetch_add(records as u64, Ordering::Relaxed);
        self.fresh.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.metric.records.increment(records as u64);
        self.metric.bytes.increment(bytes as u64);
        // The time first: who reads the count sees a time that is at least as late.
        self.heard_last.fetch_max(now.nanos(), Ordering::Relaxed);
        self.heard.fetch_add(records as u64, Ordering::Release);
        self.seen(now);
    }

    /// Records were lost; each is counted, here and in `metrosoc_source_dropped_records_total`.
    pub fn dropped(&self, records: u64, now: Timestamp) {
        self.fresh.dropped.fetch_add(records, Ordering::Relaxed);
        metrics::counter!("metrosoc_source_dropped_records_total", "transport" => self.transport, "source" => self.id.as_str().to_owned())
            .increment(records);
        self.seen(now);
    }

    /// Records or a connection were refused.
    pub fn refused(&self, count: u64, now: Timestamp) {
        self.fresh.refused.fetch_add(count, Ordering::Relaxed);
        self.metric.refused.increment(count);
        self.seen(now);
    }

    fn pulse(&self) -> Option<Pulse> {
        let records = self.heard.load(Ordering::Acquire);
        if records == 0 || self.transport == Transport::Import.as_str() {
            return None;
        }
        let site = self.whose.read().unwrap_or_else(PoisonError::into_inner).0.clone();
        let last = Timestamp::from_nanos(self.heard_last.load(Ordering::Relaxed));
        let is_known = site != SiteId::unknown();
        is_known.then(|| Pulse { source: self.id.clone(), site, records, last, undecoded: 0, skew_ms: None })
    }

    fn seen(&self, now: Timestamp) {
        self.first_seen.fetch_min(now.nanos(), Ordering::Relaxed);
        self.last_seen.fetch_max(now.nanos(), Ordering::Relaxed);
    }

    fn belongs_to(&self, site: &SiteId, known_by: KnownBy) {
        let mut whose = self.whose.write().unwrap_or_else(PoisonError::into_inner);
        if whose.0 != *site || whose.1 != known_by {
            *whose = (site.clone(), known_by);
        }
    }

    fn view(&self, [records, bytes, dropped, refused]: [u64; 4]) -> SourceSeen {
        let (site, known_by) = self.whose.read().unwrap_or_else(PoisonError::into_inner).clone();
        let last_seen = Timestamp::from_nanos(self.last_seen.load(Ordering::Relaxed));
        let first_seen = Timestamp::from_nanos(self.first_seen.load(Ordering::Relaxed)).min(last_seen);
        let (id, transport, peer) = (self.id.clone(), self.transport.to_owned(), self.peer);
        SourceSeen { id, site, known_by, transport, peer, first_seen, last_seen, records, bytes, dropped, refused }
    }
}

/// Counts of one source that go to SQL.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) seen: SourceSeen,
    source: Arc<Source>,
}

/// All sources.
#[derive(Debug)]
pub(super) struct Traffic {
    sources: Mutex<HashMap<SourceId, Arc<Source>>>,
    /// Stored rows of sources that have sent nothing since the start.
    quiet: Mutex<HashMap<SourceId, SourceSeen>>,
}

impl Traffic {
    pub(super) fn new(stored: Vec<SourceSeen>) -> Self {
        let quiet = stored.into_iter().map(|seen| (seen.id.clone(), seen)).collect();
        Self { sources: Mutex::default(), quiet: Mutex::new(quiet) }
    }

    /// The counters of an origin's source. Beyond the bound, of a source `TRANSPORT:other`.
    pub(super) fn source(&self, origin: &Origin) -> Arc<Source> {
        let mut sources = self.lock();
        if let Some(source) = sources.get(&origin.source) {
            source.belongs_to(&origin.site, origin.known_by);
            return Arc::clone(source);
        }
        let mut origin = origin.clone();
        if sources.len() >= SOURCES_MAX
            && let Ok(other) = SourceId::new(format!("{}:other", origin.transport.as_str()))
        {
            origin = Origin {
                site: SiteId::unknown(),
                agency: None,
                known_by: KnownBy::Unknown,
                peer: None,
                source: other,
                ..origin
            };
        }
        let source = sources.entry(origin.source.clone()).or_insert_with(|| Arc::new(self.wake(&origin)));
        Arc::clone(source)
    }

    /// A source that sends for the first time since the start goes on counting where it stood.
    fn wake(&self, origin: &Origin) -> Source {
        let source = Source::new(origin);
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = quiet.remove(&source.id) {
            source.stored.add([seen.records, seen.bytes, seen.dropped, seen.refused]);
            source.first_seen.store(seen.first_seen.nanos(), Ordering::Relaxed);
            source.last_seen.store(seen.last_seen.nanos(), Ordering::Relaxed);
        }
        source
    }

    /// What every source of a known site has sent since the start of the program; imports are no source's rhythm.
    pub(super) fn pulses(&self) -> Vec<Pulse> {
        let sources: Vec<Arc<Source>> = self.lock().values().map(Arc::clone).collect();
        sources.iter().filter_map(|source| source.pulse()).collect()
    }

    pub(super) fn list(&self) -> Vec<SourceSeen> {
        let total = |source: &Arc<Source>| {
            let (stored, fresh) = (source.stored.read(), source.fresh.read());
            let mut both = stored;
            for (sum, more) in both.iter_mut().zip(fresh) {
                *sum += more;
            }
            source.view(both)
        };
        let mut seen: Vec<_> = self.lock().values().map(total).filter(spoke).collect();
        seen.extend(self.quiet.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        seen.sort_by(|left, right| left.id.cmp(&right.id));
        seen
    }

    /// What has to go to SQL; counted as stored from now on.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        let sources: Vec<_> = self.lock().values().map(Arc::clone).collect();
        let change = |source: Arc<Source>| {
            let counts = source.fresh.take();
            source.stored.add(counts);
            (counts != [0; 4]).then(|| Change { seen: source.view(counts), source })
        };
        sources.into_iter().filter_map(change).collect()
    }

    /// The changes did not get to SQL.
    pub(super) fn give_back(&self, changes: &[Change]) {
        for Change { seen, source } in changes {
            let counts = [seen.records, seen.bytes, seen.dropped, seen.refused];
            source.fresh.add(counts);
            for (counter, count) in source.stored.all().into_iter().zip(counts) {
                counter.fetch_sub(count, Ordering::Relaxed);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, Arc<Source>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether anything ever came of it.
fn spoke(seen: &SourceSeen) -> bool {
    [seen.records, seen.dropped, seen.refused] != [0; 3]
}

//! The server's side: what edges ship is stored once, whatever is killed when.
//!
//! A record's identity (stream, lane, sequence) lies beside it in the server's spool, so it is durable together with
//! it. In memory stands the highest sequence of each lane; SQL follows every second. The spool's consumer [`CONSUMER`]
//! never runs ahead of SQL: at a start, what lies behind its position is read and put on top of what SQL says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use sqlx::Row;
use store::Store;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::stream::{dedupe, parse_dedupe};
use super::{Batch, Marks, Priority, Shipped, StreamId, Via};
use crate::sites::{Attribution, Lane};
use crate::spool::{Consumer, Spool};
use crate::{EdgeError, Forwarded, IntakeError, Record};

/// Name of the consumer that holds the spool back until SQL knows.
pub const CONSUMER: &str = "edges";
/// Most streams of one site that are remembered; the one that was silent longest is forgotten for another.
const STREAMS_PER_SITE_MAX: usize = 64;
/// How often SQL follows.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the batch before of the same edge.
const TURN_MAX: Duration = Duration::from_secs(5);
/// Records read at once when looking for what SQL does not know.
const READ_RECORDS: usize = 1_000;

type Key = (SiteId, StreamId);
type Turn = Arc<tokio::sync::Mutex<Marks>>;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// Everything of the lane up to this sequence is durable here.
    pub acknowledged: Option<u64>,
    /// Records of this batch that were stored now.
    pub stored: usize,
    /// Records of it that had been stored before.
    pub resent: usize,
}

/// Takes edges' batches.
#[derive(Debug)]
pub struct Edges {
    store: Store,
    spool: Arc<Spool>,
    attribution: Arc<Attribution>,
    holding: tokio::sync::Mutex<Consumer>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<Key, Known>,
    dirty: BTreeSet<Key>,
    /// Streams that are forgotten in memory and still stand in SQL.
    forgotten: BTreeSet<Key>,
    /// Batches on their way into the spool: where the spool ended when they set out.
    in_flight: BTreeMap<u64, EventId>,
    flights: u64,
}

#[derive(Debug)]
struct Known {
    turn: Turn,
    /// What is stored and told, for SQL.
    marks: Marks,
    seen: Timestamp,
}

impl Edges {
    /// Reads how far every edge came: what SQL says, and what the spool holds beyond.
    ///
    /// # Errors
    /// When SQL or the spool cannot be read.
    pub async fn open(store: Store, spool: Arc<Spool>, attribution: Arc<Attribution>) -> Result<Arc<Self>, EdgeError> {
        let mut state = State { streams: read(&store).await?, ..State::default() };
        let mut consumer = spool.reader(CONSUMER, None)?;
        let end = spool.next_id();
        let mut found = 0_u64;
        while consumer.position() < end {
            for (_, record) in consumer.next_batch(READ_RECORDS, Duration::ZERO).await? {
                // Only we write identities under this transport; elsewhere the sender chooses them.
                if record.origin.transport == Transport::Edge
                    && let Some((stream, priority, sequence)) = record.dedupe.as_deref().and_then(parse_dedupe)
                {
                    state.raise((record.origin.site.clone(), stream), priority, sequence, record.received);
                    found += 1;
                }
            }
        }
        if found > 0 {
            tracing::info!(records = found, "records of edges that only the spool knew");
        }
        let holding = tokio::sync::Mutex::new(consumer);
        let edges = Arc::new(Self { store, spool, attribution, holding, state: Mutex::new(state) });
        edges.flush().await?;
        Ok(edges)
    }

    /// How far an edge's records are stored; nothing for one that was never heard of.
    ///
    /// # Errors
    /// [`EdgeError::Busy`] when a batch of it is being written and does not end.
    pub async fn marks(&self, site: &SiteId, stream: StreamId) -> Result<Marks, EdgeError> {
        let turn = self.state().streams.get(&(site.clone(), stream)).map(|known| Arc::clone(&known.turn));
        match turn {
            Some(turn) => Ok(*take_turn(turn).await?),
            None => Ok(Marks::default()),
        }
    }

    /// Stores what of a batch is not stored yet; answers when it is durable. `site` is the certificate's.
    ///
    /// # Errors
    /// Then nothing of the batch was stored, or it cannot be told; the edge sends the same again either way.
    pub async fn accept(self: &Arc<Self>, site: &SiteId, batch: Batch) -> Result<Receipt, EdgeError> {
        let (edges, site) = (Arc::clone(self), site.clone());
        // On its own task: a connection that breaks must not end it between the spool and the marks.
        tokio::spawn(async move { edges.take(site, batch).await }).await.map_err(|_| EdgeError::Interrupted)?
    }

    async fn take(&self, site: SiteId, batch: Batch) -> Result<Receipt, EdgeError> {
        let key = (site, batch.stream);
        let turn = self.turn_of(&key);
        let mut marks = take_turn(turn).await?;
        let known = marks.of(batch.priority);
        let sent = batch.records.len();
        let last = batch.records.last().map(|record| record.sequence);
        let (records, lanes) = self.records(&key, batch.priority, known, batch);
        let (stored, priority) = (records.len(), lanes.priority);
        if !records.is_empty() {
            let flight = self.depart();
            if let Err(error) = self.spool.intake().submit(records).await {
                // Of a spool that closed meanwhile nobody knows whether it has them: the next start finds out.
                if error != IntakeError::Closed {
                    self.land(flight);
                }
                return Err(error.into());
            }
            if let Some(last) = last {
                marks.raise(priority, last);
            }
            self.tell(&key, *marks);
            self.land(flight);
            lanes.stored(self.attribution.now());
        }
        let resent = sent.saturating_sub(stored);
        metrics::counter!("metrosoc_edge_records_total", "lane" => priority.as_str()).increment(stored as u64);
        metrics::counter!("metrosoc_edge_resent_records_total").increment(resent as u64);
        Ok(Receipt { acknowledged: marks.of(priority), stored, resent })
    }

    /// The records that are new, with where their counts go.
    fn records(&self, key: &Key, priority: Priority, known: Option<u64>, batch: Batch) -> (Vec<Record>, Lanes) {
        let now = self.attribution.now();
        let agency = self.attribution.sites().by_id(&key.0).map(|site| site.agency.clone());
        let lane = |via: &Via| {
            self.attribution.lane(Origin {
                site: key.0.clone(),
                agency: agency.clone(),
                known_by: KnownBy::Certificate,
                source: SourceId::of(Transport::Edge, &format!("{}:{}", key.0, via.source)),
                transport: Transport::Edge,
                peer: via.peer.map(|peer| peer.to_canonical()),
            })
        };
        let mut lanes = Lanes { priority, lanes: Vec::with_capacity(batch.origins.len()) };
        lanes.lanes.extend(batch.origins.iter().map(|via| (lane(via), via.transport, 0, 0)));
        let stream = key.1.to_string();
        let fresh = batch.records.into_iter().filter(|record| Some(record.sequence) > known);
        let records = fresh.filter_map(|shipped| lanes.record(shipped, &stream, now)).collect();
        (records, lanes)
    }

    /// SQL follows every second until `cancel`, and once more then.
    pub async fn run(&self, cancel: CancellationToken) {
        loop {
            let stop = tokio::time::timeout(FLUSH_EVERY, cancel.cancelled()).await.is_ok();
            if let Err(error) = self.flush().await {
                // Nothing is lost: the spool is held until this succeeds.
                tracing::error!(%error, "how far edges came is not stored; trying again");
            }
            if stop {
                return;
            }
        }
    }

    /// Writes to SQL what changed, then lets the spool go as far as SQL knows.
    ///
    /// # Errors
    /// When SQL or the spool's position cannot be written; nothing is lost then.
    pub async fn flush(&self) -> Result<(), EdgeError> {
        let mut holding = self.holding.lock().await;
        let (bound, changed, forgotten) = self.changes();
        let any = !changed.is_empty() || !forgotten.is_empty();
        if any && let Err(error) = write(&self.store, &changed, &forgotten).await {
            let mut state = self.state();
            state.dirty.extend(changed.into_iter().map(|(key, ..)| key));
            state.forgotten.extend(forgotten);
            return Err(error);
        }
        holding.commit(bound).await?;
        Ok(())
    }

    /// What SQL does not know, and up to where the spool need not be held for it. Taken under one lock: a batch that is
    /// not among the changes set out behind the bound.
    fn changes(&self) -> (EventId, Vec<(Key, Marks, Timestamp)>, Vec<Key>) {
        let mut state = self.state();
        let bound = state.in_flight.values().copied().min().unwrap_or_else(|| self.spool.next_id());
        let dirty = std::mem::take(&mut state.dirty);
        let row = |key: Key| state.streams.get(&key).map(|known| (key.clone(), known.marks, known.seen));
        let changed = dirty.into_iter().filter_map(row).collect();
        (bound, changed, std::mem::take(&mut state.forgotten).into_iter().collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_of(&self, key: &Key) -> Turn {
        let now = self.attribution.now();
        let mut state = self.state();
        if !state.streams.contains_key(key) {
            state.make_room(&key.0);
        }
        Arc::clone(&state.streams.entry(key.clone()).or_insert_with(|| Known::new(Marks::default(), now)).turn)
    }

    fn depart(&self) -> u64 {
        let mut state = self.state();
        let end = self.spool.next_id();
        state.flights += 1;
        let flight = state.flights;
        state.in_flight.insert(flight, end);
        flight
    }

    fn land(&self, flight: u64) {
        self.state().in_flight.remove(&flight);
    }

    fn tell(&self, key: &Key, marks: Marks) {
        let now = self.attribution.now();
        let mut state = self.state();
        if let Some(known) = state.streams.get_mut(key) {
            (known.marks, known.seen) = (marks, now);
            state.dirty.insert(key.clone());
        }
    }
}

impl State {
    fn raise(&mut self, key: Key, priority: Priority, sequence: u64, seen: Timestamp) {
        let known = self.streams.entry(key.clone()).or_insert_with(|| Known::new(Marks::default(), seen));
        known.marks.raise(priority, sequence);
        known.turn = Arc::new(tokio::sync::Mutex::new(known.marks));
        self.dirty.insert(key);
    }

    fn make_room(&mut self, site: &SiteId) {
        let of_site = || self.streams.iter().filter(|((of, _), _)| of == site);
        if of_site().count() < STREAMS_PER_SITE_MAX {
            return;
        }
        // One whose batch is being written is not forgotten.
        let idle = of_site().filter(|(_, known)| Arc::strong_count(&known.turn) == 1);
        let oldest = idle.min_by_key(|(_, known)| known.seen).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            tracing::warn!(site = %key.0, stream = %key.1, "too many edges of one site; the one silent longest is forgotten");
            self.streams.remove(&key);
            self.dirty.remove(&key);
            self.forgotten.insert(key);
        }
    }
}

impl Known {
    fn new(marks: Marks, seen: Timestamp) -> Self {
        Self { turn: Arc::new(tokio::sync::Mutex::new(marks)), marks, seen }
    }
}

/// Where a batch's records go and are counted: by origin its lane, its transport at the edge, records and bytes.
struct Lanes {
    priority: Priority,
    lanes: Vec<(Lane, Transport, usize, usize)>,
}

impl Lanes {
    fn record(&mut self, shipped: Shipped, stream: &str, now: Timestamp) -> Option<Record> {
        // Every origin is there: the batch was read so.
        let (lane, transport, records, bytes) = self.lanes.get_mut(shipped.via)?;
        (*records, *bytes) = (*records + 1, *bytes + shipped.bytes.len());
        Some(Record {
            origin: Arc::clone(&lane.origin),
            received: now,
            bytes: shipped.bytes,
            format: shipped.format,
            dedupe: Some(dedupe(stream, self.priority, shipped.sequence)),
            truncated: shipped.truncated,
            forwarded: Some(Forwarded { received: shipped.received, transport: *transport }),
        })
    }

    fn stored(&self, now: Timestamp) {
        for (lane, _, records, bytes) in self.lanes.iter().filter(|(.., records, _)| *records > 0) {
            lane.source.stored(*records, *bytes, now);
        }
    }
}

async fn take_turn(turn: Turn) -> Result<OwnedMutexGuard<Marks>, EdgeError> {
    tokio::time::timeout(TURN_MAX, turn.lock_owned()).await.map_err(|_| EdgeError::Busy)
}

async fn read(store: &Store) -> Result<HashMap<Key, Known>, EdgeError> {
    let sql = |source| EdgeError::Sql { doing: "reading how far they came", source };
    let rows = sqlx::query("SELECT site, stream, urgent, ordinary, seen_ms FROM collector_edge")
        .fetch_all(store.pool())
        .await
        .map_err(sql)?;
    let mut streams = HashMap::new();
    for row in rows {
        let (site, stream): (String, String) = (row.try_get(0).map_err(sql)?, row.try_get(1).map_err(sql)?);
        let (urgent, ordinary): (i64, i64) = (row.try_get(2).map_err(sql)?, row.try_get(3).map_err(sql)?);
        let seen = Timestamp::from_millis(row.try_get(4).map_err(sql)?);
        let (Ok(site), Ok(stream)) = (SiteId::new(&site), stream.parse()) else {
            tracing::error!(site, stream, "row of an edge cannot be read");
            continue;
        };
        let marks = Marks { urgent: u64::try_from(urgent).ok(), ordinary: u64::try_from(ordinary).ok() };
        streams.insert((site, stream), Known::new(marks, seen));
    }
    Ok(streams)
}

async fn write(store: &Store, changed: &[(Key, Marks, Timestamp)], forgotten: &[Key]) -> Result<(), EdgeError> {
    let sql = |source| EdgeError::Sql { doing: "storing how far they came", source };
    let number = |mark: Option<u64>| mark.and_then(|mark| i64::try_from(mark).ok()).unwrap_or(-1);
    let mut tx = store.begin().await?;
    for ((site, stream), marks, seen) in changed {
        sqlx::query(
            "INSERT INTO collector_edge (site, stream, urgent, ordinary, seen_ms) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (site, stream) DO UPDATE SET urgent = excluded.urgent, ordinary = excluded.ordinary,
             seen_ms = excluded.seen_ms",
        )
        .bind(site.as_str())
        .bind(stream.to_string())
        .bind(number(marks.urgent))
        .bind(number(marks.ordinary))
        .bind(seen.millis())
        .execute(&mut *tx)
        .await
        .map_err(sql)?;
    }
    for (site, stream) in forgotten {
        sqlx::query("DELETE FROM collector_edge WHERE site = $1 AND stream = $2")
            .bind(site.as_str())
            .bind(stream.to_string())
            .execute(&mut *tx)
            .await
            .map_err(sql)?;
    }
    tx.commit().await?;
    Ok(())
}

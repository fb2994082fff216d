//! A site's share of what we take: its quota, and its part of the queue into the spool.
//!
//! The quota is a token bucket that may go into debt: what was read is always stored, and then its sender waits until the
//! debt is paid. In the queue a site has a bounded part, so that behind it another waits for that part at most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Act, Acts, NoActs, SiteId, Timestamp};
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::gathered::Gathered;

/// How many seconds of its quota a site may send at once after a pause.
const BURST_SECS: f64 = 10.0;
/// Most bytes of one site that wait for the spool at the same time.
const IN_FLIGHT_BYTES_MAX: usize = 1 << 20;
/// A stretch over the quota ends when nothing was over it for this long.
const STRETCH_ENDS_AFTER: Duration = Duration::from_secs(60);
/// Shares that are remembered before those that nobody uses are forgotten.
const SHARES_MAX: usize = 16_384;

/// How much a site may send. Zero is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Records a second, a mean over ten seconds.
    pub events_per_sec: u32,
    /// Bytes a second, likewise.
    pub bytes_per_sec: u64,
}

/// The quotas of all sites.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Of a site that is not named below; all unknown senders together are one.
    pub default: Quota,
    /// Of single sites.
    pub sites: HashMap<SiteId, Quota>,
}

/// The share of one site; shared by its connections.
#[derive(Debug)]
pub struct Share {
    site: SiteId,
    quota: Quota,
    bucket: Mutex<Bucket>,
    room: Semaphore,
    dropped: AtomicU64,
    acts: Arc<Gathered>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// What is left, negative for a debt.
    events: f64,
    bytes: f64,
    filled: Timestamp,
    /// Since when the site is over its quota, and when it was last.
    over: Option<(Timestamp, Timestamp)>,
}

impl Share {
    fn new(site: SiteId, quota: Quota, acts: Arc<Gathered>, now: Timestamp) -> Self {
        let bucket = Bucket {
            events: f64::from(quota.events_per_sec) * BURST_SECS,
            bytes: quota.bytes_per_sec as f64 * BURST_SECS,
            filled: now,
            over: None,
        };
        let room = Semaphore::new(IN_FLIGHT_BYTES_MAX);
        Self { site, quota, bucket: Mutex::new(bucket), room, dropped: AtomicU64::new(0), acts }
    }

    /// A place in the queue for so many bytes, given back when it is dropped; waits while the site has its part in full.
    pub async fn place(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let bytes = u32::try_from(bytes.clamp(1, IN_FLIGHT_BYTES_MAX)).unwrap_or(1);
        // Nobody closes it; without a permit the queue's own bound still holds.
        self.room.acquire_many(bytes).await.ok()
    }

    /// Takes what was received off the quota.
    pub fn charge(&self, records: usize, bytes: usize, now: Timestamp) {
        if self.is_unbounded() {
            return;
        }
        let mut bucket = self.lock();
        self.fill(&mut bucket, now);
        bucket.events -= records as f64;
        bucket.bytes -= bytes as f64;
        self.mark(&mut bucket, now);
    }

    /// For how long its senders must wait; zero within the quota.
    pub fn wait(&self, now: Timestamp) -> Duration {
        if self.is_unbounded() {
            return Duration::ZERO;
        }
        let mut bucket = self.lock();
        self.fill(&mut bucket, now);
        self.debt(&bucket)
    }

    /// Records that could not wait were dropped; they are told of at the end of the stretch.
    pub fn dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    fn is_unbounded(&self) -> bool {
        self.quota == Quota::default()
    }

    fn fill(&self, bucket: &mut Bucket, now: Timestamp) {
        let secs = now.since(bucket.filled).as_secs_f64();
        bucket.filled = now;
        let (events, bytes) = (f64::from(self.quota.events_per_sec), self.quota.bytes_per_sec as f64);
        bucket.events = (bucket.events + secs * events).min(events * BURST_SECS);
        bucket.bytes = (bucket.bytes + secs * bytes).min(bytes * BURST_SECS);
    }

    fn debt(&self, bucket: &Bucket) -> Duration {
        let secs = |left: f64, rate: f64| if rate > 0.0 && left < 0.0 { -left / rate } else { 0.0 };
        let events = secs(bucket.events, f64::from(self.quota.events_per_sec));
        let bytes = secs(bucket.bytes, self.quota.bytes_per_sec as f64);
        Duration::try_from_secs_f64(events.max(bytes)).unwrap_or(Duration::MAX)
    }

    /// Begins a stretch, or prolongs it.
    fn mark(&self, bucket: &mut Bucket, now: Timestamp) {
        if self.debt(bucket).is_zero() {
            return;
        }
        match &mut bucket.over {
            Some((_, last)) => *last = now,
            None => {
                bucket.over = Some((now, now));
                metrics::counter!("metrosoc_sites_over_quota_total").increment(1);
                tracing::warn!(site = %self.site, "site sends more than its quota; its senders wait");
                self.tell("site_over_quota", json!({ "held_secs": 0, "dropped": 0 }), now);
            }
        }
    }

    /// Ends a stretch that is over.
    fn settle(&self, now: Timestamp) {
        let mut bucket = self.lock();
        self.fill(&mut bucket, now);
        if !self.debt(&bucket).is_zero() {
            self.mark(&mut bucket, now);
        }
        if let Some((since, last)) = bucket.over
            && now.since(last) >= STRETCH_ENDS_AFTER
        {
            bucket.over = None;
            let (held, dropped) = (last.since(since).as_secs(), self.dropped.swap(0, Ordering::Relaxed));
            self.tell("site_within_quota", json!({ "held_secs": held, "dropped": dropped }), now);
        }
    }

    fn tell(&self, action: &'static str, mut detail: serde_json::Value, now: Timestamp) {
        if let Some(map) = detail.as_object_mut() {
            map.insert("site".to_owned(), json!(self.site));
            map.insert("events_per_sec_max".to_owned(), self.quota.events_per_sec.into());
            map.insert("bytes_per_sec_max".to_owned(), self.quota.bytes_per_sec.into());
        }
        let object = format!("site:{}", self.site);
        self.acts.take(Act { actor: "metrosoc".to_owned(), action, object, detail }, now);
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shares of all sites that send.
#[derive(Debug)]
pub(super) struct Shares {
    quotas: Quotas,
    acts: Arc<Gathered>,
    by_site: Mutex<HashMap<SiteId, Arc<Share>>>,
}

impl Shares {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, acts: Arc::new(Gathered::new(Arc::new(NoActs))), by_site: Mutex::default() }
    }

    /// The same, telling `acts` who is over his quota.
    pub(super) fn telling(self, acts: Arc<dyn Acts>) -> Self {
        Self { acts: Arc::new(Gathered::new(acts)), ..self }
    }

    /// The share of a site; this machine's own has no quota.
    pub(super) fn of(&self, site: &SiteId, now: Timestamp) -> Arc<Share> {
        let mut by_site = self.by_site.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = by_site.get(site) {
            return Arc::clone(share);
        }
        if by_site.len() >= SHARES_MAX {
            by_site.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let quota = match self.quotas.sites.get(site) {
            Some(quota) => *quota,
            None if *site == SiteId::local() => Quota::default(),
            None => self.quotas.default,
        };
        let share = Arc::new(Share::new(site.clone(), quota, Arc::clone(&self.acts), now));
        by_site.insert(site.clone(), Arc::clone(&share));
        share
    }

    /// Ends stretches that are over, and tells what began and ended.
    pub(super) fn settle(&self, now: Timestamp) {
        let shares: Vec<Arc<Share>> = {
            let by_site = self.by_site.lock().unwrap_or_else(PoisonError::into_inner);
            by_site.values().filter(|share| !share.is_unbounded()).map(Arc::clone).collect()
        };
        for share in shares {
            share.settle(now);
        }
        self.acts.tell(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(&'static str, serde_json::Value)>>);

    impl Acts for Heard {
        fn happened(&self, act: Act) {
            self.0.lock().unwrap().push((act.action, act.detail));
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_793_664_000 + secs)
    }

    fn shares(heard: &Arc<Heard>) -> Shares {
        let few = Quota { events_per_sec: 10, bytes_per_sec: 0 };
        let default = Quota { events_per_sec: 0, bytes_per_sec: 1_000 };
        let sites = HashMap::from([(SiteId::new("hcm-a").unwrap(), few)]);
        Shares::new(Quotas { default, sites }).telling(Arc::clone(heard) as Arc<dyn Acts>)
    }

    #[test]
    fn a_debt_is_paid_by_waiting() {
        let heard = Arc::new(Heard::default());
        let shares = shares(&heard);
        let check = |site: &str, records: usize, bytes: usize, secs: i64, expected: u64| {
            let share = shares.of(&SiteId::new(site).unwrap(), at(0));
            share.charge(records, bytes, at(secs));
            assert_eq!(share.wait(at(secs)), Duration::from_secs(expected), "{site} {secs}");
        };
        check("hcm-a", 100, 1 << 30, 0, 0);
        check("hcm-a", 10, 0, 0, 1);
        check("hcm-a", 0, 0, 1, 0);
        check("hcm-a", 200, 0, 1, 20);
        check("hcm-a", 0, 0, 15, 6);
        // A clock that jumps back gives nothing and takes nothing.
        check("hcm-a", 0, 0, 10, 6);
        check("hcm-b", 1_000_000, 10_000, 0, 0);
        check("hcm-b", 1, 5_000, 0, 5);
        check("local", 1_000_000, 1 << 30, 0, 0);
    }

    #[test]
    fn a_stretch_is_told_once_at_its_beginning_and_at_its_end() {
        let heard = Arc::new(Heard::default());
        let shares = shares(&heard);
        let share = shares.of(&SiteId::new("hcm-a").unwrap(), at(0));
        for second in 0..100 {
            share.charge(30, 0, at(second));
            shares.settle(at(second));
        }
        share.dropped(7);
        let debt = share.wait(at(99)).as_secs();
        assert!(debt > 150, "{debt}");
        for second in 100..600 {
            shares.settle(at(second));
        }
        let heard = heard.0.lock().unwrap();
        assert_eq!(
            heard.iter().map(|(action, _)| *action).collect::<Vec<_>>(),
            ["site_over_quota", "site_within_quota"]
        );
        let (_, end) = &heard[1];
        assert_eq!(
            (&end["dropped"], &end["site"], &end["events_per_sec_max"]),
            (&7.into(), &"hcm-a".into(), &10.into())
        );
        assert!(end["held_secs"].as_u64().is_some_and(|secs| secs > 100), "{end}");
    }

    #[tokio::test]
    async fn one_site_has_a_part_of_the_queue_and_no_more() {
        let shares = Shares::new(Quotas::default());
        let noisy = shares.of(&SiteId::new("hcm-a").unwrap(), at(0));
        let quiet = shares.of(&SiteId::new("hcm-b").unwrap(), at(0));
        let held: Vec<_> = futures::future::join_all((0..4).map(|_| noisy.place(256 * 1024))).await;
        assert!(futures::FutureExt::now_or_never(noisy.place(1)).is_none(), "its part is full");
        assert!(futures::FutureExt::now_or_never(quiet.place(64 << 20)).is_some(), "another's is not");
        drop(held);
        assert!(futures::FutureExt::now_or_never(noisy.place(1)).is_some());
    }
}

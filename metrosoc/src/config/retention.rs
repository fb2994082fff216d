//! `[retention]`: how long events are kept, and legal holds.

use std::collections::BTreeSet;
use std::time::Duration;

use detector::index;
use event::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

/// The law asks for at least twelve months of system logs.
const DAYS: u32 = 366;
/// Below two days a slice may still be written.
const DAYS_MIN: u32 = 2;
const DAYS_MAX: u32 = 36_525;

/// How long events are kept after they were received, and what is kept longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days that events are kept whose dataset is not named below.
    pub days: u32,
    /// Other times by `event.dataset`, as in `[{ dataset = "suricata.flow", days = 90 }]`.
    pub datasets: Vec<DatasetDays>,
    /// Legal holds, each kept until it is taken out here.
    pub holds: Vec<LegalHold>,
}

/// How long one dataset is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetDays {
    /// The `event.dataset`.
    pub dataset: String,
    /// Days after receipt.
    pub days: u32,
}

/// A legal hold: events that are not deleted although they are due.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// Why: a file number, an order; the ledger records it.
    pub reason: String,
    /// Received at or after, RFC 3339.
    pub from: Timestamp,
    /// Received before, RFC 3339.
    pub to: Timestamp,
    /// Of these sites alone; empty for all.
    #[serde(default)]
    pub sites: BTreeSet<SiteId>,
    /// Of these datasets alone; empty for all.
    #[serde(default)]
    pub datasets: BTreeSet<String>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: DAYS, datasets: Vec::new(), holds: Vec::new() }
    }
}

impl Retention {
    /// As the index takes it.
    pub fn times(&self) -> index::Retention {
        let datasets = self.datasets.iter().map(|one| (one.dataset.clone(), days(one.days))).collect();
        index::Retention { default: days(self.days), datasets }
    }

    /// The holds as the index takes them.
    pub fn held(&self) -> Vec<index::Hold> {
        let hold = |hold: &LegalHold| index::Hold {
            from: hold.from,
            to: hold.to,
            sites: hold.sites.clone(),
            datasets: hold.datasets.clone(),
        };
        self.holds.iter().map(hold).collect()
    }

    /// Calls `check` for every bound: whether it holds, the key, what is asked.
    pub(super) fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let within = |days: u32| (DAYS_MIN..=DAYS_MAX).contains(&days);
        let bounds = "between 2 and 36,525 days";
        check(within(self.days), "retention.days", bounds);
        for one in &self.datasets {
            check(within(one.days), "retention.datasets", &format!("`{}`: {bounds}", one.dataset));
        }
        let names: BTreeSet<_> = self.datasets.iter().map(|one| &one.dataset).collect();
        check(names.len() == self.datasets.len(), "retention.datasets", "each dataset at most once");
        for hold in &self.holds {
            check(hold.from < hold.to, "retention.holds", &format!("`{}`: `from` must be before `to`", hold.reason));
            check(!hold.reason.trim().is_empty(), "retention.holds", "each hold needs a reason");
        }
    }
}

fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}

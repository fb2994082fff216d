//! The register of sites and agencies, who sent what, and whose a record is.
//!
//! The register lies in SQL and is read into an immutable snapshot; looking a sender up takes no lock and no query.
//! What sources send is counted in memory and flushed to SQL in the background.

mod attribution;
mod gathered;
mod import;
mod register;
mod share;
mod shown;
mod table;
mod traffic;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use event::{Agency, Clock, Site, SiteId};
use store::Store;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use attribution::{Attribution, AttributionSettings, Lane, Refusal, UnknownSenders};
pub use import::{ImportReport, RowFault};
pub use share::{Quota, Quotas, Share};
pub use traffic::{Source, SourceSeen};

use crate::SitesError;
use crate::health::Pulse;
use register::Register;
use traffic::Traffic;

/// The demonstration register: 807 sites on the city's 168 wards. Positions and addresses are invented, see the README
/// beside the file.
pub const DEMO_SITES_CSV: &str = include_str!("../../demo/sites.csv");
/// The agencies of [`DEMO_SITES_CSV`].
pub const DEMO_AGENCIES_CSV: &str = include_str!("../../demo/agencies.csv");

/// How often counts are flushed to SQL.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// The register of sites.
#[derive(Debug)]
pub struct Sites {
    /// None at an edge, which has no register: counts stay in memory.
    store: Option<Store>,
    clock: Arc<dyn Clock>,
    register: ArcSwap<Register>,
    /// Grows with every change of the register.
    generation: AtomicU64,
    traffic: Traffic,
    /// One import at a time.
    importing: Mutex<()>,
}

impl Sites {
    /// Reads the register and the counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, SitesError> {
        let (sites, agencies) = table::read(&store).await?;
        let traffic = Traffic::new(table::read_sources(&store).await?);
        let register = ArcSwap::from_pointee(Register::new(sites, agencies));
        let generation = AtomicU64::new(0);
        Ok(Self { store: Some(store), clock, register, generation, traffic, importing: Mutex::new(()) })
    }

    /// No register and nothing in SQL: what an edge counts its sources in. Every sender is unknown to it.
    pub fn unregistered(clock: Arc<dyn Clock>) -> Self {
        Self {
            store: None,
            clock,
            register: ArcSwap::from_pointee(Register::new(Vec::new(), Vec::new())),
            generation: AtomicU64::new(0),
            traffic: Traffic::new(Vec::new()),
            importing: Mutex::new(()),
        }
    }

    /// Every site, by id.
    pub fn list(&self) -> Vec<Arc<Site>> {
        self.register.load().sites().cloned().collect()
    }

    /// Every agency, by id.
    pub fn agencies(&self) -> Vec<Agency> {
        self.register.load().agencies().cloned().collect()
    }

    /// The site of this id.
    pub fn by_id(&self, id: &SiteId) -> Option<Arc<Site>> {
        self.register.load().by_id(id)
    }

    /// The site whose narrowest network holds `address`; v4-mapped addresses count as v4.
    pub fn by_address(&self, address: IpAddr) -> Option<Arc<Site>> {
        self.register.load().by_address(address)
    }

    /// Reads a table of sites (columns `id,name,agency,data_center`, optional `addresses`, `latitude_deg`,
    /// `longitude_deg`, `ward_code`). Good rows are kept, faulty ones are reported with line and reason; a site that is
    /// there already is replaced. Agencies that nobody has named are added under their id.
    ///
    /// # Errors
    /// When the file is no such table or cannot be stored; nothing is changed then.
    pub async fn import_csv(&self, csv: impl Read) -> Result<ImportReport, SitesError> {
        let _turn = self.importing.lock().await;
        let register = self.register.load_full();
        let (sites, mut report) = import::sites(csv, &register)?;
        let changed = import::compare(&sites, &register, &mut report);
        table::write_sites(self.store()?, &changed, self.clock.now()).await?;
        self.reload().await?;
        Ok(report)
    }

    /// Reads a table of agencies (columns `id,name`), as [`Sites::import_csv`] does.
    ///
    /// # Errors
    /// As for [`Sites::import_csv`].
    pub async fn import_agencies_csv(&self, csv: impl Read) -> Result<ImportReport, SitesError> {
        let _turn = self.importing.lock().await;
        let register = self.register.load_full();
        let (agencies, report) = import::agencies(csv, &register)?;
        table::write_agencies(self.store()?, &agencies).await?;
        self.reload().await?;
        Ok(report)
    }

    /// Takes a site out of the register; `false` when it was not there. Its events stay.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn remove(&self, id: &SiteId) -> Result<bool, SitesError> {
        let _turn = self.importing.lock().await;
        let removed = table::remove_site(self.store()?, id).await?;
        self.reload().await?;
        Ok(removed)
    }

    /// What every source has sent, by id.
    pub fn sources(&self) -> Vec<SourceSeen> {
        self.traffic.list()
    }

    /// What every source of a known site has sent since the start of the program, for [`crate::health`].
    pub fn pulses(&self) -> Vec<Pulse> {
        self.traffic.pulses()
    }

    /// What the sources of one site have sent.
    pub fn sources_of(&self, site: &SiteId) -> Vec<SourceSeen> {
        self.traffic.list().into_iter().filter(|source| source.site == *site).collect()
    }

    /// Senders that belong to no registered site, kept or refused.
    pub fn unknown_senders(&self) -> Vec<SourceSeen> {
        self.sources_of(&SiteId::unknown())
    }

    /// Number of sites that have sent something.
    pub fn seen_total(&self) -> usize {
        let register = self.register.load();
        let sites: std::collections::BTreeSet<_> =
            self.traffic.list().into_iter().filter(|source| source.records > 0).map(|source| source.site).collect();
        sites.iter().filter(|site| register.by_id(site).is_some()).count()
    }

    /// Writes the counts to SQL.
    ///
    /// # Errors
    /// When the store refuses; the counts are kept and written the next time.
    pub async fn flush(&self) -> Result<(), SitesError> {
        let Some(store) = &self.store else { return Ok(()) };
        let changes = self.traffic.take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let written = table::write_sources(store, &changes).await;
        if written.is_err() {
            self.traffic.give_back(&changes);
        }
        written
    }

    /// Flushes the counts every few seconds until `cancel` is cancelled, and once more then.
    pub async fn run(&self, cancel: CancellationToken) {
        loop {
            let stop = tokio::time::timeout(FLUSH_EVERY, cancel.cancelled()).await.is_ok();
            if let Err(error) = self.flush().await {
                tracing::warn!(%error, "counts of sources not stored");
            }
            if stop {
                return;
            }
        }
    }

    /// Another number whenever the register has changed: who remembers a lane looks it up again then.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    async fn reload(&self) -> Result<(), SitesError> {
        let (sites, agencies) = table::read(self.store()?).await?;
        self.register.store(Arc::new(Register::new(sites, agencies)));
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn store(&self) -> Result<&Store, SitesError> {
        self.store.as_ref().ok_or(SitesError::Unregistered)
    }

    fn register(&self) -> Arc<Register> {
        self.register.load_full()
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

//! The simulation: ordinary traffic at its rate, attacks by schedule or on request, progress, a clean end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::attack::{Attack, Door, Step};
use crate::fleet::{Fleet, Impostor, Totals};
use crate::platform::Platform;
use crate::site::Town;
use crate::traffic::{Rhythm, Traffic};

/// How far the pace may fall behind before what was missed is left out.
const LAG_MAX: Duration = Duration::from_secs(2);
/// How long the end may take.
const STOP_PATIENCE: Duration = Duration::from_secs(8);

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sites.
    pub town: Town,
    /// Where they send to.
    pub platform: Platform,
    /// Mean ordinary records a second, all sites together; 0 for none.
    pub rate: f64,
    /// Whether the hour of the day changes it.
    pub rhythm: Rhythm,
    /// Chance.
    pub seed: u64,
    /// Connections that are begun a second.
    pub connections_per_second: u32,
    /// How much shorter than for an audience the pauses in attacks are; 1 for an audience.
    pub haste: f64,
}

/// A running simulation.
#[derive(Debug)]
pub struct Simulator {
    settings: Settings,
    fleet: Arc<Fleet>,
    traffic: Traffic,
    ended: CancellationToken,
    ordinary: JoinHandle<()>,
}

impl Simulator {
    /// Begins to connect and to send.
    ///
    /// # Errors
    /// When the platform has no address or its roots cannot be read; single sites that fail try again.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let traffic = Traffic::new(&settings.town, settings.seed);
        let connected = settings.town.clone();
        Self::begin(settings, traffic, &connected).await
    }

    /// Begins to connect the sites of one attack alone, without ordinary traffic: for [`Simulator::attack`] with the
    /// same `attack` and `round`.
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub async fn start_for(settings: Settings, attack: Attack, round: u64) -> anyhow::Result<Self> {
        let traffic = Traffic::new(&settings.town, settings.seed);
        let steps = story(&settings, &traffic, attack, round);
        let connected = settings.town.only(|site| steps.iter().any(|step| step.entry.site.id == site.id));
        Self::begin(Settings { rate: 0.0, ..settings }, traffic, &connected).await
    }

    async fn begin(settings: Settings, traffic: Traffic, connected: &Town) -> anyhow::Result<Self> {
        anyhow::ensure!(settings.rate.is_finite() && settings.rate >= 0.0, "a rate of {} a second", settings.rate);
        let per_second = settings.connections_per_second;
        let fleet = Fleet::start(connected, settings.platform.clone(), per_second, settings.seed).await?;
        let fleet = Arc::new(fleet);
        let ended = CancellationToken::new();
        let ordinary = tokio::spawn({
            let (fleet, traffic, ended) = (Arc::clone(&fleet), traffic.clone(), ended.clone());
            let (rate, rhythm) = (settings.rate, settings.rhythm);
            async move {
                tokio::select! {
                    () = ended.cancelled() => {}
                    () = go_on(&fleet, traffic, rate, rhythm) => {}
                }
            }
        });
        Ok(Self { settings, fleet, traffic, ended, ordinary })
    }

    /// Tells an attack to its end; `round` makes another story of the same attack.
    ///
    /// # Errors
    /// When one of its events does not get through.
    pub async fn attack(&self, attack: Attack, round: u64) -> anyhow::Result<()> {
        let steps = story(&self.settings, &self.traffic, attack, round);
        anyhow::ensure!(!steps.is_empty(), "no site to tell `{}` of", attack.name());
        tell(&self.fleet, steps).await
    }

    /// What has been done so far.
    pub fn totals(&self) -> Totals {
        self.fleet.totals()
    }

    /// Why a connection failed last; empty when none has.
    pub fn last_failure(&self) -> String {
        self.fleet.last_failure()
    }

    /// Ends ordinary traffic, sends what waits, closes the connections and gives the totals.
    ///
    /// # Errors
    /// When an attack is still being told.
    pub async fn stop(self) -> anyhow::Result<Totals> {
        self.ended.cancel();
        self.ordinary.await.context("ordinary traffic")?;
        let fleet = Arc::into_inner(self.fleet).context("an attack is still being told")?;
        Ok(fleet.stop(STOP_PATIENCE).await)
    }
}

/// The steps of an attack that begins now.
fn story(settings: &Settings, traffic: &Traffic, attack: Attack, round: u64) -> Vec<Step> {
    let mut traffic = traffic.apart(&format!("{} {round}", attack.name()));
    attack.story(&settings.town, &mut traffic, Timestamp::now(), settings.haste)
}

/// Ordinary traffic without end: arrivals as of many people who know nothing of one another.
async fn go_on(fleet: &Fleet, mut traffic: Traffic, rate: f64, rhythm: Rhythm) {
    let mut due = Instant::now();
    loop {
        let now = Timestamp::now();
        let per_second = rate * rhythm.factor(now);
        if per_second < 1e-6 {
            sleep(Duration::from_secs(1)).await;
            due = Instant::now();
            continue;
        }
        let gap = -(1.0 - traffic.dice().fraction()).ln() / per_second;
        due += Duration::from_secs_f64(gap.clamp(0.0, 60.0));
        if due.elapsed() > LAG_MAX {
            due = Instant::now();
        }
        sleep_until(due).await;
        let Some(entry) = traffic.next(Timestamp::now()) else { return };
        fleet.offer(entry);
    }
}

/// Sends the steps of a story, each at its time.
async fn tell(fleet: &Fleet, steps: Vec<Step>) -> anyhow::Result<()> {
    let mut impostors: BTreeMap<String, Impostor> = BTreeMap::new();
    for step in steps {
        let pause = step.send_at.duration_since(Timestamp::now());
        sleep(Duration::try_from(pause).unwrap_or_default()).await;
        match step.door {
            Door::Own => fleet.deliver(step.entry).await?,
            Door::Stolen => {
                let site = Arc::clone(&step.entry.site);
                let mut impostor = match impostors.remove(&site.id) {
                    Some(impostor) => impostor,
                    None => fleet.impersonate(&site).await?,
                };
                impostor.send(&step.entry).await?;
                impostors.insert(site.id.clone(), impostor);
            }
        }
    }
    for (_, impostor) in impostors {
        impostor.close().await?;
    }
    Ok(())
}

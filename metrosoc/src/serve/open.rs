//! Opening what holds state, from the keys upwards, and wiring it together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use collector::edge::{self, Edges};
use collector::pipeline::{Pipeline, PipelineSettings};
use collector::sites::{Attribution, AttributionSettings, Sites};
use collector::source::identity::{self, Identities};
use collector::spool::{Spool, SpoolSettings};
use detector::alert::Alerts;
use detector::correlate::Settings;
use detector::exception::{ExceptionRegister, Exceptions};
use detector::hunt::Hunter;
use detector::index::{Index, IndexSettings};
use detector::rulebook::Rulebook;
use detector::search::Search;
use detector::versions::VersionRegister;
use event::{Act, Acts, Clock, EventId, SystemClock, UserName};
use keys::{KeySource, Keyring, Secret};
use ledger::Ledger;
use pki::link::ServerIdentity;
use pki::{Authority, AuthoritySettings, ServerNames};
use policy::audit::Audit;
use policy::care::PolicyVersions;
use policy::care::decisions::Decisions;
use policy::care::notice::Notices;
use policy::care::people::People;
use policy::holiday::Calendar;
use policy::pseudonym::Pseudonyms;
use policy::request::Requests;
use policy::subject::{Register, Restrictions, WaitingShreds};
use policy::{AccountSettings, Accounts, Journal};
use responder::action::Firewall;
use responder::action::nftables::Nftables;
use responder::{Limits, Responder, ResponderSettings};
use store::Store;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::forget::{Forget, Forgetting};
use super::health::{self, SourceWatch};
use super::losses::{self, Losses};
use super::meant::Meant;
use super::memory::{self, Memory};
use super::own_events::Recorder;
use super::passed::Passed;
use super::pipeline::CONSUMER;
use super::privacy;
use super::rotation::Rotation;
use super::rules;
use super::sealed::SealedFile;
use super::watch::{self, Watch};
use crate::api::App;
use crate::backup::{SIGNER, gaps};
use crate::client::SOCKET_NAME;
use crate::config::{Config, Keys, Loaded, UnknownSenders};
use crate::exit::{Failure, Status};
use crate::oidc::SignOn;
use crate::{format, telemetry};

/// Name of the ledger's signing key.
pub const LEDGER_KEY: &str = "metrosoc-ledger";

/// What `serve` needs beside the app.
pub struct Opened {
    pub app: Arc<App>,
    pub decoder: Pipeline,
    pub memory: Memory,
    pub watch: Watch,
    pub source_watch: SourceWatch,
    pub identity: Identity,
    pub identities: identity::Writer,
    pub acts: Receiver<Act>,
    pub forgettings: Receiver<Forgetting>,
}

/// Batches of other systems that are masked at once; each holds a few megabytes at most.
const MASKING_MAX: usize = 16;

/// Opens everything.
///
/// # Errors
/// When a part cannot be opened; the message names it.
pub async fn open(
    loaded: Loaded,
    data: PathBuf,
    telemetry: &telemetry::Running,
    reload: Sender<UserName>,
) -> anyhow::Result<Opened> {
    let config = loaded.config.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    prepare(&data)?;
    format::settle(&data)?;
    crate::backup::make::remove_staging(&data)?;
    let gaps = gaps::read(&data)?;
    let keyring = Arc::new(Keyring::open(&key_source(&config.keys, &data)?, &data).context("the master key")?);
    let resumed = keyring.resume().context("the replacing of the master key that was broken off")?;
    let signer = Arc::new(keyring.note_signer(LEDGER_KEY).context("the ledger's key")?);
    let ledger_key = event::Signer::public_key(&*signer).to_vec();
    let backup_signer: Arc<dyn event::Signer> = Arc::new(keyring.note_signer(SIGNER).context("the key of backups")?);
    let erasure_signer: Arc<dyn event::Signer> =
        Arc::new(keyring.note_signer(crate::erasure::SIGNER).context("the key of certificates of destruction")?);
    let ledger = open_ledger(&config, &data, signer, &clock)?;
    let store = Store::open(&store_url(&config, &data)?).await.context("the database")?;
    let journal: Arc<dyn Journal> = Arc::new(ledger.clone());
    let policy_versions = PolicyVersions::new(store.clone(), Arc::clone(&journal), Arc::clone(&clock));
    let guard = super::policy::open(&config, &policy_versions, &clock).await.context("the policy")?;
    let calendar = Calendar::new(privacy::holidays(&config, clock.now())?);
    let guard = guard.with_masking(privacy::masking(&config, &keyring, &clock)?).with_calendar(calendar.clone());
    let people = People::new(store.clone(), Arc::clone(&journal), Arc::clone(&clock));
    let notices = Notices::new(store.clone(), Arc::clone(&journal), Arc::clone(&clock));
    let rules_of_privacy = Arc::new(privacy::rules(&config.privacy.rules)?);
    let reveals = super::policy::reveals(&config, &store, &journal, &guard, &rules_of_privacy)?;
    let requests = Requests::open(store.clone(), Arc::clone(&journal), guard.clone(), rules_of_privacy).await;
    let requests = requests.context("access requests")?;
    let subject_requests = Register::new(store.clone(), Arc::clone(&journal), Arc::clone(&clock), calendar.clone());
    let restrictions = Restrictions::open(store.clone(), Arc::clone(&journal), Arc::clone(&clock), guard.clone()).await;
    let restrictions = restrictions.context("restrictions")?;
    let shreds_waiting = WaitingShreds::new(store.clone());
    let decisions = Decisions::new(store.clone(), Arc::clone(&clock));
    let applications = ArcSwap::from_pointee(super::policy::applications(&config)?);
    let sealer = keyring.sealer("second factors").context("the key of second factors")?;
    let settings = account_settings(&config);
    let accounts = Accounts::open(store.clone(), journal, Arc::clone(&clock), settings, sealer).await?;
    let sign_on = SignOn::open(&config.oidc, oidc_secret(&config)?, Arc::clone(&clock)).context("oidc")?;
    let authority =
        Authority::open(store.clone(), &keyring, ledger.clone(), Arc::clone(&clock), AuthoritySettings::default())
            .await
            .context("the certificate authority")?;
    let identity = Identity::open(&config, &authority).await?;
    let index = open_index(&config, &data)?;
    let holds_events = index.position().is_some();
    let pseudonyms = privacy::open(&config, &data, &store, &keyring, &clock, holds_events).await?;
    let spool = Arc::new(open_spool(&config, &data, &keyring, &index, &clock)?);
    let losses = Losses::open(&index, &spool)?;
    let sealer = keyring.sealer("identities").context("the key of identities")?;
    let (identities, identity_writer) =
        Identities::open(data.join("identities"), sealer, Arc::clone(&spool), Arc::clone(&clock))
            .await
            .context("what senders named")?;
    let sites = Arc::new(Sites::open(store.clone(), Arc::clone(&clock)).await.context("the register of sites")?);
    let (recorder, acts) = Recorder::new();
    let recorder: Arc<dyn Acts> = Arc::new(recorder);
    let attribution = Attribution::new(Arc::clone(&sites), attribution_settings(&config));
    let attribution = Arc::new(attribution.telling(Arc::clone(&recorder)));
    let alerts = Alerts::open(store.clone(), Arc::clone(&clock));
    alerts.look_through().await.context("the alerts of older versions")?;
    let responder = open_responder(&config, &store, &ledger, &clock, pseudonyms.as_ref()).await?;
    protect_signed_in(&accounts, &responder).await?;
    let rule_versions = VersionRegister::open(store.clone(), Arc::clone(&clock));
    let rules = open_rules(&config, &rule_versions, &ledger).await?;
    let exception_register = ExceptionRegister::open(store.clone(), Arc::clone(&clock));
    let sealer = keyring.sealer(memory::LABEL).context("the key of correlations")?;
    let file = SealedFile::new(sealer, data.join("correlations.state"), memory::AAD);
    let mut states = vec![file.clone()];
    let memory = Memory::new(file, Settings::default());
    let sealer = keyring.sealer(watch::LABEL).context("the key of what was seen")?;
    let file = SealedFile::new(sealer, data.join("seen.state"), watch::AAD);
    states.push(file.clone());
    let watch = Watch::open(file, clock.now());
    let zone = jiff::tz::TimeZone::get(&config.syslog.time_zone).context("syslog.time_zone")?;
    let decoder = Pipeline::new(PipelineSettings { zone, ..PipelineSettings::default() });
    let sealer = keyring.sealer(health::LABEL).context("the key of source health")?;
    let file = SealedFile::new(sealer, data.join("health.state"), health::AAD);
    states.push(file.clone());
    let source_watch = SourceWatch::open(file, decoder.understanding(), config.health.bounds(), clock.now());
    let edges = Edges::open(store.clone(), Arc::clone(&spool), Arc::clone(&attribution)).await.context("the edges")?;
    let (forget, forgettings) = Forget::new();
    let app = App {
        clock: Arc::clone(&clock),
        guard,
        policy_versions,
        people,
        notices,
        requests,
        reveals,
        subject_requests,
        restrictions,
        shreds_waiting,
        decisions,
        applications,
        calendar,
        accounts,
        sign_on,
        audit: Audit::new(ledger.clone(), Arc::clone(&clock)),
        ledger,
        ledger_key,
        pseudonyms,
        store,
        intake: spool.intake(),
        passed: Arc::new(Passed::with_gaps(gaps)),
        disk: Arc::default(),
        losses: Arc::new(losses),
        backup_signer,
        erasure_signer,
        backups: Arc::default(),
        rotation: Rotation::new(keyring, states, resumed),
        forget,
        spool,
        edges,
        sites,
        attribution,
        identities,
        search: Search::new(Arc::clone(&index), Arc::clone(&clock)),
        hunter: Hunter::new(Arc::clone(&index), Arc::clone(&clock)),
        hunts: crate::api::hunts::Jobs::default(),
        index,
        alerts,
        rules,
        rule_versions,
        seen: watch.shared(),
        health: source_watch.shared(),
        exceptions: Arc::new(ArcSwap::from_pointee(Exceptions::default())),
        exception_register,
        authority,
        responder: Arc::new(responder),
        prometheus: telemetry.prometheus.clone(),
        reload,
        masking_now: Arc::new(tokio::sync::Semaphore::new(MASKING_MAX)),
        acts: recorder,
        data,
        loaded,
    };
    let app = Arc::new(app);
    if let Err(problem) = crate::api::exceptions::put_in_force(&app).await {
        anyhow::bail!("exceptions: {}", problem.detail);
    }
    Ok(Opened { decoder, memory, watch, source_watch, app, identity, identities: identity_writer, acts, forgettings })
}

/// The rules, in force once their changes are recorded. A bundle that is refused is told, and the rest starts without it.
async fn open_rules(
    config: &Config,
    versions: &VersionRegister,
    ledger: &Ledger,
) -> anyhow::Result<Arc<ArcSwap<Rulebook>>> {
    let loaded = rules::load(config)?;
    for reason in &loaded.refused {
        tracing::error!(reason, "rules are missing");
    }
    super::versions::record(versions, ledger, &loaded.contents, super::OURSELVES).await?;
    Ok(Arc::new(ArcSwap::from_pointee(loaded.book)))
}

/// Makes the data directory, for its owner alone, and refuses one that another server uses.
fn prepare(data: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("data directory `{}`", data.display()))?;
    let socket = data.join(SOCKET_NAME);
    if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        let message = format!("a server runs on `{}` already; stop it first or name another `--data`", data.display());
        return Err(Failure::new(Status::Unavailable, message).into());
    }
    Ok(())
}

/// Removes the socket; called at the end, and at the start for one that a crash left.
pub fn remove_socket(data: &Path) {
    let path = data.join(SOCKET_NAME);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "socket not removed");
    }
}

/// The configured file, systemd's credential, or `DATA.key` beside the data directory.
///
/// # Errors
/// When the file of the passphrase cannot be read, or is readable by others.
pub fn key_source(keys: &Keys, data: &Path) -> anyhow::Result<KeySource> {
    let data = std::path::absolute(data).context("data directory")?;
    let beside = || {
        let mut name = data.file_name().unwrap_or_default().to_os_string();
        name.push(".key");
        data.with_file_name(name)
    };
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join("metrosoc.key"));
    let file = if keys.file.is_empty() { beside() } else { PathBuf::from(&keys.file) };
    if !keys.passphrase_file.is_empty() {
        let passphrase = first_line(Path::new(&keys.passphrase_file))?;
        return Ok(KeySource::Passphrase { file, passphrase });
    }
    match credential.filter(|path| keys.file.is_empty() && path.exists()) {
        Some(path) => Ok(KeySource::Credential(path)),
        None => Ok(KeySource::File(file)),
    }
}

pub fn store_url(config: &Config, data: &Path) -> anyhow::Result<String> {
    if config.store.url_file.is_empty() {
        return Ok(format!("sqlite://{}", data.join("metrosoc.sqlite").display()));
    }
    Ok(first_line(Path::new(&config.store.url_file))?.expose().clone())
}

/// The first line of a file that only its owner can read.
fn first_line(path: &Path) -> anyhow::Result<Secret<String>> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
    if about.mode() & 0o077 != 0 {
        bail!("`{}` can be read by others; `chmod 600 {}`", path.display(), path.display());
    }
    let text = Secret::new(std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?);
    let line = text.expose().lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        bail!("`{}` is empty", path.display());
    }
    Ok(Secret::new(line.to_owned()))
}

pub fn open_ledger(
    config: &Config,
    data: &Path,
    signer: Arc<dyn event::Signer>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Ledger> {
    let (folder, clock) = (data.join("ledger"), Arc::clone(clock));
    if config.ledger.mirror.is_empty() {
        return Ledger::open(&folder, signer, clock).context("the ledger");
    }
    Ledger::open_mirrored(&folder, signer, clock, Path::new(&config.ledger.mirror)).context("the ledger and its mirror")
}

pub fn open_index(config: &Config, data: &Path) -> anyhow::Result<Arc<Index>> {
    let settings = IndexSettings {
        slice_length: Duration::from_secs(u64::from(config.index.slice_hours) * 3_600),
        heap_bytes: config.index.writer_bytes,
        commit_interval: Duration::from_millis(config.index.commit_ms_max),
        ..IndexSettings::default()
    };
    Ok(Arc::new(Index::open(&data.join("index"), settings).context("the index")?))
}

pub fn open_spool(
    config: &Config,
    data: &Path,
    keyring: &Keyring,
    index: &Index,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Spool> {
    let mut consumers = vec![CONSUMER.to_owned(), edge::CONSUMER.to_owned(), identity::CONSUMER.to_owned()];
    // What the index lost may still be here: nothing is destroyed before it was looked for.
    let lost = !index.lost().is_empty();
    consumers.extend(lost.then(|| losses::CONSUMER.to_owned()));
    let settings = SpoolSettings {
        bytes_max: config.spool.bytes_max,
        segment_bytes: config.spool.segment_bytes_max,
        commit_delay: Duration::from_millis(config.spool.flush_ms_max),
        consumers,
        next_id_min: index.position().unwrap_or(EventId(0)),
        // The keyring compared it with the check value.
        key_is_proven: true,
        ..SpoolSettings::new(data.join("spool"))
    };
    let spool = Spool::open(settings, keyring.sealer("spool")?, Arc::clone(clock)).context("the spool")?;
    if !lost {
        spool.forget(losses::CONSUMER).context("the spool")?;
    }
    Ok(spool)
}

/// The client's secret: the configured file, or systemd's credential; `None` for a public client.
fn oidc_secret(config: &Config) -> anyhow::Result<Option<Secret<String>>> {
    if !config.oidc.enabled() {
        return Ok(None);
    }
    if !config.oidc.client_secret_file.is_empty() {
        return first_line(Path::new(&config.oidc.client_secret_file)).context("oidc.client_secret_file").map(Some);
    }
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else { return Ok(None) };
    let path = Path::new(&folder).join("metrosoc.oidc-secret");
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
    Ok(Some(Secret::new(text.trim().to_owned())))
}

fn account_settings(config: &Config) -> AccountSettings {
    AccountSettings {
        session_life: Duration::from_secs(config.sign_in.session_secs_max),
        session_idle: Duration::from_secs(config.sign_in.idle_secs_max),
        step_up: Duration::from_secs(config.sign_in.step_up_secs_max),
        second_factor_roles: config.sign_in.second_factor_roles.clone(),
        ..AccountSettings::default()
    }
}

fn attribution_settings(config: &Config) -> AttributionSettings {
    AttributionSettings {
        plain_networks: config.syslog.networks.clone(),
        quotas: config.quota.quotas(),
        unknown_senders: match config.syslog.unknown_senders {
            UnknownSenders::Keep => collector::sites::UnknownSenders::Keep,
            UnknownSenders::Refuse => collector::sites::UnknownSenders::Refuse,
        },
    }
}

async fn open_responder(
    config: &Config,
    store: &Store,
    ledger: &Ledger,
    clock: &Arc<dyn Clock>,
    pseudonyms: Option<&Arc<Pseudonyms>>,
) -> anyhow::Result<Responder> {
    let limits = Limits {
        blocked_max: u32::try_from(config.respond.blocks_max).unwrap_or(u32::MAX),
        per_hour_max: u32::try_from(config.respond.blocks_per_hour_max).unwrap_or(u32::MAX),
        duration_secs_max: config.respond.block_secs_max,
    };
    let settings = ResponderSettings {
        enabled: config.respond.enabled,
        limits,
        never_block: config.respond.never_block.clone(),
        ..ResponderSettings::default()
    };
    let firewall: Arc<dyn Firewall> = match pseudonyms {
        Some(all) => Arc::new(Meant::new(Nftables::default(), Arc::clone(all), tokio::runtime::Handle::current())),
        None => Arc::new(Nftables::default()),
    };
    let responder = Responder::open(settings, store.clone(), ledger.clone(), Arc::clone(clock), firewall).await?;
    responder.replace_playbooks(rules::playbooks(config));
    if config.respond.enabled
        && let Err(error) = responder.ready().await
    {
        tracing::warn!(reason = %crate::api::problem::chain(&error), "responses stay plans: the kernel's filter cannot be used");
    }
    Ok(responder)
}

/// Sessions live on over a restart: before anything can be blocked, the addresses of those signed in are protected.
async fn protect_signed_in(accounts: &Accounts, responder: &Responder) -> anyhow::Result<()> {
    for (address, until) in accounts.signed_in_addresses().await.context("the addresses of sessions")? {
        if let Err(error) = responder.operator_signed_in(address, until).await {
            tracing::error!(%error, "blocks on an operator's address were not taken back");
        }
    }
    Ok(())
}

/// What the HTTPS listener shows: the operator's own certificate, or one of ours. The log ports always show ours.
#[derive(Clone)]
pub struct Identity {
    pub https: Arc<ServerIdentity>,
    pub ours: Arc<ServerIdentity>,
    names: ServerNames,
    files: Option<(PathBuf, PathBuf)>,
}

impl Identity {
    async fn open(config: &Config, authority: &Authority) -> anyhow::Result<Self> {
        let names = ServerNames::local(&config.https.names).context("https.names")?;
        let ours = authority.server_certificate(&names).await.context("the server's certificate")?;
        if config.https.certificate.is_empty() {
            return Ok(Self { https: Arc::clone(&ours), ours, names, files: None });
        }
        let files = (PathBuf::from(&config.https.certificate), PathBuf::from(&config.https.key));
        let https = ServerIdentity::load(&files.0, &files.1).context("https.certificate")?;
        Ok(Self { https, ours, names, files: Some(files) })
    }

    /// Reads the operator's files again.
    ///
    /// # Errors
    /// When they cannot be used; what was shown before is still shown.
    pub fn reload(&self) -> anyhow::Result<()> {
        match &self.files {
            Some((chain, key)) => Ok(self.https.reload(chain, key)?),
            None => Ok(()),
        }
    }

    /// Renews our own in the background, long before it ends.
    pub fn keep(&self, authority: Authority, tracker: &TaskTracker, cancel: &CancellationToken) {
        let (ours, names, cancel) = (Arc::clone(&self.ours), self.names.clone(), cancel.clone());
        tracker.spawn(async move {
            tokio::select! {
                () = authority.keep_server(&ours, &names) => {}
                () = cancel.cancelled() => {}
            }
        });
    }
}

//! Running the platform: open what holds state, wire it together, listen, and stop cleanly.

pub mod disk;
pub mod first_code;
pub mod forget;
pub mod health;
mod https;
mod leaves;
mod listen;
pub mod losses;
mod meant;
mod memory;
pub mod open;
mod own_events;
pub mod passed;
pub mod peers;
mod pipeline;
pub mod policy;
pub mod privacy;
pub mod reading;
mod retention;
pub mod rotation;
pub mod rules;
mod seal;
mod sealed;
mod storing;
mod versions;
pub mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use event::{Act, Trigger, UserName};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, App};
use crate::config::Loaded;
use crate::telemetry;
use listen::Listening;
pub use listen::watch_source;
pub use open::{LEDGER_KEY, key_source};
pub use pipeline::BATCH_RECORDS_MAX;

/// Most alerts that wait for the responder; the pipeline waits when it is full.
const TRIGGERS_MAX: usize = 1_024;
/// How often the kernel's blocks are compared with the journal.
const RECONCILE_EVERY: Duration = Duration::from_secs(15);
/// How often gauges are set that nobody sets when they change.
const GAUGES_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for connections to end after the signal to stop.
const DRAIN_MAX: Duration = Duration::from_secs(20);

/// In whose name the ledger has what nobody asked for: starts and signals.
const OURSELVES: &str = "metrosoc";

/// Runs the platform until SIGTERM or Ctrl-C.
///
/// # Errors
/// When state cannot be opened, a port cannot be bound, or the pipeline cannot go on.
pub async fn run(loaded: Loaded, data: PathBuf, telemetry: &telemetry::Running) -> anyhow::Result<()> {
    let started = Instant::now();
    let cancel = CancellationToken::new();
    let tracker = TaskTracker::new();
    let (to_responder, triggers) = channel(TRIGGERS_MAX);
    let (reload, reloads) = channel(1);

    // Step 1: state, from the keys upwards.
    let opened = open::open(loaded, data, telemetry, reload).await?;
    let app = Arc::clone(&opened.app);

    // Step 2: ports, before anything runs, so that a port in use is an error of the start.
    let listening = listen::bind(&app.loaded.config, &app.data).await?;

    // Step 3: what works in the background.
    let pipeline = pipeline::Steps {
        decoder: opened.decoder,
        rules: Arc::clone(&app.rules),
        exceptions: Arc::clone(&app.exceptions),
        memory: opened.memory,
        clock: Arc::clone(&app.clock),
        pseudonyms: app.pseudonyms.clone(),
        alerts: app.alerts.clone(),
        index: Arc::clone(&app.index),
        ledger: app.ledger.clone(),
        triggers: to_responder,
        spool: Arc::clone(&app.spool),
        passed: Arc::clone(&app.passed),
        threads: app.loaded.config.rules.threads,
        forgettings: opened.forgettings,
    };
    let drained = CancellationToken::new();
    let mut steps = tokio::spawn(pipeline.run(opened.watch, drained.clone()));
    let identities = tokio::spawn(opened.identities.run(drained.clone()));
    tracker.spawn(respond(Arc::clone(&app), triggers, cancel.clone()));
    tracker.spawn(reconcile(Arc::clone(&app), cancel.clone()));
    tracker.spawn(gauges(Arc::clone(&app), cancel.clone()));
    tracker.spawn(disk::watch(Arc::clone(&app), cancel.clone()));
    tracker.spawn(losses::watch(Arc::clone(&app), cancel.clone()));
    tracker.spawn(policy::follow(Arc::clone(&app), cancel.clone()));
    tracker.spawn(retention::run(Arc::clone(&app), cancel.clone()));
    tracker.spawn(seal::run(Arc::clone(&app), cancel.clone()));
    tracker.spawn(rotation::run(Arc::clone(&app), cancel.clone()));
    tracker.spawn({
        let (sites, cancel) = (Arc::clone(&app.sites), cancel.clone());
        async move { sites.run(cancel).await }
    });
    tracker.spawn({
        let (edges, cancel) = (Arc::clone(&app.edges), cancel.clone());
        async move { edges.run(cancel).await }
    });
    tracker.spawn(opened.source_watch.run(Arc::clone(&app), cancel.clone()));
    own_record(&app, opened.acts, &tracker, &cancel);
    tracker.spawn(reload_when_told(Arc::clone(&app), opened.identity.clone(), reloads, cancel.clone()));
    opened.identity.keep(app.authority.clone(), &tracker, &cancel);

    // Step 4: listeners.
    let router = api::router(Arc::clone(&app));
    let addresses = listening.start(&app, &opened.identity, router, &cancel, &tracker).await?;
    announce(&app, &addresses, started);
    first_code::hand_over(&app.accounts, &app.data).await?;

    // Step 5: until the signal, then inputs first, so that nothing new comes while the rest drains.
    let outcome = tokio::select! {
        signal = stop_signal() => signal,
        ended = &mut steps => Err(anyhow::anyhow!("the pipeline ended: {ended:?}")),
    };
    tracing::info!("stopping");
    cancel.cancel();
    app.hunts.cancel();
    tracker.close();
    if tokio::time::timeout(DRAIN_MAX, tracker.wait()).await.is_err() {
        tracing::warn!("connections were still open after {DRAIN_MAX:?}");
    }
    app.spool.close().await;
    drained.cancel();
    if !steps.is_finished() {
        steps.await.context("the pipeline")??;
    }
    identities.await.context("what senders named")?;
    app.store.close().await;
    open::remove_socket(&app.data);
    tracing::info!("stopped");
    outcome
}

/// The product's own record: acts into the ledger, and the ledger into detection.
fn own_record(app: &Arc<App>, acts: Receiver<Act>, tracker: &TaskTracker, cancel: &CancellationToken) {
    tracker.spawn(own_events::record(app.ledger.clone(), acts, cancel.clone()));
    tracker.spawn(own_events::watch(Arc::clone(&app.sites), Arc::clone(&app.acts), cancel.clone()));
    let feed = own_events::Feed::new(
        app.ledger.clone(),
        // Also when the disk is nearly full: that is when its alerts are needed.
        app.intake.reserved(),
        app.accounts.clone(),
        Arc::clone(&app.sites),
        Arc::clone(&app.clock),
        app.data.join("own-events.position"),
    );
    tracker.spawn(feed.run(cancel.clone()));
}

fn announce(app: &App, addresses: &[Listening], started: Instant) {
    let page = addresses.iter().find(|one| one.name == "https").map_or(8443, |one| one.port);
    let mut text = format!("MetroSOC is ready after {:.1} s\n", started.elapsed().as_secs_f64());
    text.push_str(&format!("  page       https://localhost:{page}/\n"));
    for one in addresses {
        text.push_str(&format!("  {:<10} {}\n", one.name, one.address));
    }
    text.push_str(&format!("  data       {}\n", app.data.display()));
    eprintln(&text);
    tracing::info!(elapsed_ms = started.elapsed().as_millis() as u64, "ready");
}

fn eprintln(text: &str) {
    use std::io::Write as _;
    // When standard error is closed nobody listens.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// When the signals cannot be heard.
pub async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Hands alerts to the responder, as many at a time as wait.
async fn respond(app: Arc<App>, mut triggers: Receiver<Trigger>, cancel: CancellationToken) {
    let mut waiting = Vec::new();
    loop {
        waiting.clear();
        let count = tokio::select! {
            count = triggers.recv_many(&mut waiting, TRIGGERS_MAX) => count,
            () = cancel.cancelled() => return,
        };
        if count == 0 {
            return;
        }
        let Err(error) = app.responder.consider_all(&waiting).await else { continue };
        tracing::warn!(alerts = count, error = %api::problem::chain(&error), "responses not planned together");
        // One by one: what cannot be planned must not keep back the others. What was planned is not planned again.
        for trigger in &waiting {
            if let Err(error) = app.responder.consider(trigger).await {
                tracing::error!(alert = %trigger.alert, error = %api::problem::chain(&error), "response not planned");
                metrics::counter!("metrosoc_response_failures_total").increment(1);
            }
        }
    }
}

async fn reconcile(app: Arc<App>, cancel: CancellationToken) {
    if !app.loaded.config.respond.enabled {
        return;
    }
    loop {
        if let Err(error) = app.responder.reconcile().await {
            tracing::warn!(error = %api::problem::chain(&error), "blocks not compared with the journal");
        }
        tokio::select! {
            () = tokio::time::sleep(RECONCILE_EVERY) => {}
            () = cancel.cancelled() => return,
        }
    }
}

async fn gauges(app: Arc<App>, cancel: CancellationToken) {
    loop {
        if let Some(pseudonyms) = &app.pseudonyms {
            let usable = pseudonyms.vault().usable();
            metrics::gauge!("metrosoc_vault_locked").set(f64::from(u8::from(usable.is_err())));
            if let Err(error) = usable {
                tracing::error!(%error, "what comes waits in the spool, nothing new can be searched");
            }
            if let Err(error) = api::subjects::look_at_spool(&app).await {
                tracing::error!(error = %api::problem::chain(&error), "not known whether the spool holds what was shredded");
            }
        }
        metrics::gauge!("metrosoc_spool_bytes").set(app.spool.disk_bytes() as f64);
        metrics::gauge!("metrosoc_index_bytes").set(app.index.bytes() as f64);
        metrics::gauge!("metrosoc_index_events").set(app.index.documents() as f64);
        let behind = app
            .index
            .position()
            .map_or(0, |position| app.spool.next_id().0.saturating_sub(app.passed.searchable(position).0));
        metrics::gauge!("metrosoc_pipeline_behind_events").set(behind as f64);
        tokio::select! {
            () = tokio::time::sleep(GAUGES_EVERY) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// SIGHUP and `POST /api/v1/reload`: rules, playbooks, policy, policies of other applications, rules of reveals, holidays,
/// certificates. What cannot be read leaves the old in force.
async fn reload_when_told(
    app: Arc<App>,
    identity: open::Identity,
    mut reloads: Receiver<UserName>,
    cancel: CancellationToken,
) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::error!(%error, "SIGHUP is not heard");
            return;
        }
    };
    loop {
        let by = tokio::select! {
            _ = hangup.recv() => OURSELVES.to_owned(),
            told = reloads.recv() => match told {
                Some(name) => name.as_str().to_owned(),
                None => return,
            },
            () = cancel.cancelled() => return,
        };
        let outcome = reload(&app, &identity, &by).await;
        let detail = serde_json::json!({
            "policy": app.guard.version(), "rules": app.rules.load().len(),
            "faults": outcome,
        });
        let entry = ledger::Entry::new("metrosoc", "policy_change", "platform", detail);
        if let Err(error) = app.ledger.append(entry).await {
            tracing::error!(%error, "reload not recorded");
        }
    }
}

/// Records what a load changes and puts it in force; with a fault the rules before stay.
async fn put_in_force(app: &App, loaded: rules::LoadedRules, by: &str) -> Result<(), String> {
    if !loaded.refused.is_empty() {
        return Err(format!("rules: {}; the rules before stay in force", loaded.refused.join("; ")));
    }
    let recorded = versions::record(&app.rule_versions, &app.ledger, &loaded.contents, by).await;
    recorded.map_err(|error| format!("rules: {error:#}; the rules before stay in force"))?;
    // The classes of events that the old rules met are compiled before the new ones take over.
    loaded.book.rules().warm(app.rules.load().rules());
    app.rules.store(Arc::new(loaded.book));
    api::exceptions::put_in_force(app).await.map_err(|problem| format!("exceptions: {}", problem.detail))
}

async fn reload(app: &App, identity: &open::Identity, by: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let config = app.loaded.config.clone();
    match tokio::task::spawn_blocking(move || rules::load(&config)).await {
        Ok(Ok(loaded)) => faults.extend(put_in_force(app, loaded, by).await.err()),
        Ok(Err(error)) => faults.push(format!("rules: {error:#}")),
        Err(error) => faults.push(format!("rules: {error}")),
    }
    app.responder.replace_playbooks(rules::playbooks(&app.loaded.config));
    if let Err(error) = app.guard.reload() {
        faults.push(format!("policy: {}", api::problem::chain(&error)));
    }
    match policy::applications(&app.loaded.config) {
        Ok(applications) => app.applications.store(Arc::new(applications)),
        Err(error) => faults.push(format!("applications: {error:#}; those before stay in force")),
    }
    match policy::reveal_rules(&app.loaded.config) {
        Ok(rules) => app.reveals.replace(rules),
        Err(error) => faults.push(format!("{error:#}; the rules of reveals before stay in force")),
    }
    match privacy::holidays(&app.loaded.config, app.clock.now()) {
        Ok(holidays) => app.calendar.replace(holidays),
        Err(error) => faults.push(format!("holidays: {error:#}; those before stay in force")),
    }
    if let Err(error) = identity.reload() {
        faults.push(format!("certificate: {error:#}"));
    }
    if let Err(error) = app.authority.reload_revocations().await {
        faults.push(format!("revocations: {}", api::problem::chain(&error)));
    }
    for fault in &faults {
        tracing::error!(fault, "reload");
    }
    tracing::info!(faults = faults.len(), "reloaded");
    faults
}

//! The policy in force: opened from SQL or files, followed, and what goes with it (counts of decisions, suspended roles).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use event::Clock;
use policy::application::Applications;
use policy::care::PolicyVersions;
use policy::privacy::PrivacyRules;
use policy::reveal::{RevealRules, Reveals};
use policy::{CareError, Guard, Journal, PolicySource};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::api::App;
use crate::api::problem::chain;
use crate::config::Config;

/// How often another server's import is looked for, and counts are stored.
const EVERY: Duration = Duration::from_secs(5);
/// A policy of the database that was not confirmed for so long is no policy: everything is denied.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// A policy that cannot be read denies everything; the server starts all the same, so that the operator can mend it.
/// The newest version of the database, or the one that the program comes with; files where the configuration names them.
///
/// # Errors
/// When the database fails.
pub async fn open(config: &Config, versions: &PolicyVersions, clock: &Arc<dyn Clock>) -> anyhow::Result<Guard> {
    if !config.policy.path.is_empty() {
        return Ok(guard(PolicySource::Directory(PathBuf::from(&config.policy.path)), clock));
    }
    let source = match versions.newest().await? {
        None => PolicySource::Embedded,
        Some((number, _)) => match versions.get(number).await {
            Ok(Some(stored)) => PolicySource::Text(stored.text),
            Ok(None) => PolicySource::Embedded,
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(reason, number, "no policy is in force: the stored one cannot be used");
                return Ok(Guard::closed(PolicySource::Embedded, Arc::clone(clock), &reason));
            }
        },
    };
    Ok(guard(source, clock).fresh_for(FRESH_FOR))
}

fn guard(source: PolicySource, clock: &Arc<dyn Clock>) -> Guard {
    Guard::open(source.clone(), Arc::clone(clock)).unwrap_or_else(|error| {
        let reason = chain(&error);
        tracing::error!(reason, "no policy is in force: everything is denied until SIGHUP finds a good one");
        Guard::closed(source, Arc::clone(clock), &reason)
    })
}

/// The reveals, by [`reveal_rules`].
///
/// # Errors
/// When those cannot be read.
pub fn reveals(
    config: &Config,
    store: &Store,
    journal: &Arc<dyn Journal>,
    guard: &Guard,
    privacy: &Arc<PrivacyRules>,
) -> anyhow::Result<Reveals> {
    let rules = reveal_rules(config)?;
    Ok(Reveals::new(store.clone(), Arc::clone(journal), guard.clone(), rules, Arc::clone(privacy)))
}

/// `reveals.yml` of the policy's folder where there is one, else the one that the program comes with.
///
/// # Errors
/// When the file cannot be read, or is wrong.
pub fn reveal_rules(config: &Config) -> anyhow::Result<RevealRules> {
    let file = Path::new(&config.policy.path).join("reveals.yml");
    let text = if config.policy.path.is_empty() || !file.exists() {
        ::policy::reveal::EMBEDDED.to_owned()
    } else {
        std::fs::read_to_string(&file).with_context(|| format!("policy file `{}`", file.display()))?
    };
    Ok(RevealRules::parse(&text)?)
}

/// The policies of other applications: `applications.csv` of the policy's folder, where there is one.
///
/// # Errors
/// When the file cannot be read, or is wrong.
pub fn applications(config: &Config) -> anyhow::Result<Applications> {
    let file = Path::new(&config.policy.path).join("applications.csv");
    if config.policy.path.is_empty() || !file.exists() {
        return Ok(Applications::default());
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("policy file `{}`", file.display()))?;
    Applications::parse(&text).with_context(|| format!("policy file `{}`", file.display()))
}

/// Follows what other servers of the same database import, and stores what was counted, until `cancel`.
pub async fn follow(app: Arc<App>, cancel: CancellationToken) {
    loop {
        if let Err(error) = newest(&app).await {
            tracing::error!(reason = %error, "the policy in force could not be confirmed");
        }
        if let Err(error) = keep(&app).await {
            tracing::warn!(reason = %chain(&error), "counts of decisions wait for the database");
        }
        if let Err(error) = app.requests.look().await {
            tracing::error!(reason = %chain(&error), "access requests could not be looked at");
        }
        if let Err(error) = app.reveals.look().await {
            tracing::error!(reason = %chain(&error), "reveals could not be looked at");
        }
        if let Err(error) = app.subject_requests.remind().await {
            tracing::error!(reason = %chain(&error), "requests of data subjects could not be looked at");
        }
        if let Err(error) = app.restrictions.put_in_force().await {
            tracing::error!(reason = %chain(&error), "restrictions could not be read");
        }
        if let Err(error) = suspend(&app).await {
            tracing::error!(reason = %error, "personnel records could not be read");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = cancel.cancelled() => break,
        }
    }
    if let Err(error) = keep(&app).await {
        tracing::warn!(reason = %chain(&error), "counts of decisions were not stored");
    }
}

async fn newest(app: &App) -> anyhow::Result<()> {
    if !app.loaded.config.policy.path.is_empty() {
        return Ok(());
    }
    let _turn = app.policy_versions.turn().await;
    let Some((number, version)) = app.policy_versions.newest().await? else {
        // None was imported: what the program comes with is the newest.
        if let Some(version) = app.guard.version() {
            app.guard.confirm(&version);
        }
        return Ok(());
    };
    if app.guard.version().as_ref() == Some(&version) {
        app.guard.confirm(&version);
        return Ok(());
    }
    let Some(stored) = app.policy_versions.get(number).await? else { return Ok(()) };
    let guard = app.guard.clone();
    tokio::task::spawn_blocking(move || guard.replace(stored.text)).await??;
    Ok(())
}

/// Stores the counts of decisions.
///
/// # Errors
/// When the database fails; the counts are kept for the next time.
pub async fn keep(app: &App) -> Result<(), CareError> {
    let counted = app.guard.tally().take();
    if counted.is_empty() {
        return Ok(());
    }
    let stored = app.decisions.add(&counted).await;
    if stored.is_err() {
        app.guard.tally().put_back(counted);
    }
    stored
}

/// Tells the guard whose sensitive role is suspended, since a record that it asks for has ended.
///
/// # Errors
/// When the database fails; the list before stays.
pub async fn suspend(app: &App) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let accounts = app.accounts.everyone().await?;
    let suspended = app.people.suspended(&accounts).await?;
    metrics::gauge!("metrosoc_roles_suspended").set(suspended.len() as f64);
    metrics::gauge!("metrosoc_policy_notices_waiting").set(app.notices.waiting().await? as f64);
    app.guard.suspend(suspended);
    Ok(())
}

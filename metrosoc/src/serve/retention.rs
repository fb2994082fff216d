//! Deletes events whose time is over, and records each deletion before it is made.

use std::sync::Arc;
use std::time::Duration;

use detector::index::Expired;
use ledger::{DESTROYED_RANGES_MAX, Destruction, Doomed};
use tokio_util::sync::CancellationToken;

use crate::api::App;
use crate::api::problem::chain;

/// How long after the start the first look comes: recovery goes first.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// How often is looked; what is due is due by days.
const EVERY: Duration = Duration::from_secs(3_600);

/// Looks for what is due until cancelled.
pub async fn run(app: Arc<App>, cancel: CancellationToken) {
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return,
        }
        wait = EVERY;
        let worker = Arc::clone(&app);
        match tokio::task::spawn_blocking(move || expire(&worker)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = %chain(&error), "events not deleted whose time is over"),
            Err(error) => tracing::error!(%error, "events not deleted whose time is over"),
        }
    }
}

fn expire(app: &App) -> Result<(), detector::index::IndexError> {
    let retention = &app.loaded.config.retention;
    let held = retention.holds.len();
    let record = |one: &Expired| {
        let recorded = one.ids.chunks(DESTROYED_RANGES_MAX).try_for_each(|ranges| {
            let why = format!("retention of slice {}, {held} legal holds", one.slice);
            let what = Doomed::Events(ranges.to_vec());
            app.ledger.destroy(&Destruction { what, why, by: "metrosoc".to_owned() }).map(drop)
        });
        if let Err(error) = &recorded {
            tracing::error!(error = %chain(error), slice = one.slice, "not deleted: the ledger does not take the entry");
        }
        recorded.is_ok()
    };
    let expired = app.index.expire(app.clock.now(), &retention.times(), &retention.held(), record)?;
    for one in expired {
        tracing::info!(slice = one.slice, events = one.events, whole = one.whole, "events deleted: their time is over");
        metrics::counter!("metrosoc_events_expired_total").increment(one.events);
    }
    Ok(())
}

//! Seals the slices of the index that are over, in the background and within a share of one core.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use detector::index::Sealed;
use tokio_util::sync::CancellationToken;

use crate::api::App;

/// How long after the start the first look comes: recovery goes first.
const FIRST_AFTER: Duration = Duration::from_secs(120);
/// How often is looked when nothing is left to do.
const EVERY: Duration = Duration::from_secs(600);
/// How much the merging threads step back before others: half of the way.
const NICE: i32 = 10;

/// Looks for slices that are over until cancelled; after each merge it rests as long as the budget wants.
pub async fn run(app: Arc<App>, cancel: CancellationToken) {
    let percent = app.loaded.config.index.seal_core_percent;
    if percent == 0 {
        return;
    }
    let mut wait = FIRST_AFTER;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return,
        }
        wait = match seal(&app).await {
            Ok(Some(sealed)) => {
                tell(&sealed);
                rest(sealed.took, percent)
            }
            Ok(None) => EVERY,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "slice not sealed; tried again later");
                EVERY
            }
        };
    }
}

/// How long to do nothing after `took`, so that no more than `percent` of one core is used.
fn rest(took: Duration, percent: u32) -> Duration {
    let percent = percent.clamp(1, 100);
    took * (100 - percent) / percent
}

/// One merge, on a thread that steps back before all others.
async fn seal(app: &Arc<App>) -> anyhow::Result<Option<Sealed>> {
    let (worker, now) = (Arc::clone(app), app.clock.now());
    let (answer, done) = tokio::sync::oneshot::channel();
    let work = move || {
        // On Linux this is the thread's alone, and of those that it starts. Without it the budget still holds.
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!(%error, "merging does not step back");
        }
        // Who asked may have gone.
        let _ = answer.send(worker.index.seal_next(now));
    };
    std::thread::Builder::new().name("index-seal".to_owned()).spawn(work).context("no thread to merge on")?;
    Ok(done.await.context("merging ended early")??)
}

fn tell(sealed: &Sealed) {
    tracing::info!(
        slice = sealed.slice,
        segments = sealed.segments,
        bytes_before = sealed.bytes_before,
        bytes_after = sealed.bytes_after,
        took_ms = sealed.took.as_millis() as u64,
        "segments of a slice that is over put together"
    );
    metrics::counter!("metrosoc_index_sealed_segments_total").increment(sealed.segments as u64);
    metrics::counter!("metrosoc_index_sealing_milliseconds_total").increment(sealed.took.as_millis() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept_by_resting() {
        let check = |percent: u32, expected: u64| {
            assert_eq!(rest(Duration::from_secs(60), percent), Duration::from_secs(expected), "{percent} %");
        };
        check(100, 0);
        check(50, 60);
        check(25, 180);
        check(1, 5_940);
    }
}

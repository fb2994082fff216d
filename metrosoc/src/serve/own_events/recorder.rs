//! Acts from places that cannot wait, on their way to the ledger: a bounded queue, and what is beyond is counted.

use std::time::Duration;

use event::{Act, Acts};
use ledger::{Entry, Ledger};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

/// Acts that wait; every site may show its certificate at once.
const WAITING_MAX: usize = 4_096;
/// Pause behind each entry: strangers who cause acts make the ledger grow by fifty entries a second at most.
const PAUSE_EACH: Duration = Duration::from_millis(20);

/// Takes acts and never waits.
#[derive(Debug, Clone)]
pub struct Recorder(Sender<Act>);

impl Recorder {
    /// A recorder, and what [`record`] reads from.
    pub fn new() -> (Self, Receiver<Act>) {
        let (sender, receiver) = channel(WAITING_MAX);
        (Self(sender), receiver)
    }
}

impl Acts for Recorder {
    fn happened(&self, act: Act) {
        if self.0.try_send(act).is_err() {
            metrics::counter!("metrosoc_own_acts_dropped_total").increment(1);
        }
    }
}

/// Appends the acts to the ledger until `cancel` is cancelled.
pub async fn record(ledger: Ledger, mut acts: Receiver<Act>, cancel: CancellationToken) {
    loop {
        let act = tokio::select! {
            act = acts.recv() => act,
            () = cancel.cancelled() => return,
        };
        let Some(Act { actor, action, object, detail }) = act else { return };
        if let Err(error) = ledger.append(Entry::new(actor, action, object, detail)).await {
            tracing::error!(%error, action, "act not recorded");
            metrics::counter!("metrosoc_own_acts_dropped_total").increment(1);
        }
        tokio::time::sleep(PAUSE_EACH).await;
    }
}

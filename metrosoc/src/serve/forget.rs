//! Asking the pipeline to forget what correlations remember of values: it alone may touch that.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// Requests that wait.
const WAITING_MAX: usize = 16;
/// Longest wait for the pipeline, which answers between two batches.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Values to forget, and who waits for it. They are wiped from memory when that is done.
pub struct Forgetting {
    values: keys::Secret<Vec<String>>,
    reply: oneshot::Sender<Result<usize, String>>,
}

impl Forgetting {
    /// The values.
    pub fn values(&self) -> &[String] {
        self.values.expose()
    }

    /// Says how many groups of correlations went, or why none did.
    pub fn answer(self, outcome: Result<usize, String>) {
        // Who asked may have gone; what was forgotten stays so.
        let _ = self.reply.send(outcome);
    }
}

/// The way to the pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Forget(mpsc::Sender<Forgetting>);

impl Forget {
    /// The way, and its other end.
    pub fn new() -> (Self, mpsc::Receiver<Forgetting>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Has values forgotten, on the disk too; gives how many groups of correlations went.
    ///
    /// # Errors
    /// Why it was not done; asking again does no harm.
    pub async fn values(&self, values: Vec<String>) -> Result<usize, String> {
        if values.is_empty() {
            return Ok(0);
        }
        let (reply, answer) = oneshot::channel();
        let asked = Forgetting { values: keys::Secret::new(values), reply };
        let waited = tokio::time::timeout(ANSWER_MAX, async {
            self.0.send(asked).await.map_err(|_| "the pipeline has stopped".to_owned())?;
            answer.await.map_err(|_| "the pipeline has stopped".to_owned())?
        });
        waited.await.unwrap_or_else(|_| Err("the pipeline does not answer; look at `/readyz` and try again".to_owned()))
    }
}

//! The way into the spool: bounded, answered after the fsync.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use event::EventId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use tokio_util::sync::CancellationToken;

use super::codec::RECORD_OVERHEAD_BYTES;
use crate::{IntakeError, Record};

/// Bytes that one permit of the queue stands for.
const PERMIT_BYTES: usize = 1_024;
/// Most bytes of one batch.
const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest pause between two tries of [`Intake::submit_until_stored`].
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A batch is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Number of its first record; the others follow.
    pub first: EventId,
    /// Number of records.
    pub count: usize,
}

/// A batch on its way to the writer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
    pub(super) reply: oneshot::Sender<Answer>,
    /// Taken also while the spool is held.
    pub(super) reserved: bool,
    /// Room in the queue, given back when the job is done.
    pub(super) _room: OwnedSemaphorePermit,
}

/// The writer's answer; refused records come back.
pub(super) type Answer = Result<Accepted, (IntakeError, Vec<Record>)>;

#[derive(Debug)]
pub(super) enum Message {
    Job(Job),
    Close(oneshot::Sender<()>),
}

/// Puts records into the spool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    queue: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    permits: usize,
    reserved: bool,
}

impl Intake {
    pub(super) fn new(queue: mpsc::Sender<Message>, waiting_bytes_max: usize) -> Self {
        let permits = waiting_bytes_max.div_ceil(PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { queue, room: Arc::new(Semaphore::new(permits)), permits, reserved: false }
    }

    /// An intake that is taken from also while [`Spool::hold`](super::Spool::hold) holds the others: for the product's own
    /// record, which has to tell why.
    pub fn reserved(&self) -> Self {
        Self { reserved: true, ..self.clone() }
    }

    /// Stores a batch; answers when it is durable. Waits while the queue is full.
    ///
    /// # Errors
    /// Then nothing of the batch was acknowledged, and its sender must not be told that it was stored.
    pub async fn submit(&self, records: Vec<Record>) -> Result<Accepted, IntakeError> {
        self.try_to_store(records).await.map_err(|(error, _)| error)
    }

    /// Stores a batch without waiting for room in the queue.
    ///
    /// # Errors
    /// [`IntakeError::Busy`] when there is no room; otherwise as for [`Intake::submit`].
    pub async fn submit_now(&self, records: Vec<Record>) -> Result<Accepted, IntakeError> {
        let bytes = bytes_of(&records)?;
        let room =
            Arc::clone(&self.room).try_acquire_many_owned(self.permits_for(bytes)).map_err(|error| match error {
                TryAcquireError::NoPermits => IntakeError::Busy,
                TryAcquireError::Closed => IntakeError::Closed,
            })?;
        self.send(records, bytes, room).await.map_err(|(error, _)| error)
    }

    /// Stores a batch, trying again as long as the spool is full or its disk fails: the way of a source that can leave
    /// data in its socket.
    ///
    /// # Errors
    /// When `cancel` is cancelled, the spool is closed, or the batch can never be taken.
    pub async fn submit_until_stored(
        &self,
        mut records: Vec<Record>,
        cancel: &CancellationToken,
    ) -> Result<Accepted, IntakeError> {
        let mut pause = Duration::from_millis(20);
        loop {
            records = match self.try_to_store(records).await {
                Ok(accepted) => return Ok(accepted),
                Err((IntakeError::Full | IntakeError::Storage { .. } | IntakeError::Busy, records)) => records,
                Err((error, _)) => return Err(error),
            };
            tokio::select! {
                () = cancel.cancelled() => return Err(IntakeError::Closed),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    async fn try_to_store(&self, records: Vec<Record>) -> Answer {
        let bytes = match bytes_of(&records) {
            Ok(bytes) => bytes,
            Err(error) => return Err((error, records)),
        };
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(self.permits_for(bytes)).await else {
            return Err((IntakeError::Closed, records));
        };
        self.send(records, bytes, room).await
    }

    async fn send(&self, records: Vec<Record>, bytes: usize, room: OwnedSemaphorePermit) -> Answer {
        let (reply, answer) = oneshot::channel();
        let job = Job { records, bytes, reply, reserved: self.reserved, _room: room };
        if let Err(mpsc::SendError(Message::Job(job))) = self.queue.send(Message::Job(job)) {
            return Err((IntakeError::Closed, job.records));
        }
        answer.await.unwrap_or(Err((IntakeError::Closed, Vec::new())))
    }

    fn permits_for(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(PERMIT_BYTES).clamp(1, self.permits)).unwrap_or(u32::MAX)
    }

    /// Waits until everything before is written and the writer has ended.
    pub(super) async fn close(&self) {
        let (done, ended) = oneshot::channel();
        if self.queue.send(Message::Close(done)).is_ok() {
            let _ = ended.await;
        }
    }

    /// Lets the writer end when it has written everything before.
    pub(super) fn close_soon(&self) {
        let _ = self.queue.send(Message::Close(oneshot::channel().0));
    }
}

fn bytes_of(records: &[Record]) -> Result<usize, IntakeError> {
    let of_one =
        |record: &Record| record.bytes.len() + record.dedupe.as_ref().map_or(0, String::len) + RECORD_OVERHEAD_BYTES;
    let bytes = records.iter().map(of_one).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(IntakeError::TooLarge { records: records.len(), bytes, bytes_max: BATCH_BYTES_MAX });
    }
    Ok(bytes)
}

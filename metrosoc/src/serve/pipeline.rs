//! The order of steps behind the spool: decode → match → group → index → record. One thread, batches in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use collector::Record;
use collector::pipeline::Pipeline;
use collector::spool::{Consumer, Spool};
use detector::alert::Alerts;
use detector::index::Index;
use detector::sigma::{RuleSet, finding_of};
use event::{Event, EventId, Finding, Trigger};
use ledger::Ledger;
use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// Name of the pipeline's position in the spool.
pub const CONSUMER: &str = "pipeline";
/// Most records in one batch.
const BATCH_RECORDS_MAX: usize = 1_000;
/// Longest wait for a batch to fill once it has begun.
const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How often the spool is told how far the index has come.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Wait before a failed batch is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the steps work with.
pub struct Steps {
    pub decoder: Pipeline,
    pub rules: Arc<ArcSwap<RuleSet>>,
    pub alerts: Alerts,
    pub index: Arc<Index>,
    pub ledger: Ledger,
    pub triggers: Sender<Trigger>,
    pub spool: Arc<Spool>,
}

impl Steps {
    /// Takes batches until `cancel`, then says how far the index has come. After a failure it goes back to the last
    /// durable position and tries again: nothing is skipped, what waits stays in the spool, and alerts and index know
    /// what they have already.
    ///
    /// # Errors
    /// When the spool cannot be read any more.
    pub async fn run(self, cancel: CancellationToken) -> anyhow::Result<()> {
        let mut consumer = self.consumer()?;
        let mut told = Instant::now();
        let mut events = Vec::new();
        loop {
            let batch = tokio::select! {
                batch = consumer.next_batch(BATCH_RECORDS_MAX, BATCH_WAIT) => batch.context("reading the spool")?,
                () = cancel.cancelled() => break,
            };
            if let Err(error) = self.take(&batch, &mut events).await {
                tracing::error!(error = format!("{error:#}"), "batch not stored; trying again");
                metrics::counter!("metrosoc_pipeline_retries_total").increment(1);
                tokio::select! {
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                    () = cancel.cancelled() => return Ok(()),
                }
                drop(consumer);
                consumer = self.consumer()?;
            }
            if told.elapsed() >= COMMIT_EVERY {
                self.tell(&mut consumer).await?;
                told = Instant::now();
            }
        }
        tokio::task::block_in_place(|| self.index.flush()).context("flushing the index")?;
        self.tell(&mut consumer).await
    }

    fn consumer(&self) -> anyhow::Result<Consumer> {
        self.spool.reader(CONSUMER, self.index.position()).context("reading the spool")
    }

    async fn take(&self, batch: &[(EventId, Record)], events: &mut Vec<Event>) -> anyhow::Result<()> {
        let Some((last, _)) = batch.last() else { return self.make_up() };
        let next = EventId(last.0 + 1);
        let findings = tokio::task::block_in_place(|| self.read(batch, events));
        metrics::counter!("metrosoc_findings_total").increment(findings.len() as u64);
        for trigger in self.alerts.take(&findings, next).await.context("storing alerts")? {
            // A full queue waits: a trigger is never dropped, the spool holds what comes meanwhile.
            self.triggers.send(trigger).await.ok().context("the responder has stopped")?;
        }
        let digest = tokio::task::block_in_place(|| self.index.add(events)).context("indexing")?;
        metrics::counter!("metrosoc_events_indexed_total").increment(digest.count);
        if digest.count > 0 {
            let object = format!("events:{}-{}", digest.first, digest.last);
            let detail = json!({ "count": digest.count, "sha256": digest.sha256 });
            let entry = ledger::Entry::new("metrosoc", "batch_indexed", object, detail);
            self.ledger.append(entry).await.context("recording the batch")?;
        }
        Ok(())
    }

    /// What the index lost behind our back is asked for again, even when nothing new comes.
    fn make_up(&self) -> anyhow::Result<()> {
        match self.index.trouble() {
            Some(_) => tokio::task::block_in_place(|| self.index.flush()).context("indexing"),
            None => Ok(()),
        }
    }

    fn read(&self, batch: &[(EventId, Record)], events: &mut Vec<Event>) -> Vec<Finding> {
        let rules = self.rules.load();
        let mut findings = Vec::new();
        events.resize_with(batch.len(), Event::new);
        for ((id, record), event) in batch.iter().zip(events.iter_mut()) {
            event.clear();
            self.decoder.event(*id, record, event);
            findings.extend(rules.evaluate(event).iter().map(|found| finding_of(event, found)));
        }
        findings
    }

    async fn tell(&self, consumer: &mut Consumer) -> anyhow::Result<()> {
        if let Some(durable) = self.index.position() {
            consumer.commit(durable).await.context("spool position")?;
        }
        Ok(())
    }
}

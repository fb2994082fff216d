//! The order of steps behind the spool: join → decode → match → correlate → replace personal values → group → index → record.
//! Batches in order; decoding and matching of a batch on all cores, its last two steps beside the first of the next batch.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use collector::join::{Joiner, Unit};
use collector::pipeline::Pipeline;
use collector::spool::{Consumer, Spool};
use detector::alert::Alerts;
use detector::exception::{Exceptions, Hiding};
use detector::index::Index;
use detector::rulebook::{Rulebook, Stream};
use event::{Clock, Event, EventId, Finding, RuleId, Trigger};
use ledger::Ledger;
use policy::VaultError;
use policy::pseudonym::{Pseudonyms, Replacer};
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::forget::Forgetting;
use super::leaves;
use super::memory::Memory;
use super::passed::Passed;
use super::reading::{Read, Readers, Reading, threads_of};
use super::storing::Storing;
use super::watch::Watch;

/// Name of the pipeline's position in the spool.
pub const CONSUMER: &str = "pipeline";
/// Most records in one batch. What is written once a batch (alerts, pseudonyms, the record) costs a line the less, the more
/// lines a batch has; as long as the pipeline keeps up, batches are as small as what has come.
pub const BATCH_RECORDS_MAX: usize = 4_000;
/// Longest wait for a batch to fill once it has begun.
const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How often the spool is told how far the index has come.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How often what correlations remember is kept on disk.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// How often correlations are told the time.
const ADVANCE_EVERY: Duration = Duration::from_secs(1);
/// Wait before a failed batch is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the steps work with.
pub struct Steps {
    pub decoder: Pipeline,
    pub rules: Arc<ArcSwap<Rulebook>>,
    pub exceptions: Arc<ArcSwap<Exceptions>>,
    pub memory: Memory,
    pub clock: Arc<dyn Clock>,
    /// What personal values are replaced by; nothing in a data directory without.
    pub pseudonyms: Option<Arc<Pseudonyms>>,
    pub alerts: Alerts,
    pub index: Arc<Index>,
    pub ledger: Ledger,
    pub triggers: Sender<Trigger>,
    pub spool: Arc<Spool>,
    pub passed: Arc<Passed>,
    /// On how many threads batches are decoded and matched; 0 for all cores.
    pub threads: usize,
    /// Values that correlations must not remember any more.
    pub forgettings: tokio::sync::mpsc::Receiver<Forgetting>,
}

/// What the steps change as they go.
struct Progress {
    readers: Readers,
    stream: Stream,
    watch: Watch,
    replacer: Option<Replacer>,
    /// The events of the last batch with tokens in the places of personal values.
    replaced: Vec<Event>,
    /// Records that wait for others of their event.
    joiner: Joiner,
    /// Findings of correlations that are not stored yet: a batch that is tried again does not give them again.
    unstored: Vec<Finding>,
    /// The batch on its way into the index and the record.
    storing: Storing,
    /// What correlations remember is kept on disk up to here.
    kept: EventId,
    kept_at: Instant,
    advanced_at: Instant,
    /// A clean cut that the spool could not be told of.
    untold: Option<EventId>,
}

impl Steps {
    /// Takes batches until `cancel`, then says how far the index has come. After a failure it goes back to the last
    /// durable position and tries again: nothing is skipped, what waits stays in the spool, and alerts, index and
    /// correlations know what they have already.
    ///
    /// # Errors
    /// When the spool cannot be read any more.
    pub async fn run(mut self, watch: Watch, cancel: CancellationToken) -> anyhow::Result<()> {
        leaves::make_up(&self.index, &self.ledger).await?;
        let mut progress = self.progress(watch);
        let mut consumer = self.consumer(&progress)?;
        let mut told = Instant::now();
        let mut events = Vec::new();
        loop {
            let batch = tokio::select! {
                batch = consumer.next_batch(BATCH_RECORDS_MAX, BATCH_WAIT) => batch.context("reading the spool")?,
                () = cancel.cancelled() => break,
            };
            while let Ok(asked) = self.forgettings.try_recv() {
                let outcome = self.forget(asked.values(), &mut progress);
                asked.answer(outcome);
            }
            let now = (consumer.behind() == 0).then(|| self.clock.now());
            let ready = progress.joiner.take(batch, now, |record| self.decoder.audit_key(record));
            if let Err(error) = self.take(&ready.units, ready.next, &mut events, &mut progress).await {
                tracing::error!(error = format!("{error:#}"), "batch not stored; trying again");
                metrics::counter!("metrosoc_pipeline_retries_total").increment(1);
                tokio::select! {
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                    () = cancel.cancelled() => return Ok(()),
                }
                drop(consumer);
                if let Err(error) = progress.storing.finished().await {
                    tracing::error!(error = format!("{error:#}"), "the batch before not stored either");
                }
                progress.joiner.clear();
                self.passed.again();
                consumer = self.consumer(&progress)?;
            }
            if told.elapsed() >= COMMIT_EVERY {
                self.tell(&mut consumer, &mut progress).await;
                told = Instant::now();
            }
        }
        progress.storing.finished().await?;
        tokio::task::block_in_place(|| self.index.flush()).context("flushing the index")?;
        self.keep(&mut progress);
        tokio::task::block_in_place(|| progress.watch.keep(self.clock.now(), true));
        self.tell(&mut consumer, &mut progress).await;
        Ok(())
    }

    fn progress(&self, watch: Watch) -> Progress {
        let book = self.rules.load_full();
        let stream = self.memory.read(&book).unwrap_or_else(|| {
            // What was before the first start, or before a state that is lost, correlations begin without.
            let mut stream = Stream::new(book, self.memory.settings());
            stream.passed(self.index.position().unwrap_or_default());
            // Kept at once: after a crash, what follows is replayed from here and not from where the index is.
            if let Err(error) = self.memory.write(&stream) {
                tracing::error!(error = format!("{error:#}"), "state of correlations not kept");
            }
            stream
        });
        let now = Instant::now();
        let kept = stream.position();
        let (joiner, unstored) = (Joiner::default(), Vec::new());
        let storing = Storing::new(Arc::clone(&self.index), self.ledger.clone(), Arc::clone(&self.passed));
        let replacer = self.pseudonyms.as_ref().map(|all| Replacer::new(Arc::clone(all), threads_of(self.threads)));
        let replaced = Vec::new();
        Progress {
            readers: Readers::new(self.threads),
            stream,
            watch,
            replacer,
            replaced,
            joiner,
            unstored,
            storing,
            kept,
            kept_at: now,
            advanced_at: now,
            untold: None,
        }
    }

    /// Where both the index and what correlations remember are behind.
    fn durable(&self, progress: &Progress) -> Option<EventId> {
        self.index.position().map(|index| index.min(progress.kept))
    }

    /// Reads on from the clean cut that the spool was told of last, and from further back where less is durable. Index,
    /// alerts and correlations know what they have of that already.
    fn consumer(&self, progress: &Progress) -> anyhow::Result<Consumer> {
        let consumer = self.spool.reader(CONSUMER, None).context("reading the spool")?;
        let begins = self.passed.spool_begins();
        if progress.kept < begins {
            tracing::warn!(from = %progress.kept, %begins, "correlations go on without what came between, which a restore does not bring back");
        }
        match self.durable(progress).map(|durable| durable.max(begins)) {
            Some(durable) if durable < consumer.position() => {
                drop(consumer);
                self.spool.reader(CONSUMER, Some(durable)).context("reading the spool")
            }
            _ => Ok(consumer),
        }
    }

    async fn take(
        &self,
        batch: &[Unit],
        next: Option<EventId>,
        events: &mut Vec<Event>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        if let Some(pseudonyms) = &self.pseudonyms {
            // Nothing is decoded while values could not be replaced; what comes waits in the spool.
            pseudonyms.vault().usable()?;
        }
        self.overdue(progress).await?;
        let (Some(next), Some(last)) = (next, batch.last()) else {
            progress.storing.finished().await?;
            return self.make_up();
        };
        let behind = EventId(last.id().0 + 1);
        let (mut findings, hidden) = tokio::task::block_in_place(|| self.read(batch, events, progress));
        let replaced = replace(events, &mut findings, progress).await.context("personal values into the vault")?;
        metrics::counter!("metrosoc_findings_total").increment(findings.len() as u64);
        self.trigger(self.alerts.take_with(&findings, &hidden, next).await.context("storing alerts")?).await?;
        progress.unstored.clear();
        let stored = if replaced { &mut progress.replaced } else { events };
        progress.storing.store(stored, behind, next).await
    }

    /// Tells the correlations how late it is, once a second: some windows are decided when they are over.
    async fn overdue(&self, progress: &mut Progress) -> anyhow::Result<()> {
        if progress.advanced_at.elapsed() < ADVANCE_EVERY {
            return Ok(());
        }
        progress.advanced_at = Instant::now();
        let mut findings = Vec::new();
        progress.stream.advance(self.clock.now(), &mut findings);
        if findings.is_empty() {
            return Ok(());
        }
        replace(&[], &mut findings, progress).await.context("personal values into the vault")?;
        metrics::counter!("metrosoc_findings_total").increment(findings.len() as u64);
        self.trigger(self.alerts.take_overdue(&findings).await.context("storing alerts")?).await
    }

    async fn trigger(&self, triggers: Vec<Trigger>) -> anyhow::Result<()> {
        for trigger in triggers {
            // A full queue waits: a trigger is never dropped, the spool holds what comes meanwhile.
            self.triggers.send(trigger).await.ok().context("the responder has stopped")?;
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

    /// The events of a batch, the findings on them, and what exceptions hide of those.
    fn read(&self, batch: &[Unit], events: &mut Vec<Event>, progress: &mut Progress) -> (Vec<Finding>, Vec<Hiding>) {
        self.renew(progress);
        let (exceptions, book, now) = (self.exceptions.load(), Arc::clone(progress.stream.book()), self.clock.now());
        let with = Reading { decoder: &self.decoder, book: &book, exceptions: &exceptions, now };
        let Read { matched, hidden } = progress.readers.read(&with, batch, events);
        let hidden = RefCell::new(hidden);
        let is_hidden = |rule: &RuleId, event: &Event| {
            let hiding = with.hiding(rule, event);
            let is_hidden = hiding.is_some();
            hidden.borrow_mut().extend(hiding);
            is_hidden
        };
        let mut findings = Vec::new();
        for (event, matched) in events.iter().zip(matched) {
            progress.watch.note(matched.sources_mark(), event, now);
            progress.stream.follow(event, matched, is_hidden, &mut findings);
        }
        let correlated = findings.iter().filter(|finding| !finding.related.is_empty()).cloned();
        let before = std::mem::take(&mut progress.unstored);
        progress.unstored = before.iter().cloned().chain(correlated).collect();
        findings.extend(before);
        (findings, hidden.into_inner())
    }

    /// Takes the rules that are in force by now.
    fn renew(&self, progress: &mut Progress) {
        let book = self.rules.load_full();
        if Arc::ptr_eq(&book, progress.stream.book()) {
            return;
        }
        match progress.stream.replace(book, self.memory.settings()) {
            Ok(told) => told.iter().for_each(|told| tracing::info!(told, "correlations after a reload")),
            Err(error) => tracing::error!(%error, "rules not replaced; the old ones stay in force"),
        }
    }

    /// Keeps what correlations remember; a failure is told, and the spool keeps the events that would be missed.
    fn keep(&self, progress: &mut Progress) {
        match tokio::task::block_in_place(|| self.memory.write(&progress.stream)) {
            Ok(()) => progress.kept = progress.stream.position(),
            Err(error) => tracing::error!(error = format!("{error:#}"), "state of correlations not kept"),
        }
        progress.kept_at = Instant::now();
        self.memory.measure(&progress.stream);
    }

    /// Forgets what correlations remember of values, on the disk too.
    fn forget(&self, values: &[String], progress: &mut Progress) -> Result<usize, String> {
        let groups = tokio::task::block_in_place(|| progress.stream.forget(values));
        let written = tokio::task::block_in_place(|| self.memory.write(&progress.stream));
        written.map_err(|error| format!("{error:#}"))?;
        (progress.kept, progress.kept_at) = (progress.stream.position(), Instant::now());
        Ok(groups)
    }

    /// Tells the spool how far it may forget. A disk that is full refuses even that: it is tried again, and until then more
    /// is kept than has to be.
    async fn tell(&self, consumer: &mut Consumer, progress: &mut Progress) {
        if progress.kept_at.elapsed() >= KEEP_EVERY && progress.kept < progress.stream.position() {
            self.keep(progress);
        }
        tokio::task::block_in_place(|| progress.watch.keep(self.clock.now(), false));
        let Some(durable) = self.durable(progress) else { return };
        // The spool is told of clean cuts alone, so that a crash replays every event as it was.
        let Some(clean) = self.passed.clean(durable).or(progress.untold.take()) else { return };
        if let Err(error) = consumer.commit(clean).await {
            tracing::error!(error = %crate::api::problem::chain(&error), "spool not told of what is done; trying again");
            progress.untold = Some(clean);
        }
    }
}

/// Replaces the personal values of events (into `progress.replaced`) and findings; gives whether it does so here.
async fn replace(events: &[Event], findings: &mut [Finding], progress: &mut Progress) -> Result<bool, VaultError> {
    let Some(replacer) = &mut progress.replacer else { return Ok(false) };
    tokio::task::block_in_place(|| replacer.read(events, findings));
    replacer.enter().await?;
    tokio::task::block_in_place(|| replacer.write(events, findings, &mut progress.replaced));
    Ok(true)
}

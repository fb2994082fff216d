//! Whose records a connection brings, and their way into the spool.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{KnownBy, Transport};

use super::Listening;
use crate::sites::{Lane, Refusal};
use crate::source::own;
use crate::{Format, IntakeError, Record};

/// Longest sleep of a sender that is held back, before it is looked at again.
const HELD_MAX: Duration = Duration::from_secs(1);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Ended {
    /// The peer closed it.
    Closed,
    /// It broke, or was closed without saying so.
    Broken,
    /// A frame took too long.
    SlowFrame,
    /// Nothing came for too long.
    Idle,
    /// Unfinished frames of all connections hold too much memory.
    Crowded,
    /// The peer's certificate was revoked.
    Revoked,
    /// The peer's certificate is valid no more.
    Expired,
    /// We are stopping.
    Stopped,
    /// The spool takes nothing more, or the sender is not taken any more.
    Refused,
    /// The peer does not speak the protocol, or does not read what it is told.
    Faulty,
}

/// The sender at the other end of one connection.
#[derive(Debug)]
pub(in crate::source) struct Sender {
    listening: Arc<Listening>,
    lane: Lane,
    peer: IpAddr,
    /// The register that `lane` was looked up in.
    generation: u64,
}

impl Sender {
    /// A sender that is known.
    pub(in crate::source) fn new(listening: Arc<Listening>, lane: Lane, peer: IpAddr) -> Self {
        let generation = listening.attribution.sites().generation();
        Self { listening, lane, peer, generation }
    }

    /// Something bad came from it.
    pub(in crate::source) fn complain(&self, what: &'static str, detail: &str) {
        self.listening.complain(what, self.peer, detail);
    }

    /// Something bad came from it that its source is held to account for.
    pub(in crate::source) fn refuse(&self, what: &'static str, detail: &str) {
        self.lane.source.refused(1, self.listening.attribution.now());
        self.complain(what, &format!("{}: {detail}", self.lane.origin.source));
    }

    /// When the register has changed, the sender may belong to another site or agency, or be refused now with the
    /// `records` that it has just sent: `false`.
    pub(in crate::source) fn look_up_again(&mut self, records: usize) -> bool {
        let generation = self.listening.attribution.sites().generation();
        if generation == self.generation {
            return true;
        }
        self.generation = generation;
        match self.look_up() {
            Ok(lane) => {
                self.lane = lane;
                true
            }
            Err(refusal) => {
                self.listening.attribution.refuse(self.peer, self.listening.transport, records as u64);
                self.complain("connection refused", refusal.as_str());
                false
            }
        }
    }

    fn look_up(&self) -> Result<Lane, Refusal> {
        let (attribution, transport) = (&self.listening.attribution, self.listening.transport);
        match self.lane.origin.known_by {
            KnownBy::Certificate => {
                let site = &self.lane.origin.site;
                Ok(attribution.lane_for_site(site, KnownBy::Certificate, transport, Some(self.peer)))
            }
            _ => attribution.lane_for_address(self.peer, transport),
        }
    }

    /// Waits while its site is over its quota: what it sends meanwhile stays in its socket.
    pub(in crate::source) async fn wait_for_turn(&self) {
        loop {
            let wait = self.lane.share.wait(self.listening.attribution.now());
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = self.listening.cancel.cancelled() => return,
                () = tokio::time::sleep(wait.min(HELD_MAX)) => {}
            }
        }
    }

    /// Puts frames, with whether each was cut, into the spool and waits until they are durable; `bytes` are those of all.
    ///
    /// # Errors
    /// When they are not stored; then they are counted as dropped, unless the sender waits for our word and has them still.
    pub(in crate::source) async fn store(
        &self,
        frames: impl Iterator<Item = (Bytes, bool)>,
        bytes: usize,
    ) -> Result<(), IntakeError> {
        let now = self.listening.attribution.now();
        let local = self.peer.is_loopback();
        let mut skipped = 0;
        let mut records = Vec::with_capacity(frames.size_hint().0);
        for (frame, truncated) in frames {
            if local && own::is_own(&frame) {
                skipped += 1;
                continue;
            }
            let record = Record::new(Arc::clone(&self.lane.origin), now, frame).with_format(Format::Syslog);
            records.push(Record { truncated, ..record });
        }
        if skipped > 0 {
            own::skipped(skipped);
        }
        if records.is_empty() {
            return Ok(());
        }
        let count = records.len();
        let _place = self.lane.share.place(bytes).await;
        match self.listening.intake.submit_until_stored(records, &self.listening.cancel).await {
            Ok(_) => {
                self.lane.source.stored(count, bytes, now);
                self.lane.share.charge(count, bytes, now);
                Ok(())
            }
            Err(error) => {
                if !matches!(self.listening.transport, Transport::Relp | Transport::RelpPlain) {
                    self.lane.source.dropped(count as u64, now);
                }
                self.complain("records not stored", &error.to_string());
                Err(error)
            }
        }
    }

    /// Logs why its connection ended.
    pub(in crate::source) fn tell(&self, ended: Ended) {
        let what = match ended {
            Ended::SlowFrame => "frame not finished in time",
            Ended::Crowded => "unfinished frames hold too much memory",
            Ended::Broken => "connection broke",
            Ended::Revoked => {
                tracing::warn!(peer = %self.peer, site = %self.lane.origin.site, "connection cut: certificate revoked");
                return;
            }
            Ended::Expired => {
                tracing::warn!(peer = %self.peer, site = %self.lane.origin.site, "connection cut: certificate expired");
                return;
            }
            Ended::Closed | Ended::Idle | Ended::Stopped | Ended::Refused | Ended::Faulty => {
                tracing::debug!(peer = %self.peer, site = %self.lane.origin.site, ?ended, "connection ended");
                return;
            }
        };
        self.complain(what, self.lane.origin.source.as_str());
    }
}

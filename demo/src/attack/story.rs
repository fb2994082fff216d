//! How a story is told: steps in time, each an event of a site through one of two doors.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;
use crate::entry::Entry;
use crate::site::{Kind, Site, Town, Via};
use crate::source::Scene;
use crate::traffic::Traffic;

/// The way by which an event reaches the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The site's own connection.
    Own,
    /// A connection of somebody else, from another address, with the site's certificate and key.
    Stolen,
}

/// One event of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it is sent.
    pub send_at: Timestamp,
    /// By which way.
    pub door: Door,
    /// What is sent.
    pub entry: Entry,
}

/// A story while it is told.
#[derive(Debug)]
pub(super) struct Story<'s> {
    town: &'s Town,
    traffic: &'s mut Traffic,
    now: Timestamp,
    haste: f64,
    steps: Vec<Step>,
}

impl<'s> Story<'s> {
    pub(super) fn new(town: &'s Town, traffic: &'s mut Traffic, start: Timestamp, haste: f64) -> Self {
        Self { town, traffic, now: start, haste: haste.clamp(0.1, 1_000.0), steps: Vec::new() }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// A site for the story.
    pub(super) fn site(&mut self, kind: Kind, via: Option<Via>) -> Option<Arc<Site>> {
        self.town.one(kind, via, self.traffic.dice())
    }

    /// Chance.
    pub(super) fn dice(&mut self) -> &mut Dice {
        self.traffic.dice()
    }

    /// The name by which somebody who works at the site signs in.
    pub(super) fn officer(&mut self, site: &Arc<Site>) -> String {
        self.traffic.scene(site, self.now, |scene| scene.officer().login)
    }

    /// The time that the story has come to.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Time goes by.
    pub(super) fn wait(&mut self, pause: Duration) {
        let pause = SignedDuration::try_from(pause.div_f64(self.haste)).unwrap_or_default();
        self.now = self.now.checked_add(pause).unwrap_or(self.now);
    }

    /// Something happens at a site, now.
    pub(super) fn tell(&mut self, site: &Arc<Site>, what: impl FnOnce(&mut Scene<'_>) -> Entry) {
        self.tell_through(Door::Own, site, self.now, what);
    }

    /// Something is sent now that bears another time, or comes by another way.
    pub(super) fn tell_through(
        &mut self,
        door: Door,
        site: &Arc<Site>,
        at: Timestamp,
        what: impl FnOnce(&mut Scene<'_>) -> Entry,
    ) {
        let entry = self.traffic.scene(site, at, what);
        self.steps.push(Step { send_at: self.now, door, entry });
    }

    /// The site's ordinary life goes on for so many events.
    pub(super) fn life(&mut self, site: &Arc<Site>, events: u32) {
        for _ in 0..events {
            self.wait(Duration::from_millis(300));
            if let Some(entry) = self.traffic.of_site(site, self.now) {
                self.steps.push(Step { send_at: self.now, door: Door::Own, entry });
            }
        }
    }
}

//! Holding groups: hits into them, complete windows out of them, and groups that must go.

use std::cmp::Reverse;

use event::{EventId, Timestamp};

use super::group::{Firing, Group};
use super::groups::SlotId;
use super::key;
use super::plan::{Plan, Planned};
use super::state::{Arrival, Correlated, Pending, State};
use super::window::{Limits, Placed};

/// Groups that one hit takes out because their time has passed.
const EXPIRED_PER_HIT: usize = 2;
/// Groups that give way at once when memory is short.
const EVICTED_PER_HIT: usize = 64;

impl State {
    /// Puts a hit into the group of `key`, which is made when it is new.
    pub(super) fn place(&mut self, plan: &Plan, number: u32, key: &[u8], hit: Arrival) {
        let Some(planned) = plan.planned(number) else { return };
        let limits = self.limits(planned);
        self.expire(plan, number, EXPIRED_PER_HIT);
        let hash = self.groups.hash(key);
        let at = match self.groups.find(hash, key) {
            Some(at) => at,
            None => {
                self.make_room();
                self.groups.insert(hash, Group::new(number, key, planned))
            }
        };
        let clock = self.clock;
        let Some(group) = self.groups.get_mut(at) else { return };
        let (placed, lost) = group.place(hit.time, hit.id, hit.brought, &limits, clock);
        self.totals.dropped += lost;
        match placed {
            Placed::Late => self.totals.late += 1,
            Placed::Repeated => self.totals.repeated += 1,
            Placed::In => {
                self.totals.taken += 1;
                if planned.waits {
                    self.close(plan, at, planned, &limits);
                } else if let Some(firing) = group.fire(hit.time, planned, &limits) {
                    self.completed(plan, at, Firing { trigger: hit.id, ..firing }, hit.by_event);
                }
                self.groups.touch(at);
                self.groups.weigh(at);
                self.relieve(at);
            }
        }
    }

    /// Decides the windows whose time has come.
    pub(super) fn close_due(&mut self, plan: &Plan) {
        while let Some(Reverse((due, at, serial))) = self.deadlines.peek().copied() {
            if due > self.clock {
                return;
            }
            self.deadlines.pop();
            if self.groups.serial(at) != Some(serial) {
                continue;
            }
            let Some(group) = self.groups.get_mut(at).filter(|group| group.scheduled == due) else { continue };
            group.scheduled = i64::MAX;
            let Some(planned) = plan.planned(group.correlation) else { continue };
            let limits = self.limits(planned);
            self.close(plan, at, planned, &limits);
            self.groups.weigh(at);
        }
    }

    /// Decides the complete windows of a group and notes when the next one is.
    pub(super) fn close(&mut self, plan: &Plan, at: SlotId, planned: &Planned, limits: &Limits) {
        let clock = self.clock;
        while let Some(decided) = self.groups.get_mut(at).and_then(|group| group.close(clock, planned, limits)) {
            if let Some(firing) = decided {
                self.completed(plan, at, firing, false);
            }
        }
        let serial = self.groups.serial(at).unwrap_or_default();
        let Some(group) = self.groups.get_mut(at) else { return };
        if let Some(due) = group.due(limits).filter(|due| *due < group.scheduled) {
            group.scheduled = due;
            self.deadlines.push(Reverse((due, at, serial)));
        }
        if self.deadlines.len() > 2 * self.groups.len() + 1_024 {
            let groups = &self.groups;
            let is_valid = |due: i64, at: SlotId| groups.get(at).is_some_and(|group| group.scheduled == due);
            self.deadlines
                .retain(|Reverse((due, at, serial))| groups.serial(*at) == Some(*serial) && is_valid(*due, *at));
        }
    }

    fn completed(&mut self, plan: &Plan, at: SlotId, firing: Firing, by_event: bool) {
        let Some(group) = self.groups.get(at) else { return };
        let fields = plan.spec(group.correlation).map_or(&[][..], |spec| spec.group_by.as_slice());
        let correlated = Correlated {
            correlation: group.correlation,
            time: Timestamp::from_nanos(firing.time),
            group: fields.iter().cloned().zip(key::values(&group.key)).collect(),
            events: firing.events.into_iter().map(EventId).collect(),
            events_total: firing.events_total,
            value: firing.value,
        };
        self.pending.push(Pending { correlated, trigger: firing.trigger, by_event });
    }

    /// Lets groups of a correlation go that no hit can meet any more, at most `most`.
    pub(super) fn expire(&mut self, plan: &Plan, correlation: u32, most: usize) {
        let Some(planned) = plan.planned(correlation) else { return };
        let kept = planned.span.saturating_add(self.lateness());
        // As long again where windows wait, to know the hits that come too late for one that was decided.
        let kept = if planned.waits { kept.saturating_mul(2) } else { kept };
        for _ in 0..most {
            let Some(at) = self.groups.oldest(correlation) else { return };
            let is_over = |group: &Group| group.touched.saturating_add(kept) < self.clock;
            if !self.groups.get(at).is_some_and(is_over) {
                return;
            }
            self.groups.remove(at);
        }
    }

    pub(super) fn make_room(&mut self) {
        while self.groups.len() >= self.settings.groups_max.max(1) {
            let victim = self.groups.with_most_groups().and_then(|most| self.groups.oldest(most));
            let Some(victim) = victim else { return };
            self.groups.remove(victim);
            self.totals.evicted += 1;
        }
    }

    /// Keeps the bytes within their bound; the group at hand stays.
    fn relieve(&mut self, at: SlotId) {
        for _ in 0..EVICTED_PER_HIT {
            if self.groups.held() <= self.settings.bytes_max {
                return;
            }
            let victim = self.groups.with_most_bytes().and_then(|most| self.groups.oldest(most));
            let Some(victim) = victim.filter(|victim| *victim != at) else { return };
            self.groups.remove(victim);
            self.totals.evicted += 1;
        }
    }

    pub(super) fn limits(&self, planned: &Planned) -> Limits {
        planned.limits(self.lateness(), self.settings.hits_per_group_max.max(1))
    }
}

//! Limits: how much may be blocked at once, in an hour, and for how long.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::playbook::Playbook;

/// The bounds of every action; a playbook may only narrow them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most addresses blocked at one time.
    pub blocked_max: u32,
    /// Most blocks started in an hour.
    pub per_hour_max: u32,
    /// Longest block, in seconds.
    pub duration_secs_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blocked_max: 500, per_hour_max: 120, duration_secs_max: 86_400 }
    }
}

/// The set in the kernel holds no more; above it nothing could be added.
const BLOCKED_MAX: u32 = 50_000;

/// What is in force already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Addresses that are blocked now, the target not counted.
    pub(crate) blocked: u32,
    /// Blocks started within the last hour.
    pub(crate) last_hour: u32,
}

/// What is in force of every playbook; kept up while plans of one batch are carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loads {
    all: Load,
    own: HashMap<String, Load>,
    /// Which playbooks hold a target blocked, of the targets that were asked for.
    standing: HashMap<String, HashSet<String>>,
}

impl Loads {
    /// Addresses blocked by all playbooks, an address that several of them block counted once.
    pub(crate) fn blocked_by_all(&mut self, blocked: u32) {
        self.all.blocked = blocked;
    }

    /// Addresses blocked by one playbook.
    pub(crate) fn blocked(&mut self, playbook: String, blocked: u32) {
        self.own.entry(playbook).or_default().blocked = blocked;
    }

    /// Blocks started by one playbook within the last hour.
    pub(crate) fn last_hour(&mut self, playbook: String, started: u32) {
        self.all.last_hour = self.all.last_hour.saturating_add(started);
        self.own.entry(playbook).or_default().last_hour = started;
    }

    /// A playbook holds a target blocked, which is counted already.
    pub(crate) fn stands(&mut self, playbook: String, target: String) {
        self.standing.entry(target).or_default().insert(playbook);
    }

    /// A playbook has blocked a target.
    pub(crate) fn started(&mut self, playbook: &str, target: &str) {
        let (all, own) = self.of(playbook, target);
        let more =
            |load: Load| Load { blocked: load.blocked.saturating_add(1), last_hour: load.last_hour.saturating_add(1) };
        self.all = more(all);
        self.own.insert(playbook.to_owned(), more(own));
        self.stands(playbook.to_owned(), target.to_owned());
    }

    /// What all playbooks and what this one have in force, the target itself not counted among the blocked.
    pub(crate) fn of(&self, playbook: &str, target: &str) -> (Load, Load) {
        let without =
            |load: Load, stands: bool| Load { blocked: load.blocked.saturating_sub(u32::from(stands)), ..load };
        let own = self.own.get(playbook).copied().unwrap_or_default();
        let by = self.standing.get(target);
        (without(self.all, by.is_some()), without(own, by.is_some_and(|by| by.contains(playbook))))
    }
}

impl Limits {
    /// The same with every number inside what can be done at all.
    pub(crate) fn bounded(mut self) -> Self {
        self.blocked_max = self.blocked_max.min(BLOCKED_MAX);
        self.duration_secs_max = self.duration_secs_max.clamp(10, 7 * 86_400);
        self
    }

    /// How long a block of this playbook may last.
    pub(crate) fn duration(&self, asked_secs: u64) -> Duration {
        Duration::from_secs(asked_secs.min(self.duration_secs_max))
    }

    /// Why one more block would be too many; `all` counts every playbook's blocks, `own` this one's.
    pub(crate) fn exceeded(&self, all: Load, own: Load, playbook: Option<&Playbook>) -> Option<String> {
        let over =
            |count: u32, most: u32, what: &str| (count >= most).then(|| format!("{count} {what}, {most} allowed"));
        let own_max = |most: Option<u32>, bound: u32| most.unwrap_or(bound).min(bound);
        let blocked_own = own_max(playbook.and_then(|book| book.blocked_max), self.blocked_max);
        let hour_own = own_max(playbook.and_then(|book| book.per_hour_max), self.per_hour_max);
        over(all.blocked, self.blocked_max, "addresses blocked")
            .or_else(|| over(all.last_hour, self.per_hour_max, "blocks started within an hour"))
            .or_else(|| over(own.blocked, blocked_own, "addresses blocked by this playbook"))
            .or_else(|| over(own.last_hour, hour_own, "blocks started by this playbook within an hour"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(all: (u32, u32), own: (u32, u32), expected: Option<&str>) {
        let yaml = "{id: p, title: {vi: a, en: b}, when: {level: high}, do: {block_address: {address: source, duration: 1h}}, limits: {blocked_max: 2, per_hour_max: 3}}";
        let book = Playbook::parse("p.yml", yaml).unwrap();
        let limits = Limits { blocked_max: 10, per_hour_max: 20, ..Limits::default() };
        let load = |(blocked, last_hour)| Load { blocked, last_hour };
        let found = limits.exceeded(load(all), load(own), Some(&book));
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn one_too_many_is_refused() {
        check((9, 19), (1, 2), None);
        check((10, 0), (0, 0), Some("10 addresses blocked, 10 allowed"));
        check((0, 20), (0, 0), Some("20 blocks started within an hour, 20 allowed"));
        check((2, 3), (2, 2), Some("2 addresses blocked by this playbook, 2 allowed"));
        check((2, 3), (1, 3), Some("3 blocks started by this playbook within an hour, 3 allowed"));
        assert_eq!(Limits::default().duration(9_999_999), Duration::from_secs(86_400));
    }

    #[test]
    fn what_a_batch_starts_is_counted_like_what_was_there() {
        let mut loads = Loads::default();
        loads.blocked_by_all(5);
        loads.blocked("p".to_owned(), 2);
        loads.last_hour("p".to_owned(), 3);
        loads.last_hour("q".to_owned(), 4);
        loads.stands("p".to_owned(), "192.0.2.1".to_owned());
        let check = |loads: &Loads, playbook: &str, target: &str, all: (u32, u32), own: (u32, u32)| {
            let load = |(blocked, last_hour)| Load { blocked, last_hour };
            assert_eq!(loads.of(playbook, target), (load(all), load(own)), "{playbook} {target}");
        };
        check(&loads, "p", "192.0.2.9", (5, 7), (2, 3));
        check(&loads, "p", "192.0.2.1", (4, 7), (1, 3));
        check(&loads, "q", "192.0.2.1", (4, 7), (0, 4));
        check(&loads, "new", "192.0.2.9", (5, 7), (0, 0));
        // Another playbook's block of the same address is no further address.
        loads.started("q", "192.0.2.1");
        check(&loads, "q", "192.0.2.9", (5, 8), (1, 5));
        loads.started("q", "192.0.2.2");
        check(&loads, "q", "192.0.2.9", (6, 9), (2, 6));
        check(&loads, "q", "192.0.2.2", (5, 9), (1, 6));
    }
}

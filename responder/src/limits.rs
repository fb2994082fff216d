//! Limits: how much may be blocked at once, in an hour, and for how long.

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
}

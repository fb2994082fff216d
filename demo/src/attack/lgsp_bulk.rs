//! `lgsp-bulk`: one agency's token reads citizens by the thousand through the gateway, at night.
//!
//! When it is told by day, its calls bear times of the night before: a gateway that delivers late.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Promise;
use super::story::{Door, Story};
use crate::entry::local;
use crate::site::Kind;
use crate::source::gateway::{Call, call};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 1] = [Promise {
    rule: "bafe9bd1-20c5-4152-9127-c47089bf36a2",
    title: "Many citizen records read in one call of the LGSP gateway",
}];

const CONSUMER: &str = "so-giao-duc-va-dao-tao";

/// `now` when the city sleeps, else the same minute at two in the night before.
fn at_night(now: Timestamp) -> Timestamp {
    let clock = local(now);
    if !(6..22).contains(&clock.hour()) {
        return now;
    }
    let back = SignedDuration::from_hours(i64::from(clock.hour()) - 2);
    now.checked_sub(back).unwrap_or(now)
}

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let gateway = story.site(Kind::Gateway, None)?;
    let agency = story.site(Kind::Office, None)?;
    let client: IpAddr = agency.v6(0x66).into();
    let user = story.officer(&agency);
    story.life(&gateway, 3);
    for round in 0..14_u64 {
        story.wait(Duration::from_secs(1));
        let records = story.dice().between(400, 5_000);
        let (api, purpose) = match round {
            0..3 => ("/citizens/v1/lookup", Some("school-admission")),
            3..12 => ("/citizens/v1/search", Some("school-admission")),
            _ => ("/citizens/v1/export", None),
        };
        let records = if round < 3 { 1 } else { records };
        let user = user.as_str();
        let bulk = Call { consumer: CONSUMER, purpose, api, records, status: 200, user, client, token: "t-sgd-web" };
        let at = at_night(story.now());
        story.tell_through(Door::Own, &gateway, at, |scene| call(scene, &bulk));
        if round % 3 == 2 {
            story.life(&gateway, 2);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &str, expected: &str) {
        assert_eq!(at_night(now.parse().unwrap()), expected.parse::<Timestamp>().unwrap());
    }

    #[test]
    fn calls_bear_times_of_the_night() {
        // 09:30 in the city becomes 02:30 of the same day; 23:10 stays.
        check("2026-11-03T02:30:00Z", "2026-11-02T19:30:00Z");
        check("2026-11-03T16:10:00Z", "2026-11-03T16:10:00Z");
    }
}

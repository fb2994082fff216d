//! Which records travel first: a test of a line's first bytes, cheap enough for every record.
//!
//! The test must say the same of a record for as long as an edge may hold it, over restarts and new versions: otherwise
//! a record would belong to both lanes or to none. **Its meaning is therefore never changed**; another one would be
//! another type beside it.

use event::Transport;
use serde::{Deserialize, Serialize};

use crate::Record;

/// Bytes of a line that are looked at.
const HEADER_BYTES: usize = 256;
/// Words of a header among which the program is looked for.
const WORDS_MAX: usize = 8;

/// What makes a record urgent: any of these. What the edge says of itself always is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urgency {
    /// Syslog facilities (RFC 5424, table 1).
    pub facilities: Vec<u8>,
    /// Severities up to this (RFC 5424, table 2); 7 makes everything with a priority urgent.
    pub severity_max: u8,
    /// Programs, as the header names them.
    pub programs: Vec<String>,
}

impl Default for Urgency {
    fn default() -> Self {
        let programs = [
            "sshd",
            "sshd-session",
            "sudo",
            "su",
            "login",
            "passwd",
            "useradd",
            "usermod",
            "userdel",
            "groupadd",
            "cron",
            "CRON",
            "kernel",
            "nft",
            "iptables",
            "audit",
            "auditd",
            "audispd",
            "suricata",
            "fail2ban",
            "polkitd",
            "systemd-logind",
        ];
        Self {
            // auth, authpriv, audit
            facilities: vec![4, 10, 13],
            severity_max: 3,
            programs: programs.map(str::to_owned).to_vec(),
        }
    }
}

impl Urgency {
    /// Whether a record is urgent.
    pub fn marks(&self, record: &Record) -> bool {
        if record.origin.transport == Transport::Edge {
            return true;
        }
        let line = record.bytes.get(..HEADER_BYTES).unwrap_or(&record.bytes);
        let (priority, rest) = priority(line);
        let by_priority = priority
            .is_some_and(|priority| self.facilities.contains(&(priority / 8)) || priority % 8 <= self.severity_max);
        by_priority || program(rest).is_some_and(|program| self.programs.iter().any(|one| one.as_bytes() == program))
    }
}

/// The number between `<` and `>`, at most 191, and what stands behind it.
fn priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let Some(rest) = line.strip_prefix(b"<") else { return (None, line) };
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let Some((number, behind)) = rest.split_at_checked(digits) else { return (None, line) };
    let Some(behind) = behind.strip_prefix(b">") else { return (None, line) };
    let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    match number {
        Some(number @ 0..=191) => (Some(number), behind),
        _ => (None, line),
    }
}

/// The program that a header names: RFC 5424's app-name, or the first word that is a tag (`sshd[812]:`, `kernel:`).
fn program(header: &[u8]) -> Option<&[u8]> {
    let mut words = header.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    if header.starts_with(b"1 ") {
        return words.nth(3);
    }
    words.take(WORDS_MAX).find_map(|word| {
        let bracket = word.iter().position(|&byte| byte == b'[');
        match bracket {
            Some(at @ 1..) if word.ends_with(b"]:") || word.ends_with(b"]") => word.get(..at),
            _ => word.strip_suffix(b":").filter(|name| !name.is_empty()),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event::{KnownBy, Origin, SiteId, SourceId, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn record(line: &[u8], transport: Transport) -> Record {
        let origin = Origin {
            site: SiteId::unknown(),
            agency: None,
            known_by: KnownBy::Unknown,
            source: SourceId::of(transport, "x"),
            transport,
            peer: None,
        };
        Record::new(Arc::new(origin), Timestamp::from_secs(1), line.to_vec())
    }

    #[track_caller]
    fn check(line: &str, expected: bool) {
        assert_eq!(Urgency::default().marks(&record(line.as_bytes(), Transport::SyslogUdp)), expected, "{line}");
    }

    #[test]
    fn facility_severity_or_program_decide() {
        check("<38>Nov  3 10:00:00 host app[1]: auth.info", true);
        check("<86>1 2026-11-03T10:00:00Z host app 1 - - authpriv.info", true);
        check("<11>Nov  3 10:00:00 host app[1]: user.err", true);
        check("<14>Nov  3 10:00:00 host app[1]: user.info", false);
        check("<14>Nov  3 10:00:00 host sshd[812]: x", true);
        check("Nov  3 10:00:00 host sshd[812]: x", true);
        check("2026-11-03T10:00:00+07:00 host sudo: lan : TTY=pts/0", true);
        check("<14>1 2026-11-03T10:00:00Z host sshd 812 - - x", true);
        check("Nov  3 10:00:00 host kernel: [12.5] nft drop", true);
        check("Nov  3 10:00:00 host app[1]: sshd[812]: quoted", false);
        check("<14>1 2026-11-03T10:00:00Z host app 812 - - sshd: quoted", false);
        check("<999>Nov  3 10:00:00 host app[1]: x", false);
        check("", false);
        check("<", false);
        check("<13>", false);
    }

    #[test]
    fn what_the_edge_says_of_itself_is_urgent() {
        assert!(Urgency::default().marks(&record(b"{}", Transport::Edge)));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(line in prop::collection::vec(any::<u8>(), 0..300)) {
            Urgency::default().marks(&record(&line, Transport::SyslogTcp));
        }
    }
}

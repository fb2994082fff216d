//! Cisco ASA, FTD, PIX and FWSM: `%ASA-6-302013: Built inbound TCP connection …` (Cisco Secure Firewall ASA Series Syslog
//! Messages) and the security events of FTD, `%FTD-1-430003: Name: value, …`.

use event::{Event, EventFull};

use super::super::{Dates, Fit, Line, TextFormat};
use super::asa_messages::MESSAGES;
use super::{Marked, envelope, marked, worded};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "cisco.asa", strict: true, decode, normalise: crate::normalise::cisco::to_ecs };

/// Most names of a security event that become fields; the text keeps the others.
const PAIRS_MAX: usize = 200;
/// Longest name of a security event's value, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Whether the mark is a firewall's; its messages have numbers of six digits.
pub(super) fn owns(marked: &Marked<'_>) -> bool {
    let family = marked.facility.split('-').next().unwrap_or_default();
    let numbered = marked.mnemonic.len() == 6 && marked.mnemonic.bytes().all(|byte| byte.is_ascii_digit());
    matches!(family, "ASA" | "FTD" | "PIX" | "FWSM") && numbered
}

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(marked) = marked(line).filter(owns) else { return Ok(Fit::No) };
    let time = envelope(line, &marked, dates, event)?;
    event.push("event.code", marked.mnemonic)?;
    event.push("observer.product", if marked.facility.starts_with("FTD") { "ftd" } else { "asa" })?;
    event.push("observer.type", "firewall")?;
    match marked.mnemonic {
        "430001" | "430002" | "430003" | "430004" | "430005" => pairs(marked.text, event)?,
        number => {
            // VPN messages begin with who it is about; some are worded behind that.
            let text = session(marked.text, event)?;
            worded(MESSAGES, number, text, event)?;
        }
    }
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

/// `Group = G, Username = U, IP = A, text` and `Group <G> User <U> IP <A> text`: adds who, returns the text behind.
fn session<'a>(text: &'a str, event: &mut Event) -> Result<&'a str, EventFull> {
    const EQUALS: [(&str, &str, &str); 3] =
        [("Group = ", ", ", "group.name"), ("Username = ", ", ", "user.name"), ("IP = ", ", ", "source.ip")];
    const ANGLES: [(&str, &str, &str); 3] =
        [("Group <", "> ", "group.name"), ("User <", "> ", "user.name"), ("IP <", "> ", "source.ip")];
    let mut rest = text;
    for (begin, end, name) in EQUALS.iter().chain(&ANGLES) {
        let Some((value, behind)) = rest.strip_prefix(begin).and_then(|after| after.split_once(end)) else { continue };
        match *name {
            "source.ip" => super::endpoint::push_address(name, value, event)?,
            _ if value.is_empty() => {}
            name => event.push(name, value)?,
        }
        rest = behind;
    }
    Ok(rest)
}

/// `Name: value, Name: value`; a value ends before a comma behind which another name stands.
fn pairs(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let mut field = String::with_capacity(64);
    let mut rest = text;
    for _ in 0..PAIRS_MAX {
        let Some((name, after)) = rest.split_once(": ").filter(|(name, _)| is_name(name)) else { break };
        let (value, behind) = value(after);
        field.clear();
        field.push_str("cisco.ftd.");
        field.push_str(name);
        if !value.is_empty() {
            event.push(&field, value.trim_matches('"'))?;
        }
        rest = behind;
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn value(text: &str) -> (&str, &str) {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(", ")) {
        let (end, next) = (from + at, from + at + 2);
        let behind = text.get(next..).unwrap_or_default();
        // Bounded by the name's own length, so that a long value costs one pass.
        let window = behind.get(..behind.len().min(NAME_BYTES_MAX + 2)).unwrap_or(behind);
        if window.split_once(": ").is_some_and(|(name, _)| is_name(name)) {
            return (text.get(..end).unwrap_or(text), behind);
        }
        from = next;
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    /// What a message says besides the mark itself.
    #[track_caller]
    fn check(number: &str, text: &str, expected: &str) {
        let listed = testing::listed(&FORMAT, &format!("%ASA-4-{number}"), text);
        let listed = listed.split_once("observer.type=firewall").map_or(listed.as_str(), |(_, rest)| rest);
        let sorted = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(listed), sorted(expected), "{text}");
    }

    #[test]
    fn denied_packets_are_read() {
        check(
            "106001",
            "Inbound TCP connection denied from 203.0.113.9/5123 to 10.0.3.9/3389 flags SYN  on interface outside",
            "event.action=deny event.outcome=failure source.ip=203.0.113.9 source.port=5123 destination.ip=10.0.3.9 \
             destination.port=3389 cisco.asa.tcp_flags=SYN observer.ingress.interface.name=outside network.transport=tcp",
        );
        check(
            "106023",
            "Deny tcp src outside:2001:db8::9/5123 dst inside:fd00::9/22 by access-group \"OUT_IN\" [0x0, 0x0]",
            "event.action=deny event.outcome=failure network.transport=tcp source.ip=2001:db8::9 source.port=5123 \
             observer.ingress.interface.name=outside destination.ip=fd00::9 destination.port=22 \
             observer.egress.interface.name=inside rule.name=OUT_IN",
        );
        check(
            "106023",
            "Deny icmp src outside:203.0.113.9 dst inside:10.0.3.9 (type 8, code 0) by access-group \"A\"",
            "event.action=deny event.outcome=failure network.transport=icmp source.ip=203.0.113.9 \
             observer.ingress.interface.name=outside destination.ip=10.0.3.9 observer.egress.interface.name=inside \
             icmp.type=8 icmp.code=0 rule.name=A",
        );
        check(
            "106100",
            "access-list OUT denied tcp outside/203.0.113.9(5123) -> inside/10.0.3.9(23) hit-cnt 1 first hit [0xabc, 0x0]",
            "event.action=deny event.outcome=failure rule.name=OUT network.transport=tcp source.ip=203.0.113.9 \
             source.port=5123 observer.ingress.interface.name=outside destination.ip=10.0.3.9 destination.port=23 \
             observer.egress.interface.name=inside event.count=1",
        );
        check("999999", "nothing known", "");
    }

    #[test]
    fn connections_are_read_from_who_began() {
        check(
            "302013",
            "Built outbound TCP connection 7 for outside:203.0.113.9/443 (203.0.113.9/443) to inside:10.1.1.5/5123 (198.51.100.2/5123)",
            "event.action=allow event.outcome=success network.direction=outbound network.transport=tcp \
             cisco.asa.connection_id=7 destination.ip=203.0.113.9 destination.port=443 \
             observer.egress.interface.name=outside source.ip=10.1.1.5 source.port=5123 \
             observer.ingress.interface.name=inside source.nat.ip=198.51.100.2 source.nat.port=5123",
        );
        check(
            "302014",
            "Teardown TCP connection 7 for outside:203.0.113.9/443 to inside:10.1.1.5/5123 duration 0:01:02 bytes 5000 TCP FINs",
            "event.action=teardown network.transport=tcp cisco.asa.connection_id=7 source.ip=203.0.113.9 \
             source.port=443 observer.ingress.interface.name=outside destination.ip=10.1.1.5 destination.port=5123 \
             observer.egress.interface.name=inside cisco.asa.duration=0:01:02 network.bytes=5000 event.reason=TCP FINs",
        );
        check(
            "302020",
            "Built outbound ICMP connection for faddr 203.0.113.9/0 gaddr 198.51.100.2/7 laddr 10.1.1.5/7 type 8 code 0",
            "event.action=allow event.outcome=success network.direction=outbound destination.ip=203.0.113.9 \
             destination.port=0 source.ip=10.1.1.5 source.port=7 icmp.type=8 icmp.code=0 network.transport=icmp",
        );
    }

    #[test]
    fn people_are_read() {
        check(
            "113005",
            "AAA user authentication Rejected : reason = AAA failure : server = 10.1.0.5 : user = lan : user IP = 203.0.113.9",
            "event.action=login event.outcome=failure event.reason=AAA failure server.ip=10.1.0.5 user.name=lan \
             source.ip=203.0.113.9",
        );
        check(
            "113019",
            "Group = CANBO, Username = lan, IP = 203.0.113.9, Session disconnected. Session Type: SSL, Duration: 0h:10m:05s, Bytes xmt: 123, Bytes rcv: 456, Reason: User Requested",
            "group.name=CANBO user.name=lan source.ip=203.0.113.9 event.action=session_closed cisco.asa.session_type=SSL \
             cisco.asa.duration=0h:10m:05s destination.bytes=123 source.bytes=456 event.reason=User Requested",
        );
        check(
            "605004",
            "Login denied from 203.0.113.9/5123 to outside:198.51.100.1/ssh for user \"root\"",
            "event.action=login event.outcome=failure source.ip=203.0.113.9 source.port=5123 \
             observer.ingress.interface.name=outside destination.ip=198.51.100.1 network.protocol=ssh user.name=root",
        );
        check(
            "722051",
            "Group <CANBO> User <lan> IP <203.0.113.9> IPv4 Address <10.8.0.4> IPv6 address <::> assigned to session",
            "group.name=CANBO user.name=lan source.ip=203.0.113.9 event.action=session_opened event.outcome=success \
             cisco.asa.assigned.ip=10.8.0.4",
        );
        check(
            "111010",
            "User 'hung', running 'CLI' from IP 10.1.0.9, executed 'write memory'",
            "event.action=command user.name=hung cisco.asa.application=CLI source.ip=10.1.0.9 \
             process.command_line=write memory",
        );
    }

    #[test]
    fn security_events_are_read() {
        let text = "AccessControlRuleAction: Block, SrcIP: 203.0.113.9, DstIP: 10.0.3.9, URL: http://x/a, b, InitiatorBytes: 66, User: \"\"";
        let event = testing::fields(&FORMAT, &format!("%FTD-1-430003: {text}"));
        assert_eq!(event.get_str("cisco.ftd.URL"), Some("http://x/a, b"));
        assert_eq!(event.get_str("cisco.ftd.InitiatorBytes"), Some("66"));
        assert_eq!(event.get_str("observer.product"), Some("ftd"));
    }

    #[test]
    fn every_wording_is_of_a_number() {
        for (number, template, ..) in MESSAGES {
            assert!(number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_digit()), "{number} {template}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(%ASA-6-302013: |%FTD-1-430003: |x: )?[ -~é]{0,120}") {
            testing::listed(&FORMAT, "", &text);
        }

        #[test]
        fn no_wording_panics(at in 0..MESSAGES.len(), values in prop::collection::vec("[ -~é]{0,12}", 8)) {
            let (number, template, ..) = MESSAGES[at];
            let mut text = String::new();
            for (part, value) in template.split('{').zip([""].into_iter().chain(values.iter().map(String::as_str))) {
                text.push_str(value);
                text.push_str(part.split_once('}').map_or(part, |(_, words)| words));
            }
            let listed = testing::listed(&FORMAT, &format!("%ASA-6-{number}"), &text);
            prop_assert!(listed.contains("event.code="), "{}", listed);
        }
    }
}

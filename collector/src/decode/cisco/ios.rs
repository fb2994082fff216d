//! Cisco IOS, IOS XE and NX-OS: `%SEC-6-IPACCESSLOGP: list 101 denied tcp …`, every mark that is no firewall's.

use event::{Event, EventFull};

use super::super::{Dates, Fit, Line, TextFormat};
use super::ios_messages::MESSAGES;
use super::{asa, envelope, marked, worded};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "cisco.ios", strict: true, decode, normalise: crate::normalise::cisco::to_ecs };

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(marked) = marked(line).filter(|marked| !asa::owns(marked)) else { return Ok(Fit::No) };
    let time = envelope(line, &marked, dates, event)?;
    event.push("event.code", marked.mnemonic)?;
    event.push("cisco.ios.facility", marked.facility)?;
    event.push("observer.product", "ios")?;
    event.push("observer.type", "router")?;
    worded(MESSAGES, marked.mnemonic, marked.text, event)?;
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(mark: &str, text: &str, expected: &str) {
        let listed = testing::listed(&FORMAT, mark, text);
        let listed = listed.split_once("observer.type=router").map_or(listed.as_str(), |(_, rest)| rest);
        assert_eq!(listed.trim_start(), expected, "{text}");
    }

    #[test]
    fn messages_are_read() {
        check(
            "%SEC-6-IPACCESSLOGP",
            "list 101 denied tcp 203.0.113.9(5123) (GigabitEthernet0/1 0011.2233.4455) -> 10.0.3.9(22), 1 packet",
            "event.action=deny event.outcome=failure rule.name=101 network.transport=tcp source.ip=203.0.113.9 \
             source.port=5123 destination.ip=10.0.3.9 destination.port=22 network.packets=1",
        );
        check(
            "%IPV6_ACL-6-ACCESSLOGDP",
            "list V6/20 denied icmpv6 2001:db8::9 -> fd00::9 (128/0), 5 packets",
            "event.action=deny event.outcome=failure rule.name=V6/20 network.transport=icmpv6 source.ip=2001:db8::9 \
             destination.ip=fd00::9 icmp.type=128 icmp.code=0 network.packets=5",
        );
        check(
            "%SEC_LOGIN-4-LOGIN_FAILED",
            "Login failed [user: admin] [Source: 203.0.113.9] [localport: 22] [Reason: Login Authentication Failed] at 07:00:00",
            "event.action=login event.outcome=failure user.name=admin source.ip=203.0.113.9 destination.port=22 \
             event.reason=Login Authentication Failed",
        );
        check(
            "%PARSER-5-CFGLOG_LOGGEDCMD",
            "User:hung  logged command:no logging host 10.1.0.5",
            "event.action=command user.name=hung process.command_line=no logging host 10.1.0.5",
        );
        check(
            "%SYS-5-CONFIG_I",
            "Configured from console by hung on vty0 (203.0.113.70)",
            "event.action=configured cisco.ios.from=console user.name=hung cisco.ios.line=vty0 source.ip=203.0.113.70",
        );
        check("%NEW-3-THING", "nothing known", "");
        assert_eq!(testing::listed(&FORMAT, "%ASA-6-302013", "x"), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(%SYS-5-CONFIG_I: |%SEC-6-IPACCESSLOGP: list |x: )?[ -~é]{0,120}") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

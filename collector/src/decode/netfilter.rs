//! Packets that the Linux kernel logs for iptables and nftables: `PREFIX IN=eth0 OUT= SRC=… DST=… PROTO=TCP SPT=…`.

use event::{Event, EventFull};

use super::dates::looks_iso;
use super::{Dates, Fit, Line, TextFormat, has_own_format};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "iptables.log", strict: true, decode, normalise: crate::normalise::netfilter::to_ecs };

/// Most words that are looked at.
const WORDS_MAX: usize = 200;
/// Longest text before a packet, in bytes; a rule's own prefix has 127 at most (nftables), and the kernel's time is short.
const PREFIX_BYTES_MAX: usize = 192;

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(at) = memchr::memmem::find(line.text.as_bytes(), b"IN=") else { return Ok(Fit::No) };
    let Some((prefix, rest)) = line.text.split_at_checked(at) else { return Ok(Fit::No) };
    let own = |name| rest.contains(name);
    // Another program's message that quotes a packet is none.
    let quoted = looks_iso(prefix) || prefix.contains(" : ") || prefix.contains("://");
    // Squid calls its workers `(squid-1)`; no kernel logs under such a name.
    let worker = line.app.is_some_and(|app| app.starts_with('('));
    let foreign = worker || line.app.is_some_and(has_own_format) || quoted;
    // Without the kernel's name before it, a packet has nothing but a rule's prefix there.
    let foreign = foreign || line.app != Some("kernel") && !is_rule_prefix(prefix);
    if foreign || prefix.len() > PREFIX_BYTES_MAX || prefix.contains(['=', '"', '%', '{', ',', '|']) {
        return Ok(Fit::No);
    }
    if !(prefix.is_empty() || prefix.ends_with([' ', ':', ']', '-'])) || !own(" OUT=") || !own(" SRC=") || !own(" DST=")
    {
        return Ok(Fit::No);
    }
    // The kernel's time since boot stands before the rule's own prefix.
    let prefix = prefix.rsplit(']').next().unwrap_or(prefix).trim_ascii();
    if !prefix.is_empty() {
        event.push("iptables.prefix", prefix.trim_end_matches(':'))?;
    }
    let mut name = String::with_capacity(32);
    for word in rest.split(' ').take(WORDS_MAX) {
        // The packet that an ICMP error is about stands in brackets and is not this one.
        if word.starts_with('[') {
            break;
        }
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let known = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !known || value.is_empty() && word.contains('=') {
            continue;
        }
        name.clear();
        name.push_str("iptables.");
        name.extend(key.chars().map(|letter| letter.to_ascii_lowercase()));
        if word.contains('=') { event.push(&name, value)? } else { event.push("iptables.flags", key)? }
    }
    Ok(Fit::Yes)
}

/// Whether a text is the kernel's time and a rule's own prefix and no more: no other program's words, names or marks.
fn is_rule_prefix(text: &str) -> bool {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix("kernel: ").unwrap_or(text).trim_ascii_start();
    let timed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let is_time = |time: &str| time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b' '));
    let text = timed.filter(|(time, _)| is_time(time)).map_or(text, |(_, rest)| rest);
    let inner = text.trim_ascii().trim_end_matches(':');
    // A prefix often ends its parts with colons; a program's line has its name, its level and then its words.
    let colons = inner.matches(": ").count();
    colons <= 1 && !inner.contains(['[', ']', '(', ')', '<', '>', '@', '/', '\t']) && !inner.ends_with('.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn packets_are_read() {
        let text = "[12.5] UFW BLOCK: IN=eth0 OUT= MAC=aa SRC=2001:db8::1 DST=2001:db8::2 LEN=60 PROTO=TCP SPT=4 DPT=22 SYN URGP=0";
        assert_eq!(
            testing::listed(&FORMAT, "kernel", text),
            "iptables.prefix=UFW BLOCK iptables.in=eth0 iptables.mac=aa iptables.src=2001:db8::1 \
             iptables.dst=2001:db8::2 iptables.len=60 iptables.proto=TCP iptables.spt=4 iptables.dpt=22 \
             iptables.flags=SYN iptables.urgp=0",
        );
        let text = "nft#wan-drop: IN=wan OUT=lan SRC=fd00::1 DST=2001:db8::2 LEN=80 PROTO=ICMPv6 TYPE=1 CODE=4 [SRC=2001:db8::9 DST=fd00::1 PROTO=UDP DPT=53 ]";
        assert_eq!(
            testing::listed(&FORMAT, "", text),
            "iptables.prefix=nft#wan-drop iptables.in=wan iptables.out=lan iptables.src=fd00::1 \
             iptables.dst=2001:db8::2 iptables.len=80 iptables.proto=ICMPv6 iptables.type=1 iptables.code=4",
        );
        let packet = "IN=eth0 OUT= SRC=1.2.3.4 DST=1.2.3.5";
        let check = |app: &str, prefix: &str, expected: bool| {
            let found = testing::listed(&FORMAT, app, &format!("{prefix}{packet}"));
            assert_eq!(found != "no", expected, "{app}: {prefix}");
        };
        check("", "kernel: [ 12.5] FW: DROP: ", true);
        check("", "iptables denied: ", true);
        check("kernel", "[12.5] FW (wan): DROP: in/out: ", true);
        check("", "[1793664010] unbound[812:0] info: 2001:db8::7 a. A IN ", false);
        check("", "03-Nov-2026 07:00:04.000 general: info: all zones loaded ", false);
        check("named", "client 10.0.0.5#53 (a.vn): query: a.vn IN A + (10.0.0.53) ", false);
        check("", "[Tue Nov 03 07:00:03 2026] [core:notice] AH00052: exit ", false);
        assert_eq!(testing::listed(&FORMAT, "kernel", "LOGIN=x OUT= SRC= DST="), "no");
        assert_eq!(testing::listed(&FORMAT, "sshd", "x IN= OUT= SRC=1 DST=2"), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~é]{0,20}(IN= OUT= SRC=)?[ -~é]{0,60}") {
            testing::listed(&FORMAT, "kernel", &text);
        }
    }
}

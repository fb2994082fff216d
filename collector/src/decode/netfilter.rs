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

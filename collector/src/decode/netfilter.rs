//! Packets that the Linux kernel logs for iptables and nftables: `PREFIX IN=eth0 OUT= SRC=… DST=… PROTO=TCP SPT=…`.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "iptables.log", strict: true, decode, normalise: crate::normalise::netfilter::to_ecs };

/// Most words that are looked at.
const WORDS_MAX: usize = 200;

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(at) = memchr::memmem::find(line.text.as_bytes(), b"IN=") else { return Ok(Fit::No) };
    let Some((prefix, rest)) = line.text.split_at_checked(at) else { return Ok(Fit::No) };
    let own = |name| rest.contains(name);
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
        assert_eq!(testing::listed(&FORMAT, "kernel", "LOGIN=x OUT= SRC= DST="), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~é]{0,20}(IN= OUT= SRC=)?[ -~é]{0,60}") {
            testing::listed(&FORMAT, "kernel", &text);
        }
    }
}

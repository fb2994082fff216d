//! Records of the Linux audit system: `type=SYSCALL msg=audit(1793664004.123:911): key=value…`, from the daemon's file, its
//! dispatcher's syslog lines or the kernel's log.
//!
//! The records of one event of the kernel are joined (`collector::join`) and decoded together; a name that several of them
//! have then holds the values of all, so that Sigma's rules, which speak of single records, find theirs. A record that
//! comes by itself is an event of its own. `auditd.log.sequence` is the kernel's number of the event.

mod calls;
pub(crate) mod joined;
mod types;

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "auditd.log", strict: true, decode, normalise: crate::normalise::auditd::to_ecs };

/// Most pairs of a record that become fields; the text keeps the others.
const PAIRS_MAX: usize = 1_000;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// What stands before the names that an enriching daemon adds, and what rsyslog makes of it.
const ENRICHED: [&str; 2] = ["\u{1d}", "#035"];
/// Values that a stranger chooses: in quotes, or in hexadecimal where they hold quotes, spaces or control characters.
const UNTRUSTED: [&str; 20] = [
    "acct",
    "cmd",
    "comm",
    "cwd",
    "data",
    "dir",
    "exe",
    "file",
    "grp",
    "key",
    "name",
    "new-disk",
    "new-fs",
    "ocomm",
    "old-disk",
    "path",
    "proctitle",
    "sw",
    "vm",
    "watch",
];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(head) = head(line.text) else { return Ok(Fit::No) };
    if let Some(node) = head.node {
        event.push("auditd.log.node", node)?;
    }
    event.push("auditd.log.record_type", head.kind)?;
    event.push("auditd.log.sequence", head.sequence)?;
    let mut rest = head.rest;
    if let Some((verdict, after)) = rest.strip_prefix("avc:").and_then(verdict) {
        event.push("auditd.log.seresult", verdict.0)?;
        event.push("auditd.log.seperms", verdict.1)?;
        rest = after;
    }
    let mut pairs = Pairs { kind: head.kind, arch: "", arguments: Vec::new(), left: PAIRS_MAX };
    pairs.read(rest, event)?;
    pairs.finish(event)?;
    Ok(Fit::At(dates.epoch_text(head.time)))
}

/// What stands before a record's own fields.
struct Head<'a> {
    node: Option<&'a str>,
    kind: &'a str,
    time: &'a str,
    sequence: i64,
    rest: &'a str,
}

/// `[node=HOST ]type=NAME msg=audit(TIME:SEQUENCE): `, or the kernel's `[[12.5] ]audit: type=1300 audit(…): `.
fn head(text: &str) -> Option<Head<'_>> {
    let mut scan = Scan::new(text);
    if scan.eat("[").is_some() {
        scan.until_byte(b']')?;
        scan.spaces();
    }
    scan.eat("audit: ");
    let node = scan.eat("node=").map(|()| scan.word());
    scan.eat("type=")?;
    let kind = scan.word();
    scan.eat("msg=");
    scan.eat("audit(")?;
    let (time, sequence) = scan.until_byte(b')')?.rsplit_once(':')?;
    scan.eat(":")?;
    scan.spaces();
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']');
    if kind.is_empty() || kind.len() > KEY_BYTES_MAX || !kind.bytes().all(belongs) {
        return None;
    }
    let number = kind.strip_prefix("UNKNOWN[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(kind).parse().ok();
    let kind = number.and_then(types::name).unwrap_or(kind);
    Some(Head { node, kind, time, sequence: sequence.parse().ok()?, rest: scan.rest() })
}

/// `  denied  { read write } for  `: SELinux's word and what was asked.
fn verdict(text: &str) -> Option<((&str, &str), &str)> {
    let (word, rest) = text.trim_ascii_start().split_once(' ')?;
    let (permissions, rest) = rest.trim_ascii_start().strip_prefix('{')?.split_once('}')?;
    Some(((word, permissions.trim_ascii()), rest))
}

/// The pairs of one record.
struct Pairs<'a> {
    kind: &'a str,
    arch: &'a str,
    /// Arguments of an EXECVE record, in order.
    arguments: Vec<String>,
    left: usize,
}

impl<'a> Pairs<'a> {
    fn read(&mut self, text: &'a str, event: &mut Event) -> Result<(), EventFull> {
        let mut rest = text;
        while !rest.is_empty() && self.left > 0 {
            for mark in ENRICHED {
                rest = rest.strip_prefix(mark).unwrap_or(rest);
            }
            let mut scan = Scan::new(rest.trim_start_matches([' ', ',']));
            let key = scan.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'[' | b']'));
            if key.is_empty() || key.len() > KEY_BYTES_MAX || scan.eat("=").is_none() {
                let end = rest.trim_start_matches(' ').find(' ');
                rest = end.and_then(|end| rest.trim_start_matches(' ').get(end..)).unwrap_or_default();
                continue;
            }
            self.left -= 1;
            // `msg='op=login acct="x" res=success'`: a program's own pairs.
            if let Some(inner) = scan.rest().strip_prefix('\'') {
                let end = inner.rfind('\'').unwrap_or(inner.len());
                let (own, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
                self.read(own, event)?;
                rest = after.strip_prefix('\'').unwrap_or(after);
                continue;
            }
            let (value, is_quoted) = match quoted(scan.rest()) {
                Some((value, after)) => {
                    rest = after;
                    (value, true)
                }
                None => {
                    let (value, after) = bare(scan.rest());
                    rest = after;
                    (value, false)
                }
            };
            self.pair(key, value, is_quoted, event)?;
        }
        Ok(())
    }

    fn pair(&mut self, key: &'a str, value: &'a str, is_quoted: bool, event: &mut Event) -> Result<(), EventFull> {
        if self.kind == "EXECVE" && argument(key).is_some() {
            return self.argument(key, value, is_quoted, event);
        }
        if matches!(value, "" | "?" | "(null)" | "(none)") && !is_quoted {
            return Ok(());
        }
        match key {
            "arch" => {
                self.arch = value;
                event.set_default("auditd.log.arch", value)
            }
            "syscall" => {
                let name = value.parse().ok().and_then(|number| calls::name(self.arch, number));
                event.set_default("auditd.log.syscall", name.unwrap_or(value))
            }
            // The names of enriched records, which come behind the numbers.
            "SYSCALL" => event.set("auditd.log.syscall", value),
            "saddr" => {
                event.set_default("auditd.log.saddr", value)?;
                socket(value, event)
            }
            _ => {
                let decoded = (!is_quoted && UNTRUSTED.contains(&key)).then(|| unhex(value)).flatten();
                let text = decoded.as_deref().unwrap_or(value);
                let name = format!("auditd.log.{key}");
                match key {
                    // Several keys of one rule.
                    "key" => text.split('\u{1}').try_for_each(|one| event.push(&name, one)),
                    // A command line: zero bytes stand between its words.
                    "proctitle" | "cmd" => event.push(&name, text.replace('\0', " ").trim_ascii_end()),
                    _ => event.push(&name, text),
                }
            }
        }
    }

    /// `a0="cp"`, `a1=2F746D70`, and long ones in pieces: `a2_len=9000 a2[0]=… a2[1]=…`.
    fn argument(&mut self, key: &str, value: &str, is_quoted: bool, event: &mut Event) -> Result<(), EventFull> {
        let decoded = if is_quoted { None } else { unhex(value) };
        let text = decoded.as_deref().unwrap_or(value);
        let Some((number, is_more)) = argument(key) else { return Ok(()) };
        if is_more && let Some(last) = self.arguments.last_mut() {
            last.push_str(text);
            return Ok(());
        }
        self.arguments.push(text.to_owned());
        event.set_default(&format!("auditd.log.a{number}"), text)
    }

    /// Adds the whole command line, and pieces of arguments put together.
    fn finish(self, event: &mut Event) -> Result<(), EventFull> {
        if self.kind != "EXECVE" || self.arguments.is_empty() {
            return Ok(());
        }
        for (number, text) in self.arguments.iter().enumerate() {
            event.push("process.args", text.as_str())?;
            let name = format!("auditd.log.a{number}");
            if event.get_str(&name).is_some_and(|first| first.len() < text.len()) {
                event.set(&name, text.as_str())?;
            }
        }
        event.push("process.command_line", self.arguments.join(" ").as_str())
    }
}

/// The number of an argument, and whether this is a further piece of it; `a1_len` is none.
fn argument(key: &str) -> Option<(usize, bool)> {
    let rest = key.strip_prefix('a')?;
    let (number, piece) = match rest.split_once('[') {
        Some((number, piece)) => (number, piece.strip_suffix(']')?.parse::<usize>().ok()?),
        None => (rest, 0),
    };
    Some((number.parse().ok().filter(|number| *number < PAIRS_MAX)?, piece > 0))
}

/// A value in double quotes; what holds a quote itself is never quoted.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

/// A value up to a space, a comma behind a word of a program's, or the mark of the enriched names.
fn bare(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\u{1d}']).unwrap_or(text.len());
    let end = text.get(..end).and_then(|value| value.find("#035")).unwrap_or(end);
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The text that hexadecimal digits stand for; `None` for anything else.
fn unhex(text: &str) -> Option<String> {
    if text.len() < 2 || !text.len().is_multiple_of(2) || text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    hex::decode(text).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A `struct sockaddr`: the family in the machine's order (little-endian), then address and port in the network's.
fn socket(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Ok(bytes) = hex::decode(text) else { return Ok(()) };
    let (family, rest) = match bytes.as_slice() {
        [family, 0, rest @ ..] => (*family, rest),
        _ => return Ok(()),
    };
    let (address, port) = match (family, rest) {
        (2, [high, low, a, b, c, d, ..]) => {
            (std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string(), u16::from_be_bytes([*high, *low]))
        }
        (10, [high, low, _, _, _, _, address @ ..]) => {
            let Some(octets) = address.first_chunk::<16>() else { return Ok(()) };
            (std::net::Ipv6Addr::from(*octets).to_string(), u16::from_be_bytes([*high, *low]))
        }
        (1, path) => {
            let path = path.split(|byte| *byte == 0).find(|part| !part.is_empty()).unwrap_or_default();
            return event.push("auditd.log.sockaddr.path", &*String::from_utf8_lossy(path));
        }
        _ => return Ok(()),
    };
    event.push("auditd.log.sockaddr.address", address.as_str())?;
    event.push("auditd.log.sockaddr.port", i64::from(port))
}

#[cfg(test)]
mod tests;

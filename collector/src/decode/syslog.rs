//! The syslog envelope: RFC 5424 with structured data, RFC 3164 as it is really sent, and lines of `/var/log/syslog`.

use event::{Event, EventFull};

use super::dates::{Claim, Dates, looks_iso};
use super::scan::{Scan, unescape};

/// Most parameters of structured data that become fields; the text keeps the others.
const PARAMS_MAX: usize = 500;
/// Longest tag of RFC 3164 that counts as one, in bytes; RFC 3164 says 32, real programs say more.
const TAG_BYTES_MAX: usize = 128;
/// Longest host name (RFC 5424 §6.2.4), in bytes.
const HOST_BYTES_MAX: usize = 255;
/// Words that stand behind the time in programs' own logs and are no host.
const LEVELS: [&str; 8] = ["trace", "debug", "info", "notice", "warn", "warning", "error", "fatal"];

/// What stands before the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// `<PRI>` as facility and severity; lines of a file have none.
    pub priority: Option<(u8, u8)>,
    /// Whether it is RFC 5424.
    pub modern: bool,
    /// The sender's time; `None` where it gives none.
    pub time: Option<Claim<'a>>,
    /// The host name or address.
    pub host: Option<&'a str>,
    /// The program: APP-NAME, or the tag.
    pub app: Option<&'a str>,
    /// PROCID, or what stands in brackets behind the tag.
    pub pid: Option<&'a str>,
    /// MSGID.
    pub message_id: Option<&'a str>,
    /// STRUCTURED-DATA as text, `-` left out.
    pub data: &'a str,
    /// The message.
    pub message: &'a str,
}

/// Reads the header of `text`; `None` when it has none.
pub fn header<'a>(text: &'a str, dates: &Dates<'_>) -> Option<Header<'a>> {
    let mut scan = Scan::new(text);
    let priority = priority(&mut scan);
    if priority.is_some()
        && let Some(header) = modern(scan, priority, dates)
    {
        return Some(header);
    }
    traditional(scan, priority, dates)
}

/// `<0>` to `<191>`; no step when something else stands there.
fn priority(scan: &mut Scan<'_>) -> Option<(u8, u8)> {
    let mut ahead = *scan;
    ahead.eat("<")?;
    let digits = ahead.run(|byte| byte.is_ascii_digit());
    ahead.eat(">")?;
    let value: u8 = if digits.len() <= 3 { digits.parse().ok().filter(|value| *value <= 191)? } else { return None };
    *scan = ahead;
    Some((value >> 3, value & 7))
}

/// RFC 5424 §6: `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.
fn modern<'a>(mut scan: Scan<'a>, priority: Option<(u8, u8)>, dates: &Dates<'_>) -> Option<Header<'a>> {
    scan.eat("1 ")?;
    let time = match scan.word() {
        "-" => None,
        text => Some(Claim { time: looks_iso(text).then(|| dates.iso(text))?, text }),
    };
    let mut field = || Some(scan.word()).filter(|word| !word.is_empty());
    let (host, app, pid, message_id) = (field()?, field()?, field()?, field()?);
    // Structured data that is missing or broken costs itself alone: it stays in the message, and the header counts.
    // Only a real time tells such a line from one that just begins with `1`.
    let data = match structured_data(&mut scan) {
        Some(data) => data,
        None if time.is_some() => "",
        None => return None,
    };
    scan.eat(" ");
    let message = scan.rest();
    Some(Header {
        priority,
        modern: true,
        time,
        host: given(host),
        app: given(app),
        pid: given(pid),
        message_id: given(message_id),
        data,
        message: message.strip_prefix('\u{feff}').unwrap_or(message),
    })
}

fn given(word: &str) -> Option<&str> {
    (word != "-").then_some(word)
}

/// Steps over STRUCTURED-DATA; `None` when there is neither `-` nor a whole element.
fn structured_data<'a>(scan: &mut Scan<'a>) -> Option<&'a str> {
    if scan.eat("-").is_some() {
        return Some("");
    }
    let text = scan.rest();
    let mut at = 0;
    while text.as_bytes().get(at) == Some(&b'[') {
        at = element_end(text.as_bytes(), at + 1)?;
    }
    let (data, rest) = text.split_at_checked(at).filter(|(data, _)| !data.is_empty())?;
    *scan = Scan::new(rest);
    Some(data)
}

/// The place behind the `]` that ends the element which begins at `from`; brackets in quotes do not count.
fn element_end(bytes: &[u8], mut from: usize) -> Option<usize> {
    let mut quoted = false;
    loop {
        let at = from + memchr::memchr3(b'"', b'\\', b']', bytes.get(from..)?)?;
        match bytes.get(at) {
            Some(b'"') => quoted = !quoted,
            Some(b'\\') if quoted => from = at + 1,
            Some(b']') if !quoted => return Some(at + 1),
            _ => {}
        }
        from = from.max(at) + 1;
    }
}

/// RFC 3164 §4 and what devices make of it: time, host and tag may each be missing, the time may be ISO.
fn traditional<'a>(mut scan: Scan<'a>, priority: Option<(u8, u8)>, dates: &Dates<'_>) -> Option<Header<'a>> {
    let time = time(&mut scan, priority.is_some(), dates);
    if priority.is_none() && time.is_none() {
        return None;
    }
    let mut header = Header { priority, time, message: scan.rest(), ..Header::default() };
    let mut host = None;
    if time.is_some() && tag(scan).is_none() && !is_message(scan.rest()) {
        host = host_name(&mut scan);
        // A line of a file has a host and a tag; a time before any other text makes no header.
        if priority.is_none() && (host.is_none() || tag(scan).is_none() && !is_message(scan.rest())) {
            return None;
        }
    }
    header.host = host;
    header.message = scan.rest();
    if !is_message(scan.rest())
        && let Some((app, pid, message)) = tag(scan)
    {
        (header.app, header.pid, header.message) = (Some(app), pid, message);
    }
    Some(header)
}

fn time<'a>(scan: &mut Scan<'a>, sent: bool, dates: &Dates<'_>) -> Option<Claim<'a>> {
    if !looks_iso(scan.rest()) {
        return dates.bsd(scan);
    }
    let mut ahead = *scan;
    let text = ahead.word();
    let claim = match looks_iso(text) {
        true => Claim { time: dates.iso(text), text },
        // Date and time as two words; without `<PRI>` that is some program's own log.
        false if !sent => return None,
        false => {
            let clock = ahead.word();
            let text = scan.rest().get(..text.len() + 1 + clock.len())?;
            Claim { time: dates.iso(text.trim_end_matches(':')), text }
        }
    };
    // A record that begins with a date in some form of its own is not syslog for that.
    claim.time?;
    *scan = ahead;
    Some(claim)
}

/// Whether a format with a mark of its own begins here, so that its first word is neither host nor tag.
fn is_message(text: &str) -> bool {
    text.starts_with("CEF:") || text.starts_with('{') || text.starts_with("LEEF:")
}

fn host_name<'a>(scan: &mut Scan<'a>) -> Option<&'a str> {
    let mut ahead = *scan;
    let word = ahead.word();
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%' | b'/');
    if word.is_empty() || word.len() > HOST_BYTES_MAX || !word.bytes().all(belongs) || is_level(word) {
        return None;
    }
    ahead.spaces();
    *scan = ahead;
    Some(word)
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// `TAG: `, `TAG[PID]: ` or `TAG:` at the end of the line, with what follows.
fn tag(scan: Scan<'_>) -> Option<(&str, Option<&str>, &str)> {
    let text = scan.rest();
    let window = text.as_bytes().get(..text.len().min(TAG_BYTES_MAX))?;
    let end = window.iter().position(|byte| matches!(byte, b'[' | b':' | b' ' | b'=' | b'"'))?;
    let app = text.get(..end).filter(|app| !app.is_empty())?;
    let mut after = Scan::new(text.get(end..)?);
    let pid = if after.eat("[").is_some() {
        Some(after.until_byte(b']').filter(|pid| pid.len() <= TAG_BYTES_MAX && !pid.contains(' '))?)
    } else {
        None
    };
    after.eat(":")?;
    let message = after.rest();
    let message = if message.is_empty() { message } else { message.strip_prefix(' ')? };
    Some((app, pid, message))
}

/// Adds what the header says under `log.syslog.*`; host and process are added by [`identify`], once the message has
/// been read, since the message knows better.
pub(crate) fn fields(header: &Header<'_>, event: &mut Event) -> Result<(), EventFull> {
    if let Some((facility, severity)) = header.priority {
        event.push("log.syslog.facility.code", i64::from(facility))?;
        event.push("log.syslog.severity.code", i64::from(severity))?;
    }
    if let Some(host) = header.host {
        event.push("log.syslog.hostname", host)?;
    }
    if let Some(app) = header.app {
        event.push("log.syslog.appname", app)?;
    }
    if let Some(pid) = header.pid {
        event.push("log.syslog.procid", pid)?;
    }
    if let Some(id) = header.message_id {
        event.push("log.syslog.msgid", id)?;
    }
    params(header.data, event)
}

/// Adds each parameter as `log.syslog.structured_data.ID.NAME`.
fn params(data: &str, event: &mut Event) -> Result<(), EventFull> {
    let mut scan = Scan::new(data);
    let mut name = String::new();
    for _ in 0..PARAMS_MAX {
        if scan.eat("[").is_some() {
            name.clear();
            name.push_str("log.syslog.structured_data.");
            name.push_str(scan.run(|byte| !matches!(byte, b' ' | b']')));
        }
        scan.spaces();
        if scan.eat("]").is_some() {
            continue;
        }
        let (Some(key), Some(value)) = (scan.until_byte(b'='), scan.quoted()) else { break };
        let len = name.len();
        name.push('.');
        name.push_str(key);
        event.push(&name, &*unescape(value, |found| matches!(found, '"' | '\\' | ']').then_some(found)))?;
        name.truncate(len);
    }
    Ok(())
}

/// Adds host and process where the message did not name them.
pub(crate) fn identify(header: &Header<'_>, event: &mut Event) -> Result<(), EventFull> {
    if let Some(host) = header.host {
        event.set_default("host.name", host)?;
    }
    // A Windows event names its processes itself; the header names the program that sent it. A Cisco device puts its
    // mark or a number where the program's name would be.
    let cisco = event.get_str("observer.vendor") == Some("Cisco");
    if cisco || event.has("process.name") || event.has("winlog.event_id") {
        return Ok(());
    }
    if let Some(app) = header.app {
        event.push("process.name", app)?;
    }
    match header.pid.map(str::parse::<i64>) {
        Some(Ok(pid)) if pid >= 0 => event.set_default("process.pid", pid),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

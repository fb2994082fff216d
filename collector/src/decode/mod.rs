//! Formats: from the text of a record to fields, with automatic detection.
//!
//! A record is an envelope (a syslog header, or none) around a body. The body is told by the registries below, first
//! the format that the source's last record had, then all of them in order. Strict formats exclude one another, so
//! what a source sent before changes the cost of detection and never its result: replaying a record gives the same
//! event. To add a format: one file here, its mapping in `normalise/`, one line in [`TEXT`] or [`JSON`].

mod access;
mod apache_error;
pub(crate) mod auditd;
mod auth;
mod bind;
mod cef;
mod cisco;
mod clamav;
mod cloudtrail;
mod columns;
pub(crate) mod dates;
mod dnsmasq;
mod dovecot;
mod duo;
mod filterlog;
mod fortigate;
mod freeradius;
mod gcp;
mod google_workspace;
mod journald;
mod json;
mod kubernetes;
mod leef;
mod lgsp;
pub(crate) mod memory;
mod microsoft365;
mod modsecurity;
mod mysql;
mod netfilter;
mod nginx_error;
mod okta;
mod opencanary;
mod opendmarc;
mod pairs;
mod postfix;
mod postgres;
mod programs;
mod scan;
mod squid;
mod suricata;
pub(crate) mod syslog;
mod systemd;
mod template;
#[cfg(test)]
mod testing;
mod unbound;
mod windows;
mod zeek;

use event::{Event, EventFull, Mark};

pub use dates::{Claim, Dates};
pub use json::{DEPTH_MAX, JsonFault, walk as walk_json};
pub use memory::SourceFormats;
pub use syslog::{Header, header as syslog_header};

use crate::normalise;

/// How often a text may be found inside another (a log line in a JSON document in a syslog message).
const NESTING_MAX: usize = 3;

/// One line of text with what its envelope says.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The text, envelope taken off.
    pub text: &'a str,
    /// The program that wrote it, where the envelope says.
    pub app: Option<&'a str>,
}

/// Whether a decoder knows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does not; whatever it added is taken back.
    No,
    /// It does, and the text says nothing about time.
    Yes,
    /// It does, and this is the text's own time.
    At(Option<event::Timestamp>),
}

/// A format of text lines.
pub struct TextFormat {
    /// Its name: `event.dataset`.
    pub name: &'static str,
    /// Whether it may be tried out of turn; the others know everything a little and come last.
    pub strict: bool,
    /// Adds the fields that the text holds, under names that are the format's own or ECS.
    pub decode: fn(Line<'_>, &Dates<'_>, &mut Event) -> Result<Fit, EventFull>,
    /// Adds ECS names to what `decode` added.
    pub normalise: fn(&mut Event) -> Result<(), EventFull>,
}

/// A kind of JSON document, told by the fields at its top.
pub struct JsonShape {
    /// Its name: `event.dataset` unless the shape sets a narrower one.
    pub name: &'static str,
    /// Whether it may be tried out of turn.
    pub strict: bool,
    /// Whether the flattened document is of this kind.
    pub fits: fn(&Event) -> bool,
    /// Gives the fields added since the mark the names that this format has in ECS; returns the document's time, and
    /// the text inside that is a log line itself.
    pub shape: fn(Mark, &Dates<'_>, &mut Event) -> Result<Shaped, EventFull>,
    /// Adds ECS names to what `shape` left.
    pub normalise: fn(&mut Event) -> Result<(), EventFull>,
}

/// What a JSON document holds besides fields.
#[derive(Debug, Default)]
pub struct Shaped {
    /// When it says that it happened.
    pub time: Option<event::Timestamp>,
    /// A log line inside, with the program that wrote it.
    pub inner: Option<(String, Option<String>)>,
}

/// Formats of text, most telling first.
pub static TEXT: &[TextFormat] = &[
    cef::FORMAT,
    leef::FORMAT,
    auth::FORMAT,
    postfix::FORMAT,
    dovecot::FORMAT,
    opendmarc::FORMAT,
    systemd::FORMAT,
    clamav::FORMAT,
    dnsmasq::FORMAT,
    unbound::FORMAT,
    bind::FORMAT,
    auditd::FORMAT,
    netfilter::FORMAT,
    nginx_error::FORMAT,
    apache_error::FORMAT,
    zeek::TABS,
    access::NGINX,
    access::APACHE,
    cisco::asa::FORMAT,
    cisco::ios::FORMAT,
    filterlog::FORMAT,
    fortigate::FORMAT,
    squid::FORMAT,
    postgres::FORMAT,
    mysql::audit::FORMAT,
    mysql::error::FORMAT,
    freeradius::FORMAT,
    pairs::FORMAT,
];

/// Kinds of JSON documents, most telling first; the last one fits all.
pub static JSON: &[JsonShape] = &[
    suricata::SHAPE,
    windows::FLAT,
    windows::WINLOGBEAT,
    windows::XML,
    lgsp::SHAPE,
    journald::SHAPE,
    zeek::SHAPE,
    kubernetes::SHAPE,
    cloudtrail::SHAPE,
    gcp::SHAPE,
    google_workspace::SHAPE,
    microsoft365::SHAPE,
    okta::SHAPE,
    duo::SHAPE,
    opencanary::SHAPE,
    postgres::SHAPE,
    mysql::audit_json::SHAPE,
    json::SHAPE,
];

/// The number of registered formats.
pub const FORMATS: usize = 46;
/// Stands behind the registered formats for: a syslog header around plain text.
pub const PLAIN: usize = FORMATS;

/// The name of the format with that number, as it stands in metrics and in a source's record.
pub fn format_name(number: usize) -> &'static str {
    let json = || JSON.get(number.checked_sub(TEXT.len())?).map(|shape| shape.name);
    TEXT.get(number).map(|format| format.name).or_else(json).unwrap_or("system.syslog")
}

/// Programs besides auth's whose messages are one format's alone, whatever a message quotes.
const PROGRAMS: [&str; 9] = [
    "filterlog",
    "freeradius",
    "mariadbd",
    "mysql-server_auditing",
    "mysqld",
    "mysqld_safe",
    "postgres",
    "postgresql",
    "radiusd",
];

/// Whether the program's messages, or the messages behind a Cisco mark, are one format's alone.
fn has_own_format(app: &str) -> bool {
    app.starts_with('%') || PROGRAMS.contains(&app) || auth::owns(app)
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The number of its body's format, for [`format_name`]; `None` when nothing understood it.
    pub format: Option<usize>,
    /// The time that counts: the body's, or the header's.
    pub time: Option<Claim<'a>>,
    /// Why nothing understood it, as `error.message`.
    pub fault: Option<&'static str>,
}

/// Decodes one record into `event`, trying the format `hint` first.
///
/// # Errors
/// [`EventFull`] when the event reaches its bounds; what was added before stays.
pub fn decode<'a>(
    text: &'a str,
    dates: &Dates<'_>,
    hint: Option<usize>,
    event: &mut Event,
) -> Result<Decoded<'a>, EventFull> {
    let text = text.trim_matches(['\0', '\r', '\n', '\u{feff}']);
    // No header begins like a document.
    let header = if text.starts_with('{') { None } else { syslog::header(text, dates) };
    let Some(mut header) = header else {
        return bare(text, dates, hint, event);
    };
    // rsyslog puts a space before the message in RFC 5424 too; formats begin at its first word.
    header.message = header.message.trim_start_matches(' ');
    syslog::fields(&header, event)?;
    let line = Line { text: header.message, app: header.app };
    let body = body(line, dates, hint, NESTING_MAX, event)?;
    event.set_default("message", header.message)?;
    syslog::identify(&header, event)?;
    let Some((format, time)) = body else {
        normalise::plain(event)?;
        return Ok(Decoded { format: Some(PLAIN), time: header.time, fault: None });
    };
    Ok(Decoded { format: Some(format), time: choose(header.time, time, header.message), fault: None })
}

/// A record without an envelope.
fn bare<'a>(
    text: &'a str,
    dates: &Dates<'_>,
    hint: Option<usize>,
    event: &mut Event,
) -> Result<Decoded<'a>, EventFull> {
    let body = body(Line { text, app: None }, dates, hint, NESTING_MAX, event)?;
    event.set_default("message", text)?;
    Ok(match body {
        Some((format, time)) => Decoded { format: Some(format), time: choose(None, time, text), fault: None },
        None => Decoded { format: None, time: None, fault: Some(fault(text)) },
    })
}

/// The body's time counts unless it has whole seconds only and lies in the second that the header names more exactly.
fn choose<'a>(header: Option<Claim<'a>>, body: Option<event::Timestamp>, text: &'a str) -> Option<Claim<'a>> {
    let Some(time) = body else { return header };
    let coarse = time.nanos() % 1_000_000_000 == 0;
    match header {
        Some(Claim { time: Some(sent), .. }) if coarse && sent.secs() == time.secs() => header,
        _ => Some(Claim { time: Some(time), text }),
    }
}

type Body = Option<(usize, Option<event::Timestamp>)>;

fn body(
    line: Line<'_>,
    dates: &Dates<'_>,
    hint: Option<usize>,
    nesting: usize,
    event: &mut Event,
) -> Result<Body, EventFull> {
    if line.text.trim_ascii_start().starts_with('{') {
        return json_body(line.text, dates, hint, nesting, event);
    }
    let owner = line.app.and_then(programs::owner);
    let hinted = hint.and_then(|number| Some((number, TEXT.get(number)?))).filter(|(_, format)| format.strict);
    for (number, format) in hinted.into_iter().chain(TEXT.iter().enumerate()) {
        if format.strict && owner.is_some_and(|owner| owner != format.name) {
            continue;
        }
        let mark = event.mark();
        match (format.decode)(line, dates, event)? {
            Fit::No => event.rewind(mark),
            Fit::Yes => return finish(number, None, event),
            Fit::At(time) => return finish(number, time, event),
        }
    }
    Ok(None)
}

/// Adds the ECS names of the text format with that number.
fn finish(number: usize, time: Option<event::Timestamp>, event: &mut Event) -> Result<Body, EventFull> {
    if let Some(format) = TEXT.get(number) {
        (format.normalise)(event)?;
        normalise::dataset(format.name, event)?;
    }
    Ok(Some((number, time)))
}

fn json_body(
    text: &str,
    dates: &Dates<'_>,
    hint: Option<usize>,
    nesting: usize,
    event: &mut Event,
) -> Result<Body, EventFull> {
    let mark = event.mark();
    if json::walk(text, event).is_err() {
        event.rewind(mark);
        return Ok(None);
    }
    let hinted = hint.and_then(|number| number.checked_sub(TEXT.len()));
    let hinted = hinted.and_then(|at| Some((at, JSON.get(at)?))).filter(|(_, shape)| shape.strict);
    let mut shapes = hinted.into_iter().chain(JSON.iter().enumerate());
    let Some((at, shape)) = shapes.find(|(_, shape)| (shape.fits)(event)) else {
        return Ok(None);
    };
    let mut shaped = (shape.shape)(mark, dates, event)?;
    if let Some((inner, app)) = shaped.inner.take().filter(|_| nesting > 0) {
        let time = inside(&inner, app.as_deref(), dates, nesting - 1, event)?;
        shaped.time = shaped.time.or(time);
    }
    (shape.normalise)(event)?;
    normalise::dataset(shape.name, event)?;
    Ok(Some((TEXT.len() + at, shaped.time)))
}

/// A log line inside a document: adds what it holds where the document itself says nothing.
fn inside(
    text: &str,
    app: Option<&str>,
    dates: &Dates<'_>,
    nesting: usize,
    event: &mut Event,
) -> Result<Option<event::Timestamp>, EventFull> {
    let mark = event.mark();
    let header = syslog::header(text, dates);
    let line =
        header.as_ref().map_or(Line { text, app }, |header| Line { text: header.message, app: header.app.or(app) });
    let body = body(line, dates, None, nesting, event)?;
    if let Some(header) = &header {
        syslog::identify(header, event)?;
    }
    event.keep_first_since(mark);
    Ok(body.and_then(|(_, time)| time).or_else(|| header.and_then(|header| header.time?.time)))
}

/// Why nothing understood `text`.
fn fault(text: &str) -> &'static str {
    match text.trim_ascii_start().as_bytes().first() {
        None => "the record is empty",
        Some(b'{') => "the record begins like JSON and is not (broken, cut off, or something behind it)",
        Some(b'<') => "the record begins like syslog or XML and is neither that we know",
        Some(_) => "no decoder knows this form",
    }
}

#[cfg(test)]
mod tests;

//! PostgreSQL's log: lines with a prefix (`log_line_prefix`), `csvlog` and `jsonlog` (PostgreSQL documentation, "Error
//! Reporting and Logging"). [`message`] reads what they say, [`audit`] what pgaudit says.

mod audit;
mod message;
mod prefix;

use std::borrow::Cow;

use event::{Event, EventFull, Mark};

use super::columns::{self, Quotes};
use super::dates::looks_iso;
use super::{Dates, Fit, JsonShape, Line, Shaped, TextFormat};

/// The registry's line for text, with a prefix or of columns.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "postgresql.log", strict: true, decode, normalise: crate::normalise::postgres::to_ecs };
/// The registry's line for `jsonlog`.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "postgresql.log", strict: true, fits, shape, normalise: crate::normalise::postgres::to_ecs };

/// Severities, and the words of the lines that follow one (PostgreSQL documentation, "Message Severity Levels").
const LEVELS: [&str; 18] = [
    "LOG",
    "ERROR",
    "FATAL",
    "WARNING",
    "STATEMENT",
    "DETAIL",
    "HINT",
    "CONTEXT",
    "QUERY",
    "LOCATION",
    "INFO",
    "NOTICE",
    "PANIC",
    "DEBUG1",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "DEBUG5",
];

/// `csvlog`'s columns in their order, with the fields that they become.
const COLUMNS: [&str; 26] = [
    "",
    "user.name",
    "postgresql.log.database",
    "process.pid",
    "",
    "postgresql.log.session_id",
    "postgresql.log.session_line",
    "postgresql.log.command_tag",
    "",
    "postgresql.log.virtual_transaction_id",
    "postgresql.log.transaction_id",
    "log.level",
    "postgresql.log.sql_state_code",
    "",
    "postgresql.log.detail",
    "postgresql.log.hint",
    "postgresql.log.internal_query",
    "",
    "postgresql.log.context",
    "postgresql.log.query",
    "",
    "postgresql.log.location",
    "postgresql.log.application_name",
    "postgresql.log.backend_type",
    "",
    "postgresql.log.query_id",
];
/// Fewest columns that `csvlog` ever had (PostgreSQL 9).
const COLUMNS_MIN: usize = 23;

/// `jsonlog`'s names with the fields that they become.
const NAMES: [(&str, &str); 17] = [
    ("user", "user.name"),
    ("dbname", "postgresql.log.database"),
    ("pid", "process.pid"),
    ("remote_host", "postgresql.log.remote_host"),
    ("remote_port", "source.port"),
    ("session_id", "postgresql.log.session_id"),
    ("line_num", "postgresql.log.session_line"),
    ("ps", "postgresql.log.command_tag"),
    ("error_severity", "log.level"),
    ("state_code", "postgresql.log.sql_state_code"),
    ("message", "message"),
    ("detail", "postgresql.log.detail"),
    ("hint", "postgresql.log.hint"),
    ("statement", "postgresql.log.query"),
    ("application_name", "postgresql.log.application_name"),
    ("backend_type", "postgresql.log.backend_type"),
    ("query_id", "postgresql.log.query_id"),
];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if looks_iso(line.text) && line.text.get(..48).unwrap_or(line.text).contains(',') && csv(line.text, dates, event)? {
        return Ok(Fit::At(event.claimed.take()));
    }
    prefix::decode(line, dates, event)
}

/// A line of `csvlog`; the time is left in `event.claimed`.
fn csv(text: &str, dates: &Dates<'_>, event: &mut Event) -> Result<bool, EventFull> {
    let Some(columns) = columns::read(text.trim_ascii_end(), Quotes::Double) else { return Ok(false) };
    let at = |number: usize| columns.get(number).map(Cow::as_ref).unwrap_or_default();
    let time = prefix::time(at(0), dates);
    if columns.len() < COLUMNS_MIN || time.is_none() || !LEVELS.contains(&at(11)) {
        return Ok(false);
    }
    for (name, value) in COLUMNS.iter().zip(&columns).filter(|(name, value)| !name.is_empty() && !value.is_empty()) {
        match *name {
            "process.pid" => value.parse::<i64>().map_or(Ok(()), |pid| event.push(name, pid))?,
            name => event.push(name, &**value)?,
        }
    }
    // An IPv6 address and its port stand side by side.
    match at(4).rsplit_once(':') {
        Some((host, port)) => prefix::peer(&format!("{host}({port})"), event)?,
        None => prefix::peer(at(4), event)?,
    }
    event.push("message", at(13))?;
    message::read(at(13), event)?;
    event.claimed = time;
    Ok(true)
}

fn fits(event: &Event) -> bool {
    event.has("error_severity") && event.has("pid") && (event.has("session_id") || event.has("backend_type"))
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        match NAMES.iter().find(|(own, _)| *own == old) {
            Some((_, name)) => new.push_str(name),
            None => {
                new.push_str("postgresql.log.");
                new.push_str(old);
            }
        }
        true
    })?;
    let time = event.get_str("postgresql.log.timestamp").and_then(|text| prefix::time(text, dates));
    if let Some(host) = event.get_str("postgresql.log.remote_host").map(str::to_owned) {
        prefix::peer(&host, event)?;
    }
    let text = event.get_str("message").unwrap_or_default().to_owned();
    message::read(&text, event)?;
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests;

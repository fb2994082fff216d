//! What PostgreSQL's messages say: who connects, what fails, statements with their duration, pgaudit's records.

use event::{Event, EventFull};

use super::super::template::{self, Found};
use super::audit;
use super::prefix::peer;

/// Wording, action, outcome; the fuller wording first.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("connection received: host={peer} port={source.port}", "connect", ""),
    (
        "connection authenticated: identity=\"{postgresql.log.identity}\" method={postgresql.log.method} ",
        "authenticate",
        "success",
    ),
    (
        "connection authenticated: user=\"{postgresql.log.identity}\" method={postgresql.log.method} ",
        "authenticate",
        "success",
    ),
    (
        "connection authorized: user={user.name} database={postgresql.log.database} application_name={postgresql.log.application_name} SSL enabled ({postgresql.log.tls}",
        "login",
        "success",
    ),
    (
        "connection authorized: user={user.name} database={postgresql.log.database} application_name={postgresql.log.application_name}",
        "login",
        "success",
    ),
    (
        "connection authorized: user={user.name} database={postgresql.log.database} SSL enabled ({postgresql.log.tls}",
        "login",
        "success",
    ),
    ("connection authorized: user={user.name} database={postgresql.log.database}", "login", "success"),
    ("replication connection authorized: user={user.name}", "login", "success"),
    (
        "disconnection: session time: {postgresql.log.session_time} user={user.name} database={postgresql.log.database} host={peer} port={source.port}",
        "logout",
        "",
    ),
    (
        "disconnection: session time: {postgresql.log.session_time} user={user.name} database={postgresql.log.database} host={peer}",
        "logout",
        "",
    ),
    ("password authentication failed for user \"{user.name}\"", "login", "failure"),
    (
        "no pg_hba.conf entry for host \"{peer}\", user \"{user.name}\", database \"{postgresql.log.database}\"",
        "login",
        "failure",
    ),
    (
        "pg_hba.conf rejects connection for host \"{peer}\", user \"{user.name}\", database \"{postgresql.log.database}\"",
        "login",
        "failure",
    ),
    ("role \"{user.name}\" does not exist", "login", "failure"),
    ("Peer authentication failed for user \"{user.name}\"", "login", "failure"),
    ("LDAP authentication failed for user \"{user.name}\"", "login", "failure"),
    ("GSSAPI authentication failed for user \"{user.name}\"", "login", "failure"),
    ("certificate authentication failed for user \"{user.name}\"", "login", "failure"),
    ("permission denied for {postgresql.log.object_type} {postgresql.log.object}", "statement", "failure"),
    ("statement: {postgresql.log.query}", "statement", ""),
    ("duration: {postgresql.log.duration_ms} ms  statement: {postgresql.log.query}", "statement", ""),
    ("duration: {postgresql.log.duration_ms} ms  {}: {postgresql.log.query}", "statement", ""),
    ("duration: {postgresql.log.duration_ms} ms", "", ""),
    ("parameter \"{postgresql.log.parameter}\" changed to \"{postgresql.log.value}\"", "configured", ""),
    ("received SIGHUP, reloading configuration files", "configured", ""),
];

/// Adds what `text` says; nothing when its wording is not known.
pub(super) fn read(text: &str, event: &mut Event) -> Result<(), EventFull> {
    if let Some(record) = text.strip_prefix("AUDIT: ") {
        return audit::read(record, event);
    }
    let mut found = Found::new();
    let Some((_, action, outcome)) = MESSAGES.iter().find(|(wording, ..)| template::read(wording, text, &mut found))
    else {
        return Ok(());
    };
    for (name, value) in [("event.action", *action), ("event.outcome", *outcome)] {
        if !value.is_empty() {
            event.push(name, value)?;
        }
    }
    for (name, value) in found {
        match name {
            "" => {}
            "peer" => peer(value, event)?,
            "source.port" => value.parse::<u16>().map_or(Ok(()), |port| event.set_default(name, i64::from(port)))?,
            "postgresql.log.duration_ms" => {
                value.parse::<f64>().map_or(Ok(()), |time| event.push(name, event::Value::Float(time)))?
            }
            // The prefix may have said it.
            _ if value.is_empty() => {}
            name => event.set_default(name, value)?,
        }
    }
    Ok(())
}

//! Zeek's logs, as JSON (with `_path` or told by their fields) and as lines of tabs in the default columns.

mod columns;

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, Fit, JsonShape, Line, Shaped, TextFormat};

/// The registry's line for JSON; the dataset is `zeek.` and the log's name.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "zeek.log", strict: true, fits, shape, normalise: crate::normalise::zeek::to_ecs };
/// The registry's line for tabs.
pub(crate) const TABS: TextFormat =
    TextFormat { name: "zeek.tsv", strict: true, decode: columns::decode, normalise: crate::normalise::zeek::to_ecs };

/// Longest name of a log, in bytes.
const LOG_BYTES_MAX: usize = 40;

/// Fields by which a log without `_path` is told, most telling first: all of a row are there.
const TELLING: [(&str, &[&str]); 24] = [
    ("conn", &["uid", "conn_state"]),
    ("dns", &["uid", "trans_id", "rejected"]),
    ("dns", &["uid", "trans_id", "query"]),
    ("http", &["uid", "trans_depth", "request_body_len"]),
    ("ssl", &["uid", "established", "resumed"]),
    ("ssl", &["uid", "established", "ssl_history"]),
    ("kerberos", &["uid", "request_type"]),
    ("smb_files", &["uid", "action", "times.modified"]),
    ("smb_files", &["uid", "action", "path", "name"]),
    ("smb_mapping", &["uid", "share_type"]),
    ("dce_rpc", &["uid", "endpoint", "operation"]),
    ("ntlm", &["uid", "server_nb_computer_name"]),
    ("ntlm", &["uid", "domainname", "username"]),
    ("rdp", &["uid", "cookie"]),
    ("rdp", &["uid", "security_protocol"]),
    ("ssh", &["uid", "auth_attempts"]),
    ("smtp", &["uid", "trans_depth", "helo"]),
    ("ftp", &["uid", "command", "reply_code"]),
    ("tunnel", &["uid", "tunnel_type"]),
    ("notice", &["note", "msg", "actions"]),
    ("weird", &["name", "notice", "peer"]),
    ("x509", &["certificate.serial", "certificate.subject"]),
    ("files", &["fuid", "source", "seen_bytes"]),
    ("notice", &["note", "msg", "suppress_for"]),
];

/// Names of other documents; what has one is not Zeek's.
const FOREIGN: [&str; 7] =
    ["event_type", "EventID", "Channel", "gateway", "MESSAGE", "winlog.event_id", "Event.System.EventID"];

fn fits(event: &Event) -> bool {
    event.has("ts") && log(event).is_some() && !FOREIGN.iter().any(|name| event.has(name))
}

/// The name of the log that a document belongs to.
fn log(event: &Event) -> Option<&str> {
    let is_name = |name: &&str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.len() <= LOG_BYTES_MAX && name.bytes().all(allowed)
    };
    if let Some(path) = event.get_str("_path") {
        return Some(path).filter(is_name);
    }
    let told = TELLING.iter().find(|(_, fields)| fields.iter().all(|name| event.has(name))).map(|(log, _)| *log);
    // Every log about a connection has these two, whatever else a script of the site's own adds.
    told.or_else(|| (event.has("uid") && event.has("id.orig_h") && event.has("id.resp_h")).then_some("other"))
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let log = log(event).unwrap_or("other").to_owned();
    let time = event.get("ts").and_then(|value| time_of(value, dates));
    event.rename_since(mark, |old, new| {
        if old.starts_with("sender.") || old.starts_with("metrosoc.") {
            return false;
        }
        name_of(&log, old, new);
        true
    })?;
    event.set("event.dataset", format!("zeek.{log}").as_str())?;
    Ok(Shaped { time, inner: None })
}

/// Writes our name of the field `name` of `log`: `zeek.LOG.NAME`, but for those that the field map calls otherwise.
fn name_of(log: &str, name: &str, new: &mut String) {
    new.push_str("zeek.");
    let own = match (log, name) {
        (_, "uid") => "session_id",
        ("conn", "conn_state") => "connection.state",
        ("ssl", "server_name") => "ssl.server.name",
        ("ssl", "subject") => "ssl.server.subject",
        ("ssl", "issuer") => "ssl.server.issuer",
        ("kerberos", "error_msg") => "kerberos.error.msg",
        ("rdp", "client_name") => "rdp.client.name",
        ("ssh", "auth_success") => "ssh.auth.success",
        _ => {
            if let Some(sensor) = name.strip_prefix('_') {
                // `_path`, `_system_name`, `_write_ts`: what the shipping script adds.
                return new.push_str(sensor);
            }
            new.push_str(if log == "conn" { "connection" } else { log });
            new.push('.');
            name
        }
    };
    new.push_str(own);
}

#[cfg(test)]
mod tests;

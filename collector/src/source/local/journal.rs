//! The journal, through `journalctl --follow --output=json`: one JSON object a line.
//!
//! An entry becomes an RFC 5424 message, so that the decoders of syslog programs read it as if it came over a socket.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use event::Timestamp;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdout, Command};

use super::resume::{Resume, SETTLE_EVERY, note};
use super::{LocalSettings, Sink, checkpoint};
use crate::source::{FrameLimits, Framer, Frames, own};
use crate::spool::Spool;
use crate::{Format, Record, SourceError};

/// Bytes of a read.
const READ_BYTES: usize = 64 * 1024;
/// How long looking for the journal may take.
const PROBE: Duration = Duration::from_secs(5);
/// Pause before `journalctl` is started again after it ended.
const RESTART_PAUSE: Duration = Duration::from_secs(2);
/// Most bytes of a line of JSON: the message may be escaped.
const JSON_BYTES_FACTOR: usize = 8;
/// Most characters of a name in a header.
const NAME_CHARS_MAX: usize = 48;

/// An entry as this program takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The RFC 5424 message.
    pub message: Vec<u8>,
    /// Where to go on behind it.
    pub cursor: Option<String>,
    /// Whether this program wrote it.
    pub own: bool,
    /// Whether its message was longer than the bound.
    pub truncated: bool,
}

/// Whether there is a journal with at least one entry that we may read; otherwise why not.
pub(super) async fn is_there(dirs: &[PathBuf]) -> Result<(), String> {
    let filled = |dir: &PathBuf| std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if !dirs.iter().any(filled) {
        return Err("there is no journal".to_owned());
    }
    let probe = Command::new("journalctl")
        .args(["--lines=1", "--output=json", "--quiet", "--no-pager"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(PROBE, probe).await {
        Ok(Ok(output)) if output.stdout.first() == Some(&b'{') => Ok(()),
        Ok(Ok(_)) => Err("the journal is empty or may not be read".to_owned()),
        Ok(Err(error)) => Err(format!("`journalctl` cannot be run ({error})")),
        Err(_) => Err("`journalctl` does not answer".to_owned()),
    }
}

/// Follows the journal; starts `journalctl` again when it ends.
pub(super) async fn follow(settings: &LocalSettings, spool: &Spool, sink: &Sink) -> Result<(), SourceError> {
    tracing::info!("reading this machine's journal");
    let mut resume = resume(settings, spool).await?;
    loop {
        let (mut child, stdout) = start(settings)?;
        let read = tokio::select! {
            () = sink.cancel.cancelled() => Ok(()),
            read = read_all(stdout, settings, sink, &mut resume) => read,
        };
        let _ = child.kill().await;
        read?;
        tokio::select! {
            () = sink.cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(RESTART_PAUSE) => tracing::warn!("`journalctl` ended; starting it again"),
        }
    }
}

/// Puts the checkpoint where the spool is: a run that was killed may have stored entries and not said so.
pub(super) async fn resume(settings: &LocalSettings, spool: &Spool) -> Result<Resume, SourceError> {
    let (resume, cursor) = Resume::open(spool).await?;
    if let Some(cursor) = cursor {
        checkpoint::write(&cursor_path(settings), &cursor)?;
    }
    Ok(resume)
}

pub(super) fn cursor_path(settings: &LocalSettings) -> PathBuf {
    settings.state_dir.join("journal.cursor")
}

/// Where `journalctl` goes on, and what it is told.
pub(super) fn place(settings: &LocalSettings) -> Vec<String> {
    match checkpoint::read::<String>(&cursor_path(settings)) {
        Some(cursor) => vec![format!("--after-cursor={cursor}"), "--lines=all".to_owned()],
        None => vec![format!("--lines={}", settings.first_lines)],
    }
}

fn start(settings: &LocalSettings) -> Result<(Child, ChildStdout), SourceError> {
    let failed = |source| SourceError::Local { doing: "run", path: "journalctl".into(), source };
    let mut command = Command::new("journalctl");
    command.args(["--follow", "--output=json", "--all", "--quiet", "--no-pager"]);
    command.args(place(settings));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let stdout = child.stdout.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
    Ok((child, stdout))
}

/// Stores entries, each with its cursor, and notes the cursor once they are durable.
pub(super) async fn read_all(
    mut stdout: impl AsyncRead + Unpin,
    settings: &LocalSettings,
    sink: &Sink,
    resume: &mut Resume,
) -> Result<(), SourceError> {
    let lane = sink.lane("journal");
    let frame_bytes_max = settings.frame.frame_bytes_max.saturating_mul(JSON_BYTES_FACTOR);
    let mut framer = Framer::lines(FrameLimits { frame_bytes_max, count_max: 0 });
    let mut buffer = vec![0; READ_BYTES];
    loop {
        // Nothing is on its way here: what the spool has of the journal is in the checkpoint.
        resume.settle(SETTLE_EVERY).await;
        let count = tokio::select! {
            read = stdout.read(&mut buffer) => read.unwrap_or(0),
            () = tokio::time::sleep(SETTLE_EVERY) => continue,
        };
        if count == 0 {
            return Ok(());
        }
        let mut frames = Frames::default();
        framer.push(buffer.get(..count).unwrap_or_default(), &mut frames);
        let now = sink.attribution.now();
        let (mut records, mut cursor, mut skipped) = (Vec::new(), None, 0);
        for (line, cut) in frames.into_frames() {
            let entry = entry(&line, settings.frame.frame_bytes_max);
            let dedupe = entry.cursor.as_deref().map(note);
            cursor = entry.cursor.or(cursor);
            if entry.own {
                skipped += 1;
                continue;
            }
            let record = Record::new(lane.origin.clone(), now, Bytes::from(entry.message)).with_format(Format::Syslog);
            records.push(Record { truncated: cut || entry.truncated, dedupe, ..record });
        }
        own::skipped(skipped);
        if sink.store(&lane, records).await.is_err() {
            return Ok(());
        }
        if let Some(cursor) = cursor {
            checkpoint::write(&cursor_path(settings), &cursor)?;
        }
    }
}

/// Reads one line of `journalctl --output=json`. A line that is no entry is kept as it is.
pub fn entry(line: &[u8], message_bytes_max: usize) -> JournalEntry {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(line) else {
        return JournalEntry { message: line.to_vec(), cursor: None, own: false, truncated: false };
    };
    let cursor = fields.get("__CURSOR").and_then(Value::as_str).map(str::to_owned);
    let mut message = header(&fields).into_bytes();
    let mut text = bytes(fields.get("MESSAGE"));
    let room = message_bytes_max.saturating_sub(message.len());
    let truncated = text.len() > room;
    text.truncate(room);
    message.append(&mut text);
    JournalEntry { message, cursor, own: is_own(&fields), truncated }
}

/// `<PRI>1 TIME HOST APP PROCID - - `.
fn header(fields: &Map<String, Value>) -> String {
    let number = |name: &str| fields.get(name).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
    let facility = number("SYSLOG_FACILITY").filter(|facility| (0..24).contains(facility)).unwrap_or(3);
    let severity = number("PRIORITY").filter(|severity| (0..8).contains(severity)).unwrap_or(6);
    let micros = number("_SOURCE_REALTIME_TIMESTAMP").or_else(|| number("__REALTIME_TIMESTAMP"));
    let time =
        micros.map_or_else(|| "-".to_owned(), |micros| Timestamp::from_nanos(micros.saturating_mul(1_000)).to_string());
    let host = name(fields, &["_HOSTNAME"]);
    let app = name(fields, &["SYSLOG_IDENTIFIER", "_COMM"]);
    let process = name(fields, &["SYSLOG_PID", "_PID"]);
    format!("<{}>1 {time} {host} {app} {process} - - ", facility * 8 + severity)
}

/// The first of these fields as a name without spaces; `-` when there is none.
fn name(fields: &Map<String, Value>, names: &[&str]) -> String {
    let text = names.iter().find_map(|name| fields.get(*name)).and_then(Value::as_str).unwrap_or_default();
    let name: String = text.chars().filter(char::is_ascii_graphic).take(NAME_CHARS_MAX).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// Text, or what is not UTF-8 as a list of bytes.
fn bytes(value: Option<&Value>) -> Vec<u8> {
    match value {
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(Value::Array(bytes)) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
            match bytes.iter().map(byte).collect::<Option<Vec<u8>>>() {
                Some(bytes) => bytes,
                None => Value::Array(bytes.clone()).to_string().into_bytes(),
            }
        }
        None | Some(Value::Null) => Vec::new(),
        Some(other) => other.to_string().into_bytes(),
    }
}

/// By the fields that the journal itself vouches for, which no program can choose.
fn is_own(fields: &Map<String, Value>) -> bool {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let unit = text("_SYSTEMD_UNIT");
    text("_PID") == std::process::id().to_string()
        || text("_COMM") == "metrosoc"
        || (unit.starts_with("metrosoc") && unit.ends_with(".service"))
}

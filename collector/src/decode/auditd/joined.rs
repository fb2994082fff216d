//! Several records of one event: which of them belong together, and their fields in one.

use event::{Event, EventFull};

use super::{FORMAT, head};
use crate::decode::{Claim, Dates, Decoded, Fit, Line, TEXT, choose, has_own_format, programs, syslog};
use crate::join::Part;
use crate::normalise;

/// What a record says of the event that it belongs to.
pub(crate) struct Mark<'a> {
    pub(crate) host: &'a str,
    pub(crate) time: &'a str,
    pub(crate) sequence: i64,
    pub(crate) part: Part,
}

/// The mark of a record that may belong to others; `None` for one that means what it means alone.
pub(crate) fn mark<'a>(text: &'a str, dates: &Dates<'_>) -> Option<Mark<'a>> {
    let (line, host, _) = opened(text, dates);
    // The same as for decoding: what a stranger makes another program write is no record of the audit system.
    if line.app.is_some_and(|app| has_own_format(app) || programs::owner(app).is_some()) {
        return None;
    }
    let head = head(line.text)?;
    let part = part(head.kind)?;
    Some(Mark { host: head.node.or(host).unwrap_or_default(), time: head.time, sequence: head.sequence, part })
}

/// Where records of a type stand in an event of the kernel's.
fn part(kind: &str) -> Option<Part> {
    Some(match kind {
        "SYSCALL" => Part::First,
        "PROCTITLE" | "EOE" => Part::Last,
        "AVC" | "BPF" | "BPRM_FCAPS" | "CAPSET" | "CONFIG_CHANGE" | "CWD" | "EXECVE" | "FANOTIFY" | "FD_PAIR"
        | "IPC" | "IPC_SET_PERM" | "KERN_MODULE" | "MAC_STATUS" | "MMAP" | "MQ_GETSETATTR" | "MQ_NOTIFY"
        | "MQ_OPEN" | "MQ_SENDRECV" | "NETFILTER_CFG" | "OBJ_PID" | "OPENAT2" | "PATH" | "SECCOMP" | "SOCKADDR"
        | "SOCKETCALL" | "TIME_ADJNTPVAL" | "TIME_INJOFFSET" | "TTY" | "URINGOP" => Part::Inner,
        _ => return None,
    })
}

/// A record without its envelope, the machine and the time that the envelope names.
fn opened<'a>(text: &'a str, dates: &Dates<'_>) -> (Line<'a>, Option<&'a str>, Option<Claim<'a>>) {
    let text = text.trim_matches(['\0', '\r', '\n', '\u{feff}']);
    match syslog::header(text, dates) {
        Some(header) => {
            let line = Line { text: header.message.trim_start_matches(' '), app: header.app };
            (line, header.host, header.time)
        }
        None => (Line { text, app: None }, None, None),
    }
}

/// Decodes records of one event, in their order, into one. The envelope is the first one's.
///
/// # Errors
/// [`EventFull`] when the event reaches its bounds; what was added before stays.
pub(crate) fn decode<'a>(texts: &[&'a str], dates: &Dates<'_>, event: &mut Event) -> Result<Decoded<'a>, EventFull> {
    let mut sent = None;
    let mut own = None;
    let mut messages = Vec::with_capacity(texts.len());
    let mut record = Event::new();
    for (number, text) in texts.iter().enumerate() {
        let (line, _, time) = opened(text, dates);
        if number == 0 {
            sent = time;
            if let Some(header) = syslog::header(text.trim_start_matches(['\0', '\r', '\n', '\u{feff}']), dates) {
                syslog::fields(&header, event)?;
            }
        }
        messages.push(line.text);
        record.clear();
        if let Fit::At(time) = (FORMAT.decode)(line, dates, &mut record)? {
            own = own.or(time);
        }
        // What an earlier record said is not said again; what one record says twice is.
        let said: Vec<bool> =
            record.iter().map(|(name, value)| event.get_all(name).any(|known| known == value)).collect();
        for ((name, value), _) in record.iter().zip(said).filter(|(_, said)| !said) {
            event.push(name, value)?;
        }
    }
    (FORMAT.normalise)(event)?;
    normalise::dataset(FORMAT.name, event)?;
    event.set_default("message", messages.join("\n").as_str())?;
    let first = texts.first().copied().unwrap_or_default();
    if let Some(header) = syslog::header(first.trim_start_matches(['\0', '\r', '\n', '\u{feff}']), dates) {
        syslog::identify(&header, event)?;
    }
    let format = TEXT.iter().position(|format| format.name == FORMAT.name);
    Ok(Decoded { format, time: choose(sent, own, first), fault: None })
}

//! Audit records.

use event::{Event, EventFull};

use super::{address, classify, copies, number};

const COPIES: [(&str, &str); 14] = [
    ("auditd.log.node", "host.name"),
    ("auditd.log.comm", "process.name"),
    ("auditd.log.exe", "process.executable"),
    ("auditd.log.cwd", "process.working_directory"),
    ("auditd.log.proctitle", "process.command_line"),
    ("auditd.log.cmd", "process.command_line"),
    ("auditd.log.uid", "user.id"),
    ("auditd.log.euid", "user.effective.id"),
    ("auditd.log.auid", "user.audit.id"),
    ("auditd.log.gid", "group.id"),
    ("auditd.log.acct", "user.name"),
    ("auditd.log.UID", "user.name"),
    ("auditd.log.AUID", "user.audit.name"),
    ("auditd.log.unit", "service.name"),
];

/// Adds process, user, file, outcome and the category of the record's type.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&COPIES, event)?;
    number("auditd.log.pid", "process.pid", event)?;
    number("auditd.log.ppid", "process.parent.pid", event)?;
    address("auditd.log.addr", "source.ip", "source.domain", event)?;
    let kinds: Vec<String> = event.get_all("auditd.log.record_type").map(|kind| kind.text().into_owned()).collect();
    let Some(first) = kinds.first() else { return Ok(()) };
    event.set_default("event.action", first.to_ascii_lowercase().as_str())?;
    kinds.iter().try_for_each(|kind| program(kind, kinds.len() > 1, event))?;
    let words = ["auditd.log.success", "auditd.log.res", "auditd.log.seresult", "auditd.log.apparmor"];
    let outcome = match words.into_iter().find_map(|name| event.get_str(name)) {
        Some("yes" | "success" | "1" | "granted" | "ALLOWED") => Some("success"),
        Some("no" | "failed" | "0" | "denied" | "DENIED") => Some("failure"),
        _ => None,
    };
    if let Some(outcome) = outcome {
        event.set_default("event.outcome", outcome)?;
    }
    // Of several records of one event, the one that says more than that there was a system call.
    let named = || kinds.iter().filter_map(|kind| category(kind));
    let start = named().find(|named| *named == ("process", "start"));
    let told = start.or_else(|| named().find(|named| *named != ("process", "info"))).or_else(|| named().next());
    told.map_or(Ok(()), |(category, kind)| classify(category, &[kind], event))
}

/// The program of an EXECVE record, whose first argument is its path or, from a shell, its name alone; the file of a
/// PATH record.
fn program(kind: &str, is_joined: bool, event: &mut Event) -> Result<(), EventFull> {
    if kind == "PATH" {
        return event.copy("auditd.log.name", "file.path");
    }
    // Beside a SYSCALL record, `a0` is the first argument of the system call, and `exe` says what was run.
    let is_command = kind == "EXECVE" && !is_joined;
    let Some(first) = event.get_str("auditd.log.a0").filter(|_| is_command).map(str::to_owned) else {
        // A program's own record names no command; the header's name is the daemon's that passed it on.
        let Some(path) = event.get_str("auditd.log.exe").map(str::to_owned) else { return Ok(()) };
        return event.set_default("process.name", path.rsplit('/').next().unwrap_or(&path));
    };
    if first.starts_with('/') {
        event.set_default("process.executable", first.as_str())?;
    }
    event.set_default("process.name", first.rsplit('/').next().unwrap_or(&first))
}

fn category(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "EXECVE" => ("process", "start"),
        "SYSCALL" | "PROCTITLE" | "CWD" | "SECCOMP" => ("process", "info"),
        "ANOM_ABEND" => ("process", "end"),
        "PATH" => ("file", "info"),
        "USER_AUTH" | "USER_LOGIN" | "USER_ACCT" | "CRED_ACQ" => ("authentication", "start"),
        "USER_START" => ("session", "start"),
        "USER_END" | "USER_LOGOUT" => ("session", "end"),
        "USER_CMD" => ("process", "start"),
        "ADD_USER" | "DEL_USER" | "ADD_GROUP" | "DEL_GROUP" | "USER_MGMT" | "USER_CHAUTHTOK" | "GRP_MGMT" => {
            ("iam", "change")
        }
        "CONFIG_CHANGE" | "NETFILTER_CFG" | "FEATURE_CHANGE" | "MAC_STATUS" | "MAC_POLICY_LOAD" | "DAEMON_END"
        | "DAEMON_ABORT" | "DAEMON_START" | "DAEMON_CONFIG" => ("configuration", "change"),
        "KERN_MODULE" => ("driver", "start"),
        "SOCKADDR" => ("network", "info"),
        _ => return None,
    })
}

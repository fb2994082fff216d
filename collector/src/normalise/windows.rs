//! Windows events in Winlogbeat's names.

use event::{Event, EventFull, Value};

use super::{address, classify, copies, dataset, number};

const COPIES: [(&str, &str); 17] = [
    ("winlog.computer_name", "host.name"),
    ("winlog.provider_name", "event.provider"),
    ("winlog.event_data.CommandLine", "process.command_line"),
    ("winlog.event_data.NewProcessName", "process.executable"),
    ("winlog.event_data.Image", "process.executable"),
    ("winlog.event_data.SourceImage", "process.executable"),
    ("winlog.event_data.CurrentDirectory", "process.working_directory"),
    ("winlog.event_data.ParentProcessName", "process.parent.executable"),
    ("winlog.event_data.ParentImage", "process.parent.executable"),
    ("winlog.event_data.ParentCommandLine", "process.parent.command_line"),
    ("winlog.event_data.ProcessGuid", "process.entity_id"),
    ("winlog.event_data.TargetFilename", "file.path"),
    ("winlog.event_data.TargetObject", "registry.path"),
    ("winlog.event_data.QueryName", "dns.question.name"),
    ("winlog.event_data.ServiceName", "service.name"),
    ("winlog.event_data.ImageLoaded", "dll.path"),
    ("winlog.event_data.ScriptBlockText", "powershell.file.script_block_text"),
];

/// Adds code, host, user, process, addresses, category and outcome.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let id = match event.get("winlog.event_id") {
        Some(Value::Int(id)) => id,
        _ => -1,
    };
    if id >= 0 {
        event.set_default("event.code", id.to_string().as_str())?;
    }
    let channel = event.get_str("winlog.channel").map(narrow);
    if let Some(name) = channel {
        event.set("event.dataset", name.as_str())?;
        event.set("event.module", "windows")?;
    }
    dataset("windows.unknown", event)?;
    copies(&COPIES, event)?;
    user(id, event)?;
    process(event)?;
    address("winlog.event_data.IpAddress", "source.ip", "source.domain", event)?;
    address("winlog.event_data.SourceIp", "source.ip", "source.domain", event)?;
    address("winlog.event_data.SourceAddress", "source.ip", "source.domain", event)?;
    address("winlog.event_data.DestinationIp", "destination.ip", "destination.domain", event)?;
    address("winlog.event_data.DestAddress", "destination.ip", "destination.domain", event)?;
    number("winlog.event_data.IpPort", "source.port", event)?;
    number("winlog.event_data.SourcePort", "source.port", event)?;
    number("winlog.event_data.DestinationPort", "destination.port", event)?;
    number("winlog.event_data.DestPort", "destination.port", event)?;
    what(id, event)
}

/// `windows.` and the channel in one lower-case word.
fn narrow(channel: &str) -> String {
    let lower = channel.to_ascii_lowercase();
    let known = match lower.as_str() {
        "microsoft-windows-sysmon/operational" => "sysmon",
        "windows powershell" | "microsoft-windows-powershell/operational" | "powershellcore/operational" => {
            "powershell"
        }
        "microsoft-windows-windows defender/operational" => "defender",
        other => other,
    };
    let known = known.strip_prefix("microsoft-windows-").unwrap_or(known);
    let known = known.strip_suffix("/operational").unwrap_or(known);
    let mut name = String::from("windows.");
    name.extend(known.chars().take(80).map(|letter| if letter.is_alphanumeric() { letter } else { '_' }));
    name
}

/// The user whom the event is about: who logs on where it is a logon, who acts otherwise.
fn user(id: i64, event: &mut Event) -> Result<(), EventFull> {
    let target = matches!(id, 4624 | 4625 | 4634 | 4647 | 4740 | 4768 | 4769 | 4771 | 4776);
    let (first, second) = match target {
        true => ("Target", "Subject"),
        false => ("Subject", "Target"),
    };
    for whose in [first, second] {
        let name = format!("winlog.event_data.{whose}UserName");
        if event.get_str(&name).is_some_and(|text| !matches!(text, "" | "-")) {
            event.copy(&name, "user.name")?;
            event.copy(&format!("winlog.event_data.{whose}DomainName"), "user.domain")?;
            return Ok(());
        }
    }
    let Some(text) = event.get_str("winlog.event_data.User").map(str::to_owned) else { return Ok(()) };
    match text.split_once('\\') {
        Some((domain, name)) => {
            event.set_default("user.domain", domain)?;
            event.set_default("user.name", name)
        }
        None if text.is_empty() => Ok(()),
        None => event.set_default("user.name", text.as_str()),
    }
}

fn process(event: &mut Event) -> Result<(), EventFull> {
    number("winlog.event_data.NewProcessId", "process.pid", event)?;
    if event.has("winlog.event_data.NewProcessId") {
        number("winlog.event_data.ProcessId", "process.parent.pid", event)?;
    } else {
        number("winlog.event_data.ProcessId", "process.pid", event)?;
        number("winlog.event_data.ParentProcessId", "process.parent.pid", event)?;
    }
    if event.get_str("winlog.event_data.ProcessName").is_some_and(|text| text.contains('\\')) {
        event.copy("winlog.event_data.ProcessName", "process.executable")?;
    }
    for (path, name) in [("process.executable", "process.name"), ("process.parent.executable", "process.parent.name")] {
        let base = event.get_str(path).and_then(|path| path.rsplit('\\').next()).map(str::to_owned);
        if let Some(base) = base.filter(|base| !base.is_empty()) {
            event.set_default(name, base.as_str())?;
        }
    }
    Ok(())
}

/// Category, type, action and outcome of the events that matter most.
fn what(id: i64, event: &mut Event) -> Result<(), EventFull> {
    let channel = event.get_str("event.dataset").unwrap_or_default();
    let known = match (channel, id) {
        ("windows.security", 4624) => Some(("authentication", "start", "logged-in", "success")),
        ("windows.security", 4625 | 4771) => Some(("authentication", "start", "logon-failed", "failure")),
        ("windows.security", 4634 | 4647) => Some(("authentication", "end", "logged-out", "success")),
        ("windows.security", 4648) => Some(("authentication", "start", "logged-in-explicit", "success")),
        ("windows.security", 4768 | 4769 | 4776) => Some(("authentication", "start", "kerberos-or-ntlm", "")),
        ("windows.security", 4672) => Some(("iam", "admin", "logged-in-special", "success")),
        ("windows.security", 4688) => Some(("process", "start", "created-process", "success")),
        ("windows.security", 4689) => Some(("process", "end", "exited-process", "success")),
        ("windows.security", 4720) => Some(("iam", "creation", "added-user-account", "success")),
        ("windows.security", 4726) => Some(("iam", "deletion", "deleted-user-account", "success")),
        ("windows.security", 4728 | 4732 | 4756) => Some(("iam", "change", "added-member-to-group", "success")),
        ("windows.security", 1102) | ("windows.system", 104) => {
            Some(("configuration", "change", "log-cleared", "success"))
        }
        ("windows.sysmon", 1) => Some(("process", "start", "created-process", "")),
        ("windows.sysmon", 3) => Some(("network", "connection", "network-connection", "")),
        ("windows.sysmon", 5) => Some(("process", "end", "exited-process", "")),
        ("windows.sysmon", 7) => Some(("library", "start", "image-loaded", "")),
        ("windows.sysmon", 11) => Some(("file", "creation", "created-file", "")),
        ("windows.sysmon", 12..=14) => Some(("registry", "change", "registry-change", "")),
        ("windows.sysmon", 22) => Some(("network", "connection", "dns-query", "")),
        _ => None,
    };
    if let Some((category, kind, action, outcome)) = known {
        event.set_default("event.action", action)?;
        if !outcome.is_empty() {
            event.set_default("event.outcome", outcome)?;
        }
        classify(category, &[kind], event)?;
    }
    let audited = match event.get_str("winlog.event_data.EventType") {
        Some("AUDIT_SUCCESS") => Some("success"),
        Some("AUDIT_FAILURE") => Some("failure"),
        _ => None,
    };
    audited.map_or(Ok(()), |outcome| event.set_default("event.outcome", outcome))
}

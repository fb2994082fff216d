//! Windows machines, in the documents that Winlogbeat sends.

use serde_json::{Value, json};

use super::Scene;
use crate::entry::{Body, Entry, stamp_utc};

/// Facility `user` (1), severity informational.
const EVENT: u8 = 14;

const PROGRAMS: [(&str, &str); 7] = [
    (r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE", "WINWORD.EXE /n \"D:\\HoSo\\to-trinh.docx\""),
    (r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE", "EXCEL.EXE \"D:\\HoSo\\thong-ke.xlsx\""),
    (r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe", "msedge.exe --profile-directory=Default"),
    (r"C:\Windows\System32\notepad.exe", "notepad.exe D:\\GhiChu.txt"),
    (r"C:\Windows\System32\svchost.exe", "svchost.exe -k netsvcs -p -s wuauserv"),
    (r"C:\Program Files\7-Zip\7z.exe", "7z.exe x D:\\TaiVe\\bieu-mau.zip"),
    (r"C:\Windows\System32\SearchProtocolHost.exe", "SearchProtocolHost.exe Global\\UsGthrFltPipe"),
];

/// Logons, programs, files.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let officer = scene.officer().login;
    let address = scene.workstation().to_string();
    let port = scene.dice.port().to_string();
    match scene.dice.below(100) {
        0..30 => {
            let kind = scene.dice.one(&["2", "3", "3", "7", "11"]);
            let data = json!({
                "TargetUserName": officer, "TargetDomainName": "HCM", "LogonType": kind, "IpAddress": address,
                "IpPort": port, "AuthenticationPackageName": "Kerberos",
            });
            security(scene, "ws", 4624, "An account was successfully logged on.", data)
        }
        30..50 => {
            let data = json!({ "TargetUserName": officer, "TargetDomainName": "HCM", "LogonType": "3" });
            security(scene, "ws", 4634, "An account was logged off.", data)
        }
        50..52 => {
            let data = json!({
                "TargetUserName": officer, "TargetDomainName": "HCM", "LogonType": "2", "IpAddress": address,
                "IpPort": port, "Status": "0xc000006d", "SubStatus": "0xc000006a",
            });
            security(scene, "ws", 4625, "An account failed to log on.", data)
        }
        52..80 => {
            let (program, command) = scene.dice.one(&PROGRAMS);
            process(scene, "ws", &officer, program, command, r"C:\Windows\explorer.exe")
        }
        80..90 => {
            let data = json!({
                "TargetUserName": officer, "TargetDomainName": "HCM", "ServiceName": "krbtgt", "IpAddress": address,
                "Status": "0x0", "TicketEncryptionType": "0x12",
            });
            security(scene, "dc", 4768, "A Kerberos authentication ticket (TGT) was requested.", data)
        }
        _ => {
            let file = format!(r"D:\HoSo\2026\ho-so-{}.docx", scene.dice.digits(5));
            file_created(scene, "ws", &officer, &file)
        }
    }
}

/// A record of the security log.
pub(crate) fn security(scene: &mut Scene<'_>, role: &str, id: u32, message: &str, data: Value) -> Entry {
    event(scene, role, "Security", "Microsoft-Windows-Security-Auditing", id, message, data)
}

/// The start of a program, as auditing records it.
pub(crate) fn process(
    scene: &mut Scene<'_>,
    role: &str,
    user: &str,
    program: &str,
    command: &str,
    parent: &str,
) -> Entry {
    let data = json!({
        "SubjectUserName": user, "SubjectDomainName": "HCM", "SubjectUserSid": "S-1-5-21-1-2-3-1107",
        "NewProcessId": format!("0x{}", scene.dice.hex(4)), "NewProcessName": program, "CommandLine": command,
        "ParentProcessName": parent, "TokenElevationType": "%%1936",
    });
    security(scene, role, 4688, "A new process has been created.", data)
}

/// A file that was made or overwritten, as Sysmon records it.
pub(crate) fn file_created(scene: &mut Scene<'_>, role: &str, user: &str, file: &str) -> Entry {
    let data = json!({
        "User": format!(r"HCM\{user}"), "TargetFilename": file, "Image": r"C:\Windows\explorer.exe",
        "ProcessId": scene.dice.between(900, 9_000), "UtcTime": scene.at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    });
    event(scene, role, "Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 11, "File created.", data)
}

/// A record of any log.
pub(crate) fn event(
    scene: &mut Scene<'_>,
    role: &str,
    channel: &str,
    provider: &str,
    id: u32,
    message: &str,
    data: Value,
) -> Entry {
    let record = scene.dice.between(10_000, 9_000_000);
    let mut entry = scene.entry(role, "winlogbeat", EVENT, Body::Document(Value::Null));
    entry.pid = None;
    entry.body = Body::Document(json!({
        "@timestamp": stamp_utc(scene.at),
        "message": message,
        "winlog": {
            "channel": channel, "event_id": id, "provider_name": provider, "record_id": record,
            "computer_name": format!("{}.hcm.local", entry.host), "event_data": data,
        },
        "event": { "code": id.to_string() },
        "agent": { "type": "winlogbeat" },
    }));
    entry
}

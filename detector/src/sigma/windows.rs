//! Log sources of Windows events, from their channel, event id and, for one of them, event type.

use bumpalo::collections::Vec as BumpVec;
use bumpalo::{Bump, vec as bump_vec};
use event::{Event, Value};

use super::logsource::Source;

/// The set of log sources of a Windows event, in flat names (`Channel`, `EventID`) or Winlogbeat's (`winlog.channel`,
/// `winlog.event_id`); empty when the event is none.
pub(super) fn sources<'e>(event: &Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let text = |flat, nested| event.get_str(flat).or_else(|| event.get_str(nested));
    let channel = match text("Channel", "winlog.channel") {
        Some(channel) => lower(channel, bump),
        None => match text("Provider_Name", "winlog.provider_name") {
            Some("Microsoft-Windows-Sysmon") => "microsoft-windows-sysmon/operational",
            Some("Linux-Sysmon") => "linux-sysmon/operational",
            _ => return BumpVec::new_in(bump),
        },
    };
    let product = if channel == "linux-sysmon/operational" { "linux" } else { "windows" };
    let service = service(channel);
    let id = ["EventID", "winlog.event_id", "event.code"].iter().find_map(|name| event.get(name)).and_then(number);
    let event_type = text("EventType", "winlog.event_data.EventType").unwrap_or_default();
    set(product, service, category(service, id.unwrap_or(-1), event_type), bump)
}

fn set<'e>(product: &'e str, service: &'e str, category: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let mut set = bump_vec![in bump; Source::new(product, category, service)];
    if category.starts_with("registry_") {
        set.push(Source::new(product, "registry_event", service));
    }
    set
}

/// Every set that events of the services with categories can have; some come more than once.
pub(super) fn every(bump: &Bump) -> Vec<BumpVec<'_, Source<'_>>> {
    let sysmon = (0..=255).flat_map(|id| ["", "CreateKey"].map(|event_type| ("sysmon", id, event_type)));
    let others = [("security", 4688), ("powershell", 4104), ("powershell", 4103)];
    let classic = [400, 600, 800].map(|id| ("powershell-classic", id));
    let others = others.into_iter().chain(classic).map(|(service, id)| (service, id, ""));
    let windows = sysmon.clone().chain(others).map(|(service, id, kind)| ("windows", service, id, kind));
    let linux = sysmon.map(|(service, id, kind)| ("linux", service, id, kind));
    windows
        .chain(linux)
        .map(|(product, service, id, kind)| set(product, service, category(service, id, kind), bump))
        .collect()
}

fn lower<'e>(text: &str, bump: &'e Bump) -> &'e str {
    let copy = bump.alloc_str(text);
    copy.make_ascii_lowercase();
    copy
}

fn number(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        Value::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Sigma's name of a channel, which is given in lower case.
fn service(channel: &str) -> &'static str {
    match channel {
        "linux-sysmon/operational" => "sysmon",
        "security" => "security",
        "system" => "system",
        "application" => "application",
        "microsoft-windows-sysmon/operational" => "sysmon",
        "windows powershell" => "powershell-classic",
        "powershellcore/operational" | "microsoft-windows-powershell/operational" => "powershell",
        "microsoft-windows-windows defender/operational" => "windefend",
        "microsoft-windows-taskscheduler/operational" => "taskscheduler",
        "microsoft-windows-wmi-activity/operational" => "wmi",
        "microsoft-windows-bits-client/operational" => "bits-client",
        "microsoft-windows-ntlm/operational" => "ntlm",
        "dns server" => "dns-server",
        "microsoft-windows-driverframeworks-usermode/operational" => "driver-framework",
        "microsoft-windows-terminalservices-localsessionmanager/operational" => "terminalservices-localsessionmanager",
        "microsoft-windows-codeintegrity/operational" => "codeintegrity-operational",
        "microsoft-windows-windows firewall with advanced security/firewall" => "firewall-as",
        "microsoft-windows-applocker/exe and dll"
        | "microsoft-windows-applocker/msi and script"
        | "microsoft-windows-applocker/packaged app-deployment"
        | "microsoft-windows-applocker/packaged app-execution" => "applocker",
        "microsoft-windows-printservice/admin" => "printservice-admin",
        "microsoft-windows-printservice/operational" => "printservice-operational",
        "microsoft-windows-smbclient/security" => "smbclient-security",
        "microsoft-windows-smbclient/connectivity" => "smbclient-connectivity",
        "msexchange management" => "msexchange-management",
        "openssh/operational" => "openssh",
        "microsoft-windows-ldap-client/debug" => "ldap",
        "microsoft-windows-shell-core/operational" => "shell-core",
        "microsoft-windows-security-mitigations/kernelmode" | "microsoft-windows-security-mitigations/usermode" => {
            "security-mitigations"
        }
        "microsoft-windows-dns-client/operational" => "dns-client",
        "microsoft-windows-appxdeploymentserver/operational" => "appxdeployment-server",
        "microsoft-windows-appmodel-runtime/admin" => "appmodel-runtime",
        "microsoft-windows-capi2/operational" => "capi2",
        "microsoft-windows-lsa/operational" => "lsa-server",
        "microsoft-iis-configuration/operational" => "iis-configuration",
        "microsoft-windows-appxpackaging/operational" => "appxpackaging-om",
        "microsoft-servicebus-client/operational" | "microsoft-servicebus-client/admin" => {
            "microsoft-servicebus-client"
        }
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational" => {
            "certificateservicesclient-lifecycle-system"
        }
        "microsoft-windows-smbserver/connectivity" => "smbserver-connectivity",
        "microsoft-windows-diagnosis-scripted/operational" => "diagnosis-scripted",
        "microsoft-windows-smbserver/audit" => "smbserver-audit",
        "microsoft-windows-smbserver/security" => "smbserver-security",
        "microsoft-windows-dns-server/analytical" => "dns-server-analytic",
        "microsoft-windows-dnsserver/audit" => "dns-server-audit",
        "microsoft-windows-bitlocker/bitlocker management" => "bitlocker",
        _ => "",
    }
}

fn category(service: &str, id: i64, event_type: &str) -> &'static str {
    match (service, id) {
        ("sysmon", 12) if event_type == "CreateKey" => "registry_add",
        ("sysmon", 12) => "registry_delete",
        ("sysmon", id) => sysmon_category(id),
        ("security", 4688) => "process_creation",
        ("powershell", 4104) => "ps_script",
        ("powershell", 4103) | ("powershell-classic", 800) => "ps_module",
        ("powershell-classic", 400) => "ps_classic_start",
        ("powershell-classic", 600) => "ps_classic_provider_start",
        _ => "",
    }
}

fn sysmon_category(id: i64) -> &'static str {
    match id {
        1 => "process_creation",
        2 => "file_change",
        3 => "network_connection",
        4 | 16 => "sysmon_status",
        5 => "process_termination",
        6 => "driver_load",
        7 => "image_load",
        8 => "create_remote_thread",
        9 => "raw_access_thread",
        10 => "process_access",
        11 => "file_event",
        13 => "registry_set",
        14 => "registry_rename",
        15 => "create_stream_hash",
        17 | 18 => "pipe_created",
        19..=21 => "wmi_event",
        22 => "dns_query",
        23 | 26 => "file_delete",
        24 => "clipboard_capture",
        25 => "process_tampering",
        27 => "file_block",
        29 => "file_executable_detected",
        255 => "sysmon_error",
        _ => "",
    }
}

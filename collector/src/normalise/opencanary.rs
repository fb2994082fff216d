//! What touched a decoy.

use event::{Event, EventFull, Value};

use super::{address, classify, copies, number};

/// Kinds of touches by their number (OpenCanary's `logger.py`), those whose names say more than the number.
const TYPES: [(i64, &str); 16] = [
    (2_000, "ftp_login_attempt"),
    (3_000, "http_get"),
    (3_001, "http_login_attempt"),
    (4_000, "ssh_new_connection"),
    (4_002, "ssh_login_attempt"),
    (5_000, "smb_file_open"),
    (5_001, "port_scan"),
    (5_002, "port_scan"),
    (5_003, "port_scan"),
    (5_004, "port_scan"),
    (5_005, "port_scan"),
    (6_001, "telnet_login_attempt"),
    (8_001, "mysql_login_attempt"),
    (12_001, "vnc_connection_attempt"),
    (14_001, "rdp_connection_attempt"),
    (17_001, "redis_command"),
];

/// Adds who touched what, and how.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&[("node_id", "host.name"), ("logdata.USERNAME", "user.name")], event)?;
    address("src_host", "source.ip", "source.domain", event)?;
    address("dst_host", "destination.ip", "destination.domain", event)?;
    number("src_port", "source.port", event)?;
    number("dst_port", "destination.port", event)?;
    let kind = match event.get("logtype") {
        Some(Value::Int(kind)) => Some(kind),
        Some(Value::Str(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let name =
        kind.and_then(|kind| TYPES.iter().find(|(number, _)| *number == kind)).map_or("touched", |(_, name)| name);
    event.set_default("event.action", name)?;
    classify("intrusion_detection", &["info"], event)
}

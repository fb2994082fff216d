//! The journal's own fields.

use event::{Event, EventFull};

use super::{copies, number};

/// Adds host, process and severity.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("journald.hostname", "host.name"),
            ("journald.syslog_identifier", "process.name"),
            ("journald.comm", "process.name"),
            ("journald.exe", "process.executable"),
            ("journald.cmdline", "process.command_line"),
            ("journald.systemd_unit", "systemd.unit"),
        ],
        event,
    )?;
    number("journald.pid", "process.pid", event)?;
    number("journald.syslog_pid", "process.pid", event)?;
    number("journald.priority", "log.syslog.severity.code", event)?;
    number("journald.syslog_facility", "log.syslog.facility.code", event)
}

//! Logins, sudo and su.

use event::{Event, EventFull};

use super::classify;

/// Adds the category that the action belongs to.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let kind = match event.get_str("event.action") {
        Some("ssh_login" | "ssh_invalid_user" | "pam_authentication") => Some(("authentication", "start")),
        Some("session_opened" | "su_session") => Some(("session", "start")),
        Some("session_closed") => Some(("session", "end")),
        Some("sudo_command") => Some(("process", "start")),
        Some("ssh_connected") => Some(("network", "start")),
        Some("ssh_disconnected") => Some(("network", "end")),
        _ => None,
    };
    kind.map_or(Ok(()), |(category, kind)| classify(category, &[kind], event))
}

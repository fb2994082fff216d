//! MySQL's and MariaDB's audit records and error log.

use event::{Event, EventFull};

use super::classify;

/// Adds the category that the action belongs to.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    match event.get_str("event.action") {
        Some("login") => classify("authentication", &["start"], event),
        Some("logout" | "disconnect") => classify("session", &["end"], event),
        Some("blocked") => classify("network", &["denied"], event),
        Some("audit_changed") => classify("configuration", &["change"], event),
        Some("query" | "table_access") => classify("database", &["access"], event),
        _ => classify("database", &["info"], event),
    }
}

//! PostgreSQL's log and pgaudit's records.

use event::{Event, EventFull};

use super::{classify, copies};

/// Adds database and application of a record, the category, and the outcome of what failed.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let audited = event.get_str("event.dataset") == Some("postgresql.audit");
    if audited {
        copies(
            &[
                ("postgresql.log.database", "postgresql.audit.database"),
                ("postgresql.log.application_name", "postgresql.audit.application"),
            ],
            event,
        )?;
    }
    copies(&[("postgresql.log.sql_state_code", "error.code")], event)?;
    let failed = matches!(event.get_str("log.level"), Some("ERROR" | "FATAL" | "PANIC"));
    if failed && event.has("message") {
        event.set_default("event.outcome", "failure")?;
        event.copy("message", "error.message")?;
    }
    match event.get_str("event.action") {
        Some("login" | "authenticate") => classify("authentication", &["start"], event),
        Some("connect") => classify("network", &["connection", "start"], event),
        Some("logout") => classify("session", &["end"], event),
        Some("configured") => classify("configuration", &["change"], event),
        _ => classify("database", &[if failed { "error" } else { "access" }], event),
    }
}

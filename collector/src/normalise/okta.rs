//! Okta's system log.

use event::{Event, EventFull};

use super::{address, classify, copies};

/// Adds who, from where, what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("eventType", "event.action"),
            ("uuid", "event.id"),
            ("displayMessage", "message"),
            ("severity", "log.level"),
            ("actor.alternateId", "user.name"),
            ("actor.id", "user.id"),
            ("actor.displayName", "user.full_name"),
            ("outcome.reason", "event.reason"),
            ("client.userAgent.rawUserAgent", "user_agent.original"),
        ],
        event,
    )?;
    address("client.ipAddress", "source.ip", "source.domain", event)?;
    match event.get_str("outcome.result") {
        Some("SUCCESS" | "ALLOW") => event.set_default("event.outcome", "success")?,
        Some("FAILURE" | "DENY") => event.set_default("event.outcome", "failure")?,
        _ => {}
    }
    let action = event.get_str("eventType").unwrap_or_default();
    if action.starts_with("user.session.") || action.starts_with("user.authentication.") {
        return classify("authentication", &["start"], event);
    }
    if action.starts_with("user.") || action.starts_with("group.") {
        return classify("iam", &["change"], event);
    }
    classify("configuration", &["info"], event)
}

//! Microsoft 365's audit log.

use event::{Event, EventFull};

use super::{classify, copies, is_ip};

/// Adds who, from where, what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("Operation", "event.action"),
            ("Workload", "event.provider"),
            ("Id", "event.id"),
            ("UserId", "user.name"),
            ("UserKey", "user.id"),
            ("OrganizationId", "organization.id"),
            ("UserAgent", "user_agent.original"),
        ],
        event,
    )?;
    event.set_default("cloud.provider", "azure")?;
    let client = ["ClientIP", "ClientIPAddress", "ActorIpAddress"].into_iter().find_map(|name| event.get_str(name));
    if let Some(ip) = client.and_then(without_port).map(str::to_owned) {
        event.set_default("source.ip", ip.as_str())?;
    }
    let status = event.get_str("ResultStatus").unwrap_or("Success");
    let failed = ["fail", "false", "error", "denied"]
        .iter()
        .any(|word| status.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
    event.set_default("event.outcome", if failed { "failure" } else { "success" })?;
    match event.get_str("Operation") {
        Some("UserLoggedIn" | "UserLoginFailed") => classify("authentication", &["start"], event),
        _ => classify("configuration", &["info"], event),
    }
}

/// `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`.
fn without_port(text: &str) -> Option<&str> {
    let bracketed = text.strip_prefix('[').and_then(|rest| Some(rest.split_once(']')?.0));
    let plain = || text.rsplit_once(':').map(|(address, _)| address).filter(|address| is_ip(address));
    [bracketed, Some(text), plain()].into_iter().flatten().find(|address| is_ip(address))
}

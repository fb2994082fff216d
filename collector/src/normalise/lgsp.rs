//! Calls through the city's data-sharing platform.

use event::{Event, EventFull, Value};

use super::{address, classify, copies, number, url};

/// Adds caller, user, request and outcome.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&[("lgsp.user", "user.name"), ("lgsp.method", "http.request.method"), ("lgsp.api", "url.original")], event)?;
    address("lgsp.client_ip", "source.ip", "source.domain", event)?;
    number("lgsp.status", "http.response.status_code", event)?;
    url(event)?;
    event.set_default("event.action", "lgsp_call")?;
    if let Some(status) = event.get("http.response.status_code").and_then(Value::as_f64) {
        event.set_default("event.outcome", if status < 400.0 { "success" } else { "failure" })?;
    }
    classify("web", &["access"], event)
}

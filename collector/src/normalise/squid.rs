//! What a Squid proxy fetched for whom.

use event::{Event, EventFull};

use super::{classify, url};

/// Adds the parts of the URL, the host behind a tunnel, action, outcome and category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    if event.get_str("http.request.method") == Some("CONNECT") {
        tunnel(event)?;
    } else {
        url(event)?;
    }
    let denied = event.get_str("squid.access.result").is_some_and(|result| result.contains("DENIED"));
    event.set_default("event.action", if denied { "denied" } else { "allowed" })?;
    let failed =
        event.get("http.response.status_code").and_then(event::Value::as_f64).is_some_and(|status| status >= 400.0);
    event.set_default("event.outcome", if denied || failed { "failure" } else { "success" })?;
    classify("web", &["access", if denied { "denied" } else { "allowed" }], event)
}

/// `CONNECT host:443` names a host and no URL.
fn tunnel(event: &mut Event) -> Result<(), EventFull> {
    let Some(target) = event.get_str("url.original").map(str::to_owned) else { return Ok(()) };
    let (host, port) = target.rsplit_once(':').unwrap_or((&target, ""));
    event.set_default("url.domain", host.trim_matches(['[', ']']))?;
    port.parse::<u16>().map_or(Ok(()), |port| event.set_default("destination.port", i64::from(port)))
}

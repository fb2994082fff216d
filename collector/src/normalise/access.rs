//! Access logs of web servers.

use event::{Event, EventFull};

use super::{classify, url};

/// Adds path and query, outcome and category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    url(event)?;
    let failed =
        event.get("http.response.status_code").and_then(event::Value::as_f64).is_some_and(|status| status >= 400.0);
    event.set_default("event.outcome", if failed { "failure" } else { "success" })?;
    classify("web", &["access"], event)
}

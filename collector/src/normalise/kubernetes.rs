//! Requests to Kubernetes' API server.

use event::{Event, EventFull, Value};

use super::{classify, copies, is_ip, url};

/// Adds who, from where, what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("kubernetes.audit.user.username", "user.name"),
            ("kubernetes.audit.user.uid", "user.id"),
            ("kubernetes.audit.userAgent", "user_agent.original"),
            ("kubernetes.audit.requestURI", "url.original"),
            ("kubernetes.audit.objectRef.namespace", "orchestrator.namespace"),
            ("kubernetes.audit.objectRef.name", "orchestrator.resource.name"),
            ("kubernetes.audit.objectRef.resource", "orchestrator.resource.type"),
            ("kubernetes.audit.responseStatus.code", "http.response.status_code"),
            ("kubernetes.audit.responseStatus.reason", "event.reason"),
            ("kubernetes.audit.verb", "event.action"),
            ("kubernetes.audit.auditID", "event.id"),
        ],
        event,
    )?;
    event.set_default("orchestrator.type", "kubernetes")?;
    // The first is the client, those behind it are proxies.
    let first = event.get_str("kubernetes.audit.sourceIPs").filter(|address| is_ip(address)).map(str::to_owned);
    if let Some(first) = first {
        event.set_default("source.ip", first.as_str())?;
    }
    url(event)?;
    let status = event.get("http.response.status_code").and_then(Value::as_f64);
    if let Some(status) = status {
        event.set_default("event.outcome", if status < 400.0 { "success" } else { "failure" })?;
    }
    let kind = match event.get_str("event.action") {
        Some("create") => "creation",
        Some("update" | "patch") => "change",
        Some("delete" | "deletecollection") => "deletion",
        _ => "access",
    };
    classify("configuration", &[kind], event)
}

//! Google Cloud's audit log.

use event::{Event, EventFull, Value};

use super::{address, classify, copies, google_workspace};

/// Services of Google Workspace, whose entries come through the same log.
const WORKSPACE: [(&str, &str); 2] =
    [("admin.googleapis.com", "google_workspace.admin"), ("login.googleapis.com", "google_workspace.login")];

/// Adds who, from where, what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let service = event.get_str("protoPayload.serviceName").unwrap_or_default();
    if let Some((_, dataset)) = WORKSPACE.iter().find(|(name, _)| *name == service) {
        event.set_default("event.dataset", *dataset)?;
        event.set_default("event.module", "google_workspace")?;
        event.copy("protoPayload.metadata.event.eventName", "event.action")?;
        google_workspace::parameters("protoPayload.metadata.event.parameter", event)?;
    }
    copies(
        &[
            ("protoPayload.methodName", "event.action"),
            ("protoPayload.serviceName", "event.provider"),
            ("protoPayload.serviceName", "service.name"),
            ("insertId", "event.id"),
            ("protoPayload.authenticationInfo.principalEmail", "user.name"),
            ("protoPayload.requestMetadata.callerSuppliedUserAgent", "user_agent.original"),
            ("protoPayload.status.message", "error.message"),
            ("resource.labels.project_id", "cloud.project.id"),
            ("resource.type", "orchestrator.resource.type"),
            ("severity", "log.level"),
        ],
        event,
    )?;
    event.set_default("cloud.provider", "gcp")?;
    address("protoPayload.requestMetadata.callerIp", "source.ip", "source.domain", event)?;
    let code = event.get("protoPayload.status.code").and_then(Value::as_f64).unwrap_or(0.0);
    event.set_default("event.outcome", if code == 0.0 { "success" } else { "failure" })?;
    classify("configuration", &["info"], event)
}

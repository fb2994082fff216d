//! Audit logs of Google Cloud as log sinks deliver them (Cloud Logging reference, "LogEntry" and "AuditLog"), those of
//! Google Workspace among them.

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "gcp.audit", strict: true, fits, shape, normalise: crate::normalise::gcp::to_ecs };

fn fits(event: &Event) -> bool {
    event.has("logName")
        && event.has("protoPayload.methodName")
        && (event.has("protoPayload.serviceName") || event.has("protoPayload.@type"))
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let names = ["timestamp", "receiveTimestamp"];
    let time = names.into_iter().find_map(|name| time_of(event.get(name)?, dates));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn entries_are_read() {
        let text = r#"{"logName":"projects/hcm-portal/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-03T00:00:00Z","severity":"NOTICE","resource":{"type":"gcs_bucket"},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.buckets.delete","authenticationInfo":{"principalEmail":"lan@hcm.example"},"requestMetadata":{"callerIp":"2001:db8::7","callerSuppliedUserAgent":"gcloud"},"status":{"code":7},"resourceName":"b/x"}}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "event.provider", "user.name", "source.ip", "event.outcome", "service.name"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            [
                "storage.buckets.delete",
                "storage.googleapis.com",
                "lan@hcm.example",
                "2001:db8::7",
                "failure",
                "storage.googleapis.com"
            ]
        );
        assert!(testing::shaped(&SHAPE, r#"{"logName":"x","textPayload":"y"}"#).is_none());
    }

    #[test]
    fn workspace_is_told_by_its_service() {
        let text = r#"{"logName":"organizations/1/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-03T00:00:00Z","protoPayload":{"serviceName":"admin.googleapis.com","methodName":"google.admin.AdminService.changeApplicationSetting","metadata":{"event":[{"eventName":"CHANGE_APPLICATION_SETTING","parameter":[{"name":"SETTING_NAME","value":"ContextAwareAccess"},{"name":"NEW_VALUE","value":"false"}]}]}}}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        assert_eq!(event.get_str("event.dataset"), Some("google_workspace.admin"));
        assert_eq!(event.get_str("google_workspace.admin.setting.name"), Some("ContextAwareAccess"));
        assert_eq!(event.get_str("google_workspace.admin.new_value"), Some("false"));
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"logName": text, "timestamp": number, "protoPayload": {
                "methodName": text, "serviceName": text, "status": {"code": text}, "requestMetadata": {"callerIp": text},
                "metadata": {"event": [{"eventName": number, "parameter": [{"name": text}, {"name": number, "value": text}]}]}}});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

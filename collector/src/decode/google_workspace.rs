//! Activities of Google Workspace as its Reports API gives them (Admin SDK reference, "Activities").

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape = JsonShape {
    name: "google_workspace.reports",
    strict: true,
    fits,
    shape,
    normalise: crate::normalise::google_workspace::to_ecs,
};

fn fits(event: &Event) -> bool {
    event.get_str("kind") == Some("admin#reports#activity") && event.has("id.applicationName")
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let names = ["id.time"];
    let time = names.into_iter().find_map(|name| time_of(event.get(name)?, dates));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn activities_are_read() {
        let text = r#"{"kind":"admin#reports#activity","id":{"time":"2026-11-03T00:00:00.000Z","uniqueQualifier":"7","applicationName":"admin","customerId":"C1"},"actor":{"email":"lan@hcm.example","profileId":"1"},"ipAddress":"203.0.113.9","events":[{"type":"APPLICATION_SETTINGS","name":"CHANGE_APPLICATION_SETTING","parameters":[{"name":"SETTING_NAME","value":"ContextAwareAccess"},{"name":"NEW_VALUE","value":"false"}]}]}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.dataset", "event.action", "service.name", "user.name", "google_workspace.admin.new_value"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            [
                "google_workspace.admin",
                "CHANGE_APPLICATION_SETTING",
                "admin.googleapis.com",
                "lan@hcm.example",
                "false"
            ]
        );
        assert!(testing::shaped(&SHAPE, r#"{"kind":"admin#directory#user","id":{"applicationName":"x"}}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"kind": "admin#reports#activity", "id": {"applicationName": text, "time": text},
                "ipAddress": text, "events": [{"name": number, "parameters": [{"name": text, "boolValue": true}]}]});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

//! The audit log of Kubernetes' API server, one `audit.k8s.io` event a line (Kubernetes documentation, "Auditing").

use event::{Event, EventFull, Mark};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "kubernetes.audit", strict: true, fits, shape, normalise: crate::normalise::kubernetes::to_ecs };

fn fits(event: &Event) -> bool {
    event.get_str("kind") == Some("Event")
        && event.get_str("apiVersion").is_some_and(|version| version.starts_with("audit.k8s.io/"))
        && event.has("auditID")
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        new.push_str("kubernetes.audit.");
        new.push_str(old);
        true
    })?;
    let names = ["stageTimestamp", "requestReceivedTimestamp"];
    let time = names.into_iter().find_map(|name| dates.iso(event.get_str(&format!("kubernetes.audit.{name}"))?));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn events_are_read() {
        let text = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/secrets?limit=5","verb":"list","user":{"username":"lan","groups":["system:authenticated"]},"sourceIPs":["10.1.0.9"],"objectRef":{"resource":"secrets","namespace":"dancu"},"responseStatus":{"code":403},"stageTimestamp":"2026-11-03T00:00:00.5Z"}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        assert_eq!(event.get_str("kubernetes.audit.verb"), Some("list"));
        assert_eq!(event.get_str("user.name"), Some("lan"));
        assert_eq!(event.get_str("source.ip"), Some("10.1.0.9"));
        assert_eq!(event.get_str("event.outcome"), Some("failure"));
        assert!(testing::shaped(&SHAPE, r#"{"kind":"Event","apiVersion":"v1","auditID":"a"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", code in any::<i64>()) {
            let document = serde_json::json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": text,
                "verb": text, "user": {"username": text}, "sourceIPs": [text, code], "responseStatus": {"code": code},
                "requestURI": text, "stageTimestamp": text});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

//! Okta's system log, one event a line (Okta System Log API, "LogEvent").

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "okta.system", strict: true, fits, shape, normalise: crate::normalise::okta::to_ecs };

fn fits(event: &Event) -> bool {
    ["eventType", "published", "actor.type", "outcome.result"].into_iter().all(|name| event.has(name))
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let names = ["published"];
    let time = names.into_iter().find_map(|name| time_of(event.get(name)?, dates));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn events_are_read() {
        let text = r#"{"uuid":"u","published":"2026-11-03T00:00:00.123Z","eventType":"user.session.start","version":"0","severity":"WARN","displayMessage":"User login to Okta","actor":{"id":"1","type":"User","alternateId":"lan@hcm.example","displayName":"Lan"},"client":{"userAgent":{"rawUserAgent":"Mozilla"},"ipAddress":"2001:db8::7"},"outcome":{"result":"FAILURE","reason":"INVALID_CREDENTIALS"},"securityContext":{"isProxy":true}}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "user.name", "source.ip", "event.outcome", "event.reason", "event.category"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            [
                "user.session.start",
                "lan@hcm.example",
                "2001:db8::7",
                "failure",
                "INVALID_CREDENTIALS",
                "authentication"
            ]
        );
        assert!(testing::shaped(&SHAPE, r#"{"eventType":"x","published":"y"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"eventType": text, "published": number, "actor": {"type": text,
                "alternateId": number}, "outcome": {"result": text}, "client": {"ipAddress": text}});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

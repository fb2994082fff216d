//! Cisco Duo's authentication log as its Admin API gives it (Duo Admin API, "Authentication Logs" v2).

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "cisco.duo", strict: true, fits, shape, normalise: crate::normalise::duo::to_ecs };

fn fits(event: &Event) -> bool {
    event.has("txid") && event.has("event_type") && (event.has("access_device.ip") || event.has("application.name"))
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let names = ["isotimestamp", "timestamp"];
    let time = names.into_iter().find_map(|name| time_of(event.get(name)?, dates));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn authentications_are_read() {
        let text = r#"{"txid":"t","timestamp":1793664000,"isotimestamp":"2026-11-03T00:00:00.123+00:00","event_type":"authentication","result":"success","reason":"bypass_user","factor":"not_available","user":{"key":"k","name":"lan"},"application":{"key":"a","name":"VPN"},"access_device":{"ip":"203.0.113.9","hostname":null},"auth_device":{"ip":null}}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "user.name", "source.ip", "event.outcome", "event.reason", "service.name"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            ["authentication", "lan", "203.0.113.9", "success", "bypass_user", "VPN"]
        );
        assert!(testing::shaped(&SHAPE, r#"{"event_type":"alert","txid":"y"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"txid": text, "event_type": text, "timestamp": number, "result": number,
                "access_device": {"ip": text}, "user": {"name": text}});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

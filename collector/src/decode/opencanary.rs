//! OpenCanary, a decoy that says who touched it: one JSON object a line (its `logger.py`).

use event::{Event, EventFull, Mark};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "opencanary.log", strict: true, fits, shape, normalise: crate::normalise::opencanary::to_ecs };

fn fits(event: &Event) -> bool {
    ["logtype", "node_id", "logdata"].into_iter().filter(|name| event.has(name)).count() >= 2
        && event.has("logtype")
        && event.has("src_host")
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    // Its time has no zone and is UTC.
    let time = event.get_str("utc_time").and_then(|text| dates.iso_utc(text));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn touches_are_read() {
        let text = r#"{"dst_host":"10.1.0.9","dst_port":22,"local_time":"2026-11-03 07:00:00.123456","local_time_adjusted":"2026-11-03 07:00:00.123456","logdata":{"USERNAME":"root","PASSWORD":"x"},"logtype":4002,"node_id":"decoy-1","src_host":"10.4.5.6","src_port":40000,"utc_time":"2026-11-03 00:00:00.123456"}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "host.name", "source.ip", "destination.ip", "user.name"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            ["ssh_login_attempt", "decoy-1", "10.4.5.6", "10.1.0.9", "root"]
        );
        assert_eq!(event.get("destination.port"), Some(event::Value::Int(22)));
        assert!(testing::shaped(&SHAPE, r#"{"logtype":1,"node_id":"x"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"logtype": text, "node_id": number, "src_host": text, "src_port": text,
                "utc_time": text, "logdata": {"USERNAME": number}});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

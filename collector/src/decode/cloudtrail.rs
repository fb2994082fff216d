//! Records of AWS CloudTrail, one a line as its subscriptions deliver them (AWS CloudTrail User Guide, "Record contents").

use event::{Event, EventFull, Mark};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "aws.cloudtrail", strict: true, fits, shape, normalise: crate::normalise::cloudtrail::to_ecs };

fn fits(event: &Event) -> bool {
    ["eventSource", "eventName", "awsRegion", "eventVersion"].into_iter().all(|name| event.has(name))
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        new.push_str("aws.cloudtrail.");
        new.push_str(old);
        true
    })?;
    let time = event.get_str("aws.cloudtrail.eventTime").and_then(|text| dates.iso(text));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn records_are_read() {
        let text = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"lan","accountId":"123456789012"},"eventTime":"2026-11-03T00:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"ap-southeast-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2","requestParameters":{"name":"trail"},"responseElements":null,"errorCode":"AccessDenied","eventID":"e"}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "event.provider", "user.name", "source.ip", "event.outcome", "cloud.region"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            ["StopLogging", "cloudtrail.amazonaws.com", "lan", "203.0.113.9", "failure", "ap-southeast-1"]
        );
        assert_eq!(event.get_str("aws.cloudtrail.requestParameters.name"), Some("trail"));
        assert!(testing::shaped(&SHAPE, r#"{"eventSource":"x","eventName":"y"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"eventVersion": text, "eventSource": number, "eventName": text,
                "awsRegion": text, "sourceIPAddress": text, "userIdentity": [text, number], "eventTime": text});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

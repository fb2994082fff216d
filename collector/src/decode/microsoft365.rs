//! Records of the Microsoft 365 audit log as the Management Activity API gives them ("Common schema").

use event::{Event, EventFull, Mark};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "o365.audit", strict: true, fits, shape, normalise: crate::normalise::microsoft365::to_ecs };

fn fits(event: &Event) -> bool {
    ["CreationTime", "Workload", "Operation", "RecordType"].into_iter().all(|name| event.has(name))
}

/// The document's names are Sigma's already and stay.
fn shape(_mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    // Its times have no zone and are UTC.
    let time = event.get_str("CreationTime").and_then(|text| dates.iso_utc(text));
    Ok(Shaped { time, inner: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn records_are_read() {
        let text = r#"{"CreationTime":"2026-11-03T00:00:00","Id":"1","Operation":"Add-FederatedDomain","OrganizationId":"o","RecordType":1,"ResultStatus":"True","UserKey":"k","UserType":2,"Workload":"Exchange","ClientIP":"203.0.113.9:51234","ObjectId":"d","UserId":"lan@hcm.example"}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        let found = ["event.action", "event.provider", "user.name", "source.ip", "event.outcome"];
        assert_eq!(
            found.map(|name| event.get_str(name).unwrap_or_default()),
            ["Add-FederatedDomain", "Exchange", "lan@hcm.example", "203.0.113.9", "success"]
        );
        let text = r#"{"CreationTime":"2026-11-03T00:00:00","Operation":"UserLoginFailed","RecordType":15,"ResultStatus":"Failed","Workload":"AzureActiveDirectory","ClientIP":"[2001:db8::7]:443"}"#;
        let event = testing::shaped(&SHAPE, text).unwrap();
        assert_eq!(
            (event.get_str("source.ip"), event.get_str("event.outcome")),
            (Some("2001:db8::7"), Some("failure"))
        );
        assert!(testing::shaped(&SHAPE, r#"{"Workload":"x","Operation":"y"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,30}", number in any::<i64>()) {
            let document = serde_json::json!({"CreationTime": text, "Workload": text, "Operation": number,
                "RecordType": text, "ClientIP": text, "ResultStatus": number});
            prop_assert!(testing::shaped(&SHAPE, &document.to_string()).is_some());
        }
    }
}

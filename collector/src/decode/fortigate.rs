//! FortiGate's own lines of `key=value` (FortiOS Log Message Reference): pairs with a device's id and a log's id.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat, pairs};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "fortinet.firewall", strict: true, decode, normalise: crate::normalise::fortigate::to_ecs };

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let text = line.text.trim_ascii_start();
    // The first key is one of the log's head, so that another program's line which quotes one is not taken for it.
    let begins =
        ["date=", "time=", "logver=", "timestamp=", "itime=", "devname=", "devid=", "eventtime=", "device_id="];
    let has = |key: &str| memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_some();
    if !begins.iter().any(|key| text.starts_with(key)) || !has("logid=") || !has("type=") {
        return Ok(Fit::No);
    }
    let fit = pairs::decode(line, dates, event)?;
    let device = event.get_str("kv.devid").or_else(|| event.get_str("kv.device_id")).unwrap_or_default();
    let known = device.starts_with('F') || event.has("kv.devname") && event.has("kv.vd");
    Ok(if known && event.has("kv.logid") && event.has("kv.type") { fit } else { Fit::No })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn a_fortigate_is_told_from_other_pairs() {
        let text = "date=2026-11-03 time=07:00:00 devname=\"FG-Q1\" devid=\"FGT60F1\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" srcip=10.1.1.5 action=\"deny\"";
        let event = testing::fields(&FORMAT, text);
        assert_eq!((event.get_str("kv.type"), event.get_str("kv.action")), (Some("traffic"), Some("deny")));
        for other in [
            "date=2026-11-03 time=07:00:00 devname=x type=y a=b",
            "date=2026-11-03 devid=XG1 logid=1 type=a",
            "msg=x devid=FGT1 logid=1 type=a",
            "level=info ts=1 msg=x",
        ] {
            assert_eq!(testing::listed(&FORMAT, "", other), "no", "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(date=1 devid=F1 logid=1 type=a )?[a-z=\" é]{0,80}") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

//! Suricata's EVE JSON: alerts, flows and protocol records, one object a line.

use event::{Event, EventFull, Mark};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "suricata.eve", strict: true, fits, shape, normalise: crate::normalise::suricata::to_ecs };

fn fits(event: &Event) -> bool {
    event.has("event_type")
        && event.has("timestamp")
        && (event.has("flow_id") || event.has("src_ip") || event.has("stats.uptime"))
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        new.push_str("suricata.eve.");
        new.push_str(old);
        true
    })?;
    let time = event.get_str("suricata.eve.timestamp").and_then(|text| dates.iso(text));
    Ok(Shaped { time, inner: None })
}

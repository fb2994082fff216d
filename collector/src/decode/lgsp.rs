//! The API gateway of the city's data-sharing platform (LGSP): one JSON object a call.

use event::{Event, EventFull, Mark};

use super::json::time_of;
use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "lgsp.gateway", strict: true, fits, shape, normalise: crate::normalise::lgsp::to_ecs };

fn fits(event: &Event) -> bool {
    event.get_str("gateway") == Some("lgsp") && event.has("api")
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        new.push_str("lgsp.");
        new.push_str(old);
        true
    })?;
    let time = ["lgsp.time", "lgsp.timestamp", "lgsp.sender.@timestamp"].into_iter().find_map(|name| event.get(name));
    Ok(Shaped { time: time.and_then(|value| time_of(value, dates)), inner: None })
}

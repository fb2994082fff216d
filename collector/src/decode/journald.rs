//! systemd's journal as `journalctl -o json` prints it.

use event::{Event, EventFull, Mark, Value};

use super::{Dates, JsonShape, Shaped};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "system.syslog", strict: true, fits, shape, normalise: crate::normalise::journald::to_ecs };

fn fits(event: &Event) -> bool {
    event.has("MESSAGE") && (event.has("__REALTIME_TIMESTAMP") || event.has("_BOOT_ID"))
}

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    let message = message(event);
    event.remove("MESSAGE");
    event.rename_since(mark, |old, new| {
        new.push_str("journald.");
        new.extend(old.trim_start_matches('_').chars().map(|letter| letter.to_ascii_lowercase()));
        true
    })?;
    event.set("message", message.as_str())?;
    let micros = |name| event.get(name).and_then(|value: Value<'_>| value.text().parse::<i64>().ok());
    let time = micros("journald.source_realtime_timestamp").or_else(|| micros("journald.realtime_timestamp"));
    let app = event.get_str("journald.syslog_identifier").or_else(|| event.get_str("journald.comm")).map(str::to_owned);
    Ok(Shaped { time: time.and_then(|micros| dates.epoch(micros)), inner: Some((message, app)) })
}

/// The message; journalctl prints one that is not UTF-8 as a list of bytes.
fn message(event: &Event) -> String {
    match event.get("MESSAGE") {
        Some(Value::Int(_)) => {
            let bytes = event.get_all("MESSAGE").filter_map(|value| value.text().parse::<u8>().ok());
            String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
        }
        Some(value) => value.text().into_owned(),
        None => String::new(),
    }
}

//! What the tests of text formats share.

use event::{Event, Timestamp};
use jiff::tz::TimeZone;

use super::{Dates, Fit, JsonShape, Line, TextFormat, walk_json};

/// The fields that `format` reads from `text`; none when it does not fit.
pub(crate) fn fields(format: &TextFormat, text: &str) -> Event {
    decoded(format, None, text).unwrap_or_default()
}

/// The same of a line that `app` wrote.
pub(crate) fn decoded_by(format: &TextFormat, app: &str, text: &str) -> Event {
    decoded(format, Some(app), text).unwrap_or_default()
}

/// The same as `name=value` words; `no` when it does not fit.
pub(crate) fn listed(format: &TextFormat, app: &str, text: &str) -> String {
    let app = Some(app).filter(|app| !app.is_empty());
    let Some(event) = decoded(format, app, text) else { return "no".to_owned() };
    event.iter().map(|(name, value)| format!("{name}={}", value.text())).collect::<Vec<_>>().join(" ")
}

fn decoded(format: &TextFormat, app: Option<&str>, text: &str) -> Option<Event> {
    let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
    let dates = Dates { zone: &zone, year: None, received: Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap() };
    let mut event = Event::new();
    let fit = (format.decode)(Line { text, app }, &dates, &mut event).unwrap();
    let mut normalised = event.clone();
    (format.normalise)(&mut normalised).unwrap();
    (fit != Fit::No).then_some(event)
}

/// The normalised fields that `shape` makes of a document; `None` when it does not fit.
pub(crate) fn shaped(shape: &JsonShape, text: &str) -> Option<Event> {
    let dates =
        Dates { zone: &TimeZone::UTC, year: None, received: Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap() };
    let mut event = Event::new();
    let mark = event.mark();
    walk_json(text, &mut event).unwrap();
    if !(shape.fits)(&event) {
        return None;
    }
    (shape.shape)(mark, &dates, &mut event).unwrap();
    (shape.normalise)(&mut event).unwrap();
    Some(event)
}

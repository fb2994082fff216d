//! RADIUS requests.

use event::{Event, EventFull};

use super::classify;

/// Adds the category that the action belongs to.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    match event.get_str("event.action") {
        Some(_) => classify("authentication", &["start"], event),
        None => Ok(()),
    }
}

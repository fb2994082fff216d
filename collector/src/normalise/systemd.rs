//! Units of systemd.

use event::{Event, EventFull};

use super::copies;

/// Adds the service's name.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&[("systemd.unit", "service.name")], event)
}

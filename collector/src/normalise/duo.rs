//! Cisco Duo's authentications.

use event::{Event, EventFull};

use super::{address, classify, copies};

/// Adds who, from where, to what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("event_type", "event.action"),
            ("txid", "event.id"),
            ("reason", "event.reason"),
            ("user.key", "user.id"),
            ("application.name", "service.name"),
            ("access_device.hostname", "source.domain"),
        ],
        event,
    )?;
    event.set_default("observer.vendor", "Cisco")?;
    event.set_default("observer.product", "Duo")?;
    address("access_device.ip", "source.ip", "source.domain", event)?;
    match event.get_str("result") {
        Some("success") => event.set_default("event.outcome", "success")?,
        Some("denied" | "failure" | "fraud" | "error") => event.set_default("event.outcome", "failure")?,
        _ => {}
    }
    classify("authentication", &["start"], event)
}

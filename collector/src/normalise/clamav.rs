//! Finds of a virus scanner.

use event::{Event, EventFull};

use super::classify;

/// Adds what it is: a file with malware in it.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    event.set_default("event.action", "malware_found")?;
    let name = event.get_str("file.path").and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        event.set_default("file.name", name.as_str())?;
    }
    classify("malware", &["info"], event)
}

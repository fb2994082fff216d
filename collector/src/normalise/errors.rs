//! Error logs of web servers.

use event::{Event, EventFull};

use super::{classify, url};

/// Adds path and query and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    url(event)?;
    classify("web", &["error"], event)
}

//! Mail servers.

use event::{Event, EventFull};

use super::{classify, copies};

/// Adds the reporter's id of the letter and the category that the action belongs to.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&[("postfix.log.queue_id", "email.local_id"), ("opendmarc.log.queue_id", "email.local_id")], event)?;
    let kind = match event.get_str("event.action") {
        Some("sasl_login" | "mailbox_login") => ("authentication", "start"),
        Some("connect") => ("network", "start"),
        Some("disconnect" | "connection_lost" | "mailbox_disconnected") => ("network", "end"),
        Some("reject") => ("email", "denied"),
        Some(_) => ("email", "info"),
        None => return Ok(()),
    };
    classify(kind.0, &[kind.1], event)
}

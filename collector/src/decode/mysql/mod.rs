//! MySQL and MariaDB: audit records, as columns and as JSON, and the error log.

pub(crate) mod audit;
pub(crate) mod audit_json;
pub(crate) mod error;

use event::{Event, EventFull};

use crate::normalise::is_ip;

/// `10.1.1.5`, a host's name, or `localhost`: the client.
fn client(text: &str, event: &mut Event) -> Result<(), EventFull> {
    match text {
        "" | "localhost" => Ok(()),
        text => event.set_default(if is_ip(text) { "source.ip" } else { "source.domain" }, text),
    }
}

/// The outcome that a status means; 0 is success in every one of these formats.
fn outcome(status: i64) -> &'static str {
    if status == 0 { "success" } else { "failure" }
}

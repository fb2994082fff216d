//! JSON documents of no known kind: ECS documents are left alone, common names of others are copied.

use event::{Event, EventFull};

use super::{address, copies, number, url};

const COPIES: [(&str, &str); 14] = [
    ("msg", "message"),
    ("log", "message"),
    ("level", "log.level"),
    ("severity", "log.level"),
    ("hostname", "host.name"),
    ("host", "host.name"),
    ("user", "user.name"),
    ("username", "user.name"),
    ("user_name", "user.name"),
    ("method", "http.request.method"),
    ("url", "url.original"),
    ("uri", "url.original"),
    ("request_uri", "url.original"),
    ("user_agent", "user_agent.original"),
];

const SOURCES: [&str; 7] = ["src_ip", "srcip", "source_ip", "client_ip", "clientip", "remote_addr", "src"];
const DESTINATIONS: [&str; 6] = ["dest_ip", "dst_ip", "dstip", "destination_ip", "server_ip", "dst"];

/// Adds the ECS names of common plain ones.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(&COPIES, event)?;
    SOURCES.iter().try_for_each(|name| address(name, "source.ip", "source.domain", event))?;
    DESTINATIONS.iter().try_for_each(|name| address(name, "destination.ip", "destination.domain", event))?;
    for (from, to) in
        [("src_port", "source.port"), ("dest_port", "destination.port"), ("status", "http.response.status_code")]
    {
        number(from, to, event)?;
    }
    url(event)
}

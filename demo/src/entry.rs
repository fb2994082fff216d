//! One log record before it is written in the form of its sender: RFC 5424, RFC 3164, or a shipper's JSON document.

use std::sync::Arc;

use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use crate::site::Site;

/// Programs whose lines go to the system log and have no form of their own.
const SYSTEM_LOG: [&str; 3] = ["CRON", "systemd", "radvd"];

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A line as a program writes it.
    Text(String),
    /// A document as a program or shipper writes it.
    Document(Value),
}

/// One record of one site.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The site that sends it.
    pub site: Arc<Site>,
    /// When it happened.
    pub at: Timestamp,
    /// The machine it happened on.
    pub host: String,
    /// The program that wrote it.
    pub program: &'static str,
    /// That program's process, where it says.
    pub pid: Option<u64>,
    /// Facility × 8 + severity (RFC 5424, section 6.2.1).
    pub priority: u8,
    /// What it says.
    pub body: Body,
}

/// The city's zone, which has known no daylight saving time since 1975.
pub(crate) fn zone() -> TimeZone {
    offset(7).to_time_zone()
}

/// The city's clock.
pub(crate) fn local(at: Timestamp) -> Zoned {
    at.to_zoned(zone())
}

/// RFC 3339 with milliseconds and the city's offset.
pub(crate) fn stamp(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// RFC 3339 with milliseconds, UTC, as shippers write it.
pub(crate) fn stamp_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Entry {
    fn text(&self) -> String {
        match &self.body {
            Body::Text(text) => text.clone(),
            Body::Document(document) => document.to_string(),
        }
    }

    /// As RFC 5424 has it.
    pub fn rfc5424(&self) -> String {
        let pid = self.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        format!("<{}>1 {} {} {} {pid} - - {}", self.priority, stamp(self.at), self.host, self.program, self.text())
    }

    /// As RFC 3164 has it: no year, no zone, seconds.
    pub fn rfc3164(&self) -> String {
        let time = local(self.at).strftime("%b %e %H:%M:%S").to_string();
        let pid = self.pid.map_or_else(String::new, |pid| format!("[{pid}]"));
        format!("<{}>{time} {} {}{pid}: {}", self.priority, self.host, self.program, self.text())
    }

    /// As a shipper sends it: its own document, or a document around the line.
    pub fn document(&self) -> Value {
        match &self.body {
            Body::Document(document) => document.clone(),
            Body::Text(text) => {
                let mut document = json!({
                    "@timestamp": stamp_utc(self.at),
                    "message": text,
                    "host": { "name": self.host },
                    "process": { "name": self.program, "pid": self.pid },
                    "agent": { "type": "filebeat" },
                });
                // Filebeat's module for the system log names what it tails.
                if let (true, Value::Object(document)) = (SYSTEM_LOG.contains(&self.program), &mut document) {
                    document.insert("event".to_owned(), json!({ "dataset": "system.syslog" }));
                }
                document
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Town;

    fn entry(body: Body) -> Entry {
        let town = Town::read("id,agency,addresses\nhcm-a,a,10.1.1.0/24\n".as_bytes()).unwrap();
        Entry {
            site: Arc::clone(&town.sites()[0]),
            at: "2026-11-03T00:05:06.789Z".parse().unwrap(),
            host: "srv-01.a".to_owned(),
            program: "sshd",
            pid: Some(7),
            priority: 86,
            body,
        }
    }

    #[test]
    fn forms_are_as_the_standards_say() {
        let line = entry(Body::Text("hello".to_owned()));
        assert_eq!(line.rfc5424(), "<86>1 2026-11-03T07:05:06.789+07:00 srv-01.a sshd 7 - - hello");
        assert_eq!(line.rfc3164(), "<86>Nov  3 07:05:06 srv-01.a sshd[7]: hello");
        let document = line.document();
        assert_eq!(document["@timestamp"], "2026-11-03T00:05:06.789Z");
        assert_eq!(document["message"], "hello");
        let document = entry(Body::Document(json!({ "a": 1 })));
        assert_eq!(document.document(), json!({ "a": 1 }));
        assert!(document.rfc5424().ends_with(" - - {\"a\":1}"));
    }
}

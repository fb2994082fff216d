//! What the sources write is what the product's collector reads: every line parses as what it claims to be.

use std::sync::Arc;

use collector::{Format, Pipeline, PipelineSettings, Record};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp as Moment, Transport};

use super::*;
use crate::site::Town;
use crate::traffic::Traffic;

const REGISTER: &str = include_str!("../../../collector/demo/sites.csv");
const NOW: &str = "2026-11-03T02:11:12.345Z";

fn read(text: &str, json: bool) -> Event {
    let origin = Origin {
        site: SiteId::new("hcm-a").unwrap(),
        agency: None,
        known_by: KnownBy::Certificate,
        source: SourceId::of(Transport::SyslogTls, "hcm-a"),
        transport: Transport::SyslogTls,
        peer: None,
    };
    let now: Timestamp = NOW.parse().unwrap();
    let received = Moment::from_millis(now.as_millisecond() + 40);
    let record = Record::new(Arc::new(origin), received, text.to_owned().into_bytes());
    let record = if json { record.with_format(Format::Json) } else { record };
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).event(EventId(1), &record, &mut event);
    event
}

/// Every form of many records of a source is of one of the datasets, has the fields, and the time to the second.
#[track_caller]
fn check(source: fn(&mut Scene<'_>) -> Entry, datasets: &[&str], fields: &[&str]) {
    let town = Town::read(REGISTER.as_bytes()).unwrap();
    let mut traffic = Traffic::new(&town, 5);
    let at: Timestamp = NOW.parse().unwrap();
    for site in town.sites().iter().step_by(9) {
        let entry = traffic.scene(site, at, source);
        let document = entry.document().to_string();
        for (text, json) in [(entry.rfc5424(), false), (entry.rfc3164(), false), (document, true)] {
            let event = read(&text, json);
            let dataset = event.get_str("event.dataset").unwrap_or_default();
            assert!(datasets.contains(&dataset), "`{dataset}` of {text}");
            assert_eq!(event.get_str("event.kind"), Some("event"), "{text}");
            assert_eq!(event.timestamp().secs(), at.as_second(), "{text}");
            assert!(text.len() < 1_400, "{} bytes do not fit a datagram: {text}", text.len());
            for field in fields {
                assert!(event.has(field), "no {field} of {text}: {event:?}");
            }
        }
    }
}

#[test]
fn linux_lines_are_read() {
    check(linux::ordinary, &["system.auth", "system.syslog", "iptables.log"], &["message"]);
}

#[test]
fn access_lines_are_read() {
    check(web::ordinary, &["nginx.access"], &["source.ip", "url.path", "http.response.status_code"]);
}

#[test]
fn firewall_lines_are_read() {
    check(firewall::ordinary, &["cef"], &["source.ip", "destination.ip", "destination.port", "event.action"]);
}

#[test]
fn sensor_records_are_read() {
    check(ids::ordinary, &["suricata.eve"], &["source.ip", "destination.ip", "suricata.eve.event_type"]);
}

#[test]
fn windows_documents_are_read() {
    check(windows::ordinary, &["windows.security", "windows.sysmon"], &["winlog.event_id", "user.name"]);
}

#[test]
fn gateway_documents_are_read() {
    let fields = ["lgsp.consumer", "lgsp.api", "lgsp.records", "lgsp.purpose", "source.ip", "user.name", "url.path"];
    check(gateway::ordinary, &["lgsp.gateway"], &fields);
}

#[test]
fn portal_documents_are_read() {
    check(portal::ordinary, &["portal.onestop"], &["portal.citizen.id", "user.name", "source.ip"]);
}

#[test]
fn resolver_documents_are_read() {
    check(dns::ordinary, &["dns.resolver"], &["dns.question.name", "source.ip"]);
}

#[test]
fn device_documents_are_read() {
    check(camera::ordinary, &["camera.status", "iot.reading"], &["event.action"]);
}

#[test]
fn switch_documents_are_read() {
    check(switch::ordinary, &["router.ndp"], &["source.ip", "router.ndp.prefix", "router.ndp.port_role"]);
}

#[test]
fn intruders_are_nobody_else() {
    let mut dice = Dice::new(1);
    for _ in 0..200 {
        let (good, bad) = (somebody(&mut dice).to_string(), intruder(&mut dice).to_string());
        assert!(bad.starts_with("192.0.2.") || bad.starts_with("2001:db8:bad:"), "{bad}");
        assert!(!good.starts_with("192.0.2.") && !good.starts_with("2001:db8:bad:"), "{good}");
    }
}

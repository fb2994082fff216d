//! Field names that a stored event says with a number.

use std::sync::LazyLock;

use super::names::Names;

/// The names, by number. Stored events hold the numbers: names are added at the end, none is ever moved or taken out.
pub(crate) const KNOWN: &[&str] = &[
    "@timestamp",
    "event.original",
    "message",
    "event.ingested",
    "event.kind",
    "event.category",
    "event.type",
    "event.action",
    "event.outcome",
    "event.code",
    "event.severity",
    "event.dataset",
    "event.module",
    "event.provider",
    "metrosoc.site.id",
    "metrosoc.site.known_by",
    "metrosoc.agency.id",
    "metrosoc.source.id",
    "metrosoc.transport",
    "log.syslog.facility.code",
    "log.syslog.severity.code",
    "log.syslog.hostname",
    "log.syslog.appname",
    "log.syslog.procid",
    "log.syslog.msgid",
    "log.source.address",
    "log.level",
    "host.name",
    "host.ip",
    "process.name",
    "process.pid",
    "process.executable",
    "process.command_line",
    "process.parent.name",
    "process.parent.executable",
    "process.parent.command_line",
    "user.name",
    "user.domain",
    "user.target.name",
    "source.ip",
    "source.port",
    "source.bytes",
    "source.domain",
    "destination.ip",
    "destination.port",
    "destination.bytes",
    "destination.domain",
    "network.transport",
    "network.protocol",
    "observer.vendor",
    "observer.product",
    "observer.version",
    "observer.type",
    "observer.name",
    "observer.serial_number",
    "observer.ingress.interface.name",
    "observer.egress.interface.name",
    "rule.name",
    "rule.category",
    "rule.id",
    "http.request.method",
    "http.version",
    "http.request.referrer",
    "http.response.status_code",
    "http.response.body.bytes",
    "url.original",
    "url.path",
    "url.query",
    "url.domain",
    "user_agent.original",
    "dns.question.name",
    "file.path",
    "file.name",
    "winlog.channel",
    "winlog.provider_name",
    "winlog.event_id",
    "winlog.computer_name",
    "winlog.record_id",
    "winlog.time_created",
    "lgsp.api",
    "lgsp.consumer",
    "lgsp.records",
];

/// The number of a name.
pub(crate) fn number_of(name: &str) -> Option<usize> {
    NUMBERS.get(name).copied()
}

/// The name of a number.
pub(crate) fn name_of(number: usize) -> Option<&'static str> {
    KNOWN.get(number).copied()
}

static NUMBERS: LazyLock<Names<&'static str, usize>> =
    LazyLock::new(|| KNOWN.iter().zip(0..).map(|(name, number)| (*name, number)).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_none_has_moved() {
        for (number, name) in KNOWN.iter().enumerate() {
            assert_eq!(number_of(name), Some(number), "{name} is there twice");
        }
        assert_eq!(number_of("lgsp.records"), Some(81), "names may only be added behind it");
        assert_eq!(number_of("no.such"), None);
        assert_eq!(name_of(KNOWN.len()), None);
    }
}

//! Log sources whose events MetroSOC decodes. A rule for another one is never asked.

use event::Event;

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::logsource::{LogSource, sources_of};

/// A channel of Windows for each service; which log sources come of it, the router itself says.
const CHANNELS: [&str; 43] = [
    "security",
    "system",
    "application",
    "microsoft-windows-sysmon/operational",
    "linux-sysmon/operational",
    "windows powershell",
    "microsoft-windows-powershell/operational",
    "microsoft-windows-windows defender/operational",
    "microsoft-windows-taskscheduler/operational",
    "microsoft-windows-wmi-activity/operational",
    "microsoft-windows-bits-client/operational",
    "microsoft-windows-ntlm/operational",
    "dns server",
    "microsoft-windows-driverframeworks-usermode/operational",
    "microsoft-windows-terminalservices-localsessionmanager/operational",
    "microsoft-windows-codeintegrity/operational",
    "microsoft-windows-windows firewall with advanced security/firewall",
    "microsoft-windows-applocker/exe and dll",
    "microsoft-windows-printservice/admin",
    "microsoft-windows-printservice/operational",
    "microsoft-windows-smbclient/security",
    "microsoft-windows-smbclient/connectivity",
    "msexchange management",
    "openssh/operational",
    "microsoft-windows-ldap-client/debug",
    "microsoft-windows-shell-core/operational",
    "microsoft-windows-security-mitigations/kernelmode",
    "microsoft-windows-dns-client/operational",
    "microsoft-windows-appxdeploymentserver/operational",
    "microsoft-windows-appmodel-runtime/admin",
    "microsoft-windows-capi2/operational",
    "microsoft-windows-lsa/operational",
    "microsoft-iis-configuration/operational",
    "microsoft-windows-appxpackaging/operational",
    "microsoft-servicebus-client/operational",
    "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
    "microsoft-windows-smbserver/connectivity",
    "microsoft-windows-diagnosis-scripted/operational",
    "microsoft-windows-smbserver/audit",
    "microsoft-windows-smbserver/security",
    "microsoft-windows-dns-server/analytical",
    "microsoft-windows-dnsserver/audit",
    "microsoft-windows-bitlocker/bitlocker management",
];

/// Event ids that have a category of their own lie among these.
const IDS: [i64; 37] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 255,
    400, 600, 800, 4103, 4104, 4688,
];

/// Fields of records as our decoders and the shippers that we know write them, one record each.
const RECORDS: [&[(&str, &str)]; 41] = [
    &[("event.dataset", "cisco.asa"), ("observer.type", "firewall"), ("event.category", "configuration")],
    &[("event.dataset", "cisco.asa"), ("observer.type", "firewall"), ("observer.product", "ftd")],
    &[("event.dataset", "cisco.ios"), ("cisco.ios.facility", "BGP")],
    &[("event.dataset", "cisco.ios"), ("cisco.ios.facility", "LDP")],
    &[("event.dataset", "cisco.ios"), ("event.category", "network")],
    &[("event.dataset", "fortinet.firewall"), ("kv.type", "event")],
    &[("event.dataset", "fortinet.firewall"), ("kv.type", "traffic")],
    &[("event.dataset", "fortinet.firewall"), ("kv.type", "utm")],
    &[("event.dataset", "pfsense.log")],
    &[("event.dataset", "postgresql.audit")],
    &[("event.dataset", "postgresql.log")],
    &[("event.dataset", "mysql.audit")],
    &[("event.dataset", "mysql.error")],
    &[("event.dataset", "freeradius.log")],
    &[("event.dataset", "nginx.access")],
    &[("event.dataset", "apache.access")],
    &[("event.dataset", "iis.access")],
    &[("event.dataset", "squid.access")],
    &[("event.dataset", "suricata.eve"), ("suricata.eve.event_type", "alert")],
    &[("event.dataset", "suricata.eve"), ("suricata.eve.event_type", "dns")],
    &[("event.dataset", "iptables.log")],
    &[("event.dataset", "auditd.log"), ("auditd.log.record_type", "EXECVE")],
    &[("event.dataset", "nginx.error"), ("modsecurity.message", "x")],
    &[("event.dataset", "apache.error")],
    &[("event.dataset", "bind.query")],
    &[("event.dataset", "bind.log")],
    &[("event.dataset", "dnsmasq.query"), ("dns.question.type", "A")],
    &[("event.dataset", "dnsmasq.reply")],
    &[("event.dataset", "unbound.query"), ("dns.question.type", "A")],
    &[("event.dataset", "unbound.reply"), ("dns.question.type", "A")],
    &[("event.dataset", "postfix.log")],
    &[("event.dataset", "dovecot.log")],
    &[("event.dataset", "opendmarc.log")],
    &[("event.dataset", "lgsp.gateway")],
    &[("event.dataset", "cef"), ("observer.product", "fortigate"), ("cef.name", "event:system")],
    &[("event.dataset", "cef"), ("observer.type", "ids")],
    &[("event.dataset", "cef"), ("observer.type", "proxy")],
    &[("event.dataset", "zeek.dns")],
    &[("awsRegion", "x"), ("eventSource", "x")],
    &[("kind", "Event"), ("apiVersion", "audit.k8s.io/v1")],
    &[
        ("event.dataset", "endpoint.process"),
        ("host.os.type", "macos"),
        ("event.category", "process"),
        ("event.type", "start"),
    ],
];

/// Products of which any service may come: a program's name, a kind of record, a log of the sensor's.
const OPEN_PRODUCTS: [&str; 4] = ["linux", "zeek", "suricata", "fortigate"];

/// The log sources of which events come.
pub(super) struct Given(Vec<LogSource>);

impl Given {
    /// Asks the router for the log sources of one record of each kind.
    pub(super) fn known() -> Self {
        let mut all = Vec::new();
        let mut event = Event::new();
        for channel in CHANNELS {
            for id in IDS {
                for event_type in ["", "CreateKey"] {
                    event.clear();
                    // A handful of short fields always fits.
                    let _ = event.push("Channel", channel);
                    let _ = event.push("EventID", id);
                    let _ = event.push("EventType", event_type);
                    add(&event, &mut all);
                }
            }
        }
        for record in RECORDS {
            event.clear();
            for (name, value) in record {
                let _ = event.push(name, *value);
            }
            add(&event, &mut all);
        }
        Self(all)
    }

    fn gives(&self, wanted: &LogSource) -> bool {
        let is_open =
            wanted.category.is_none() && wanted.product.as_deref().is_some_and(|name| OPEN_PRODUCTS.contains(&name));
        is_open || self.0.iter().any(|given| given.implies(wanted))
    }
}

fn add(event: &Event, all: &mut Vec<LogSource>) {
    for one in sources_of(event) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}

pub(super) fn check(subject: &Subject<'_>, around: &Around<'_>, found: &mut Vec<Lint>) {
    let Some(rule) = subject.rule else { return };
    if around.given.gives(&rule.logsource) {
        return;
    }
    let message =
        format!("no source that MetroSOC decodes gives events of `{}`: the rule is never asked", rule.logsource);
    let way = "it runs where a shipper sets `event.dataset` to `PRODUCT.SERVICE`; else leave it out";
    found.push(subject.lint(Code::SourceNotGiven, &["logsource"], message).suggest(way));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_and_category_of_the_router_is_known() {
        let given = Given::known();
        let source = include_str!("../windows.rs");
        let named = source.lines().filter_map(|line| line.split_once("=> \"")?.1.split('"').next());
        let named: Vec<&str> = named.filter(|name| !name.is_empty() && !name.contains('/')).collect();
        assert!(named.len() > 50, "{named:?}");
        for name in named {
            let has = |part: &Option<String>| part.as_deref() == Some(name);
            assert!(given.0.iter().any(|one| has(&one.service) || has(&one.category)), "{name}");
        }
    }

    #[test]
    fn what_comes_is_told_from_what_does_not() {
        let given = Given::known();
        let check = |product: &str, category: &str, service: &str, expected: bool| {
            let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let wanted = LogSource { product: part(product), category: part(category), service: part(service) };
            assert_eq!(given.gives(&wanted), expected, "{wanted}");
        };
        check("windows", "process_creation", "", true);
        check("windows", "file_access", "", false);
        check("linux", "", "sshd", true);
        check("linux", "file_event", "", true);
        check("", "webserver", "", true);
        check("", "firewall", "", true);
        check("fortigate", "", "event", true);
        check("azure", "", "signinlogs", false);
        check("macos", "process_creation", "", true);
    }
}

//! Log sources: which rules concern which events.
//!
//! A rule names any of product, category and service; an event belongs to a *set* of such triples, derived from the
//! event alone. A rule runs on an event when each part that the rule names is equal in one triple of the event's set:
//! a part that the event lacks does not match, "no contradiction" is not enough.

use std::fmt;

use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use bumpalo::{Bump, vec as bump_vec};
use event::{Event, Value};

use super::windows;

/// What a rule's `logsource` names, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSource {
    /// The product, such as `windows`.
    pub product: Option<String>,
    /// The category, such as `process_creation`.
    pub category: Option<String>,
    /// The service, such as `security`.
    pub service: Option<String>,
}

impl LogSource {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.product.is_none() && self.category.is_none() && self.service.is_none()
    }

    /// Whether every part that `condition` names is named here too, equally.
    pub fn implies(&self, condition: &Self) -> bool {
        let part = |own: &Option<String>, asked: &Option<String>| asked.is_none() || own == asked;
        part(&self.product, &condition.product)
            && part(&self.category, &condition.category)
            && part(&self.service, &condition.service)
    }
}

/// `product/category/service` with `-` for what is not named.
impl fmt::Display for LogSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
        write!(formatter, "{}/{}/{}", part(&self.product), part(&self.category), part(&self.service))
    }
}

/// One triple of an event's set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Source<'e> {
    /// The product.
    pub(crate) product: Option<&'e str>,
    /// The category.
    pub(crate) category: Option<&'e str>,
    /// The service.
    pub(crate) service: Option<&'e str>,
}

impl<'e> Source<'e> {
    pub(super) fn new(product: &'e str, category: &'e str, service: &'e str) -> Self {
        let part = |text: &'e str| (!text.is_empty()).then_some(text);
        Self { product: part(product), category: part(category), service: part(service) }
    }
}

/// The set of log sources that an event belongs to; empty when it cannot be told.
pub fn sources_of(event: &Event) -> Vec<LogSource> {
    let part = |part: Option<&str>| part.map(str::to_owned);
    let bump = Bump::new();
    let found = sources(event, &bump);
    found
        .iter()
        .map(|source| LogSource {
            product: part(source.product),
            category: part(source.category),
            service: part(source.service),
        })
        .collect()
}

/// The same as [`sources_of`], in the memory of one event.
pub(crate) fn sources<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let found = windows::sources(event, bump);
    if !found.is_empty() {
        return found;
    }
    let dataset = event.get_str("event.dataset").unwrap_or_default();
    match dataset.split_once('.') {
        Some(("system", _)) => linux(event, dataset, bump),
        Some(("auditd", _)) => audit(event, bump),
        Some((product @ ("nginx" | "apache"), "error")) => errors(event, product, bump),
        Some((product @ ("nginx" | "apache" | "iis" | "lighttpd" | "caddy"), _)) => {
            one(bump, product, "webserver", product)
        }
        Some(("bind", service)) => {
            let category = if service == "query" { "dns" } else { "" };
            bump_vec![in bump; Source::new("bind", category, service), Source::new("linux", category, "named")]
        }
        Some((product @ ("dnsmasq" | "unbound"), service)) => {
            one(bump, product, if event.has("dns.question.type") { "dns" } else { "" }, service)
        }
        Some(("squid", _)) => one(bump, "squid", "proxy", "squid"),
        Some(("suricata", _)) => suricata(event, bump),
        Some(("iptables" | "netfilter", _)) => one(bump, "linux", "firewall", "iptables"),
        Some(("zeek", service)) => zeek(service, bump),
        Some(("cisco", service)) => cisco(event, service, bump),
        Some(("fortinet", _)) => one(bump, "fortigate", "firewall", event.get_str("kv.type").unwrap_or_default()),
        Some(("pfsense", _)) => one(bump, "pfsense", "firewall", "filterlog"),
        Some((product @ ("postgresql" | "mysql"), service)) => database(event, product, service, bump),
        Some(("kubernetes", "audit")) => kubernetes(bump),
        Some(("gcp", "audit")) => one(bump, "gcp", "", "gcp.audit"),
        // Sigma files Google Workspace under its cloud.
        Some(("google_workspace", _)) => one(bump, "gcp", "", dataset),
        Some(("o365" | "m365", _)) => microsoft365(event, bump),
        Some(("okta", _)) => one(bump, "okta", "", "okta"),
        Some(("cisco_duo", _)) => one(bump, "cisco", "", "duo"),
        Some(("opencanary", _)) => one(bump, "opencanary", "application", ""),
        Some(("clamav", _)) => one(bump, "linux", "antivirus", "clamav"),
        Some(("freeradius", _)) => one(bump, "freeradius", "", "radius"),
        Some((product, service)) => other(event, product, service, bump),
        None if matches!(dataset, "cef" | "leef") => security_device(event, bump),
        None if event.get_str("observer.vendor") == Some("Fortinet") => {
            one(bump, "fortigate", "firewall", event.get_str("kv.type").unwrap_or_default())
        }
        None => undecoded(event, bump),
    }
}

fn one<'e>(bump: &'e Bump, product: &'e str, category: &'e str, service: &'e str) -> BumpVec<'e, Source<'e>> {
    bump_vec![in bump; Source::new(product, category, service)]
}

/// System logs of Linux machines; the service is the program that wrote the line.
fn linux<'e>(event: &'e Event, dataset: &str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let program = event.get_str("process.name").unwrap_or_default();
    let service = match program {
        "sshd" | "sshd-session" | "sshd-auth" => "sshd",
        "cron" | "crond" | "CRON" | "anacron" => "cron",
        "auditd" | "audit" => "auditd",
        "clamd" | "freshclam" | "clamav" => "clamav",
        "guacd" | "guacamole" => "guacamole",
        program => program,
    };
    let category = if service == "named" { "dns" } else { "" };
    let mut set = one(bump, "linux", category, service);
    let log = if dataset == "system.auth" { "auth" } else { "syslog" };
    if log != service {
        set.push(Source::new("linux", "", log));
    }
    set
}

/// Records of the audit system; one with the words of a command also tells of a process that starts.
fn audit<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let mut set = one(bump, "linux", "", "auditd");
    // A joined event has the types of all its records.
    if event.get_all("auditd.log.record_type").any(|kind| kind == Value::Str("EXECVE")) {
        set.push(Source::new("linux", "process_creation", ""));
    }
    set
}

/// Error logs of web servers, and what ModSecurity writes into them. They are not of the category of requests, which
/// the access log tells once already.
fn errors<'e>(event: &'e Event, product: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let mut set = bump_vec![in bump; Source::new(product, "", product), Source::new(product, "", "error")];
    if event.has("modsecurity.message") {
        set.push(Source::new("modsecurity", "", "modsecurity"));
    }
    set
}

fn suricata<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let kind = event.get_str("suricata.eve.event_type").unwrap_or_default();
    let category = match kind {
        "alert" => "ids",
        "dns" => "dns",
        _ => "",
    };
    one(bump, "suricata", category, kind)
}

fn zeek<'e>(service: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let category = if service == "dns" { "dns" } else { "" };
    one(bump, "zeek", category, service)
}

/// Cisco's firewalls and routers; Sigma's `aaa` is who signs in and what is typed.
fn cisco<'e>(event: &'e Event, service: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let text = |name| event.get_str(name).unwrap_or_default();
    let is_firewall = text("observer.type") == "firewall" || text("event.category") == "network";
    let category = if is_firewall { "firewall" } else { "" };
    let mut set = one(bump, "cisco", category, service);
    if text("observer.product") == "ftd" {
        set.push(Source::new("cisco", category, "ftd"));
    }
    if service != "duo" && matches!(text("event.category"), "authentication" | "configuration" | "iam") {
        set.push(Source::new("cisco", "", "aaa"));
    }
    match text("cisco.ios.facility") {
        "BGP" | "TCP" | "IP-TCP" => set.push(Source::new("cisco", "", "bgp")),
        "LDP" => set.push(Source::new("cisco", "", "ldp")),
        _ => {}
    }
    set
}

/// A database's log and its audit; who signs in stands in the log and belongs to the audit too.
fn database<'e>(event: &Event, product: &'e str, service: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let mut set = one(bump, product, "database", service);
    if service != "audit" && event.get_str("event.category") == Some("authentication") {
        set.push(Source::new(product, "database", "audit"));
    }
    set
}

/// Microsoft 365: one log, in which Sigma tells services apart by their workload.
fn microsoft365<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let workload =
        ["Workload", "o365.audit.Workload", "event.provider"].into_iter().find_map(|name| event.get_str(name));
    let mut set = one(bump, "m365", "", "audit");
    match workload {
        Some("Exchange") => set.push(Source::new("m365", "", "exchange")),
        Some("SecurityComplianceCenter" | "ThreatIntelligence" | "CloudAppSecurity") => {
            set.push(Source::new("m365", "", "threat_management"));
            set.push(Source::new("m365", "", "threat_detection"));
        }
        _ => {}
    }
    set
}

fn kubernetes<'e>(bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let plain = Source::new("kubernetes", "", "audit");
    bump_vec![in bump; plain, Source { category: Some("application"), ..plain }]
}

/// Firewalls and other devices that speak CEF.
fn security_device<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let product = event.get_str("observer.product").unwrap_or_default();
    let category = match event.get_str("observer.type") {
        Some("firewall") => "firewall",
        Some("ids" | "ips") => "ids",
        Some("proxy") => "proxy",
        Some(_) => "",
        None if is_firewall(product) || is_firewall(event.get_str("observer.vendor").unwrap_or_default()) => "firewall",
        None => "",
    };
    // FortiGate names its events `traffic:forward deny`, `event:system`…; Sigma calls the first word the service.
    let name = event.get_str("cef.name").or_else(|| event.get_str("message")).unwrap_or_default();
    let name = if event.has("leef.version") { "" } else { name };
    let service = name.split_once(':').map_or("", |(first, _)| first);
    let service = if service.chars().all(|c| c.is_ascii_alphanumeric()) { service } else { "" };
    let mut name = BumpString::with_capacity_in(product.len(), bump);
    name.extend(product.chars().flat_map(char::to_lowercase).map(|c| if c == ' ' { '_' } else { c }));
    one(bump, name.into_bump_str(), category, service)
}

fn is_firewall(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "forti",
        "firewall",
        "pan-os",
        "palo alto",
        "asa",
        "checkpoint",
        "check point",
        "sonicwall",
        "sophos",
        "mikrotik",
        "pfsense",
        "opnsense",
    ];
    let windows =
        |known: &str| name.as_bytes().windows(known.len()).any(|part| part.eq_ignore_ascii_case(known.as_bytes()));
    NAMES.iter().any(|known| windows(known))
}

/// Any other `product.service` dataset; process events of hosts by their ECS category.
fn other<'e>(event: &'e Event, product: &'e str, service: &'e str, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let system = event.get_str("host.os.type").or_else(|| event.get_str("host.os.family")).unwrap_or_default();
    let has = |name, wanted| event.get_all(name).any(|value| value == Value::Str(wanted));
    let mut set = match product {
        "lgsp" => one(bump, "lgsp", "api_gateway", service),
        _ => one(bump, product, "", service),
    };
    if matches!(system, "windows" | "linux" | "macos") && has("event.category", "process") && has("event.type", "start")
    {
        set.push(Source::new(system, "process_creation", ""));
    }
    if has("event.category", "malware") {
        set.push(Source::new(product, "antivirus", ""));
    }
    set
}

/// Records that no decoder of ours has named: told by the shape that their product gives them.
fn undecoded<'e>(event: &'e Event, bump: &'e Bump) -> BumpVec<'e, Source<'e>> {
    let text = |name| event.get_str(name).unwrap_or_default();
    if text("type").chars().all(|c| c.is_ascii_uppercase() || c == '_')
        && !text("type").is_empty()
        && ["msg", "a0", "exe", "syscall", "SYSCALL", "auid", "key"].iter().any(|name| event.has(name))
    {
        return one(bump, "linux", "", "auditd");
    }
    if event.has("awsRegion") && event.has("eventSource") {
        return one(bump, "aws", "", "cloudtrail");
    }
    if text("kind") == "Event" && text("apiVersion").starts_with("audit.k8s.io") {
        return kubernetes(bump);
    }
    match event.get_str("_path") {
        Some(service) => zeek(service, bump),
        None => BumpVec::new_in(bump),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&str, &str)], expected: &[&str]) {
        let mut event = Event::new();
        for (name, value) in fields {
            match value.parse::<i64>() {
                Ok(number) => event.push(name, number).unwrap(),
                Err(_) => event.push(name, *value).unwrap(),
            }
        }
        let found: Vec<String> = sources_of(&event).iter().map(LogSource::to_string).collect();
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn the_set_comes_from_the_event() {
        let sysmon = ("Channel", "Microsoft-Windows-Sysmon/Operational");
        check(&[sysmon, ("EventID", "1")], &["windows/process_creation/sysmon"]);
        check(&[sysmon, ("EventID", "13")], &["windows/registry_set/sysmon", "windows/registry_event/sysmon"]);
        check(
            &[sysmon, ("EventID", "12"), ("EventType", "CreateKey")],
            &["windows/registry_add/sysmon", "windows/registry_event/sysmon"],
        );
        check(&[("Channel", "Security"), ("EventID", "4688")], &["windows/process_creation/security"]);
        check(&[("Channel", "security"), ("EventID", "4624")], &["windows/-/security"]);
        check(&[("winlog.channel", "System"), ("winlog.event_id", "7045")], &["windows/-/system"]);
        check(&[("Channel", "Something/Else"), ("EventID", "1")], &["windows/-/-"]);
        check(&[("event.dataset", "system.auth"), ("process.name", "sshd")], &["linux/-/sshd", "linux/-/auth"]);
        check(&[("event.dataset", "nginx.access")], &["nginx/webserver/nginx"]);
        check(&[("event.dataset", "nginx.error")], &["nginx/-/nginx", "nginx/-/error"]);
        check(
            &[("event.dataset", "apache.error"), ("modsecurity.message", "x")],
            &["apache/-/apache", "apache/-/error", "modsecurity/-/modsecurity"],
        );
        check(&[("event.dataset", "bind.query")], &["bind/dns/query", "linux/dns/named"]);
        check(&[("event.dataset", "gcp.audit")], &["gcp/-/gcp.audit"]);
        check(&[("event.dataset", "google_workspace.login")], &["gcp/-/google_workspace.login"]);
        check(&[("event.dataset", "o365.audit"), ("Workload", "Exchange")], &["m365/-/audit", "m365/-/exchange"]);
        check(
            &[("event.dataset", "o365.audit"), ("o365.audit.Workload", "SecurityComplianceCenter")],
            &["m365/-/audit", "m365/-/threat_management", "m365/-/threat_detection"],
        );
        check(&[("event.dataset", "okta.system")], &["okta/-/okta"]);
        check(&[("event.dataset", "cisco.duo"), ("event.category", "authentication")], &["cisco/-/duo"]);
        check(&[("event.dataset", "opencanary.log")], &["opencanary/application/-"]);
        check(&[("event.dataset", "clamav.log")], &["linux/antivirus/clamav"]);
        check(&[("event.dataset", "eset.log"), ("event.category", "malware")], &["eset/-/log", "eset/antivirus/-"]);
        check(&[("event.dataset", "metrosoc.audit")], &["metrosoc/-/audit"]);
        check(
            &[("event.dataset", "auditd.log"), ("auditd.log.record_type", "EXECVE")],
            &["linux/-/auditd", "linux/process_creation/-"],
        );
        check(
            &[("Channel", "Microsoft-Windows-Windows Defender/Operational"), ("EventID", "1116")],
            &["windows/-/windefend"],
        );
        check(&[("event.dataset", "bind.log")], &["bind/-/log", "linux/-/named"]);
        check(&[("event.dataset", "dnsmasq.query"), ("dns.question.type", "A")], &["dnsmasq/dns/query"]);
        check(&[("event.dataset", "dnsmasq.reply"), ("dns.question.name", "x")], &["dnsmasq/-/reply"]);
        check(&[("event.dataset", "unbound.reply"), ("dns.question.type", "A")], &["unbound/dns/reply"]);
        check(&[("event.dataset", "system.syslog"), ("process.name", "named")], &["linux/dns/named", "linux/-/syslog"]);
        check(&[("event.dataset", "auditd.log"), ("auditd.log.record_type", "PATH")], &["linux/-/auditd"]);
        check(
            &[("event.dataset", "auditd.log"), ("auditd.log.record_type", "EXECVE")],
            &["linux/-/auditd", "linux/process_creation/-"],
        );
        check(
            &[("event.dataset", "leef"), ("leef.version", "2.0"), ("observer.product", "PAN-OS")],
            &["pan-os/firewall/-"],
        );
        check(&[("event.dataset", "postfix.log")], &["postfix/-/log"]);
        check(&[("event.dataset", "suricata.eve"), ("suricata.eve.event_type", "dns")], &["suricata/dns/dns"]);
        check(&[("event.dataset", "lgsp.gateway")], &["lgsp/api_gateway/gateway"]);
        check(
            &[("event.dataset", "cef"), ("observer.product", "Fortigate"), ("cef.name", "traffic:forward deny")],
            &["fortigate/firewall/traffic"],
        );
        check(&[("event.dataset", "fortinet.firewall"), ("kv.type", "event")], &["fortigate/firewall/event"]);
        check(
            &[("event.dataset", "cisco.asa"), ("observer.type", "firewall"), ("event.category", "authentication")],
            &["cisco/firewall/asa", "cisco/-/aaa"],
        );
        check(&[("event.dataset", "cisco.ios"), ("cisco.ios.facility", "BGP")], &["cisco/-/ios", "cisco/-/bgp"]);
        check(&[("event.dataset", "cisco.ios"), ("event.category", "network")], &["cisco/firewall/ios"]);
        check(&[("event.dataset", "pfsense.log")], &["pfsense/firewall/filterlog"]);
        check(&[("event.dataset", "postgresql.audit")], &["postgresql/database/audit"]);
        check(
            &[("event.dataset", "postgresql.log"), ("event.category", "authentication")],
            &["postgresql/database/log", "postgresql/database/audit"],
        );
        check(&[("event.dataset", "mysql.error")], &["mysql/database/error"]);
        check(&[("event.dataset", "squid.access")], &["squid/proxy/squid"]);
        check(&[("event.dataset", "kubernetes.audit")], &["kubernetes/-/audit", "kubernetes/application/audit"]);
        check(&[("event.dataset", "aws.cloudtrail")], &["aws/-/cloudtrail"]);
        check(&[("event.dataset", "freeradius.log")], &["freeradius/-/radius"]);
        check(&[("type", "EXECVE"), ("a0", "chmod")], &["linux/-/auditd"]);
        check(&[("sigma_product", "windows"), ("Image", "x")], &[]);
    }

    #[test]
    fn a_part_that_is_not_named_is_not_implied() {
        let source = |product: &str, category: &str| LogSource {
            product: (!product.is_empty()).then(|| product.to_owned()),
            category: (!category.is_empty()).then(|| category.to_owned()),
            service: None,
        };
        assert!(source("windows", "process_creation").implies(&source("windows", "")));
        assert!(!source("windows", "").implies(&source("windows", "process_creation")));
        assert!(!source("windows", "x").implies(&source("linux", "")));
    }
}

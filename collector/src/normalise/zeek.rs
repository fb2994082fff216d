//! Zeek's logs.

use event::{Event, EventFull, Value};

use super::{address, classify, copies, number, url};

/// Adds addresses, ports, and what each log knows of its protocol.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let Some(log) = event.get_str("event.dataset").and_then(|dataset| dataset.strip_prefix("zeek.")) else {
        return Ok(());
    };
    if log == "header" {
        return event.set_default("event.module", "zeek");
    }
    let log = log.to_owned();
    event.set_default("event.module", "zeek")?;
    event.set_default("observer.vendor", "Zeek")?;
    event.set_default("observer.product", "Zeek")?;
    let prefix = format!("zeek.{}.", if log == "conn" { "connection" } else { &log });
    ends(&prefix, event)?;
    for (own, known, names) in LOGS {
        if *own == log {
            for (from, to) in *names {
                event.copy(&format!("{prefix}{from}"), to)?;
            }
            if !known.is_empty() {
                event.set_default("network.protocol", *known)?;
            }
        }
    }
    match log.as_str() {
        "conn" => connection(event),
        "dns" => dns(event),
        "http" => url(event).and_then(|()| classify("web", &["access"], event)),
        "kerberos" => kerberos(event),
        "ntlm" => outcome("zeek.ntlm.success", event),
        "ssh" => outcome("zeek.ssh.auth.success", event),
        "notice" => notice(event),
        "smb_files" | "files" => {
            number(&format!("{prefix}total_bytes"), "file.size", event)?;
            number(&format!("{prefix}seen_bytes"), "file.size", event)?;
            classify("file", &["info"], event)
        }
        _ => classify("network", &["protocol"], event),
    }
}

/// Both ends of the connection, as every log about one has them.
fn ends(prefix: &str, event: &mut Event) -> Result<(), EventFull> {
    address(&format!("{prefix}id.orig_h"), "source.ip", "source.domain", event)?;
    address(&format!("{prefix}id.resp_h"), "destination.ip", "destination.domain", event)?;
    number(&format!("{prefix}id.orig_p"), "source.port", event)?;
    number(&format!("{prefix}id.resp_p"), "destination.port", event)?;
    copies(&[("zeek.session_id", "event.id"), ("zeek.system_name", "observer.name")], event)?;
    event.copy(&format!("{prefix}proto"), "network.transport")?;
    event.copy(&format!("{prefix}community_id"), "network.community_id")
}

type Names = &'static [(&'static str, &'static str)];

/// The protocol that a log is about, and its fields that have a name in ECS.
const LOGS: &[(&str, &str, Names)] = &[
    (
        "conn",
        "",
        &[
            ("service", "network.protocol"),
            ("orig_bytes", "source.bytes"),
            ("resp_bytes", "destination.bytes"),
            ("orig_pkts", "source.packets"),
            ("resp_pkts", "destination.packets"),
        ],
    ),
    (
        "dns",
        "dns",
        &[
            ("query", "dns.question.name"),
            ("rcode_name", "dns.response_code"),
            ("answers", "dns.answers.data"),
            ("TTLs", "dns.answers.ttl"),
        ],
    ),
    (
        "http",
        "http",
        &[
            ("method", "http.request.method"),
            ("uri", "url.original"),
            ("host", "url.domain"),
            ("referrer", "http.request.referrer"),
            ("version", "http.version"),
            ("user_agent", "user_agent.original"),
            ("request_body_len", "http.request.body.bytes"),
            ("response_body_len", "http.response.body.bytes"),
            ("status_code", "http.response.status_code"),
            ("username", "user.name"),
            ("resp_mime_types", "http.response.mime_type"),
        ],
    ),
    (
        "ssl",
        "tls",
        &[
            ("server.name", "tls.client.server_name"),
            ("version", "tls.version"),
            ("cipher", "tls.cipher"),
            ("curve", "tls.curve"),
            ("resumed", "tls.resumed"),
            ("established", "tls.established"),
            ("next_protocol", "tls.next_protocol"),
            ("ja3", "tls.client.ja3"),
            ("ja3s", "tls.server.ja3s"),
            ("server.subject", "tls.server.subject"),
            ("server.issuer", "tls.server.issuer"),
            ("client_subject", "tls.client.subject"),
            ("client_issuer", "tls.client.issuer"),
        ],
    ),
    (
        "x509",
        "",
        &[
            ("certificate.serial", "file.x509.serial_number"),
            ("certificate.subject", "file.x509.subject.distinguished_name"),
            ("certificate.issuer", "file.x509.issuer.distinguished_name"),
            ("certificate.sig_alg", "file.x509.signature_algorithm"),
            ("certificate.key_alg", "file.x509.public_key_algorithm"),
            ("certificate.key_length", "file.x509.public_key_size"),
            ("san.dns", "file.x509.alternative_names"),
        ],
    ),
    (
        "files",
        "",
        &[
            ("filename", "file.name"),
            ("mime_type", "file.mime_type"),
            ("md5", "file.hash.md5"),
            ("sha1", "file.hash.sha1"),
            ("sha256", "file.hash.sha256"),
            ("tx_hosts", "server.ip"),
            ("rx_hosts", "client.ip"),
        ],
    ),
    ("smb_files", "smb", &[("action", "event.action"), ("name", "file.name"), ("size", "file.size")]),
    ("smb_mapping", "smb", &[]),
    ("kerberos", "kerberos", &[("request_type", "event.action")]),
    ("rdp", "rdp", &[("cookie", "user.name"), ("client.name", "source.domain")]),
    ("ssh", "ssh", &[("client", "user_agent.original")]),
    ("dce_rpc", "dce_rpc", &[("operation", "event.action")]),
    ("ntlm", "ntlm", &[("username", "user.name"), ("domainname", "user.domain"), ("hostname", "source.domain")]),
    ("notice", "", &[("note", "rule.name"), ("msg", "rule.description"), ("sub", "event.reason")]),
    ("weird", "", &[("name", "event.action"), ("addl", "event.reason")]),
];

fn connection(event: &mut Event) -> Result<(), EventFull> {
    let secs = match event.get("zeek.connection.duration") {
        Some(Value::Float(secs)) => Some(secs),
        Some(Value::Int(secs)) => Some(secs as f64),
        Some(Value::Str(text)) => text.parse().ok(),
        _ => None,
    };
    if let Some(secs) = secs.filter(|secs| (0.0..1e8).contains(secs)) {
        event.set_default("event.duration", (secs * 1e9).round() as i64)?;
    }
    let local =
        |name| event.get(name).and_then(|value| if let Value::Bool(truth) = value { Some(truth) } else { None });
    let direction = match (local("zeek.connection.local_orig"), local("zeek.connection.local_resp")) {
        (Some(true), Some(true)) => Some("internal"),
        (Some(true), Some(false)) => Some("outbound"),
        (Some(false), Some(true)) => Some("inbound"),
        (Some(false), Some(false)) => Some("external"),
        _ => None,
    };
    if let Some(direction) = direction {
        event.set_default("network.direction", direction)?;
    }
    classify("network", &["connection"], event)
}

fn dns(event: &mut Event) -> Result<(), EventFull> {
    if let Some(Value::Int(id)) = event.get("zeek.dns.trans_id") {
        event.set_default("dns.id", id.to_string().as_str())?;
    }
    // Zeek calls types that it has no name for `query-65399`.
    if let Some(kind) = event.get_str("zeek.dns.qtype_name") {
        let kind = kind.strip_prefix("query-").unwrap_or(kind).to_owned();
        event.set_default("dns.question.type", kind.as_str())?;
    }
    if let Some(class) = event.get_str("zeek.dns.qclass_name") {
        let class = if class == "C_INTERNET" { "IN" } else { class }.to_owned();
        event.set_default("dns.question.class", class.as_str())?;
    }
    super::dns::answers(event)?;
    classify("network", &["protocol"], event)
}

/// `lan/HCM.LOCAL`: the name and its realm.
fn kerberos(event: &mut Event) -> Result<(), EventFull> {
    if let Some(client) = event.get_str("zeek.kerberos.client").map(str::to_owned) {
        let (name, realm) = client.rsplit_once('/').unwrap_or((&client, ""));
        event.set_default("user.name", name)?;
        event.set_default("client.user.name", name)?;
        if !realm.is_empty() {
            event.set_default("user.domain", realm)?;
        }
    }
    outcome("zeek.kerberos.success", event)
}

fn notice(event: &mut Event) -> Result<(), EventFull> {
    address("zeek.notice.src", "source.ip", "source.domain", event)?;
    address("zeek.notice.dst", "destination.ip", "destination.domain", event)?;
    number("zeek.notice.p", "destination.port", event)?;
    classify("intrusion_detection", &["info"], event)
}

/// Whether a sign-in succeeded, where the log says so.
fn outcome(from: &str, event: &mut Event) -> Result<(), EventFull> {
    if let Some(Value::Bool(success)) = event.get(from) {
        event.set_default("event.outcome", if success { "success" } else { "failure" })?;
    }
    classify("authentication", &["start"], event)
}

//! The events that both benches use: the shared 100,000 lines, read plainly, or invented ones where they are absent.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use event::{AgencyId, Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};

const LINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/logs/metronet-100k.rfc5424.zst");

/// The lines, and how many bytes they are.
pub(crate) fn lines() -> Vec<String> {
    let Ok(packed) = std::fs::File::open(Path::new(LINES)) else {
        eprintln!("{LINES} is absent: invented lines instead");
        return (0..100_000).map(invented).collect();
    };
    let mut text = String::new();
    zstd::Decoder::new(packed).unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn invented(at: usize) -> String {
    let user = ["root", "svc_backup", "nguyenvana"][at % 3];
    format!(
        "<86>1 2026-11-03T00:{:02}:{:02}.{:03}Z srv-{:03} sshd {} - - Failed password for {user} from 10.{}.{}.{} port {} ssh2",
        at / 60_000 % 60,
        at / 1_000 % 60,
        at % 1_000,
        at % 807,
        at % 50_000,
        at % 250,
        at % 13,
        at % 211,
        at % 60_000
    )
}

/// A line as an event of the shape that the collector gives: about 25 fields.
pub(crate) fn event(id: u64, line: &str, origins: &[Arc<Origin>]) -> Event {
    let mut event = Event::new();
    event.id = EventId(id);
    event.received = Timestamp::from_secs(1_793_664_000 + (id / 1_000).cast_signed());
    let mut parts = line.splitn(8, ' ');
    let (_, time) = (parts.next(), parts.next().unwrap_or_default());
    let (host, app, pid) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or("-"));
    let message = parts.nth(2).unwrap_or_default();
    event.claimed = Timestamp::parse_rfc3339(time).ok();
    event.origin = Some(Arc::clone(&origins[id as usize % origins.len()]));
    let mut push = |name: &str, value: &str| event.push(name, value).unwrap();
    push("@timestamp", time);
    push("event.ingested", "2026-11-03T00:00:00.123456Z");
    push("event.original", line);
    push("message", message);
    push("event.kind", "event");
    push("metrosoc.site.id", "site");
    push("metrosoc.transport", "syslog-tcp");
    push("metrosoc.site.known_by", "address");
    push("metrosoc.source.id", "syslog-tcp:site");
    push("log.source.address", "10.20.30.40");
    push("host.name", host);
    push("process.name", app);
    event.push("log.syslog.facility.code", 10).unwrap();
    event.push("log.syslog.severity.code", 6).unwrap();
    if let Ok(pid) = pid.parse::<i64>() {
        event.push("process.pid", pid).unwrap();
    }
    fields(&mut event, message);
    event
}

fn fields(event: &mut Event, message: &str) {
    if message.starts_with('{') {
        let json: serde_json::Value = serde_json::from_str(message).unwrap();
        let suricata = json.get("flow_id").is_some();
        let prefix = if suricata { "suricata.eve" } else { "winlog" };
        event::json::flatten(prefix, &json, event).unwrap();
        let module = if suricata { "suricata.eve" } else { "windows.security" };
        event.push("event.dataset", module).unwrap();
        for (from, to) in [
            ("suricata.eve.src_ip", "source.ip"),
            ("suricata.eve.dest_ip", "destination.ip"),
            ("suricata.eve.src_port", "source.port"),
            ("winlog.EventData.SubjectUserName", "user.name"),
            ("winlog.EventData.CommandLine", "process.command_line"),
        ] {
            event.copy(from, to).unwrap();
        }
        return;
    }
    if let Some(extension) = message.strip_prefix("CEF:0|") {
        event.push("event.dataset", "cef").unwrap();
        for (name, value) in extension.split(' ').filter_map(|pair| pair.split_once('=')) {
            event.push(&format!("cef.extensions.{name}"), value).unwrap();
        }
        event.copy("cef.extensions.src", "source.ip").unwrap();
        event.copy("cef.extensions.dst", "destination.ip").unwrap();
        return;
    }
    let words: Vec<&str> = message.split(' ').collect();
    if let Some(at) = words.iter().position(|word| *word == "from") {
        event.push("event.dataset", "system.auth").unwrap();
        event.push("event.outcome", "failure").unwrap();
        event.push("user.name", words[at - 1]).unwrap();
        event.push("source.ip", *words.get(at + 1).unwrap_or(&"")).unwrap();
        return;
    }
    event.push("event.dataset", "nginx.access").unwrap();
    event.push("source.ip", words[0]).unwrap();
    event.push("url.original", *words.get(6).unwrap_or(&"")).unwrap();
    event.push("http.request.method", words.get(5).unwrap_or(&"").trim_matches('"')).unwrap();
    event.push("http.response.status_code", words.get(8).and_then(|word| word.parse().ok()).unwrap_or(0_i64)).unwrap();
    event.push("user_agent.original", message.rsplit('"').nth(1).unwrap_or_default()).unwrap();
}

/// 807 sites.
pub(crate) fn origins() -> Vec<Arc<Origin>> {
    let origin = |at: usize| Origin {
        site: SiteId::new(format!("site-{at:03}")).unwrap(),
        agency: Some(AgencyId::new(format!("agency-{:02}", at % 40)).unwrap()),
        known_by: KnownBy::Address,
        source: SourceId::new(format!("syslog-tcp:site-{at:03}")).unwrap(),
        transport: Transport::SyslogTcp,
        peer: None,
    };
    (0..807).map(|at| Arc::new(origin(at))).collect()
}

/// CPU time of this process in seconds, all threads.
pub(crate) fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// A line of `/proc/self/status` in MB.
pub(crate) fn status_mb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

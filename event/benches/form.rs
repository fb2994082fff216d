//! Two in-memory forms of an event compared: the arena of `Event` and a tree of `serde_json` values.
//!
//! Both are filled from the same parsed fields of log lines and read by 20 names, as a matcher reads them:
//! `cargo bench -p event`. Times are CPU time of the thread.

#![expect(clippy::expect_used, reason = "a bench that cannot run has to stop")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use event::{Event, Value};
use serde_json::{Map, Value as Json};

/// Fields of one Windows, one firewall and one login record, in the names they get.
const LINES: [&[(&str, &str)]; 3] = [
    &[
        ("metrosoc.site.id", "hcm-q1-p-bennghe"),
        ("metrosoc.transport", "syslog-tls"),
        ("event.ingested", "2026-11-03T00:00:00.123456Z"),
        (
            "event.original",
            "<118>1 2026-11-03T00:47:39.840Z DC-08.hcm.local winlog - - - {\"Channel\":\"Security\",\"EventID\":4688,\"EventData\":{\"SubjectUserName\":\"tranthib\",\"NewProcessName\":\"C:\\\\Windows\\\\System32\\\\cmd.exe\"}}",
        ),
        ("winlog.channel", "Security"),
        ("winlog.event_id", "#4688"),
        ("winlog.computer_name", "DC-08.hcm.local"),
        ("winlog.provider_name", "Microsoft-Windows-Security-Auditing"),
        ("winlog.record_id", "#66201"),
        ("winlog.event_data.SubjectUserName", "tranthib"),
        ("winlog.event_data.SubjectLogonId", "0x4dee8d38"),
        ("winlog.event_data.NewProcessName", "C:\\Windows\\System32\\cmd.exe"),
        ("winlog.event_data.CommandLine", "cmd.exe /c whoami /all"),
        ("winlog.event_data.ParentProcessName", "C:\\Windows\\explorer.exe"),
        ("winlog.event_data.TokenElevationType", "%%1936"),
        ("host.name", "DC-08.hcm.local"),
        ("user.name", "tranthib"),
        ("process.command_line", "cmd.exe /c whoami /all"),
        ("process.executable", "C:\\Windows\\System32\\cmd.exe"),
        ("event.kind", "event"),
        ("event.dataset", "windows.security"),
        ("@timestamp", "2026-11-03T00:47:39.840Z"),
    ],
    &[
        ("metrosoc.site.id", "hcm-q1-p-bennghe"),
        (
            "event.original",
            "<134>1 2026-11-03T00:00:00.918Z fw-003 fortigate - - - CEF:0|Fortinet|Fortigate|v7.4.3|00013|traffic:forward allow|3|src=121.221.230.197 spt=65064 dst=10.0.3.9 dpt=80 proto=TCP act=allow",
        ),
        ("cef.device.vendor", "Fortinet"),
        ("cef.device.product", "Fortigate"),
        ("cef.name", "traffic:forward allow"),
        ("cef.extensions.src", "121.221.230.197"),
        ("cef.extensions.spt", "65064"),
        ("cef.extensions.dst", "10.0.3.9"),
        ("cef.extensions.dpt", "80"),
        ("cef.extensions.act", "allow"),
        ("source.ip", "121.221.230.197"),
        ("source.port", "#65064"),
        ("destination.ip", "10.0.3.9"),
        ("destination.port", "#80"),
        ("event.action", "allow"),
        ("event.outcome", "success"),
        ("event.kind", "event"),
        ("event.dataset", "cef"),
        ("@timestamp", "2026-11-03T00:00:00.918Z"),
    ],
    &[
        ("metrosoc.site.id", "hcm-q1-p-bennghe"),
        (
            "event.original",
            "<86>1 2026-11-03T00:00:00.043Z srv-381-02 sshd 37622 - - Failed password for tranthib from 199.184.18.46 port 45340 ssh2",
        ),
        ("host.name", "srv-381-02"),
        ("process.name", "sshd"),
        ("process.pid", "#37622"),
        ("user.name", "tranthib"),
        ("source.ip", "199.184.18.46"),
        ("source.port", "#45340"),
        ("event.action", "ssh_login"),
        ("event.outcome", "failure"),
        ("event.kind", "event"),
        ("event.dataset", "system.auth"),
        ("@timestamp", "2026-11-03T00:00:00.043Z"),
    ],
];

/// Names that rules ask for, most of which an event does not have.
const READ: [&str; 20] = [
    "event.dataset",
    "event.kind",
    "winlog.channel",
    "winlog.event_id",
    "winlog.event_data.CommandLine",
    "winlog.event_data.Image",
    "winlog.event_data.ParentImage",
    "winlog.event_data.TargetObject",
    "winlog.event_data.SubjectUserName",
    "source.ip",
    "source.port",
    "destination.ip",
    "destination.port",
    "user.name",
    "host.name",
    "process.name",
    "process.executable",
    "process.command_line",
    "event.outcome",
    "url.path",
];

/// `#` before a value marks a number.
fn number(text: &str) -> Option<i64> {
    text.strip_prefix('#')?.parse().ok()
}

fn fill_arena(fields: &[(&str, &str)], event: &mut Event) {
    event.clear();
    for (name, text) in fields {
        let value = number(text).map_or(Value::Str(text), Value::Int);
        event.push(name, value).expect("an event with room");
    }
}

/// Objects inside one another, as JSON parsers and other matchers have them.
fn fill_tree(fields: &[(&str, &str)]) -> Map<String, Json> {
    let mut tree = Map::new();
    for (name, text) in fields {
        let value = number(text).map_or_else(|| Json::from(*text), Json::from);
        let mut parts = name.split('.').peekable();
        let mut at = &mut tree;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), value);
                break;
            }
            let inner = at.entry(part).or_insert_with(|| Json::Object(Map::new()));
            let Json::Object(inner) = inner else { break };
            at = inner;
        }
    }
    tree
}

fn fill_flat(fields: &[(&str, &str)]) -> Map<String, Json> {
    let value = |text: &str| number(text).map_or_else(|| Json::from(text), Json::from);
    fields.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

fn read_tree<'t>(tree: &'t Map<String, Json>, name: &str) -> Option<&'t Json> {
    let mut parts = name.split('.');
    let mut at = tree.get(parts.next()?)?;
    for part in parts {
        at = at.get(part)?;
    }
    Some(at)
}

/// CPU time of this thread so far; wall time where the system does not tell.
fn cpu_time(start: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn timed(rounds: u64, mut once: impl FnMut()) -> Duration {
    let start = Instant::now();
    let before = cpu_time(start);
    for _ in 0..rounds {
        once();
    }
    cpu_time(start).saturating_sub(before)
}

fn forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fill_and_read_20");
    group.sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    group.throughput(Throughput::Elements(LINES.len() as u64));
    let mut event = Event::new();
    group.bench_function("arena", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(rounds, || {
                for fields in LINES {
                    fill_arena(black_box(fields), &mut event);
                    for name in READ {
                        black_box(event.get(name));
                    }
                }
            })
        });
    });
    group.bench_function("flat_map", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(rounds, || {
                for fields in LINES {
                    let map = fill_flat(black_box(fields));
                    for name in READ {
                        black_box(map.get(name));
                    }
                }
            })
        });
    });
    group.bench_function("tree", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(rounds, || {
                for fields in LINES {
                    let tree = fill_tree(black_box(fields));
                    for name in READ {
                        black_box(read_tree(&tree, name));
                    }
                }
            })
        });
    });
    group.finish();
}

criterion_group!(benches, forms);
criterion_main!(benches);

//! Whole records: golden events of the corpus, hostile input, time, attribution, real data where it is present.

use std::path::PathBuf;

use bytes::Bytes;
use event::{KnownBy, SiteId, Transport};
use proptest::prelude::*;

use super::*;
use crate::file;

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        site: SiteId::new("hcm-q1").unwrap(),
        agency: None,
        known_by: KnownBy::Address,
        source: SourceId::new("syslog-udp:hcm-q1").unwrap(),
        transport: Transport::SyslogUdp,
        peer: Some("2001:db8::99".parse().unwrap()),
    })
}

fn record(bytes: &[u8]) -> Record {
    let received = Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap();
    Record::new(origin(), received, Bytes::copy_from_slice(bytes))
}

fn event_of(bytes: &[u8]) -> Event {
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).event(EventId(7), &record(bytes), &mut event);
    event
}

fn lines(name: &str) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{name}.log"));
    let read = file::open(&path, &file::FileSettings::default()).unwrap();
    read.map(|record| record.unwrap().bytes.to_vec()).collect()
}

const CORPUS: [&str; 16] = [
    "syslog", "auth", "access", "firewall", "json", "windows", "unknown", "mail", "dns", "audit", "zeek", "errors",
    "cisco", "filter", "database", "cloud",
];
/// The same on every event, and not of interest in a golden file.
const ALIKE: [&str; 7] = [
    "metrosoc.site.id",
    "metrosoc.site.known_by",
    "metrosoc.source.id",
    "metrosoc.transport",
    "log.source.address",
    "event.ingested",
    "event.original",
];

#[test]
fn corpus_gives_the_golden_events() {
    for name in CORPUS {
        let mut golden = Vec::new();
        for line in lines(name) {
            let mut map = event::json::to_map(&event_of(&line));
            assert!(ALIKE.iter().all(|field| map.contains_key(*field)));
            map.retain(|field, _| !ALIKE.contains(&field.as_str()));
            golden.push(map);
        }
        insta::with_settings!({snapshot_path => "../../corpus/golden", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(name, golden);
        });
    }
}

#[test]
fn detection_does_not_depend_on_what_came_before() {
    let all: Vec<_> = CORPUS.iter().flat_map(|name| lines(name)).collect();
    let pipeline = Pipeline::new(PipelineSettings::default());
    let mut event = Event::new();
    for line in all.iter().chain(all.iter().rev()).chain(all.iter().step_by(3)) {
        pipeline.event(EventId(7), &record(line), &mut event);
        let fresh = event_of(line);
        assert_eq!(event::json::to_map(&event), event::json::to_map(&fresh));
    }
    let [seen] = &pipeline.sources()[..] else { panic!("one source") };
    let understood: u64 = seen.formats.iter().map(|(_, count)| count).sum();
    assert_eq!(understood + seen.undecoded, (2 * all.len() + all.len().div_ceil(3)) as u64);
}

#[test]
fn what_nothing_understands_is_kept_whole() {
    let event = event_of(b"words of no form \xff\x00 end");
    assert_eq!(event.get_str("event.kind"), Some("pipeline_error"));
    assert_eq!(event.get_str("event.dataset"), Some("unknown"));
    assert_eq!(event.get_str("event.original"), Some("words of no form \u{fffd}\0 end"));
    assert_eq!(event.get_str("message"), event.get_str("event.original"));
    assert_eq!(event.get_str("metrosoc.original_base64"), Some("d29yZHMgb2Ygbm8gZm9ybSD/ACBlbmQ="));
    assert_eq!(event.timestamp(), event.received);
    assert_eq!(event_of(b"").get_str("error.message"), Some("the record is empty"));
}

#[test]
fn absurd_times_are_not_believed() {
    let check = |text: &str, claimed: Option<&str>, rejected: Option<&str>| {
        let event = event_of(text.as_bytes());
        let found = event.claimed.map(|time| time.to_string());
        assert_eq!((found.as_deref(), event.get_str("metrosoc.time.rejected")), (claimed, rejected), "{text}");
        assert!(event.has("@timestamp"));
    };
    check("<13>1 2026-11-03T23:00:00Z h a - - - x", Some("2026-11-03T23:00:00Z"), None);
    check("<13>1 2026-11-05T00:00:00Z h a - - - x", None, Some("2026-11-05T00:00:00Z"));
    check("<13>1 1970-01-01T00:00:00Z h a - - - x", None, Some("1970-01-01T00:00:00Z"));
    check("<13>1 9999-12-31T23:59:59Z h a - - - x", None, Some("9999-12-31T23:59:59Z"));
    check("<13>Feb 30 07:00:00 h a: x", None, Some("Feb 30 07:00:00"));
    check("<13>1 - h a - - - x", None, None);
    check("{\"time\":\"2026-11-02T00:00:00.000000001Z\"}", Some("2026-11-02T00:00:00.000000001Z"), None);
}

#[test]
fn year_and_zone_come_from_the_source() {
    let own = SourceDates { zone: Some(TimeZone::UTC), year: Some(2019) };
    let sources = HashMap::from([(origin().source.clone(), own)]);
    let pipeline = Pipeline::new(PipelineSettings { sources, ..PipelineSettings::default() });
    let mut event = Event::new();
    pipeline.event(EventId(7), &record(b"<13>Nov  3 07:00:00 h a: x"), &mut event);
    assert_eq!(event.claimed.unwrap().to_string(), "2019-11-03T07:00:00Z");
}

#[test]
fn long_and_deep_records_are_bounded() {
    let long = [b"<13>1 - h a - - - ".as_slice(), &vec![b'x'; 3 * RECORD_BYTES_MAX]].concat();
    let event = event_of(&long);
    assert_eq!(event.get("metrosoc.truncated"), Some(true.into()));
    assert_eq!(event.get_str("event.original").map(str::len), Some(RECORD_BYTES_MAX));
    let deep = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    assert_eq!(event_of(&deep.as_bytes()[..1_000_000]).get_str("event.kind"), Some("pipeline_error"));
    for one in ["=", "a=", "a=1 ", "[", "\\", "\"", "{\"a\":", "CEF:0|", "a=\"", "\\=", " from ", "\u{0}", "é"] {
        for head in [
            "",
            "<13>",
            "<13>1 - - - - - [a b=\"",
            "CEF:0|a|b|c|d|e|f|",
            "<38>Nov  3 07:00:00 h sshd[1]: Failed password for ",
        ] {
            let text = format!("{head}{}", one.repeat(1_000_000 / one.len()));
            assert!(event_of(text.as_bytes()).has("@timestamp"));
        }
    }
}

#[test]
fn the_senders_text_cannot_say_what_is_ours() {
    let event = event_of(br#"{"metrosoc":{"site":{"id":"forged"},"truncated":true},"event":{"kind":"alert","ingested":"x"},"@timestamp":"2026-11-03T00:00:01Z"}"#);
    assert_eq!(
        event.get_all("metrosoc.site.id").map(|value| value.text().into_owned()).collect::<Vec<_>>(),
        ["hcm-q1"]
    );
    assert_eq!(event.get_all("event.kind").count(), 1);
    assert_eq!(event.get_str("sender.metrosoc.site.id"), Some("forged"));
    assert_eq!(event.get_str("@timestamp"), Some("2026-11-03T00:00:01Z"));
}

#[test]
fn only_the_product_speaks_of_its_own_record() {
    let text = br#"{"event":{"dataset":"metrosoc.audit","module":"metrosoc","action":"sign_in"}}"#;
    let event = event_of(text);
    assert_eq!(event.get_str("event.dataset"), Some("json"));
    assert_eq!(event.get_str("sender.event.dataset"), Some("metrosoc.audit"));
    let own = Arc::new(Origin {
        site: SiteId::local(),
        agency: None,
        known_by: KnownBy::Operator,
        source: event::OwnRecord::Audit.source(),
        transport: Transport::Own,
        peer: None,
    });
    let of = |bytes: Vec<u8>| {
        let mut event = Event::new();
        let record = Record::new(Arc::clone(&own), record(b"").received, bytes);
        Pipeline::new(PipelineSettings::default()).event(EventId(7), &record, &mut event);
        event
    };
    let fields = serde_json::json!({ "event.action": "sign_in", "metrosoc.audit.count": 3, "user.roles": ["admin"] });
    let time = Timestamp::parse_rfc3339("2026-11-03T00:00:01Z").unwrap();
    let fields = fields.as_object().unwrap().clone();
    let event = of(event::OwnEvent { record: event::OwnRecord::Audit, time, fields }.to_bytes());
    assert_eq!(event.get_str("event.dataset"), Some("metrosoc.audit"));
    assert_eq!(event.get_str("event.module"), Some("metrosoc"));
    assert_eq!(event.get_str("@timestamp"), Some("2026-11-03T00:00:01Z"));
    assert_eq!(event.get("metrosoc.audit.count"), Some(event::Value::Int(3)));
    assert_eq!(of(text.to_vec()).get_str("event.kind"), Some("pipeline_error"));
}

/// The records of one event as the daemon, its dispatcher and the kernel write them.
const EXECUTED: [&str; 5] = [
    "type=SYSCALL msg=audit(1793664004.123:911): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55e0 items=2 \
     ppid=811 pid=812 auid=1000 uid=0 tty=pts0 comm=\"cp\" exe=\"/usr/bin/cp\" key=\"run\"",
    "type=EXECVE msg=audit(1793664004.123:911): argc=4 a0=\"cp\" a1=\"-f\" a2=2F746D702F6120622E736F a3=\"-f\"",
    "type=CWD msg=audit(1793664004.123:911): cwd=\"/root\"",
    "type=PATH msg=audit(1793664004.123:911): item=0 name=\"/usr/bin/cp\" inode=77 nametype=NORMAL",
    "type=PROCTITLE msg=audit(1793664004.123:911): proctitle=6370002D66",
];

fn units(texts: &[String]) -> Vec<crate::join::Unit> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let batch: Vec<_> = (10..).map(EventId).zip(texts.iter().map(|text| record(text.as_bytes()))).collect();
    let now = record(b"").received.plus(std::time::Duration::from_secs(60));
    crate::join::Joiner::default().take(batch, Some(now), |record| pipeline.audit_key(record)).units
}

fn joined_of(texts: &[String]) -> Event {
    let units = units(texts);
    let [crate::join::Unit::Joined(records)] = units.as_slice() else { panic!("{units:?}") };
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).joined(records, &mut event);
    event
}

#[test]
fn records_of_one_audit_event_become_one_event() {
    let all = |name: &str, event: &Event| -> Vec<String> {
        event.get_all(name).map(|value| value.text().into_owned()).collect()
    };
    let forms: [fn(&str) -> String; 3] = [
        str::to_owned,
        |text| format!("<13>Nov  3 07:00:04 srv-1 audisp-syslog: {text}"),
        |text| format!("node=srv-1 {text}"),
    ];
    for form in forms {
        let texts = EXECUTED.map(form);
        let event = joined_of(&texts);
        assert_eq!(event.id, EventId(10));
        assert_eq!(event.get_str("event.dataset"), Some("auditd.log"));
        assert_eq!(event.get_str("event.original"), Some(texts.join("\n").as_str()));
        assert_eq!(all("metrosoc.record.positions", &event), ["10", "11", "12", "13", "14"]);
        assert_eq!(all("auditd.log.record_type", &event), ["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]);
        assert_eq!(all("process.args", &event), ["cp", "-f", "/tmp/a b.so", "-f"]);
        assert_eq!(event.get_str("process.command_line"), Some("cp -f /tmp/a b.so -f"));
        assert_eq!(event.get_str("process.executable"), Some("/usr/bin/cp"));
        assert_eq!(event.get_str("process.working_directory"), Some("/root"));
        assert_eq!(event.get_str("file.path"), Some("/usr/bin/cp"));
        assert_eq!(all("auditd.log.a0", &event), ["55d0", "cp"]);
        assert_eq!(all("auditd.log.sequence", &event), ["911"]);
        assert_eq!((event.get_str("event.category"), event.get_str("event.type")), (Some("process"), Some("start")));
        assert_eq!(event.get_str("event.outcome"), Some("success"));
        assert_eq!(event.claimed.unwrap().to_string(), "2026-11-03T00:00:04.123Z");
        assert_eq!(event.get("process.pid"), Some(event::Value::Int(812)));
    }
    // What a stranger makes another program write is none, and another machine's records are others.
    let forged = EXECUTED.map(|text| format!("<86>Nov  3 07:00:04 srv-1 sshd[7]: {text}"));
    assert_eq!(units(&forged).len(), 5);
    let mixed: Vec<String> =
        EXECUTED.iter().enumerate().map(|(number, text)| format!("node=srv-{} {text}", number % 2)).collect();
    let folded: usize = units(&mixed).iter().map(crate::join::Unit::folded).sum();
    assert_eq!(folded, 2);
}

/// The records of a file of the shared data, or `None`, loudly, where it is absent.
fn shared(name: &str) -> Option<Vec<Vec<u8>>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if !path.exists() {
        eprintln!("SKIPPED: `{}` is absent", path.display());
        return None;
    }
    let read = file::open(&path, &file::FileSettings::default()).unwrap();
    Some(read.map(|record| record.unwrap().bytes.to_vec()).collect())
}

fn datasets(lines: &[Vec<u8>]) -> std::collections::BTreeMap<String, usize> {
    let pipeline = Pipeline::new(PipelineSettings::default());
    let (mut counts, mut event) = (std::collections::BTreeMap::new(), Event::new());
    for line in lines {
        pipeline.event(EventId(0), &record(line), &mut event);
        *counts.entry(event.get_str("event.dataset").unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn every_line_of_the_network_is_understood() {
    let Some(lines) = shared("logs/metronet-100k.rfc5424.zst") else { return };
    let counts: Vec<_> = datasets(&lines).into_iter().collect();
    let expected = [
        ("cef", 24_823),
        ("nginx.access", 25_207),
        ("suricata.eve", 9_917),
        ("system.auth", 25_067),
        ("windows.security", 14_986),
    ];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn every_windows_event_is_understood() {
    for name in [
        "events/windows-attacks.ndjson.zst",
        "evtx/DE_sysmon-3-rdp-tun.evtx",
        "evtx/DE_WinEventLogSvc_Crash_System_7036.evtx",
    ] {
        let Some(lines) = shared(name) else { continue };
        let counts = datasets(&lines);
        assert!(
            !counts.is_empty() && counts.keys().all(|dataset| dataset.starts_with("windows.")),
            "{name}: {counts:?}"
        );
        let event = event_of(&lines[0]);
        assert!(
            event.claimed.is_some() && matches!(event.get("winlog.event_id"), Some(event::Value::Int(_))),
            "{event:?}"
        );
    }
}

proptest! {
    #[test]
    fn joined_records_never_panic_and_keep_their_texts(
        texts in prop::collection::vec("(EXECVE|PATH|CWD|SOCKADDR|AVC)\\PC{0,60}", 1..8),
    ) {
        let mut rows = vec!["type=SYSCALL msg=audit(1793664004.123:911): syscall=59".to_owned()];
        rows.extend(texts.iter().map(|text| {
            let (kind, rest) = text.split_at(text.find(|letter: char| !letter.is_ascii_uppercase()).unwrap_or(text.len()));
            format!("type={kind} msg=audit(1793664004.123:911): {rest}")
        }));
        let pipeline = Pipeline::new(PipelineSettings::default());
        let mut event = Event::new();
        let mut kept = Vec::new();
        for unit in units(&rows) {
            match unit {
                crate::join::Unit::One(id, record) => pipeline.event(id, &record, &mut event),
                crate::join::Unit::Joined(records) => pipeline.joined(&records, &mut event),
            }
            kept.push(event.get_str("event.original").unwrap().to_owned());
            prop_assert!(event.has("@timestamp") && event.has("message"));
        }
        let mut lines: Vec<&str> = kept.iter().flat_map(|text| text.split('\n')).collect();
        let mut sent: Vec<&str> = rows.iter().map(String::as_str).collect();
        lines.sort_unstable();
        sent.sort_unstable();
        prop_assert_eq!(lines, sent);
    }

    #[test]
    fn no_bytes_panic_and_none_are_lost(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let event = event_of(&bytes);
        prop_assert_eq!(event.get_str("event.original"), Some(&*String::from_utf8_lossy(&bytes)));
        prop_assert!(event.has("@timestamp") && event.has("message"));
    }

    #[test]
    fn no_mutation_of_the_corpus_panics(which: prop::sample::Index, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let all: Vec<_> = CORPUS.iter().flat_map(|name| lines(name)).collect();
        let mut line = which.get(&all).clone();
        let at = at.index(line.len());
        line[at] = byte;
        line.truncate(cut.index(line.len()) + 1);
        prop_assert!(event_of(&line).has("@timestamp"));
    }
}

//! An event that matches nothing costs no memory: the counting allocator must not see one allocation once every class
//! of rules is compiled and has chosen its probes.

#![expect(clippy::unwrap_used, reason = "a test")]

use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::{Event, Value, json};

/// Rounds after which nothing is learnt any more: four lessons of a thousand events.
const ROUNDS_BEFORE: usize = 5_000;
/// Rounds that are counted.
const ROUNDS: usize = 100;

/// Ordinary records of the city's machines, in the form in which decoders give them.
const EVENTS: [&str; 8] = [
    r#"{"event.dataset":"windows.sysmon","winlog.channel":"Microsoft-Windows-Sysmon/Operational","winlog.event_id":1,
        "winlog.event_data":{"Image":"C:\\Windows\\System32\\conhost.exe","CommandLine":"\\??\\C:\\WINDOWS\\conhost.exe 0xffffffff -ForceV1",
        "ParentImage":"C:\\Windows\\System32\\svchost.exe","User":"NT AUTHORITY\\SYSTEM","Threat Name":"none","IntegrityLevel":"System"},
        "host.name":"DC-08.hcm.local","process.args":["a","b",null,3.5]}"#,
    r#"{"event.dataset":"windows.sysmon","winlog.channel":"Microsoft-Windows-Sysmon/Operational","winlog.event_id":13,
        "winlog.event_data":{"TargetObject":"HKLM\\System\\CurrentControlSet\\Services\\bam\\State","Details":"Binary Data",
        "EventType":"SetValue","Image":"C:\\Windows\\system32\\svchost.exe"}}"#,
    r#"{"event.dataset":"windows.security","winlog.channel":"Security","winlog.event_id":4624,
        "winlog.event_data":{"TargetUserName":"NGUYỄN VĂN ĐỨC","LogonType":2,"IpAddress":"10.20.30.40","LogonProcessName":"User32 "}}"#,
    r#"{"event.dataset":"system.auth","process.name":"sshd","message":"Accepted publickey for tranthib from 10.0.3.9 port 45340 ssh2",
        "user.name":"tranthib","source.ip":"10.0.3.9","source.port":45340,"@timestamp":"2026-11-03T03:00:00Z"}"#,
    r#"{"event.dataset":"nginx.access","url.original":"/ho-so/tra-cuu?ma=123","url.path":"/ho-so/tra-cuu","http.request.method":"GET",
        "http.response.status_code":200,"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64)","source.ip":"2001:db8::17"}"#,
    r#"{"event.dataset":"cef","observer.vendor":"Fortinet","observer.product":"Fortigate","observer.type":"firewall",
        "cef.name":"traffic:forward allow","destination.port":443,"source.ip":"10.1.2.3","event.action":"allow"}"#,
    r#"{"event.dataset":"lgsp.gateway","lgsp.agency":"so-tu-phap","http.response.status_code":200,"lgsp.records":3}"#,
    r#"{"event.dataset":"test.all","A":"xyz","B":"xy","N":7,"Ip":"192.0.2.1","Ver":"ẤX","@timestamp":"2026-11-03T03:00:00Z","msg":"nothing"}"#,
];

/// One rule of every kind of question, each woken by the last event and then not true.
const QUESTIONS: [&str; 12] = [
    "A|re: '^x.*q$'",
    "A|re|i: 'X[yz]+q'",
    "Ip|cidr: 10.0.0.0/8",
    "N|gt: 8",
    "'@timestamp|hour': 23",
    "A|fieldref: B",
    "A|fieldref|startswith: Ip",
    "A|contains|all: [xy, q]",
    "A: ['x*q', '?yq']",
    "Ver|contains: 'ấy'",
    "A|exists: false",
    "A|base64offset|contains: whoami",
];

fn rules() -> Vec<RuleSource> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/sigma");
    let rule = |number: usize, detection: &str| RuleSource::Text {
        path: format!("question-{number}"),
        yaml: format!(
            "title: t\nid: question-{number}\nlogsource: {{product: test}}\ndetection:\n  s:\n    {detection}\n  k: ['no such word', 'another']\n  condition: s or k\n"
        ),
    };
    let questions = QUESTIONS.iter().enumerate().map(|(number, detection)| rule(number, detection));
    [RuleSource::Path(folder.into())].into_iter().chain(questions).collect()
}

fn events() -> Vec<Event> {
    let of = |text: &str| {
        let mut event = Event::new();
        json::flatten("", &serde_json::from_str(text).unwrap(), &mut event).unwrap();
        event
    };
    let mut events: Vec<Event> = EVENTS.iter().map(|text| of(text)).collect();
    // Long texts need more memory in a look at them than any event before.
    let mut script = of(EVENTS[1]);
    script.set("winlog.channel", "Microsoft-Windows-PowerShell/Operational").unwrap();
    script.set("winlog.event_id", Value::Int(4104)).unwrap();
    script.set("winlog.event_data.ScriptBlockText", "$x = 1; # Ghi chú\n".repeat(400).as_str()).unwrap();
    events.push(script);
    events
}

#[test]
fn an_event_that_matches_nothing_allocates_nothing() {
    let set = RuleSet::load(&rules(), &FieldMap::embedded().unwrap());
    let refused: Vec<_> = set.rejected().iter().filter(|one| one.path.starts_with("question")).collect();
    assert!(refused.is_empty() && set.rules().len() > 150, "{} rules, {refused:?}", set.rules().len());
    let (events, mut scratch) = (events(), Scratch::default());
    let mut round = |event: &Event| set.evaluate(event, &mut scratch).len();
    for event in &events {
        let found: usize = (0..ROUNDS_BEFORE).map(|_| round(event)).sum();
        assert_eq!(found, 0, "{event:?}");
    }
    for event in &events {
        let mut found = 0;
        let counted = allocation_counter::measure(|| found = (0..ROUNDS).map(|_| round(event)).sum());
        assert_eq!((counted.count_total, found), (0, 0), "{event:?}");
    }
    // In turn, as they come.
    let mut found = 0;
    let counted = allocation_counter::measure(|| {
        for _ in 0..ROUNDS {
            found += events.iter().map(&mut round).sum::<usize>();
        }
    });
    assert_eq!((counted.count_total, found), (0, 0));
}

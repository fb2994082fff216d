//! From the text that a device sends to the rule that fires: the decoders and the shipped rules fit together.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::sync::Arc;

use collector::Record;
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::rulebook::{Dialect, Rulebook};
use detector::sigma::{LogSource, RuleSource, Scratch, sources_of};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use tests::repository;

fn event_of(text: &str) -> Event {
    let (site, source) = (SiteId::local(), SourceId::new("test:1").unwrap());
    let origin =
        Origin { site, agency: None, known_by: KnownBy::Operator, source, transport: Transport::Import, peer: None };
    let received = Timestamp::parse_rfc3339("2026-11-03T00:00:10Z").unwrap();
    let record = Record::new(Arc::new(origin), received, text.as_bytes().to_vec());
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).event(EventId(0), &record, &mut event);
    event
}

/// Text of a device, the title of the rule that must fire; `None` where no rule may.
const LINES: &[(&str, Option<&str>)] = &[
    (
        "<166>Nov  3 2026 07:00:00 asa-dc1 : %ASA-6-302013: Built inbound TCP connection 71 for outside:203.0.113.9/5123 (203.0.113.9/5123) to inside:10.0.3.9/3389 (198.51.100.9/3389)",
        Some("Administration port reached from outside"),
    ),
    (
        "<166>Nov  3 2026 07:00:00 asa-dc1 : %ASA-6-106100: access-list OUT permitted tcp outside/2001:db8::9(5123) -> inside/fd00::9(3389) hit-cnt 1 first hit [0x1, 0x0]",
        Some("Administration port reached from outside"),
    ),
    (
        "<165>:Nov 03 07:00:00 UTC: %ASA-config-5-111008: User 'hung' executed the 'no logging enable' command.",
        Some("Command at a Cisco ASA that switches its guard off"),
    ),
    ("<165>Nov  3 2026 07:00:00: %ASA-5-111008: User 'hung' executed the 'show logging' command.", None),
    (
        "<189>812: rt-q1: Nov  3 07:00:00.123: %SYS-5-CONFIG_I: Configured from console by hung on vty0 (203.0.113.70)",
        Some("Cisco router configured from outside the management network"),
    ),
    ("<189>812: rt-q1: Nov  3 07:00:00.123: %SYS-5-CONFIG_I: Configured from console by hung on vty0 (10.1.0.9)", None),
    (
        "<188>Nov  3 07:00:00 rt-q1 9: Nov  3 07:00:00.456 ICT: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: admin] [Source: 203.0.113.70] [localport: 22] [Reason: Login Authentication Failed] at 07:00:00 ICT Tue Nov 3 2026",
        Some("Sign-in at a Cisco router failed"),
    ),
    (
        "<189>Nov  3 07:00:00 rt-q1 %PARSER-5-CFGLOG_LOGGEDCMD: User:hung  logged command:tunnel destination 203.0.113.70",
        Some("Mirror port or tunnel set up on a router or switch"),
    ),
    (
        "<188>Nov  3 07:00:00 rt-q1 %TCP-6-BADAUTH: No MD5 digest from 10.255.0.77(179) to 10.255.0.1(31223)",
        Some("Routing neighbour of a Cisco router with a wrong key"),
    ),
    (
        "<189>date=2026-11-03 time=07:00:00 devname=\"FG-Q1\" devid=\"FGT60F1\" logid=\"0100032001\" type=\"event\" subtype=\"system\" level=\"information\" vd=\"root\" logdesc=\"Admin login successful\" user=\"admin\" ui=\"https(203.0.113.70)\" srcip=203.0.113.70 dstip=198.51.100.1 action=\"login\" status=\"success\" msg=\"ok\"",
        Some("Administrator signed in at a FortiGate from outside"),
    ),
    (
        "<134>Nov  3 07:00:00 pf-q1 filterlog[77]: 5,,,1000000103,igb0,match,pass,in,4,0x0,,64,0,0,DF,6,tcp,60,203.0.113.9,10.0.3.9,5123,3389,0,S,1,,64240,,mss",
        Some("Administration port reached from outside"),
    ),
    (
        "<4>Nov  3 07:00:00 gw kernel: [9.5] nft-accept: IN=wan OUT=lan SRC=2001:db8::bad DST=fd00::9 LEN=60 HOPLIMIT=64 PROTO=TCP SPT=5123 DPT=3389 SYN URGP=0",
        Some("Administration port reached from outside"),
    ),
    (
        "2026-11-03 07:00:00.123 +07 [1234] user=dba.hung,db=dancu,app=psql,client=10.20.4.31 LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.citizens,\"SELECT name FROM citizens WHERE id = 1\",<none>",
        Some("Person reads a base table directly in PostgreSQL"),
    ),
    (
        "2026-11-03 07:00:00.123 +07 [1234] user=app_land,db=dancu,app=psql,client=10.20.4.31 LOG:  connection authorized: user=app_land database=dancu application_name=psql",
        Some("Account of an application used from a machine that is not its server"),
    ),
    (
        r#"{"timestamp":"2026-11-03 07:00:00.123 +07","user":"lan","dbname":"dancu","pid":1234,"remote_host":"fd00:20::31","remote_port":5123,"session_id":"a.b","line_num":2,"error_severity":"LOG","message":"AUDIT: SESSION,1,1,WRITE,UPDATE,TABLE,public.land_parcels,UPDATE land_parcels SET owner_id = 1,<not logged>","backend_type":"client backend"}"#,
        Some("Owner of a parcel changed outside the application for land"),
    ),
    (
        "20261103 07:00:00,db-02,hung,10.1.20.6,12,345,QUERY,doanhnghiep,'SET GLOBAL server_audit_logging=OFF',0",
        Some("Audit of MySQL or MariaDB switched off"),
    ),
    ("20261103 07:00:00,db-02,hung,10.1.20.6,12,345,QUERY,doanhnghiep,'SELECT 1',0", None),
    (
        "<30>Nov  3 07:00:00 radius-01 radiusd[9]: Error: Ignoring request to auth address * port 1812 bound to server default from unknown client 10.77.3.9 port 40001 proto udp",
        Some("RADIUS request from a device that is not registered"),
    ),
];

#[test]
fn rules_fire_on_the_text_that_devices_send() {
    let book = Rulebook::load(&[RuleSource::Path(repository().join("rules/sigma"))], &Dialect::embedded().unwrap());
    assert!(book.rejected().is_empty(), "{:?}", book.rejected());
    let mut scratch = Scratch::default();
    for (text, expected) in LINES {
        let event = event_of(text);
        let found = book.rules().evaluate(&event, &mut scratch);
        // Rules that only count for correlations are of no interest here.
        let titles: Vec<_> = found.iter().map(|found| found.rule.reference.title.as_str()).collect();
        match expected {
            Some(title) => assert!(titles.contains(title), "{title} does not fire: {titles:?}\n{text}\n{event:?}"),
            None => assert!(titles.is_empty(), "{titles:?} fire\n{text}"),
        }
    }
}

#[test]
fn events_have_the_log_sources_of_sigma() {
    let check = |text: &str, expected: &[&str]| {
        let event = event_of(text);
        let found: Vec<_> = sources_of(&event).iter().map(LogSource::to_string).collect();
        assert_eq!(found, expected, "{text}\n{event:?}");
    };
    check(
        "<166>%ASA-6-305011: Built dynamic TCP translation from inside:10.1.1.5/5 to outside:203.0.113.5/6",
        &["cisco/firewall/asa"],
    );
    check("<165>%ASA-5-111008: User 'hung' executed the 'show run' command.", &["cisco/firewall/asa", "cisco/-/aaa"]);
    check(
        "<190>%SEC-6-IPACCESSLOGP: list 101 denied tcp 203.0.113.9(5) -> 10.0.3.9(22), 1 packet",
        &["cisco/firewall/ios"],
    );
    check(
        "1793664000.123 456 10.20.4.31 TCP_MISS/200 12 GET http://x/ - HIER_DIRECT/203.0.113.9 text/html",
        &["squid/proxy/squid"],
    );
    check(
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","verb":"list","stage":"ResponseComplete"}"#,
        &["kubernetes/-/audit", "kubernetes/application/audit"],
    );
    check(
        r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"x"}"#,
        &["aws/-/cloudtrail"],
    );
    check("2026-11-03  7:00:00 12 [Warning] Aborted connection", &["mysql/database/error"]);
}

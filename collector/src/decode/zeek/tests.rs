//! Documents and lines as Zeek writes them.

use proptest::prelude::*;

use super::*;
use crate::decode::testing;

#[track_caller]
fn check(fields: &[&str], expected: Option<&str>) {
    let mut event = Event::new();
    for name in fields {
        event.push(name, "1").unwrap();
    }
    assert_eq!(Some(&event).filter(|event| fits(event)).and_then(|event| log(event)), expected, "{fields:?}");
}

#[test]
fn logs_are_told_by_their_fields() {
    check(&["ts", "uid", "id.orig_h", "conn_state"], Some("conn"));
    check(&["ts", "uid", "trans_id", "query", "rejected"], Some("dns"));
    check(&["ts", "uid", "trans_depth", "request_body_len"], Some("http"));
    check(&["ts", "uid", "established", "resumed", "cipher"], Some("ssl"));
    check(&["ts", "uid", "request_type", "cipher"], Some("kerberos"));
    check(&["ts", "uid", "action", "path", "name"], Some("smb_files"));
    check(&["ts", "fuid", "source", "seen_bytes"], Some("files"));
    check(&["ts", "certificate.serial", "certificate.subject"], Some("x509"));
    check(&["ts", "note", "msg", "actions"], Some("notice"));
    check(&["ts", "uid", "id.orig_h", "id.resp_h", "x"], Some("other"));
    check(&["ts", "message", "name"], None);
    check(&["uid", "conn_state"], None);
    check(&["ts", "uid", "conn_state", "event_type"], None);
}

#[test]
fn the_path_comes_first_where_it_is_a_name() {
    let check = |path: &str, expected: Option<&str>| {
        let mut event = Event::new();
        for (name, value) in [("ts", "1"), ("_path", path)] {
            event.push(name, value).unwrap();
        }
        assert_eq!(log(&event), expected, "{path}");
    };
    check("dce_rpc", Some("dce_rpc"));
    check("../x", None);
    check(&"a".repeat(41), None);
}

#[test]
fn lines_of_tabs_are_read() {
    let connection = "1793664004.123456\tCAbc1\tfd00:4::6\t40000\t2001:db8::53\t53\t";
    let common = "zeek.dns.ts=1793664004.123456 zeek.session_id=CAbc1 zeek.dns.id.orig_h=fd00:4::6 \
                  zeek.dns.id.orig_p=40000 zeek.dns.id.resp_h=2001:db8::53 zeek.dns.id.resp_p=53";
    let text = "udp\t7\t0.01\tx.duckdns.org\t1\tC_INTERNET\t28\tAAAA\t0\tNOERROR\tF\tF\tT\tT\t0\t2001:db8::1,a.vn\t60.0,60.0\tF";
    assert_eq!(
        testing::listed(&TABS, "", &format!("{connection}{text}")),
        format!(
            "{common} zeek.dns.proto=udp zeek.dns.trans_id=7 zeek.dns.rtt=0.01 zeek.dns.query=x.duckdns.org \
             zeek.dns.qclass=1 zeek.dns.qclass_name=C_INTERNET zeek.dns.qtype=28 zeek.dns.qtype_name=AAAA \
             zeek.dns.rcode=0 zeek.dns.rcode_name=NOERROR zeek.dns.AA=false zeek.dns.TC=false zeek.dns.RD=true \
             zeek.dns.RA=true zeek.dns.Z=0 zeek.dns.answers=2001:db8::1 zeek.dns.answers=a.vn zeek.dns.TTLs=60.0 \
             zeek.dns.TTLs=60.0 zeek.dns.rejected=false event.dataset=zeek.dns"
        ),
    );
    let log =
        |rest: &str| testing::fields(&TABS, &format!("{connection}{rest}")).get_str("event.dataset").map(str::to_owned);
    let conn = "tcp\tssl\t1.5\t10\t20\tSF\tT\tF\t0\tShADad\t5\t300\t6\t400\t-";
    assert_eq!(log(conn).as_deref(), Some("zeek.conn"));
    assert_eq!(log(&format!("{conn}\t6")).as_deref(), Some("zeek.conn"));
    assert_eq!(log("0.001\tnp\tdrsuapi\tDRSGetNCChanges").as_deref(), Some("zeek.dce_rpc"));
    assert_eq!(log("\\\\dc\\SYSVOL\t-\tNTFS\tDISK").as_deref(), Some("zeek.smb_mapping"));
    assert_eq!(log("x\ty\tz").as_deref(), None);
    assert_eq!(testing::listed(&TABS, "", "#fields\tts\tuid"), "event.dataset=zeek.header");
    assert_eq!(testing::listed(&TABS, "", "# a remark"), "no");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(1.5\tC1\t::1\t5\t::1\t5\t)?([a-zTF0-9,.é-]{0,6}\t){0,30}") {
        testing::listed(&TABS, "", &text);
    }
}

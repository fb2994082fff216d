//! Lines as Postfix writes them.

use proptest::prelude::*;

use super::*;
use crate::decode::testing;

#[track_caller]
fn check(daemon: &str, text: &str, expected: &str) {
    let listed = testing::listed(&FORMAT, &format!("postfix/{daemon}"), text);
    assert_eq!(listed, format!("postfix.log.daemon={daemon} {expected}").trim_ascii_end(), "{text}");
}

#[test]
fn letters_are_read() {
    check(
        "qmgr",
        "7C1A2: from=<lan@tphcm.gov.vn>, size=5211, nrcpt=100 (queue active)",
        "postfix.log.queue_id=7C1A2 event.action=queued email.from.address=lan@tphcm.gov.vn postfix.log.size=5211 \
         postfix.log.nrcpt=100",
    );
    check(
        "smtp",
        "4XyZ0b1Wc8z9: to=<a@b.example>, orig_to=<root>, relay=mx.b.example[2001:db8::25]:25, delay=0.5, \
         delays=0.1/0/0.2/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued, as 7)",
        "postfix.log.queue_id=4XyZ0b1Wc8z9 email.to.address=a@b.example postfix.log.orig_to=root \
         postfix.log.relay=mx.b.example[2001:db8::25]:25 destination.ip=2001:db8::25 destination.domain=mx.b.example \
         destination.port=25 postfix.log.delay=0.5 postfix.log.dsn=2.0.0 postfix.log.status=sent \
         event.action=delivery event.outcome=success event.reason=250 2.0.0 Ok: queued, as 7",
    );
    check("cleanup", "7C1A2: message-id=<x=1@b.example>", "postfix.log.queue_id=7C1A2 email.message_id=x=1@b.example");
    check("qmgr", "7C1A2: removed", "postfix.log.queue_id=7C1A2 event.action=removed");
    check(
        "smtpd",
        "connect from a.example[192.0.2.7]",
        "event.action=connect source.ip=192.0.2.7 source.domain=a.example",
    );
}

#[test]
fn sign_ins_are_read() {
    check(
        "submission/smtpd",
        "7C1A2: client=unknown[2001:db8::7], sasl_method=PLAIN, sasl_username=lan@hcm.example",
        "postfix.log.queue_id=7C1A2 source.ip=2001:db8::7 postfix.log.sasl_method=PLAIN event.action=sasl_login \
         event.outcome=success user.name=lan@hcm.example",
    );
    check(
        "smtpd",
        "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=lan",
        "source.ip=203.0.113.9 event.action=sasl_login event.outcome=failure postfix.log.sasl_method=LOGIN \
         user.name=lan event.reason=UGFzc3dvcmQ6",
    );
    check("smtpd", "warning: SASL: Connection lost to authentication server", "");
}

#[test]
fn refusals_and_headers_are_read() {
    check(
        "smtpd",
        "NOQUEUE: reject: RCPT from unknown[2001:db8::7]: 550 5.7.1 <lan@x.vn>: Sender address rejected; \
         from=<vanthu@x.vn> to=<lan@x.vn> proto=ESMTP helo=<pc>",
        "event.action=reject event.outcome=failure source.ip=2001:db8::7 event.reason=550 5.7.1 <lan@x.vn>: Sender \
         address rejected email.from.address=vanthu@x.vn email.to.address=lan@x.vn postfix.log.helo=pc",
    );
    check(
        "cleanup",
        "7C1A2: warning: header Content-Disposition: attachment; filename=\"Giay Moi.iso\" from \
         unknown[203.0.113.9]; from=<a@b.example> to=<c@x.vn> proto=ESMTP helo=<h>",
        "postfix.log.queue_id=7C1A2 event.action=header_check source.ip=203.0.113.9 \
         email.attachments.file.name=Giay Moi.iso email.from.address=a@b.example email.to.address=c@x.vn \
         postfix.log.helo=h",
    );
    assert_eq!(testing::listed(&FORMAT, "postfixer", "7C1A2: removed"), "no");
    assert_eq!(testing::listed(&FORMAT, "", "7C1A2: removed"), "no");
}

proptest! {
    #[test]
    fn no_text_panics(text in "(7C1A2: |warning: |NOQUEUE: reject: |header )?[a-z<>=,;:\\[\\]\" é0-9]{0,80}") {
        testing::listed(&FORMAT, "postfix/smtpd", &text);
        testing::listed(&FORMAT, "postfix/cleanup", &format!("7C1A2: warning: header Content-Type: {text}"));
    }

    #[test]
    fn what_is_written_is_read(from in "[a-z.]{1,9}@[a-z.]{1,9}", to in "[a-z.]{1,9}@[a-z.]{1,9}", size in 0i64..1_000_000) {
        let event = testing::decoded_by(&FORMAT, "postfix/qmgr", &format!("7C1A2: from=<{from}>, size={size}, nrcpt=1"));
        prop_assert_eq!(event.get_str("email.from.address"), Some(&*from));
        prop_assert_eq!(event.get("postfix.log.size"), Some(event::Value::Int(size)));
        let text = format!("7C1A2: to=<{to}>, relay=none, delay=1, dsn=4.0.0, status=deferred (no answer)");
        let event = testing::decoded_by(&FORMAT, "postfix/smtp", &text);
        prop_assert_eq!(event.get_str("email.to.address"), Some(&*to));
        prop_assert_eq!(event.get_str("postfix.log.status"), Some("deferred"));
    }
}

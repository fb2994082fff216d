//! Records as the audit daemon and the kernel write them.

use proptest::prelude::*;

use super::*;
use crate::decode::testing;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(testing::listed(&FORMAT, "", text), expected, "{text}");
}

#[test]
fn system_calls_are_read() {
    check(
        "node=srv type=SYSCALL msg=audit(1793664004.123:911): arch=c000003e syscall=313 success=yes exit=0 a0=3 \
         ppid=1 pid=812 auid=1000 uid=0 comm=\"ld\" exe=\"/dev/shm/ld\" key=(null)",
        "auditd.log.node=srv auditd.log.record_type=SYSCALL auditd.log.sequence=911 auditd.log.arch=c000003e \
         auditd.log.syscall=finit_module auditd.log.success=yes auditd.log.exit=0 auditd.log.a0=3 auditd.log.ppid=1 \
         auditd.log.pid=812 auditd.log.auid=1000 auditd.log.uid=0 auditd.log.comm=ld auditd.log.exe=/dev/shm/ld",
    );
    check(
        "type=SYSCALL msg=audit(1.5:2): arch=40000003 syscall=11 comm=6120622F key=6101620A\u{1d}ARCH=i386 \
         SYSCALL=execve AUID=\"lan\"",
        "auditd.log.record_type=SYSCALL auditd.log.sequence=2 auditd.log.arch=40000003 auditd.log.comm=a b/ \
         auditd.log.key=a auditd.log.key=b\n auditd.log.ARCH=i386 auditd.log.syscall=execve auditd.log.AUID=lan",
    );
    check(
        "[12.5] audit: type=1327 audit(1.5:2): proctitle=2F62696E2F7368002D63006964",
        "auditd.log.record_type=PROCTITLE auditd.log.sequence=2 auditd.log.proctitle=/bin/sh -c id",
    );
}

#[test]
fn arguments_make_a_command_line() {
    check(
        "type=EXECVE msg=audit(1.5:2): argc=3 a0=\"cp\" a1=2F746D702F6120622E736F a2=\"/etc/ld.so.preload\"",
        "auditd.log.record_type=EXECVE auditd.log.sequence=2 auditd.log.argc=3 auditd.log.a0=cp \
         auditd.log.a1=/tmp/a b.so auditd.log.a2=/etc/ld.so.preload process.args=cp process.args=/tmp/a b.so \
         process.args=/etc/ld.so.preload process.command_line=cp /tmp/a b.so /etc/ld.so.preload",
    );
    check(
        "type=EXECVE msg=audit(1.5:2): argc=2 a0=\"sh\" a1_len=4 a1[0]=6162 a1[1]=6364",
        "auditd.log.record_type=EXECVE auditd.log.sequence=2 auditd.log.argc=2 auditd.log.a0=sh auditd.log.a1_len=4 \
         process.args=sh process.args=abcd auditd.log.a1=abcd process.command_line=sh abcd",
    );
}

#[test]
fn programs_own_pairs_are_read() {
    check(
        "type=USER_LOGIN msg=audit(1.5:2): pid=9 uid=0 auid=4294967295 msg='op=login acct=\"root\" \
         exe=\"/usr/sbin/sshd\" hostname=? addr=2001:db8::7 terminal=sshd res=failed'",
        "auditd.log.record_type=USER_LOGIN auditd.log.sequence=2 auditd.log.pid=9 auditd.log.uid=0 \
         auditd.log.auid=4294967295 auditd.log.op=login auditd.log.acct=root auditd.log.exe=/usr/sbin/sshd \
         auditd.log.addr=2001:db8::7 auditd.log.terminal=sshd auditd.log.res=failed",
    );
    check(
        "type=AVC msg=audit(1.5:2): avc:  denied  { read write } for  pid=9 comm=\"nginx\" name=\"shadow\" permissive=0",
        "auditd.log.record_type=AVC auditd.log.sequence=2 auditd.log.seresult=denied auditd.log.seperms=read write \
         auditd.log.pid=9 auditd.log.comm=nginx auditd.log.name=shadow auditd.log.permissive=0",
    );
    check(
        "type=SOCKADDR msg=audit(1.5:2): saddr=0A00115C0000000020010DB800000000000000000000000700000000",
        "auditd.log.record_type=SOCKADDR auditd.log.sequence=2 \
         auditd.log.saddr=0A00115C0000000020010DB800000000000000000000000700000000 \
         auditd.log.sockaddr.address=2001:db8::7 auditd.log.sockaddr.port=4444",
    );
    check("type=SYSCALL something=audit(1.5:2): x=1", "no");
    check("type=SYSCALL msg=audit(1.5): x=1", "no");
    check("time=1 type=2 msg=3", "no");
}

proptest! {
    #[test]
    fn no_text_panics(kind in "(SYSCALL|EXECVE|AVC|1300)", text in "[a-f0-9=\"' \\[\\]{}:é\u{1d}#]{0,80}") {
        testing::listed(&FORMAT, "", &format!("type={kind} msg=audit(1.5:2): {text}"));
        testing::listed(&FORMAT, "", &format!("type={kind} msg=audit(1.5:2): saddr={text}"));
    }

    #[test]
    fn what_is_written_is_read(values in prop::collection::vec("[ -~é\u{1}-\u{9}]{1,12}", 1..6)) {
        let written = |text: &String| match text.bytes().any(|byte| byte == b'"' || byte <= b' ' || byte > b'~') {
            true => hex::encode_upper(text),
            false => format!("\"{text}\""),
        };
        let pairs: Vec<_> = values.iter().enumerate().map(|(at, text)| format!("a{at}={}", written(text))).collect();
        let event = testing::fields(&FORMAT, &format!("type=EXECVE msg=audit(1.5:2): argc=9 {}", pairs.join(" ")));
        for (at, text) in values.iter().enumerate() {
            prop_assert_eq!(event.get_str(&format!("auditd.log.a{at}")), Some(text.as_str()));
        }
    }
}

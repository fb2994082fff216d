//! What sshd, sudo, su and the PAM modules below them write.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "system.auth", strict: true, decode, normalise: crate::normalise::auth::to_ecs };

/// Programs whose every message belongs to this dataset, understood in detail or not.
const PROGRAMS: [&str; 11] = [
    "sshd",
    "sshd-session",
    "sshd-auth",
    "sudo",
    "su",
    "login",
    "systemd-logind",
    "useradd",
    "userdel",
    "usermod",
    "passwd",
];

/// Whether every line of `app`, with or without a path, belongs to this format.
pub(super) fn owns(app: &str) -> bool {
    PROGRAMS.contains(&app.rsplit('/').next().unwrap_or(app))
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some(app) = line.app.filter(|app| owns(app)) else { return Ok(Fit::No) };
    let app = app.rsplit('/').next().unwrap_or(app);
    let text = line.text;
    if text.starts_with("pam_") {
        pam(text, event)?;
    } else if app.starts_with("sshd") {
        sshd(text, event)?;
    } else if app == "sudo" {
        sudo(text, event)?;
    } else if app == "su" {
        su(text, event)?;
    }
    Ok(Fit::Yes)
}

/// The event behind sshd's first words: action, outcome.
const SSHD: [(&str, &str, &str); 12] = [
    ("Accepted ", "ssh_login", "success"),
    ("Failed ", "ssh_login", "failure"),
    ("Postponed ", "ssh_login_postponed", "unknown"),
    ("Invalid user ", "ssh_invalid_user", "failure"),
    ("Illegal user ", "ssh_invalid_user", "failure"),
    ("Connection closed by ", "ssh_disconnected", "unknown"),
    ("Connection reset by ", "ssh_disconnected", "unknown"),
    ("Disconnected from ", "ssh_disconnected", "unknown"),
    ("Received disconnect from ", "ssh_disconnected", "unknown"),
    ("Connection from ", "ssh_connected", "unknown"),
    ("Disconnecting ", "ssh_disconnected", "unknown"),
    ("error: maximum authentication attempts exceeded for ", "ssh_login", "failure"),
];

fn sshd(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((begin, action, outcome)) = SSHD.iter().find(|(begin, ..)| text.starts_with(begin)) else {
        return Ok(());
    };
    event.push("event.action", *action)?;
    if *outcome != "unknown" {
        event.push("event.outcome", *outcome)?;
    }
    let mut scan = Scan::new(text);
    scan.eat(begin);
    if matches!(*begin, "Accepted " | "Failed " | "Postponed ") {
        let method = scan.until(" for ");
        event.push("system.auth.ssh.event", begin.trim_ascii_end())?;
        if let Some(method) = method {
            event.push("system.auth.ssh.method", method)?;
        }
        return login(scan, event);
    }
    if begin.ends_with("for ") || begin.ends_with("user ") {
        return login(scan, event);
    }
    // `… by authenticating user root 203.0.113.5 port 22 [preauth]`, `… from 203.0.113.5 port 22:11: Bye`.
    scan.eat("authenticating ");
    if scan.eat("invalid user ").is_some() {
        event.push("system.auth.ssh.invalid_user", true)?;
        return peer_behind_user(scan, event);
    }
    if scan.eat("user ").is_some() {
        return peer_behind_user(scan, event);
    }
    peer(scan, event)
}

/// `[invalid user ]NAME from ADDRESS port NUMBER …`; the name is whatever the client sent, spaces and ` from ` included.
fn login(mut scan: Scan<'_>, event: &mut Event) -> Result<(), EventFull> {
    if scan.eat("invalid user ").is_some() || scan.eat("illegal user ").is_some() {
        event.push("system.auth.ssh.invalid_user", true)?;
    }
    let Some((user, address)) = scan.rest().rsplit_once(" from ") else { return Ok(()) };
    if !user.is_empty() {
        event.push("user.name", user)?;
    }
    let mut scan = Scan::new(address);
    peer(scan, event)?;
    if let (Some(_), Some(key)) = (scan.until("ssh2: "), scan.rest().split_once(' ')) {
        event.push("system.auth.ssh.key_type", key.0)?;
        event.push("system.auth.ssh.signature", key.1)?;
    }
    Ok(())
}

fn peer_behind_user(scan: Scan<'_>, event: &mut Event) -> Result<(), EventFull> {
    // `NAME ADDRESS port NUMBER`, where the name may hold spaces.
    let Some((ahead, port)) = scan.rest().rsplit_once(" port ") else { return Ok(()) };
    let (user, address) = ahead.rsplit_once(' ').unwrap_or(("", ahead));
    if !user.is_empty() {
        event.push("user.name", user)?;
    }
    source(address, Scan::new(port).run(|byte| byte.is_ascii_digit()), event)
}

fn peer(mut scan: Scan<'_>, event: &mut Event) -> Result<(), EventFull> {
    let address = scan.word();
    let port = match scan.eat("port ") {
        Some(()) => scan.run(|byte| byte.is_ascii_digit()),
        None => "",
    };
    source(address, port, event)
}

/// An address (brackets and zone allowed) or host name, and a port.
fn source(address: &str, port: &str, event: &mut Event) -> Result<(), EventFull> {
    let address = address.trim_matches(['[', ']', ',']);
    let address = address.strip_suffix(':').filter(|short| crate::normalise::is_ip(short)).unwrap_or(address);
    if crate::normalise::is_ip(address) {
        event.push("source.ip", address)?;
    } else if !address.is_empty() {
        event.push("source.domain", address)?;
    }
    match port.parse::<u16>() {
        Ok(port) => event.push("source.port", i64::from(port)),
        Err(_) => Ok(()),
    }
}

/// `    lan : TTY=pts/0 ; PWD=/home/lan ; USER=root ; COMMAND=/usr/bin/id`, with a complaint before `TTY` on failure.
fn sudo(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((user, rest)) = text.trim_ascii_start().split_once(" : ") else { return Ok(()) };
    event.push("user.name", user.trim_ascii())?;
    let (parts, command) = match rest.split_once("COMMAND=") {
        Some((parts, command)) => (parts, Some(command)),
        None => (rest, None),
    };
    let mut complaint = None;
    for part in parts.split(" ; ").map(str::trim_ascii) {
        match part.split_once('=') {
            Some(("TTY", value)) => event.push("system.auth.sudo.tty", value)?,
            Some(("PWD", value)) => event.push("process.working_directory", value)?,
            Some(("USER", value)) => event.push("user.effective.name", value.trim_end_matches(" ;"))?,
            Some(("GROUP", value)) => event.push("group.name", value)?,
            None if !part.is_empty() && part != ";" => complaint = Some(part),
            _ => {}
        }
    }
    if let Some(command) = command {
        event.push("process.command_line", command)?;
    }
    if let Some(complaint) = complaint {
        event.push("system.auth.sudo.error", complaint)?;
    }
    event.push("event.action", "sudo_command")?;
    event.push("event.outcome", if complaint.is_some() { "failure" } else { "success" })
}

/// `(to root) lan on pts/0`, `FAILED SU (to root) lan on pts/0`, `FAILED su for root by lan`, `'su root' failed for lan`.
fn su(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let lower_failed = text.contains("FAILED") || text.contains("failed");
    let target = if let Some((_, rest)) = text.split_once("(to ") {
        rest.split_once(") ").map(|(target, rest)| (target, rest.split(' ').next().unwrap_or_default()))
    } else if let Some((_, rest)) = text.split_once("su for ") {
        rest.split_once(" by ").map(|(target, by)| (target, by.split(' ').next().unwrap_or_default()))
    } else if let Some((_, rest)) = text.split_once("'su ") {
        rest.split_once("' ").map(|(target, rest)| {
            let by = rest.split_once(" for ").map_or("", |(_, by)| by.split(' ').next().unwrap_or_default());
            (target, by)
        })
    } else {
        None
    };
    let Some((target, by)) = target else { return Ok(()) };
    event.push("user.effective.name", target)?;
    if !by.is_empty() {
        event.push("user.name", by)?;
    }
    event.push("event.action", "su_session")?;
    event.push("event.outcome", if lower_failed { "failure" } else { "success" })
}

/// `pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)`,
/// `pam_unix(sshd:auth): authentication failure; logname= uid=0 … rhost=203.0.113.5  user=root`.
fn pam(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((module, rest)) = text.split_once("): ").and_then(|(head, rest)| Some((head.split_once('(')?, rest)))
    else {
        return Ok(());
    };
    event.push("system.auth.pam.module", module.0)?;
    event.push("system.auth.pam.service", module.1)?;
    if let Some((action, user)) = rest.strip_prefix("session ").and_then(|rest| rest.split_once(" for user ")) {
        event.push("event.action", if action == "opened" { "session_opened" } else { "session_closed" })?;
        event.push("event.outcome", "success")?;
        let name = user.split(['(', ' ']).next().unwrap_or_default();
        return event.push("user.name", name);
    }
    if !rest.starts_with("authentication failure") {
        return Ok(());
    }
    event.push("event.action", "pam_authentication")?;
    event.push("event.outcome", "failure")?;
    for pair in rest.split(' ') {
        match pair.split_once('=') {
            Some(("rhost", host)) if !host.is_empty() => source(host, "", event)?,
            Some(("user", user)) if !user.is_empty() => event.push("user.name", user)?,
            Some(("tty", tty)) if !tty.is_empty() => event.push("system.auth.pam.tty", tty)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(app: &str, text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, app, text), expected, "{text}");
    }

    #[test]
    fn sshd_messages_are_read() {
        check(
            "sshd",
            "Failed password for invalid user a from b from 2001:db8::7 port 45340 ssh2",
            "event.action=ssh_login event.outcome=failure system.auth.ssh.event=Failed system.auth.ssh.method=password \
             system.auth.ssh.invalid_user=true user.name=a from b source.ip=2001:db8::7 source.port=45340",
        );
        check(
            "sshd-session",
            "Accepted publickey for lan from 203.0.113.9 port 22 ssh2: ED25519 SHA256:abc",
            "event.action=ssh_login event.outcome=success system.auth.ssh.event=Accepted \
             system.auth.ssh.method=publickey user.name=lan source.ip=203.0.113.9 source.port=22 \
             system.auth.ssh.key_type=ED25519 system.auth.ssh.signature=SHA256:abc",
        );
        check(
            "sshd",
            "Invalid user oracle from 203.0.113.9 port 4022",
            "event.action=ssh_invalid_user event.outcome=failure user.name=oracle source.ip=203.0.113.9 source.port=4022",
        );
        check(
            "sshd",
            "Connection closed by authenticating user root 203.0.113.9 port 4022 [preauth]",
            "event.action=ssh_disconnected user.name=root source.ip=203.0.113.9 source.port=4022",
        );
        check("sshd", "Server listening on :: port 22.", "");
    }

    #[test]
    fn sudo_and_su_messages_are_read() {
        check(
            "sudo",
            "    lan : TTY=pts/0 ; PWD=/home/lan ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow",
            "user.name=lan system.auth.sudo.tty=pts/0 process.working_directory=/home/lan user.effective.name=root \
             process.command_line=/usr/bin/cat /etc/shadow event.action=sudo_command \
             event.outcome=success",
        );
        check(
            "sudo",
            "lan : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            "user.name=lan system.auth.sudo.tty=pts/0 process.working_directory=/ user.effective.name=root \
             process.command_line=/bin/sh \
             system.auth.sudo.error=3 incorrect password attempts event.action=sudo_command event.outcome=failure",
        );
        check(
            "su",
            "(to root) lan on pts/0",
            "user.effective.name=root user.name=lan event.action=su_session event.outcome=success",
        );
        check(
            "su",
            "FAILED SU (to root) lan on pts/0",
            "user.effective.name=root user.name=lan event.action=su_session event.outcome=failure",
        );
        check(
            "su",
            "'su root' failed for lonvick on /dev/pts/8",
            "user.effective.name=root user.name=lonvick event.action=su_session event.outcome=failure",
        );
    }

    #[test]
    fn pam_messages_are_read() {
        check(
            "sshd",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=2001:db8::5  user=root",
            "system.auth.pam.module=pam_unix system.auth.pam.service=sshd:auth event.action=pam_authentication \
             event.outcome=failure system.auth.pam.tty=ssh source.ip=2001:db8::5 user.name=root",
        );
        check(
            "sudo",
            "pam_unix(sudo:session): session opened for user root(uid=0) by lan(uid=1000)",
            "system.auth.pam.module=pam_unix system.auth.pam.service=sudo:session event.action=session_opened \
             event.outcome=success user.name=root",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(app in "(sshd|sudo|su)", text in "(Failed |Accepted |pam_unix\\(|FAILED su for )?[ -~é]{0,80}") {
            testing::listed(&FORMAT, &app, &text);
        }
    }
}

//! Dovecot: sign-ins to mailboxes, failed ones, what filters did with letters.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "dovecot.log", strict: true, decode, normalise: crate::normalise::mail::to_ecs };

/// Whether every line of `app` belongs to this format.
pub(super) fn owns(app: &str) -> bool {
    app == "dovecot"
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if !line.app.is_some_and(owns) {
        return Ok(Fit::No);
    }
    let Some((service, rest)) = line.text.split_once(": ") else { return Ok(Fit::Yes) };
    // `imap-login`, `auth-worker(812)`, `imap(lan)<123><session>`, `lmtp(lan@hcm.example)`.
    let name = service.split(['(', '<']).next().unwrap_or(service);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(Fit::Yes);
    }
    event.push("dovecot.log.service", name)?;
    let rest = rest.strip_prefix("Info: ").unwrap_or(rest);
    if name.ends_with("-login") {
        sign_in(rest, event)?;
    } else if name.starts_with("auth") {
        authentication(rest, event)?;
    } else {
        mailbox(service, rest, event)?;
    }
    Ok(Fit::Yes)
}

/// `Login: user=<lan>, method=PLAIN, rip=…, lip=…, mpid=9, TLS, session=<…>`;
/// `Disconnected: Connection closed (auth failed, 3 attempts in 9 secs): user=<lan>, …`.
fn sign_in(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((before, after)) = text.split_once("user=<") else { return Ok(()) };
    let outcome = if before.starts_with("Login: ") {
        Some("success")
    } else if before.contains("(auth failed") {
        Some("failure")
    } else {
        None
    };
    event.push("event.action", if outcome.is_some() { "mailbox_login" } else { "mailbox_disconnected" })?;
    if let Some(outcome) = outcome {
        event.push("event.outcome", outcome)?;
    }
    if outcome != Some("success") {
        event.push("event.reason", before.trim_end_matches([':', ' ']))?;
    }
    if let Some((_, attempts)) = before.split_once("(auth failed, ")
        && let Ok(attempts) = attempts.split(' ').next().unwrap_or_default().parse::<i64>()
    {
        event.push("dovecot.log.attempts", attempts)?;
    }
    // A name may hold anything that the client sent, ends of names and addresses too: the last ones are Dovecot's.
    let end = after.rfind(">, method=").or_else(|| after.rfind(">, rip=")).or_else(|| after.find('>'));
    let Some((user, rest)) = end.and_then(|end| after.split_at_checked(end)) else { return Ok(()) };
    if !user.is_empty() {
        event.push("user.name", user)?;
    }
    for part in rest.trim_start_matches(['>', ',', ' ']).split(", ") {
        match part.split_once('=') {
            Some(("method", method)) => event.push("dovecot.log.method", method)?,
            Some(("rip", ip)) if crate::normalise::is_ip(ip) => event.set("source.ip", ip)?,
            Some(("lip", ip)) if crate::normalise::is_ip(ip) => event.set("destination.ip", ip)?,
            Some(("rport", port)) => port_of("source.port", port, event)?,
            Some(("lport", port)) => port_of("destination.port", port, event)?,
            Some(("session", id)) => event.push("dovecot.log.session", id.trim_matches(['<', '>']))?,
            None if part == "TLS" || part.starts_with("TLS: ") || part == "TLS handshaking" => {
                event.set("tls.established", part == "TLS")?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `passwd-file(admin,203.0.113.9,<session>): unknown user`, `sql(info@hcm.example,2001:db8::7): Password mismatch`.
fn authentication(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let Some((backend, rest)) = text.split_once('(') else { return Ok(()) };
    let Some((who, verdict)) = rest.rsplit_once("): ") else { return Ok(()) };
    if backend.contains(' ') {
        return Ok(());
    }
    event.push("dovecot.log.backend", backend)?;
    let mut parts = who.split(',').rev().filter(|part| !part.starts_with('<'));
    let last = parts.next().unwrap_or_default();
    let user = if crate::normalise::is_ip(last) {
        event.push("source.ip", last)?;
        who.rsplit_once(last).map_or("", |(user, _)| user.trim_end_matches(','))
    } else {
        who
    };
    if !user.is_empty() {
        event.push("user.name", user)?;
    }
    let lower = verdict.to_ascii_lowercase();
    if ["unknown user", "password mismatch", "authentication failed", "invalid credentials", "user disabled"]
        .iter()
        .any(|words| lower.contains(words))
    {
        event.push("event.action", "mailbox_login")?;
        event.push("event.outcome", "failure")?;
    }
    event.push("event.reason", verdict)
}

/// `lmtp(lan@hcm.example): sieve: msgid=<…>: forwarded to <…>`, `imap(lan)<9><session>: Disconnected: Logged out in=1 out=2`.
fn mailbox(service: &str, text: &str, event: &mut Event) -> Result<(), EventFull> {
    let user = service.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(user, _)| user);
    if let Some(user) = user.filter(|user| !user.is_empty() && !user.bytes().all(|byte| byte.is_ascii_digit())) {
        // `lmtp(812, lan)` has its process before the name.
        event.push("user.name", user.rsplit(", ").next().unwrap_or(user))?;
    }
    let Some(sieve) = text.strip_prefix("sieve: ") else { return Ok(()) };
    let (id, deed) = match sieve.strip_prefix("msgid=").and_then(|rest| rest.split_once(": ")) {
        Some((id, deed)) => (id.trim_matches(['<', '>', ' ']), deed),
        None => ("", sieve),
    };
    if !id.is_empty() {
        event.push("email.message_id", id)?;
    }
    for (begin, action) in [
        ("forwarded to ", "mail_forwarded"),
        ("redirected to ", "mail_forwarded"),
        ("stored mail into mailbox ", "mail_stored"),
        ("discarded", "mail_discarded"),
    ] {
        let Some(target) = deed.strip_prefix(begin) else { continue };
        event.push("event.action", action)?;
        let target = target.trim_matches(['<', '>', '\'']);
        if action == "mail_forwarded" {
            event.push("email.to.address", target)?;
        } else if action == "mail_stored" {
            event.push("dovecot.log.mailbox", target)?;
        }
        break;
    }
    Ok(())
}

fn port_of(name: &str, text: &str, event: &mut Event) -> Result<(), EventFull> {
    text.parse::<u16>().map_or(Ok(()), |port| event.set(name, i64::from(port)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, "dovecot", text), expected, "{text}");
    }

    #[test]
    fn sign_ins_are_read() {
        check(
            "imap-login: Login: user=<lan>, method=PLAIN, rip=10.4.5.6, lip=10.0.2.25, mpid=9, TLS, session=<aB/1>",
            "dovecot.log.service=imap-login event.action=mailbox_login event.outcome=success user.name=lan \
             dovecot.log.method=PLAIN source.ip=10.4.5.6 destination.ip=10.0.2.25 tls.established=true \
             dovecot.log.session=aB/1",
        );
        check(
            "pop3-login: Disconnected: Inactivity (auth failed, 18 attempts in 61 secs): user=<minh>, rip=2001:db8::7",
            "dovecot.log.service=pop3-login event.action=mailbox_login event.outcome=failure \
             event.reason=Disconnected: Inactivity (auth failed, 18 attempts in 61 secs) dovecot.log.attempts=18 \
             user.name=minh source.ip=2001:db8::7",
        );
        // A name that pretends to be the rest of the line does not choose the address.
        check(
            "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<a>, method=PLAIN, rip=6.6.6.6>, \
             method=PLAIN, rip=203.0.113.9, lip=10.0.2.25",
            "dovecot.log.service=imap-login event.action=mailbox_login event.outcome=failure \
             event.reason=Disconnected (auth failed, 1 attempts in 2 secs) dovecot.log.attempts=1 \
             user.name=a>, method=PLAIN, rip=6.6.6.6 dovecot.log.method=PLAIN source.ip=203.0.113.9 \
             destination.ip=10.0.2.25",
        );
    }

    #[test]
    fn backends_and_filters_are_read() {
        check(
            "auth: passwd-file(admin,203.0.113.9,<aB1>): unknown user (SHA1 of given password: 5baa61)",
            "dovecot.log.service=auth dovecot.log.backend=passwd-file source.ip=203.0.113.9 user.name=admin \
             event.action=mailbox_login event.outcome=failure event.reason=unknown user (SHA1 of given password: 5baa61)",
        );
        check(
            "auth-worker(812): sql(info@hcm.example,2001:db8::7): Password mismatch",
            "dovecot.log.service=auth-worker dovecot.log.backend=sql source.ip=2001:db8::7 \
             user.name=info@hcm.example event.action=mailbox_login event.outcome=failure event.reason=Password mismatch",
        );
        check(
            "lmtp(lan@hcm.example): sieve: msgid=<a@b.example>: forwarded to <lan@gmail.com>",
            "dovecot.log.service=lmtp user.name=lan@hcm.example email.message_id=a@b.example \
             event.action=mail_forwarded email.to.address=lan@gmail.com",
        );
        check("imap(minh)<9><aB>: Disconnected: Logged out in=1 out=2", "dovecot.log.service=imap user.name=minh");
        check("master: Dovecot v2.3.19 starting up", "dovecot.log.service=master");
        assert_eq!(testing::listed(&FORMAT, "sshd", "imap-login: Login: user=<a>"), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(imap-login: Login: user=<|auth: sql\\(|lmtp\\(a\\): sieve: )?[a-z<>=,:() é0-9]{0,80}") {
            testing::listed(&FORMAT, "dovecot", &text);
        }

        #[test]
        fn the_address_is_dovecots(user in "[ -~é]{0,40}") {
            let text = format!("imap-login: Login: user=<{user}>, method=PLAIN, rip=2001:db8::7, lip=::1, session=<x>");
            let event = testing::decoded_by(&FORMAT, "dovecot", &text);
            prop_assert_eq!(event.get_str("source.ip"), Some("2001:db8::7"));
        }
    }
}

//! Programs whose lines belong to one format, whatever they say.

use super::{auth, bind, dnsmasq, dovecot, opendmarc, postfix, systemd, unbound};

/// Whether a program is a format's, and the format's name.
type Owner = (fn(&str) -> bool, &'static str);

/// The name of the format that every line of `app` belongs to; `None` where the line itself tells.
///
/// No other strict format may claim such a line: what a stranger can make a program write (a name at sign-in, a
/// sender's address) must not choose the decoder.
pub(super) fn owner(app: &str) -> Option<&'static str> {
    let owns: [Owner; 8] = [
        (auth::owns, auth::FORMAT.name),
        (postfix::owns, postfix::FORMAT.name),
        (dovecot::owns, dovecot::FORMAT.name),
        (opendmarc::owns, opendmarc::FORMAT.name),
        (systemd::owns, systemd::FORMAT.name),
        (bind::owns, bind::FORMAT.name),
        (dnsmasq::owns, dnsmasq::FORMAT.name),
        (unbound::owns, unbound::FORMAT.name),
    ];
    owns.into_iter().find(|(owns, _)| owns(app)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_one_owner() {
        for (app, expected) in [
            ("sshd", Some("system.auth")),
            ("/usr/bin/sudo", Some("system.auth")),
            ("postfix/submission/smtpd", Some("postfix.log")),
            ("postfix-out/smtp", Some("postfix.log")),
            ("dovecot", Some("dovecot.log")),
            ("opendmarc", Some("opendmarc.log")),
            ("systemd", Some("system.syslog")),
            ("named", Some("bind.query")),
            ("dnsmasq", Some("dnsmasq.query")),
            ("unbound", Some("unbound.query")),
            ("named-checkzone", None),
            ("", None),
        ] {
            assert_eq!(owner(app), expected, "{app}");
        }
    }
}

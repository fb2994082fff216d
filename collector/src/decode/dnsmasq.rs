//! dnsmasq with `log-queries`: what was asked, where it was passed on, what came back.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line; answers become `dnsmasq.reply`.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "dnsmasq.query", strict: true, decode, normalise: crate::normalise::dns::to_ecs };

/// Whether it logs under this name.
pub(super) fn owns(app: &str) -> bool {
    app == "dnsmasq"
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if !line.app.is_some_and(owns) {
        return Ok(Fit::No);
    }
    let mut scan = Scan::new(line.text);
    // `log-queries=extra`: a serial number and the client before every line.
    let mut extra = scan;
    let serial = extra.run(|byte| byte.is_ascii_digit());
    if !serial.is_empty() && extra.eat(" ").is_some() {
        if let Some((ip, port)) = extra.word().rsplit_once('/').filter(|(ip, _)| crate::normalise::is_ip(ip)) {
            event.push("dns.id", serial)?;
            event.push("source.ip", ip)?;
            if let Ok(port) = port.parse::<u16>() {
                event.push("source.port", i64::from(port))?;
            }
        }
        scan = extra;
    }
    let verb = scan.word();
    if let Some(kind) = verb.strip_prefix("query[").and_then(|rest| rest.strip_suffix(']')) {
        return query(kind, scan, event);
    }
    answer(verb, scan, event)
}

/// `query[A] NAME from ADDRESS`.
fn query(kind: &str, scan: Scan<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let Some((name, from)) = scan.rest().rsplit_once(" from ") else { return Ok(Fit::No) };
    event.push("dns.question.name", name)?;
    // `type=65` stands for types that it has no name for.
    event.push("dns.question.type", kind.strip_prefix("type=").unwrap_or(kind))?;
    event.push("event.action", "dns_query")?;
    let from = from.trim_ascii();
    if crate::normalise::is_ip(from) {
        event.set_default("source.ip", from)?;
    }
    Ok(Fit::Yes)
}

/// `reply NAME is ADDRESS`, `cached NAME is NXDOMAIN`, `forwarded NAME to ADDRESS`, `/etc/hosts NAME is ADDRESS`.
fn answer(verb: &str, scan: Scan<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let is_source = matches!(verb, "reply" | "cached" | "cached-stale" | "config" | "DHCP") || verb.starts_with('/');
    let between = if is_source { " is " } else { " to " };
    if !is_source && verb != "forwarded" {
        return Ok(Fit::No);
    }
    let Some((name, value)) = scan.rest().rsplit_once(between) else { return Ok(Fit::No) };
    if name.is_empty() || name.contains(' ') {
        return Ok(Fit::No);
    }
    event.push("dns.question.name", name)?;
    event.push("event.dataset", "dnsmasq.reply")?;
    event.push("event.action", if is_source { "dns_answer" } else { "dns_forwarded" })?;
    let value = value.trim_ascii();
    if !is_source {
        return if crate::normalise::is_ip(value) {
            event.push("destination.ip", value).map(|()| Fit::Yes)
        } else {
            Ok(Fit::Yes)
        };
    }
    event.push("dnsmasq.reply.source", verb)?;
    if let Some(code) = value.strip_prefix("NODATA").map(|_| "NOERROR").or((value == "NXDOMAIN").then_some("NXDOMAIN"))
    {
        event.push("dns.response_code", code)?;
    } else if !value.is_empty() && value != "<CNAME>" {
        event.push("dns.answers.data", value)?;
    }
    Ok(Fit::Yes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, "dnsmasq", text), expected, "{text}");
    }

    #[test]
    fn queries_and_answers_are_read() {
        check(
            "query[AAAA] x.example.vn from fd00:4::6",
            "dns.question.name=x.example.vn dns.question.type=AAAA event.action=dns_query source.ip=fd00:4::6",
        );
        check(
            "77 10.4.5.6/40000 query[type=65399] x.vn from 10.4.5.6",
            "dns.id=77 source.ip=10.4.5.6 source.port=40000 dns.question.name=x.vn dns.question.type=65399 \
             event.action=dns_query",
        );
        check(
            "reply x.vn is 2001:db8::1",
            "dns.question.name=x.vn event.dataset=dnsmasq.reply event.action=dns_answer dnsmasq.reply.source=reply \
             dns.answers.data=2001:db8::1",
        );
        check(
            "cached x.vn is NXDOMAIN",
            "dns.question.name=x.vn event.dataset=dnsmasq.reply event.action=dns_answer dnsmasq.reply.source=cached \
             dns.response_code=NXDOMAIN",
        );
        check(
            "forwarded x.vn to 9.9.9.9",
            "dns.question.name=x.vn event.dataset=dnsmasq.reply event.action=dns_forwarded destination.ip=9.9.9.9",
        );
        check("started, version 2.89 cachesize 150", "no");
        check("read /etc/hosts - 9 names", "no");
        assert_eq!(testing::listed(&FORMAT, "", "query[A] x.vn from ::1"), "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(1 ::1/5 )?(query\\[A\\] |reply )?[a-z. é0-9]{0,40}( from | is )?[a-z:. ]{0,20}") {
            testing::listed(&FORMAT, "dnsmasq", &text);
        }
    }
}

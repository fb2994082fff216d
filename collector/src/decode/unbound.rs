//! Unbound with `log-queries` or `log-replies`: `[812:0] info: CLIENT NAME TYPE CLASS[ CODE SECONDS CACHED BYTES]`.

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat};

/// The registry's line; replies become `unbound.reply`.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "unbound.query", strict: true, decode, normalise: crate::normalise::dns::to_ecs };

/// Whether it logs under this name.
pub(super) fn owns(app: &str) -> bool {
    app == "unbound"
}

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let mut scan = Scan::new(line.text);
    let mut time = None;
    if line.app.is_none() {
        // Its own file: `[1793664004] unbound[812:0] info: …`.
        if scan.eat("[").is_none() {
            return Ok(Fit::No);
        }
        time = scan.until_byte(b']').and_then(|secs| dates.epoch_text(secs));
        if time.is_none() || scan.eat(" unbound").is_none() {
            return Ok(Fit::No);
        }
    } else if !line.app.is_some_and(owns) {
        return Ok(Fit::No);
    }
    if scan.eat("[").is_some() {
        scan.until_byte(b']');
        scan.spaces();
    }
    if scan.eat("info: ").is_none() {
        return Ok(Fit::No);
    }
    // `log-tag-queryreply`.
    let tag = scan.eat("query: ").or_else(|| scan.eat("reply: "));
    let (client, name, kind, class) = (scan.word(), scan.word(), scan.word(), scan.word());
    let is_question =
        crate::normalise::is_ip(client) && name.ends_with('.') && matches!(class, "IN" | "CH" | "HS" | "ANY");
    if !is_question || kind.is_empty() {
        return Ok(if tag.is_some() || time.is_none() { Fit::No } else { Fit::At(time) });
    }
    event.push("source.ip", client)?;
    // The root itself is a dot.
    event.push("dns.question.name", name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name))?;
    event.push("dns.question.type", kind.strip_prefix("TYPE").unwrap_or(kind))?;
    event.push("dns.question.class", class)?;
    event.push("event.action", "dns_query")?;
    reply(scan, event)?;
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

/// `NOERROR 0.023 1 45`: code, seconds, from the cache, bytes.
fn reply(mut scan: Scan<'_>, event: &mut Event) -> Result<(), EventFull> {
    let code = scan.word();
    if code.is_empty() {
        return Ok(());
    }
    event.push("event.dataset", "unbound.reply")?;
    event.push("dns.response_code", code)?;
    event.set("event.action", "dns_answer")?;
    if let Ok(secs) = scan.word().parse::<f64>()
        && (0.0..1e6).contains(&secs)
    {
        event.push("event.duration", (secs * 1e9).round() as i64)?;
    }
    match scan.word() {
        "0" => event.push("unbound.reply.cached", false)?,
        "1" => event.push("unbound.reply.cached", true)?,
        _ => {}
    }
    scan.word().parse::<i64>().map_or(Ok(()), |bytes| event.push("destination.bytes", bytes))
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
    fn queries_and_replies_are_read() {
        let query = "source.ip=2001:db8::7 dns.question.name=x.vn dns.question.type=TXT dns.question.class=IN \
                     event.action=dns_query";
        check("unbound", "[812:0] info: 2001:db8::7 x.vn. TXT IN", query);
        check("unbound", "info: query: 2001:db8::7 x.vn. TXT IN", query);
        check("", "[1793664004] unbound[812:0] info: 2001:db8::7 x.vn. TXT IN", query);
        check(
            "unbound",
            "[812:0] info: ::1 . TYPE65399 IN NXDOMAIN 0.023000 1 45",
            "source.ip=::1 dns.question.name=. dns.question.type=65399 dns.question.class=IN \
             event.dataset=unbound.reply dns.response_code=NXDOMAIN event.action=dns_answer event.duration=23000000 \
             unbound.reply.cached=true destination.bytes=45",
        );
        check("unbound", "[812:0] info: service stopped (unbound 1.17.1).", "no");
        check("", "[812] something", "no");
        check("sshd", "info: ::1 x.vn. A IN", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\[1:0\\] )?(info: )?(::1 a. A IN )?[a-z.:\\[\\] é0-9]{0,60}") {
            testing::listed(&FORMAT, "unbound", &text);
            testing::listed(&FORMAT, "", &format!("[1793664004] unbound{text}"));
        }
    }
}

//! Access logs of nginx and Apache: the common and the combined format, a virtual host before them allowed.

use event::{Event, EventFull};

use super::scan::{Scan, unescape};
use super::{Dates, Fit, Line, TextFormat, has_own_format, squid};

/// The registry's line for nginx, whose name is the program's or nobody's.
pub(crate) const NGINX: TextFormat =
    TextFormat { name: "nginx.access", strict: true, decode: nginx, normalise: crate::normalise::access::to_ecs };
/// The registry's line for Apache, which is told by the program's name or by what only Apache writes.
pub(crate) const APACHE: TextFormat =
    TextFormat { name: "apache.access", strict: true, decode: apache, normalise: crate::normalise::access::to_ecs };

fn nginx(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if apache_wrote(&line) { Ok(Fit::No) } else { decode(line, dates, event) }
}

fn apache(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if apache_wrote(&line) { decode(line, dates, event) } else { Ok(Fit::No) }
}

fn apache_wrote(line: &Line<'_>) -> bool {
    match line.app {
        Some(app) => app.contains("httpd") || app.contains("apache"),
        // `%v:%p` before the address is Apache's `vhost_combined`.
        None => line.text.split(' ').next().is_some_and(|word| word.rsplit_once(':').is_some_and(virtual_host)),
    }
}

fn virtual_host((host, port): (&str, &str)) -> bool {
    !host.contains(':') && port.parse::<u16>().is_ok() && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// `ADDRESS IDENT USER [TIME] "REQUEST" STATUS BYTES "REFERRER" "AGENT"`.
fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if line.app.is_some_and(has_own_format) || squid::combined(line.text).is_some() {
        return Ok(Fit::No);
    }
    read(line.text, dates, event).transpose().unwrap_or(Ok(Fit::No))
}

/// The same for Squid, whose combined line has more behind it.
pub(super) fn read(text: &str, dates: &Dates<'_>, event: &mut Event) -> Result<Option<Fit>, EventFull> {
    let mut scan = Scan::new(text);
    let mut client = scan.word();
    let mut ident = scan.word();
    if client.rsplit_once(':').is_some_and(virtual_host) && crate::normalise::is_ip(ident) {
        event.push("url.domain", client.rsplit_once(':').map_or(client, |(host, _)| host))?;
        (client, ident) = (ident, scan.word());
    }
    let Some(user) = scan.until(" [") else { return Ok(None) };
    let (Some(time), Some(())) = (scan.until_byte(b']'), scan.eat(" ")) else { return Ok(None) };
    let Some(time) = dates.common_log(time) else { return Ok(None) };
    let Some(request) = scan.quoted() else { return Ok(None) };
    scan.spaces();
    let status = scan.word();
    // A line of another format that quotes one of ours.
    let odd = !is_client(client) || ident.contains(',') || user.contains('"') || user.contains(": ");
    if odd || client.is_empty() || ident.is_empty() || user.is_empty() || status.len() != 3 {
        return Ok(None);
    }
    let Ok(status) = status.parse::<u16>() else { return Ok(None) };
    match crate::normalise::plain_address(client) {
        Some(address) => event.push("source.ip", address)?,
        None => event.push("source.domain", client)?,
    }
    if user != "-" {
        event.push("user.name", user)?;
    }
    self::request(request, event)?;
    event.push("http.response.status_code", i64::from(status))?;
    if let Ok(bytes) = scan.word().parse::<i64>() {
        event.push("http.response.body.bytes", bytes)?;
    }
    for name in ["http.request.referrer", "user_agent.original"] {
        scan.spaces();
        match scan.quoted() {
            Some("-") | None => {}
            Some(value) => event.push(name, &*unescape(value, meant))?,
        }
    }
    Ok(Some(Fit::At(Some(time))))
}

fn meant(found: char) -> Option<char> {
    matches!(found, '"' | '\\').then_some(found)
}

/// Whether it may be a client's address or name, or nginx' word for a socket.
fn is_client(text: &str) -> bool {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    let counts = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !crate::normalise::is_ip(text);
    text == "unix:" || !text.ends_with(':') && !counts && text.bytes().all(belongs)
}

/// `GET /path?query HTTP/1.1`; anything else that a client sent is kept as it is.
fn request(text: &str, event: &mut Event) -> Result<(), EventFull> {
    let text = &*unescape(text, meant);
    let parts = text.split_once(' ').and_then(|(method, rest)| Some((method, rest.rsplit_once(" HTTP/")?)));
    let Some((method, (url, version))) =
        parts.filter(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase()))
    else {
        return event.push("http.request.line", text);
    };
    event.push("http.request.method", method)?;
    event.push("http.version", version)?;
    event.push("url.original", url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(format: &TextFormat, text: &str, expected: &str) {
        assert_eq!(testing::listed(format, "", text), expected, "{text}");
    }

    #[test]
    fn combined_lines_are_read() {
        check(
            &NGINX,
            r#"2001:db8::1 - lan [03/Nov/2026:07:00:00 +0700] "GET /a?b=\"c HTTP/1.1" 404 153 "http://r/" "curl \"8\"""#,
            "source.ip=2001:db8::1 user.name=lan http.request.method=GET http.version=1.1 url.original=/a?b=\"c \
             http.response.status_code=404 http.response.body.bytes=153 http.request.referrer=http://r/ \
             user_agent.original=curl \"8\"",
        );
        check(
            &NGINX,
            r#"host.example - - [03/Nov/2026:07:00:00 +0700] "\x16\x03" 400 -"#,
            r"source.domain=host.example http.request.line=\x16\x03 http.response.status_code=400",
        );
        check(
            &NGINX,
            r#"::ffff:192.0.2.8 - - [03/Nov/2026:07:00:00 +0700] "GET / HTTP/1.1" 200 5 "-" "-""#,
            "source.ip=192.0.2.8 http.request.method=GET http.version=1.1 url.original=/ http.response.status_code=200 \
             http.response.body.bytes=5",
        );
        check(
            &APACHE,
            r#"www.example.vn:443 192.0.2.7 - - [03/Nov/2026:07:00:00 +0700] "POST / HTTP/2.0" 200 5 "-" "-""#,
            "url.domain=www.example.vn source.ip=192.0.2.7 http.request.method=POST http.version=2.0 url.original=/ \
             http.response.status_code=200 http.response.body.bytes=5",
        );
        check(&NGINX, r#"1.2.3.4 - - [03/Nov/2026] "GET / HTTP/1.1" 200 5"#, "no");
        check(&NGINX, "1.2.3.4 - - [", "no");
        check(&NGINX, "", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(1.2.3.4 - - \\[03/Nov/2026:07:00:00 \\+0700\\] )?[ -~é]{0,80}") {
            testing::listed(&NGINX, "", &text);
            testing::listed(&APACHE, "apache2", &text);
        }

        #[test]
        fn what_is_written_is_read(path in "/[!-~&&[^\"\\\\]]{0,20}", agent in "[ -~&&[^-]]{1,20}", status in 100u16..600) {
            let agent_text = agent.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("::1 - - [03/Nov/2026:07:00:00 +0700] \"GET {path} HTTP/1.1\" {status} 1 \"-\" \"{agent_text}\"");
            let event = testing::fields(&NGINX, &text);
            prop_assert_eq!(event.get_str("url.original"), Some(&*path));
            prop_assert_eq!(event.get_str("user_agent.original"), Some(&*agent));
        }
    }
}

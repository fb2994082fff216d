//! Squid's access log: the native form `TIME ELAPSED CLIENT RESULT/STATUS BYTES METHOD URL USER HIERARCHY/PEER TYPE`, and
//! the combined form, which ends in `RESULT:HIERARCHY` (Squid documentation, `logformat`).

use event::{Event, EventFull};

use super::scan::Scan;
use super::{Dates, Fit, Line, TextFormat, access};
use crate::normalise::is_ip;

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "squid.access", strict: true, decode, normalise: crate::normalise::squid::to_ecs };

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if let Some((result, hierarchy)) = combined(line.text) {
        let fit = access::read(line.text, dates, event)?;
        event.push("squid.access.result", result)?;
        event.push("squid.access.hierarchy", hierarchy)?;
        return Ok(fit.unwrap_or(Fit::No));
    }
    native(line.text, dates, event).transpose().unwrap_or(Ok(Fit::No))
}

/// The result and hierarchy at the end of a combined line, such as `TCP_MISS:HIER_DIRECT`.
pub(super) fn combined(text: &str) -> Option<(&str, &str)> {
    let (before, last) = text.trim_ascii_end().rsplit_once("\" ")?;
    let (result, hierarchy) = last.split_once(':')?;
    (!before.is_empty() && is_result(result) && is_word(hierarchy)).then_some((result, hierarchy))
}

/// `TCP_MISS`, `NONE_NONE`, `UDP_HIT`: words of capitals with a line between.
fn is_result(text: &str) -> bool {
    is_word(text) && text.contains('_') || text == "NONE"
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
}

fn native(text: &str, dates: &Dates<'_>, event: &mut Event) -> Result<Option<Fit>, EventFull> {
    let mut scan = Scan::new(text);
    let mut word = || {
        scan.spaces();
        scan.word()
    };
    let (time, elapsed, client, result, bytes) = (word(), word(), word(), word(), word());
    let (method, url, user, hierarchy, kind) = (word(), word(), word(), word(), word());
    let Some((result, status)) = result.split_once('/').filter(|(result, _)| is_result(result)) else {
        return Ok(None);
    };
    let Some(time) = Some(time).filter(|time| time.contains('.')).and_then(|time| dates.epoch_text(time)) else {
        return Ok(None);
    };
    let (Ok(elapsed), Ok(bytes), Ok(status)) = (elapsed.parse::<i64>(), bytes.parse::<i64>(), status.parse::<u16>())
    else {
        return Ok(None);
    };
    event.push(if is_ip(client) { "source.ip" } else { "source.domain" }, client)?;
    event.push("squid.access.result", result)?;
    event.push("squid.access.elapsed_ms", elapsed)?;
    event.push("http.response.bytes", bytes)?;
    if status > 0 {
        event.push("http.response.status_code", i64::from(status))?;
    }
    let (way, peer) = hierarchy.split_once('/').unwrap_or((hierarchy, ""));
    for (name, value) in [
        ("http.request.method", method),
        ("url.original", url),
        ("user.name", user),
        ("squid.access.hierarchy", way),
        (if is_ip(peer) { "destination.ip" } else { "destination.domain" }, peer),
        ("http.response.mime_type", kind),
    ] {
        if !matches!(value, "" | "-") {
            event.push(name, value)?;
        }
    }
    Ok(Some(Fit::At(Some(time))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(testing::listed(&FORMAT, "", text), expected, "{text}");
    }

    #[test]
    fn both_forms_are_read() {
        check(
            "1793664000.123    456 10.20.4.31 TCP_MISS/200 12345 GET http://x.example/a?b lan HIER_DIRECT/203.0.113.9 text/html",
            "source.ip=10.20.4.31 squid.access.result=TCP_MISS squid.access.elapsed_ms=456 http.response.bytes=12345 \
             http.response.status_code=200 http.request.method=GET url.original=http://x.example/a?b user.name=lan \
             squid.access.hierarchy=HIER_DIRECT destination.ip=203.0.113.9 http.response.mime_type=text/html",
        );
        check(
            "1793664000.123      0 fd00:20::31 TCP_DENIED/403 3900 CONNECT x.example:443 - HIER_NONE/- text/html",
            "source.ip=fd00:20::31 squid.access.result=TCP_DENIED squid.access.elapsed_ms=0 http.response.bytes=3900 \
             http.response.status_code=403 http.request.method=CONNECT url.original=x.example:443 \
             squid.access.hierarchy=HIER_NONE http.response.mime_type=text/html",
        );
        check(
            "10.20.4.31 - lan [03/Nov/2026:07:00:00 +0700] \"GET http://x/ HTTP/1.1\" 200 5 \"-\" \"curl\" TCP_MISS:HIER_DIRECT",
            "source.ip=10.20.4.31 user.name=lan http.request.method=GET http.version=1.1 url.original=http://x/ \
             http.response.status_code=200 http.response.body.bytes=5 user_agent.original=curl \
             squid.access.result=TCP_MISS squid.access.hierarchy=HIER_DIRECT",
        );
        check("10.20.4.31 - - [03/Nov/2026:07:00:00 +0700] \"GET / HTTP/1.1\" 200 5 \"-\" \"curl\"", "no");
        check("1793664000 1 a TCP_MISS/200 1 GET / - - -", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(1793664000.1 1 a TCP_MISS/200 )?[ -~é]{0,60}(\" TCP_HIT:HIER_NONE)?") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

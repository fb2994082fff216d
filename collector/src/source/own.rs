//! Our own log lines, which are never ingested: a line about a line would never end.
//!
//! Only senders on this machine are looked at, and every line left out is counted in `metrosoc_own_lines_skipped_total`,
//! so that hiding behind our name shows.

/// Bytes at the beginning of a line in which its program's name stands.
const HEADER_BYTES: usize = 256;
/// The program's name.
const NAME: &[u8] = b"metrosoc";

/// Whether a syslog line says that this program wrote it: `… metrosoc[123]: …`, `… metrosoc: …`, or RFC 5424's app-name.
pub(crate) fn is_own(line: &[u8]) -> bool {
    let header = line.get(..HEADER_BYTES).unwrap_or(line);
    let Some(at) = memchr::memmem::find(header, NAME) else { return false };
    let before = at.checked_sub(1).and_then(|place| header.get(place));
    let behind = header.get(at + NAME.len()..).unwrap_or_default();
    let named = matches!(before, None | Some(b' ' | b'>')) && is_tag_end(behind);
    // The message's own words begin behind the first `: ` or, in RFC 5424, behind the sixth space.
    let words = header.get(..at).unwrap_or_default();
    named && memchr::memmem::find(words, b": ").is_none() && words.iter().filter(|&&byte| byte == b' ').count() <= 5
}

/// Counts lines that were left out.
pub(crate) fn skipped(lines: u64) {
    metrics::counter!("metrosoc_own_lines_skipped_total").increment(lines);
}

fn is_tag_end(behind: &[u8]) -> bool {
    match behind.first() {
        Some(b':') => true,
        Some(b'[') => {
            let digits = behind.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && behind.get(1 + digits..).is_some_and(|rest| rest.starts_with(b"]:"))
        }
        // RFC 5424: `APP-NAME SP PROCID`.
        Some(b' ') => behind.get(1).is_some_and(|&byte| byte == b'-' || byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: bool) {
        assert_eq!(is_own(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn only_the_tag_counts() {
        check("<30>Nov  3 10:00:00 host metrosoc[812]: spool opened", true);
        check("Nov  3 10:00:00 host metrosoc: spool opened", true);
        check("<30>1 2026-11-03T10:00:00Z host metrosoc 812 - - spool opened", true);
        check("2026-11-03T10:00:00+07:00 host metrosoc[812]: x", true);
        check("<30>Nov  3 10:00:00 host sshd[1]: user metrosoc: failed", false);
        check("<30>Nov  3 10:00:00 host sshd[1]: Failed password for metrosoc from 10.0.0.1", false);
        check("<30>1 2026-11-03T10:00:00Z host sudo 812 - - metrosoc : TTY=pts/0", false);
        check("<30>Nov  3 10:00:00 host notmetrosoc[8]: x", false);
        check("metrosoc", false);
    }
}

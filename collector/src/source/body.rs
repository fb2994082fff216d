//! HTTP bodies cut into records: lines, NDJSON, Elasticsearch `_bulk`. The body itself is bounded by whoever receives it.

mod bulk;

pub use bulk::{BULK_ITEMS_MAX, BulkFault, BulkItem, BulkOperation, ItemFault, bulk};

use super::{FrameLimits, Framer, Frames};

/// Most lines of one body.
pub const LINES_MAX: usize = 1_000_000;

/// The lines of a body, without line ends and without empty ones; those over `limits` are cut and marked. Lines beyond
/// [`LINES_MAX`] are an error of the body as a whole: `None`.
pub fn lines(body: &[u8], limits: FrameLimits) -> Option<Frames> {
    if memchr::memchr_iter(b'\n', body).count() >= LINES_MAX {
        return None;
    }
    let (mut framer, mut frames) = (Framer::lines(limits), Frames::default());
    framer.push(body, &mut frames);
    framer.finish(true, &mut frames);
    Some(frames)
}

/// The JSON texts of an NDJSON body: as [`lines`], and a byte-order mark at the beginning is left out. Lines that are no
/// JSON are kept: the pipeline marks what it does not understand. The objects of an array (`[{…}, {…}]`, as many senders
/// batch) and objects over several lines are taken one by one.
pub fn ndjson(body: &[u8], limits: FrameLimits) -> Option<Frames> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Some(values) = crate::file::json_values(body, limits.frame_bytes_max) else { return lines(body, limits) };
    let mut frames = Frames::default();
    for (at, value) in values.enumerate() {
        if at >= LINES_MAX {
            return None;
        }
        frames.push(&value.bytes, value.truncated);
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: &[(&[u8], bool)]) {
        let limits = FrameLimits { frame_bytes_max: 8, count_max: 0 };
        let found: Vec<_> = ndjson(body, limits).unwrap().into_frames().collect();
        let found: Vec<_> = found.iter().map(|(line, cut)| (&line[..], *cut)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_cut_out() {
        check(b"", &[]);
        check(b"\xef\xbb\xbf{}\r\n\n{\"a\":1}\n[]", &[(b"{}", false), (b"{\"a\":1}", false), (b"[]", false)]);
        check(b"5 <13>\nabcdefghij\nz", &[(b"5 <13>", false), (b"abcdefgh", true), (b"z", false)]);
        check(b" [{\"a\":1},\n {\"b\":\"too long\"}]\n", &[(b"{\"a\":1}", false), (b"{\"b\":\"to", true)]);
        check(b"{\n\"a\":\n1}\n{\n}", &[(b"{\n\"a\":\n1", true), (b"{\n}", false)]);
        check(b"[1,2]\n", &[(b"[1,2]", false)]);
        let many = [b"[".to_vec(), b"{},".repeat(LINES_MAX + 1), b"{}]".to_vec()].concat();
        assert!(ndjson(&many, FrameLimits::default()).is_none());
        assert!(lines(&vec![b'\n'; LINES_MAX], FrameLimits::default()).is_none());
    }
}

//! Files of every kind, whole, broken and hostile.

use std::io::Write;

use proptest::prelude::*;

use super::*;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn small() -> FileSettings {
    FileSettings { record_bytes_max: 100, ratio_bytes_min: 1024 * 1024, ..FileSettings::default() }
}

/// Each record, `…` behind it where it is cut, or the error.
fn records(bytes: &[u8]) -> Vec<String> {
    let reader = match read(Path::new("x"), Box::new(Cursor::new(bytes.to_vec())), &small()) {
        Ok(reader) => reader,
        Err(error) => return vec![error.to_string()],
    };
    let shown = |record: FileRecord| {
        let cut = if record.truncated { "…" } else { "" };
        format!("{}{cut}", String::from_utf8_lossy(&record.bytes))
    };
    reader.map(|read| read.map_or_else(|error| error.to_string(), shown)).collect()
}

#[track_caller]
fn check(bytes: &[u8], expected: &[&str]) {
    assert_eq!(records(bytes), expected);
}

#[test]
fn lines_are_cut() {
    check(b"one\r\n\n  \ntwo\nthree", &["one", "two", "three"]);
    check(b"", &[]);
    check(b"\n\n", &[]);
    check(b"a\0b\n\xff\n", &["a\0b", "\u{fffd}"]);
    let long = "x".repeat(300);
    check(format!("{long}\nnext").as_bytes(), &[&format!("{}…", "x".repeat(100)), "next"]);
}

#[test]
fn json_is_cut_at_its_values() {
    check(b"{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
    check(b"[{\"a\":\"]},{\\\"\"},\n {\"b\":[1,{}]}]", &["{\"a\":\"]},{\\\"\"}", "{\"b\":[1,{}]}"]);
    check(b"{\n \"a\": {\n  \"b\": 1 }\n}\n{\n\"c\": 2\n}\n", &["{\n \"a\": {\n  \"b\": 1 }\n}", "{\n\"c\": 2\n}"]);
    check(b"{\"broken\": \n{\"b\":2}\n", &["{\"broken\": ", "{\"b\":2}"]);
    check(b"[Thu Nov 03 07:00:00 2026] [error] x\n", &["[Thu Nov 03 07:00:00 2026] [error] x"]);
    check(b"[{\"a\":1},{\"b\"", &["{\"a\":1}", "{\"b\""]);
    check(b"[{}] tail", &["{}", "tail"]);
}

#[test]
fn packings_are_taken_off() {
    check(&gz(b"one\ntwo\n"), &["one", "two"]);
    check(&zst(b"one\ntwo\n"), &["one", "two"]);
    check(&gz(&zst(b"{\"a\":1}\n")), &["{\"a\":1}"]);
    check(&[gz(b"one\n"), gz(b"two\n")].concat(), &["one", "two"]);
    check(&zst(&gz(&gz(b"x"))), &["`x` is packed more than twice; unpack it first"]);
    check(b"PK\x03\x04rest", &["`x` is a ZIP archive; unpack it first"]);
}

#[test]
fn broken_packings_give_what_stood_before() {
    let whole = gz("a line of text\n".repeat(20_000).as_bytes());
    let read = records(&whole[..whole.len() / 2]);
    assert!(read.len() > 100 && read[..10].iter().all(|line| line == "a line of text"));
    assert_eq!(read.last().unwrap(), "`x`: cannot read");
    assert_eq!(records(&zst(b"hello\n")[..6]).len(), 1);
}

#[test]
fn a_packing_that_ends_early_is_told_wherever_the_line_is_cut() {
    let text: String = (0..40).map(|at| format!("line {at} of a log {}\n", at * 7_919)).collect();
    let whole = gz(text.as_bytes());
    let told = |bytes: &[u8]| records(bytes).last().is_some_and(|last| last.contains("`x`: cannot"));
    for cut in 20..whole.len() {
        assert!(told(&whole[..cut]), "{cut} of {} bytes", whole.len());
    }
    let whole = zst(text.as_bytes());
    for cut in 20..whole.len() {
        assert!(told(&whole[..cut]), "{cut} of {} bytes", whole.len());
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 16 * 1024 * 1024];
    for bomb in [gz(&zeros), zst(&zeros), zst(&gz(&zeros)), gz(&zst(&zeros))] {
        let read = records(&bomb);
        let last = read.last().unwrap();
        assert!(last.contains("refused as a decompression bomb"), "{last}");
        assert!(read.len() <= 2);
    }
    let lines = zst("the same line again and again\n".repeat(600_000).as_bytes());
    assert!(records(&lines).last().unwrap().contains("decompression bomb"));
}

#[test]
fn windows_event_logs_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/evtx");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: `{}` is absent", folder.display());
        return;
    };
    for path in files.map(|entry| entry.unwrap().path()) {
        let direct: Vec<_> = open(&path, &small()).unwrap().map(Result::unwrap).collect();
        assert!(!direct.is_empty() && direct.iter().all(|record| record.format == Format::WindowsXmlJson));
        let packed = gz(&std::fs::read(&path).unwrap());
        let unpacked: Vec<_> =
            read(&path, Box::new(Cursor::new(packed)), &small()).unwrap().map(Result::unwrap).collect();
        assert_eq!(direct, unpacked);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(head in 0usize..8, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let heads: [&[u8]; 8] = [b"", b"ElfFile\0", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"[{", b"{\n", b"[", b"\xef\xbb\xbf{"];
        records(&[heads[head], &bytes].concat());
    }

    #[test]
    fn lines_come_back(lines in prop::collection::vec("[ -~&&[^\\[{]][!-~]{0,40}", 0..20)) {
        prop_assert_eq!(records(zst(lines.join("\n").as_bytes()).as_slice()), lines.into_iter().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>());
    }
}

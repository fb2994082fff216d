//! Cutting a body into records as it comes, without ever holding more than one of them and what came with it.

use serde_json::{Map, Value};

use super::form::Form;

/// Most bytes of one record.
pub(super) const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Most columns of CSV.
const COLUMNS_MAX: usize = 2_000;

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which, from 1; the header of CSV is 0.
    pub(super) record: u64,
    /// What is wrong with it; holds nothing of its values.
    pub(super) detail: String,
}

/// Where a reader of JSON stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before `[`.
    Before,
    /// Where a record or, at first, `]` may stand.
    Record { first: bool },
    /// Inside a record.
    Inside { depth: usize, string: bool, escaped: bool },
    /// Behind a record.
    Behind,
    /// Behind `]`.
    After,
}

/// Cuts a body into records.
#[derive(Debug)]
pub(super) struct Reader {
    form: Form,
    bytes: Vec<u8>,
    /// Where the record that is being read begins.
    start: usize,
    /// How far it was looked at.
    at: usize,
    place: Place,
    /// In CSV: whether a quoted field is open.
    quoted: bool,
    columns: Option<Vec<String>>,
    records: u64,
    ended: bool,
}

impl Reader {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            bytes: Vec::new(),
            start: 0,
            at: 0,
            place: Place::Before,
            quoted: false,
            columns: None,
            records: 0,
            ended: false,
        }
    }

    /// The columns of CSV, once its header was read.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// Takes more of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Says that nothing more comes.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The next record that is there whole; `None` when more of the body is needed, or at its end.
    ///
    /// # Errors
    /// [`Fault`] names the record.
    pub(super) fn next(&mut self) -> Result<Option<Map<String, Value>>, Fault> {
        let found = match self.form {
            Form::Json => self.next_object(),
            Form::Lines => self.next_line(),
            Form::Csv => self.next_row(),
        };
        if let Ok(Some(_)) = &found {
            self.records += 1;
        } else if self.bytes.len() - self.start > RECORD_BYTES_MAX && found.is_ok() {
            return Err(self.fault(format!("is longer than {RECORD_BYTES_MAX} bytes")));
        }
        found
    }

    fn fault(&self, detail: impl Into<String>) -> Fault {
        Fault { record: self.records + 1, detail: detail.into() }
    }

    fn next_object(&mut self) -> Result<Option<Map<String, Value>>, Fault> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let space = byte.is_ascii_whitespace();
            self.place = match self.place {
                Place::Inside { depth, string, escaped } => match inside(byte, depth, string, escaped) {
                    Some(place) => place,
                    None => {
                        self.at += 1;
                        self.place = Place::Behind;
                        return self.object().map(Some);
                    }
                },
                place if space => place,
                Place::Before if byte == b'[' => Place::Record { first: true },
                Place::Before => return Err(self.fault("the body is no array: it begins with no `[`")),
                Place::Record { first: true } if byte == b']' => Place::After,
                Place::Record { .. } if byte == b'{' => {
                    self.start = self.at;
                    Place::Inside { depth: 1, string: false, escaped: false }
                }
                Place::Record { .. } => return Err(self.fault("is no object")),
                Place::Behind if byte == b',' => Place::Record { first: false },
                Place::Behind if byte == b']' => Place::After,
                Place::Behind => return Err(self.fault("`,` or `]` must stand before it")),
                Place::After => return Err(self.fault("something stands behind the array")),
            };
            self.at += 1;
            if !matches!(self.place, Place::Inside { .. }) {
                self.start = self.at;
            }
        }
        if self.ended && self.place != Place::After {
            return Err(self.fault("the body ends before the array does"));
        }
        Ok(None)
    }

    fn object(&mut self) -> Result<Map<String, Value>, Fault> {
        let text = self.bytes.get(self.start..self.at).unwrap_or_default();
        let fits = text.len() <= RECORD_BYTES_MAX;
        let read = serde_json::from_slice(text);
        self.start = self.at;
        match read {
            _ if !fits => Err(self.fault(format!("is longer than {RECORD_BYTES_MAX} bytes"))),
            Ok(record) => Ok(record),
            Err(error) => Err(self.fault(unreadable(&error))),
        }
    }

    fn next_line(&mut self) -> Result<Option<Map<String, Value>>, Fault> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == b'\n').or(self.last(rest)) else {
                self.at = self.bytes.len();
                return Ok(None);
            };
            self.at += length;
            let blank = self.bytes.get(self.start..self.at).is_none_or(|line| line.trim_ascii().is_empty());
            if blank {
                self.at = (self.at + 1).min(self.bytes.len());
                self.start = self.at;
                continue;
            }
            let record = self.object()?;
            self.at = (self.at + 1).min(self.bytes.len());
            self.start = self.at;
            return Ok(Some(record));
        }
    }

    /// At the end of the body, what is left is a record too.
    fn last(&self, rest: &[u8]) -> Option<usize> {
        (self.ended && self.start < self.bytes.len()).then_some(rest.len())
    }

    fn next_row(&mut self) -> Result<Option<Map<String, Value>>, Fault> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let mut quoted = self.quoted;
            let end = rest.iter().position(|byte| {
                quoted ^= *byte == b'"';
                *byte == b'\n' && !quoted
            });
            self.quoted = quoted;
            let Some(length) = end.or(self.last(rest)) else {
                self.at = self.bytes.len();
                return Ok(None);
            };
            self.at += length;
            let row = self.bytes.get(self.start..self.at).unwrap_or_default().to_vec();
            self.at = (self.at + 1).min(self.bytes.len());
            self.start = self.at;
            if let Some(record) = self.row(&row)? {
                return Ok(Some(record));
            }
        }
    }

    /// A row as a record; `None` for the header and for empty lines.
    fn row(&mut self, row: &[u8]) -> Result<Option<Map<String, Value>>, Fault> {
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        if row.len() > RECORD_BYTES_MAX {
            return Err(self.fault(format!("is longer than {RECORD_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(row).map_err(|_| self.fault("is not UTF-8"))?;
        let Some(columns) = &self.columns else {
            let columns = header(text.trim_start_matches('\u{feff}'))?;
            self.columns = Some(columns);
            return Ok(None);
        };
        if text.is_empty() {
            return Ok(None);
        }
        let fields = fields(text).map_err(|detail| self.fault(detail))?;
        if fields.len() != columns.len() {
            let (found, expected) = (fields.len(), columns.len());
            return Err(self.fault(format!("has {found} fields, the header has {expected}")));
        }
        Ok(Some(columns.iter().cloned().zip(fields.into_iter().map(Value::String)).collect()))
    }
}

/// One more byte inside a record; `None` behind its last.
fn inside(byte: u8, depth: usize, string: bool, escaped: bool) -> Option<Place> {
    let place = |depth, string, escaped| Some(Place::Inside { depth, string, escaped });
    match byte {
        _ if escaped => place(depth, true, false),
        b'\\' if string => place(depth, true, true),
        b'"' => place(depth, !string, false),
        _ if string => place(depth, true, false),
        b'{' | b'[' => place(depth + 1, false, false),
        b'}' | b']' if depth <= 1 => None,
        b'}' | b']' => place(depth - 1, false, false),
        _ => place(depth, false, false),
    }
}

/// Where JSON cannot be read, without what stands there.
fn unreadable(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => "is no object".to_owned(),
        _ => format!("is no JSON (column {})", error.column()),
    }
}

fn header(text: &str) -> Result<Vec<String>, Fault> {
    let fault = |detail: String| Fault { record: 0, detail: format!("the header {detail}") };
    let columns = fields(text).map_err(|detail| fault(detail.to_owned()))?;
    if columns.len() > COLUMNS_MAX {
        return Err(fault(format!("has more than {COLUMNS_MAX} columns")));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (column, at) in columns.iter().zip(1..) {
        let bad = column.is_empty() || column.len() > 256 || column.chars().any(char::is_control);
        if bad || !seen.insert(column.as_str()) {
            let at: u64 = at;
            return Err(fault(format!("has an empty, doubled or unusable name in column {at}")));
        }
    }
    Ok(columns)
}

/// The fields of a row by RFC 4180.
fn fields(row: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = row;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            Some(inner) => quoted_field(inner)?,
            None => match rest.split_once(',') {
                Some((field, behind)) => (field.to_owned(), Some(behind)),
                None => (rest.to_owned(), None),
            },
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// A field behind its first quote, and what stands behind its comma.
fn quoted_field(inner: &str) -> Result<(String, Option<&str>), &'static str> {
    let mut field = String::new();
    let mut rest = inner;
    loop {
        let (before, behind) = rest.split_once('"').ok_or("has a quote that is not closed")?;
        field.push_str(before);
        if let Some(more) = behind.strip_prefix('"') {
            field.push('"');
            rest = more;
        } else if behind.is_empty() {
            return Ok((field, None));
        } else if let Some(next) = behind.strip_prefix(',') {
            return Ok((field, Some(next)));
        } else {
            return Err("has text behind a closed quote");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// All records of a body that comes in pieces of `step` bytes.
    fn read(form: Form, body: &str, step: usize) -> Result<Vec<Value>, Fault> {
        let mut reader = Reader::new(form);
        let mut found = Vec::new();
        for piece in body.as_bytes().chunks(step) {
            reader.push(piece);
            while let Some(record) = reader.next()? {
                found.push(Value::Object(record));
            }
        }
        reader.end();
        while let Some(record) = reader.next()? {
            found.push(Value::Object(record));
        }
        Ok(found)
    }

    #[track_caller]
    fn check(form: Form, body: &str, expected: Result<Value, (u64, &str)>) {
        for step in [1, 3, 1_000] {
            match (read(form, body, step), &expected) {
                (Ok(found), Ok(expected)) => assert_eq!(&Value::Array(found), expected, "{body} {step}"),
                (Err(fault), Err((record, detail))) => {
                    assert!(fault.record == *record && fault.detail.contains(detail), "{body} {fault:?}");
                }
                (found, expected) => panic!("{body} by {step}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn bodies_are_cut_wherever_they_are_broken() {
        check(Form::Json, r#" [ {"a":"}]\"{"} , {"b":{"c":[1]}} ] "#, Ok(json!([{"a": "}]\"{"}, {"b": {"c": [1]}}])));
        check(Form::Json, "[]", Ok(json!([])));
        check(Form::Json, "", Err((1, "ends before")));
        check(Form::Json, "[{}", Err((2, "ends before")));
        check(Form::Json, "[{},", Err((2, "ends before")));
        check(Form::Json, "[{},]", Err((2, "is no object")));
        check(Form::Json, "[{} {}]", Err((2, "`,` or `]`")));
        check(Form::Json, "[1]", Err((1, "is no object")));
        check(Form::Json, "{}", Err((1, "no `[`")));
        check(Form::Json, "[{}]x", Err((2, "behind the array")));
        check(Form::Json, "[{\"a\":1},{\"a\" 1}]", Err((2, "is no JSON")));
        check(Form::Lines, "{\"a\":1}\n\n{\"a\":2}\r\n  \n{\"a\":3}", Ok(json!([{"a": 1}, {"a": 2}, {"a": 3}])));
        check(Form::Lines, "{\"a\":1}\n[]\n", Err((2, "is no object")));
        check(Form::Lines, "", Ok(json!([])));
        let csv = "\u{feff}name,note\r\nlan,\"a \"\"b\"\"\nc,d\"\r\n\r\nminh,\n";
        check(Form::Csv, csv, Ok(json!([{"name": "lan", "note": "a \"b\"\nc,d"}, {"name": "minh", "note": ""}])));
        check(Form::Csv, "a,b\n1,2\n3\n", Err((2, "has 1 fields, the header has 2")));
        check(Form::Csv, "a,a\n", Err((0, "doubled")));
        check(Form::Csv, "a\n\"x\"y\n", Err((1, "behind a closed quote")));
        check(Form::Csv, "a\n\"x\n", Err((1, "not closed")));
    }

    #[test]
    fn long_records_are_refused_before_they_are_held_whole() {
        for (form, head) in [(Form::Json, "[{\"a\":\""), (Form::Lines, "{\"a\":\""), (Form::Csv, "a\n\"")] {
            let mut reader = Reader::new(form);
            reader.push(head.as_bytes());
            let fault = (0..RECORD_BYTES_MAX).find_map(|_| {
                reader.push(&[b'x'; 4_096]);
                reader.next().err()
            });
            assert!(fault.is_some_and(|fault| fault.record == 1 && fault.detail.contains("longer than")));
            assert!(reader.bytes.len() < RECORD_BYTES_MAX + 16_384);
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_pieces_do_not_matter(body in "[\\[\\]{}\",:a\\\\ \n\r1]{0,60}", step in 1_usize..9) {
            for form in [Form::Json, Form::Lines, Form::Csv] {
                prop_assert_eq!(read(form, &body, step), read(form, &body, 1_000));
            }
        }
    }
}

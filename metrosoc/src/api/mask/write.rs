//! Writing masked records.

use serde_json::{Map, Value};

use super::form::Form;

/// Signs with which a spreadsheet takes a cell for a formula.
const FORMULA_SIGNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes records in one form.
#[derive(Debug)]
pub(in crate::api) struct Writer {
    form: Form,
    /// Of CSV: the columns, which the header of the body or the first record gives.
    columns: Option<Vec<String>>,
    records: u64,
}

impl Writer {
    pub(in crate::api) fn new(form: Form) -> Self {
        Self { form, columns: None, records: 0 }
    }

    /// Gives the columns of CSV, where they are known before the first record.
    pub(in crate::api) fn head(&mut self, columns: Vec<String>, out: &mut Vec<u8>) {
        if self.form == Form::Csv && self.columns.is_none() {
            row(columns.iter().map(String::as_str), out);
            self.columns = Some(columns);
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// For CSV, when it has a field that is not among the columns.
    pub(in crate::api) fn record(&mut self, record: Map<String, Value>, out: &mut Vec<u8>) -> Result<(), String> {
        match self.form {
            Form::Json => {
                out.extend_from_slice(if self.records == 0 { b"[\n" } else { b",\n" });
                json(&record, out);
            }
            Form::Lines => {
                json(&record, out);
                out.push(b'\n');
            }
            Form::Csv => self.csv(record, out)?,
        }
        self.records += 1;
        Ok(())
    }

    fn csv(&mut self, record: Map<String, Value>, out: &mut Vec<u8>) -> Result<(), String> {
        let mut cells = Map::new();
        flatten("", record, &mut cells);
        if self.columns.is_none() {
            self.head(cells.keys().cloned().collect(), out);
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        if let Some(unknown) = cells.keys().find(|name| !columns.contains(name)) {
            let shown: String = unknown.chars().take(64).collect();
            return Err(format!("has the field `{shown}`, which is not in the header that the first record gave"));
        }
        row(columns.iter().map(|column| cells.get(column).map_or("", |cell| cell.as_str().unwrap_or_default())), out);
        Ok(())
    }

    /// Writes what stands behind the last record.
    pub(in crate::api) fn end(&mut self, out: &mut Vec<u8>) {
        if self.form == Form::Json {
            out.extend_from_slice(if self.records == 0 { b"[]\n" } else { b"\n]\n" });
        }
    }

    /// Writes, where records went out already, what ended them. The array of JSON is not closed: nobody shall take it
    /// for whole.
    pub(in crate::api) fn broken(&mut self, record: u64, detail: &str, out: &mut Vec<u8>) {
        let fault = serde_json::json!({ "metrosoc.error": { "record": record, "detail": detail } });
        match self.form {
            Form::Json => out.extend_from_slice(format!(",\n{fault}\n").as_bytes()),
            Form::Lines => out.extend_from_slice(format!("{fault}\n").as_bytes()),
            Form::Csv => row([format!("metrosoc.error: record {record}: {detail}").as_str()].into_iter(), out),
        }
    }
}

fn json(record: &Map<String, Value>, out: &mut Vec<u8>) {
    // Writing into memory; what was read as JSON can be written as JSON.
    if serde_json::to_writer(&mut *out, record).is_err() {
        out.extend_from_slice(b"{}");
    }
}

fn flatten(prefix: &str, record: Map<String, Value>, cells: &mut Map<String, Value>) {
    for (name, value) in record {
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(inner) => flatten(&path, inner, cells),
            Value::Null => drop(cells.insert(path, Value::String(String::new()))),
            Value::String(text) => drop(cells.insert(path, Value::String(text))),
            other => drop(cells.insert(path, Value::String(other.to_string()))),
        }
    }
}

fn row<'c>(cells: impl Iterator<Item = &'c str>, out: &mut Vec<u8>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let text = neutral(cell);
        if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') {
            out.push(b'"');
            out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A cell that no spreadsheet takes for a formula: one that begins like one has `'` before it. Numbers stay.
fn neutral(cell: &str) -> String {
    let formula = cell.trim_start_matches(' ').starts_with(FORMULA_SIGNS) && cell.parse::<f64>().is_err();
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(form: Form, records: &[Value]) -> Result<String, String> {
        let (mut writer, mut out) = (Writer::new(form), Vec::new());
        for record in records {
            writer.record(record.as_object().unwrap().clone(), &mut out)?;
        }
        writer.end(&mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn records_are_written_in_every_form() {
        let records = [json!({"a": "x,y", "b": {"c": null}}), json!({"a": "z"})];
        assert_eq!(
            written(Form::Json, &records).unwrap(),
            "[\n{\"a\":\"x,y\",\"b\":{\"c\":null}},\n{\"a\":\"z\"}\n]\n"
        );
        assert_eq!(written(Form::Json, &[]).unwrap(), "[]\n");
        assert_eq!(written(Form::Lines, &records).unwrap(), "{\"a\":\"x,y\",\"b\":{\"c\":null}}\n{\"a\":\"z\"}\n");
        assert_eq!(written(Form::Csv, &records).unwrap(), "a,b.c\r\n\"x,y\",\r\nz,\r\n");
        assert!(written(Form::Csv, &[json!({"a": 1}), json!({"d": 1})]).unwrap_err().contains("`d`"));
    }

    #[test]
    fn cells_are_no_formulas() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("+84912", "+84912"),
            ("-5", "-5"),
            ("-5+cmd|' /C calc'!A0", "'-5+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("\t=1", "'\t=1"),
            ("••••678", "••••678"),
        ] {
            assert_eq!(neutral(cell), expected);
        }
    }
}

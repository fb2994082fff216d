//! `metrosoc privacy scan`: where personal values stand in a file, offline; nothing is sent anywhere.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use ::policy::privacy::{Complete, FieldSpan, Memory, PrivacyText, Scanner, load, parse};
use collector::file::{self, FileSettings};
use serde_json::{Value, json};

use super::Context;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say which personal values stand where in files, by class; the values only with --show
    #[command(
        after_help = "A line that is a JSON object is read as an event, field by field; every other line as text.
Examples:
  metrosoc privacy scan portal.log
  zcat old.log.gz | metrosoc --json privacy scan --dataset portal.app -
  metrosoc privacy scan --rules /etc/metrosoc/privacy --show sample.ndjson"
    )]
    Scan(ScanArguments),
}

#[derive(Debug, clap::Args)]
pub struct ScanArguments {
    /// A folder with any of classes.yml, words.yml, exempt.yml, sources.yml and fields.yml, added to the embedded rules
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The dataset of lines that name none (`event.dataset`): what sources.yml says of it counts
    #[arg(long, default_value = "", value_name = "NAME")]
    dataset: String,
    /// Read every line as text, JSON too
    #[arg(long)]
    lines: bool,
    /// Print the values themselves
    #[arg(long)]
    show: bool,
    /// Files, plain or .gz or .zst, `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let Command::Scan(arguments) = command;
    let scanner = scanner(&arguments, context)?;
    let out = BufWriter::new(std::io::stdout().lock());
    let mut scan = Scan { scanner, arguments: &arguments, json: context.output.json, memory: Memory::default(), out };
    let mut faults = 0_u64;
    for path in &arguments.files {
        faults += scan.file(path, context)?;
    }
    scan.out.flush()?;
    match faults {
        0 => Ok(()),
        _ => Err(Failure::new(Status::BadData, format!("{faults} records or files could not be read whole")).into()),
    }
}

/// Embedded rules, with the operator's; entries of those that are refused are told.
fn scanner(arguments: &ScanArguments, context: &Context) -> anyhow::Result<Scanner> {
    let wrong = |error: ::policy::privacy::PrivacyFaults| Failure::new(Status::Config, error.to_string());
    let rules = match &arguments.rules {
        None => parse(&PrivacyText::embedded()).map_err(wrong)?,
        Some(directory) => {
            let (rules, refused) = load(directory).map_err(wrong)?;
            for fault in refused {
                context.output.say(format!("metrosoc: refused {fault}"));
            }
            rules
        }
    };
    let year = event::Clock::now(&event::SystemClock).to_string();
    let year = year.get(..4).and_then(|year| year.parse().ok()).unwrap_or(2026);
    Ok(Scanner::new(rules, year))
}

struct Scan<'a, W: Write> {
    scanner: Scanner,
    arguments: &'a ScanArguments,
    json: bool,
    memory: Memory,
    out: W,
}

impl<W: Write> Scan<'_, W> {
    /// Scans a file; how many of its records could not be read or scanned whole.
    fn file(&mut self, path: &std::path::Path, context: &Context) -> anyhow::Result<u64> {
        let fault = |error: &dyn std::error::Error| {
            context.output.say(format!("metrosoc: `{}`: {}", path.display(), crate::api::problem::chain(error)));
        };
        let reader = match file::open(path, &FileSettings::default()) {
            Ok(reader) => reader,
            Err(error) => {
                fault(&error);
                return Ok(1);
            }
        };
        let name = path.to_string_lossy();
        let (mut faults, mut number) = (0, 0);
        for record in reader {
            number += 1;
            match record {
                Ok(record) => {
                    let text = String::from_utf8_lossy(&record.bytes);
                    if record.truncated || self.line(&name, number, &text)? == Complete::No {
                        context.output.say(format!("metrosoc: `{name}` record {number}: not scanned to its end"));
                        faults += 1;
                    }
                }
                Err(error) => {
                    fault(&error);
                    faults += 1;
                }
            }
        }
        Ok(faults)
    }

    fn line(&mut self, file: &str, number: u64, text: &str) -> anyhow::Result<Complete> {
        let mut found = Vec::new();
        let record = match serde_json::from_str(text) {
            Ok(Value::Object(record)) if !self.arguments.lines => Some(record),
            _ => None,
        };
        let complete = match &record {
            Some(record) => {
                let dataset = dataset(record).unwrap_or(&self.arguments.dataset);
                self.scanner.scan_record(dataset, record, &mut self.memory, &mut found)
            }
            None => {
                let (mut spans, switches) = (Vec::new(), self.scanner.rules().switches(&self.arguments.dataset));
                let complete = self.scanner.scan(text, &switches, &mut self.memory, &mut spans);
                found.extend(spans.into_iter().map(|span| {
                    let value = text.get(span.start..span.end).unwrap_or_default().to_owned();
                    FieldSpan { field: String::new(), span, value }
                }));
                complete
            }
        };
        if !found.is_empty() {
            self.print(file, number, &found)?;
        }
        Ok(complete)
    }

    fn print(&mut self, file: &str, number: u64, found: &[FieldSpan]) -> std::io::Result<()> {
        if self.json {
            let spans: Vec<Value> = found.iter().map(|found| self.span_json(found)).collect();
            return writeln!(self.out, "{}", json!({ "file": file, "record": number, "spans": spans }));
        }
        for FieldSpan { field, span, value } in found {
            let place = if field.is_empty() { String::new() } else { format!(" {field}") };
            let shown = if self.arguments.show { format!(" {value}") } else { String::new() };
            let (start, end, class, score) = (span.start, span.end, span.class, span.score);
            writeln!(self.out, "{file}:{number}:{start}-{end} {class} {score}{place}{shown}")?;
        }
        Ok(())
    }

    fn span_json(&self, found: &FieldSpan) -> Value {
        let span = &found.span;
        let mut row = serde_json::Map::new();
        row.insert("class".to_owned(), json!(span.class.as_str()));
        row.insert("start".to_owned(), json!(span.start));
        row.insert("end".to_owned(), json!(span.end));
        row.insert("score".to_owned(), json!(span.score));
        if !found.field.is_empty() {
            row.insert("field".to_owned(), json!(found.field));
        }
        if self.arguments.show {
            row.insert("value".to_owned(), json!(found.value));
        }
        Value::Object(row)
    }
}

/// `event.dataset` of an event, nested or flat.
fn dataset(record: &serde_json::Map<String, Value>) -> Option<&str> {
    let nested = record.get("event").and_then(|event| event.get("dataset"));
    record.get("event.dataset").or(nested).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(line: &str, show: bool, json: bool) -> String {
        let arguments =
            ScanArguments { rules: None, dataset: String::new(), lines: false, show, files: vec![PathBuf::from("-")] };
        let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
        let mut scan = Scan { scanner, arguments: &arguments, json, memory: Memory::default(), out: Vec::new() };
        assert_eq!(scan.line("-", 7, line).unwrap(), Complete::Yes);
        String::from_utf8(scan.out).unwrap()
    }

    #[test]
    fn places_are_printed_and_values_only_when_asked() {
        let event = r#"{"user":{"name":"HCM\\lan.nguyen"},"sdt":"0912345678"}"#;
        for (line, show, json, expected) in [
            ("gọi 0912345678 ngay", false, false, "-:7:6-16 phone 100\n"),
            ("gọi 0912345678 ngay", true, false, "-:7:6-16 phone 100 0912345678\n"),
            (event, false, false, "-:7:4-14 user_name 100 user.name\n-:7:0-10 phone 100 sdt\n"),
            (
                "cccd=079090012345",
                false,
                true,
                "{\"file\":\"-\",\"record\":7,\"spans\":[{\"class\":\"citizen_id\",\"start\":5,\"end\":17,\"score\":100}]}\n",
            ),
            ("nothing at all", false, true, ""),
        ] {
            assert_eq!(printed(line, show, json), expected, "{line}");
        }
    }
}

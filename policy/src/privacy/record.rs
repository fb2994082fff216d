//! Personal values in the fields of a record: told by the field, or found in its text.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::scan::{Complete, Memory, SPANS_MAX, Scanner, Span};
use super::{Class, FieldKind, Switches};

/// Most fields inside fields that are looked into; what lies deeper makes a record not [`Complete`].
const DEPTH_MAX: usize = 64;
/// How sure it is that the value of a field has the class of the field.
const FIELD_SCORE: u8 = 100;
/// Bytes of a field's name that are put before its text as a context.
const NAME_BYTES_MAX: usize = 64;

/// A personal value in a field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpan {
    /// The field, with dots; list entries have their list's name.
    pub field: String,
    /// Where in the field's value, as text.
    pub span: Span,
    /// The value itself: whoever shows it must be allowed to.
    pub value: String,
}

/// A record on its way through the scanner.
struct Walk<'a> {
    scanner: &'a Scanner,
    dataset: &'a str,
    switches: Switches,
    memory: &'a mut Memory,
    /// The field that is looked at.
    path: String,
    /// `name=value`, so that the name is the value's context.
    text: String,
    spans: Vec<Span>,
    out: &'a mut Vec<FieldSpan>,
    complete: Complete,
}

impl Scanner {
    /// Finds the personal values in the fields of a record of a dataset; `out` is emptied first.
    ///
    /// A field that `fields.yml` knows is of its class as a whole, unless the value is nobody's (`exempt.yml`); every
    /// other field is scanned as text behind its name. Sources switch text off, never fields.
    pub fn scan_record(
        &self,
        dataset: &str,
        record: &Map<String, Value>,
        memory: &mut Memory,
        out: &mut Vec<FieldSpan>,
    ) -> Complete {
        out.clear();
        let switches = self.rules().switches(dataset);
        let (path, text, spans) = (String::new(), String::new(), Vec::new());
        let mut walk =
            Walk { scanner: self, dataset, switches, memory, path, text, spans, out, complete: Complete::Yes };
        walk.members(record, 0);
        walk.complete
    }

    /// Where in the whole value of a field of this class a person's value stands; `None` when it is nobody's.
    pub(crate) fn whole(&self, class: Class, value: &str) -> Option<(usize, usize)> {
        let start = if class == Class::UserName { value.rfind('\\').map_or(0, |at| at + 1) } else { 0 };
        let inner = value.get(start..).unwrap_or_default();
        let person = match class {
            Class::UserName => self.rules().is_person_account(value),
            Class::Email => self.rules().is_person_mailbox(value),
            Class::IpAddress => match value.parse::<IpAddr>() {
                Ok(address) => self.rules().is_citizen_address(address),
                Err(_) => return None,
            },
            _ => true,
        };
        let said = inner.chars().any(char::is_alphanumeric);
        (person && said && !self.is_allowed(class, inner.as_bytes())).then_some((start, value.len()))
    }
}

impl Walk<'_> {
    fn members(&mut self, record: &Map<String, Value>, depth: usize) {
        let length = self.path.len();
        for (name, value) in record {
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(name);
            self.value(value, depth);
            self.path.truncate(length);
        }
    }

    fn value(&mut self, value: &Value, depth: usize) {
        if depth >= DEPTH_MAX || self.out.len() >= SPANS_MAX {
            self.complete = Complete::No;
            return;
        }
        match value {
            Value::Object(members) => self.members(members, depth + 1),
            Value::Array(list) => list.iter().for_each(|value| self.value(value, depth + 1)),
            Value::String(text) => self.leaf(text),
            Value::Number(number) => self.leaf(&number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn leaf(&mut self, value: &str) {
        match self.scanner.rules().field(self.dataset, &self.path) {
            FieldKind::Clear => {}
            FieldKind::Class(class) => {
                if let Some((start, end)) = self.scanner.whole(class, value) {
                    self.found(value, Span { start, end, class, score: FIELD_SCORE });
                } else if class == Class::IpAddress && value.parse::<IpAddr>().is_err() {
                    // `source.address` may be a name or hold a port.
                    self.scanned(value);
                }
            }
            FieldKind::Text => self.scanned(value),
        }
    }

    fn scanned(&mut self, value: &str) {
        let name = self.path.rsplit('.').next().unwrap_or_default();
        self.text.clear();
        if name.len() <= NAME_BYTES_MAX {
            self.text.push_str(name);
        }
        self.text.push('=');
        let offset = self.text.len();
        self.text.push_str(value);
        let mut spans = std::mem::take(&mut self.spans);
        if self.scanner.scan(&self.text, &self.switches, self.memory, &mut spans) == Complete::No {
            self.complete = Complete::No;
        }
        for span in spans.iter().filter(|span| span.end > offset) {
            let start = span.start.saturating_sub(offset);
            self.found(value, Span { start, end: span.end - offset, ..*span });
        }
        self.spans = spans;
    }

    fn found(&mut self, value: &str, span: Span) {
        let value = value.get(span.start..span.end).unwrap_or_default().to_owned();
        self.out.push(FieldSpan { field: self.path.clone(), span, value });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::privacy::{PrivacyText, parse};

    fn found(record: &Value) -> Vec<(String, Class, String)> {
        let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
        let (mut memory, mut out) = (Memory::default(), Vec::new());
        let record = record.as_object().unwrap();
        assert_eq!(scanner.scan_record("portal.app", record, &mut memory, &mut out), Complete::Yes);
        out.into_iter().map(|found| (found.field, found.span.class, found.value)).collect()
    }

    #[test]
    fn fields_tell_classes_and_names_of_fields_are_contexts() {
        let record = json!({
            "user": {"name": "HCM\\lan.nguyen", "id": "S-1-5-18"},
            "related": {"user": ["root", "minh.tran"]},
            "source": {"ip": "14.161.5.6", "port": 443},
            "destination.ip": "10.0.0.1",
            "portal": {"hoVaTen": "nguyễn văn an", "sdt": 84912345678_u64, "ghi_chu": "gọi 0912 345 678"},
            "event": {"id": "079090012345", "original": "cccd=079090012345"},
        });
        let expected = [
            ("user.name", Class::UserName, "lan.nguyen"),
            ("related.user", Class::UserName, "minh.tran"),
            ("source.ip", Class::IpAddress, "14.161.5.6"),
            ("portal.hoVaTen", Class::PersonName, "nguyễn văn an"),
            ("portal.sdt", Class::Phone, "84912345678"),
            ("portal.ghi_chu", Class::Phone, "0912 345 678"),
            ("event.original", Class::CitizenId, "079090012345"),
        ];
        let expected: Vec<_> = expected.map(|(field, class, value)| (field.to_owned(), class, value.to_owned())).into();
        assert_eq!(found(&record), expected);
    }

    #[test]
    fn what_is_too_deep_is_told() {
        let mut record = json!({"cccd": "079090012345"});
        for _ in 0..DEPTH_MAX {
            record = json!({ "a": record });
        }
        let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
        let (mut memory, mut out) = (Memory::default(), Vec::new());
        assert_eq!(scanner.scan_record("", record.as_object().unwrap(), &mut memory, &mut out), Complete::No);
    }
}

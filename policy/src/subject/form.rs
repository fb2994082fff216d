//! Prefilled forms: Vietnamese with English beside, from the templates in `rules/privacy/forms/`. What only people know is left
//! open as dots; nobody's value stands in one.

use event::Timestamp;
use serde::{Deserialize, Serialize};

use super::register::SubjectRequest;
use super::{Duty, Kind};
use crate::holiday::Holidays;

/// The city's clock is ahead of UTC by this, the whole year.
const OFFSET_SECS: i64 = 7 * 3_600;
/// What stands where something is not known.
const OPEN: &str = "………………";

/// Which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// That the request was received.
    Acknowledgement,
    /// That it takes longer.
    Extension,
    /// That it was done.
    Answer,
    /// That it is not done, with reason and legal basis.
    Refusal,
    /// That personal data was breached.
    BreachReport,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] =
        [Self::Acknowledgement, Self::Extension, Self::Answer, Self::Refusal, Self::BreachReport];

    /// Its name in commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledgement => "acknowledgement",
            Self::Extension => "extension",
            Self::Answer => "answer",
            Self::Refusal => "refusal",
            Self::BreachReport => "breach-report",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Acknowledgement => include_str!("../../../rules/privacy/forms/acknowledgement.md"),
            Self::Extension => include_str!("../../../rules/privacy/forms/extension.md"),
            Self::Answer => include_str!("../../../rules/privacy/forms/answer.md"),
            Self::Refusal => include_str!("../../../rules/privacy/forms/refusal.md"),
            Self::BreachReport => include_str!("../../../rules/privacy/forms/breach-report.md"),
        }
    }

    /// The form that a request needs next.
    pub fn next_of(request: &SubjectRequest) -> Self {
        let last = request.steps.last().map_or("", |step| step.what.as_str());
        match (request.kind, last) {
            (Kind::Breach, _) => Self::BreachReport,
            (_, "received") => Self::Acknowledgement,
            (_, "extended") => Self::Extension,
            (_, "refused") => Self::Refusal,
            _ => Self::Answer,
        }
    }

    /// Fills it in, as Markdown.
    pub fn fill(self, request: &SubjectRequest, now: Timestamp, holidays: &Holidays) -> String {
        let (vi, en) = words(request.kind);
        let due = request.kind.done_by(request.received, request.is_extended());
        let acknowledge = request.kind.acknowledge_by(request.received, holidays);
        let last = request.steps.last();
        let known =
            |text: Option<&String>| text.filter(|text| !text.is_empty()).map_or(OPEN.to_owned(), |text| plain(text));
        let values = [
            ("{{id}}", request.id.clone()),
            ("{{reference}}", plain(&request.reference)),
            ("{{kind_vi}}", vi.to_owned()),
            ("{{kind_en}}", en.to_owned()),
            ("{{received}}", local(request.received)),
            ("{{acknowledge_by}}", acknowledge.map_or(OPEN.to_owned(), local)),
            ("{{due}}", local(due)),
            ("{{today}}", local(now)),
            ("{{count}}", request.tokens.len().to_string()),
            ("{{reason}}", known(last.map(|step| &step.reason))),
            ("{{basis}}", known(last.map(|step| &step.basis))),
        ];
        filled(self.template(), &values)
    }
}

/// What a kind is called in both languages.
fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Access => ("Xem, cung cấp dữ liệu cá nhân", "access to personal data"),
        Kind::Rectify => ("Chỉnh sửa dữ liệu cá nhân", "rectification"),
        Kind::Restrict => {
            ("Hạn chế, phản đối xử lý, rút lại sự đồng ý", "restriction, objection, withdrawal of consent")
        }
        Kind::Erase => ("Xóa dữ liệu cá nhân", "deletion"),
        Kind::Breach => ("Vi phạm dữ liệu cá nhân", "breach of personal data"),
    }
}

/// Puts values in the places of names, once: a value that looks like a name stays what it is.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let (mut text, mut rest) = (String::with_capacity(template.len().saturating_mul(2)), template);
    while let Some((before, behind)) = rest.split_once("{{") {
        text.push_str(before);
        let name = behind.split_once("}}").map(|(name, after)| (format!("{{{{{name}}}}}"), after));
        let found =
            name.and_then(|(name, after)| values.iter().find(|(one, _)| *one == name).map(|(_, value)| (value, after)));
        match found {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push_str("{{");
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}

/// A person's text in one line of a table of Markdown.
fn plain(text: &str) -> String {
    text.chars().map(|found| if found.is_control() || found == '|' { ' ' } else { found }).collect()
}

/// A time by the city's clock, to the minute: `2026-11-23 09:00 (UTC+07:00)`.
fn local(time: Timestamp) -> String {
    let text = Timestamp::from_secs(time.secs().saturating_add(OFFSET_SECS)).to_string();
    let minute: String = text.chars().take(16).collect();
    format!("{} (UTC+07:00)", minute.replacen('T', " ", 1))
}

impl Duty {
    /// What it is called in both languages.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Acknowledge => ("xác nhận đã tiếp nhận", "confirm receipt"),
            Self::Answer => ("thực hiện hoặc từ chối", "do it or refuse"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_once_and_unknown_ones_stay() {
        let values = [("{{a}}", "{{b}}".to_owned()), ("{{b}}", "x".to_owned())];
        for (template, expected) in
            [("{{a}} {{b}}", "{{b}} x"), ("{{c}} {{a", "{{c}} {{a"), ("no name", "no name"), ("{{ {{b}}", "{{ x")]
        {
            assert_eq!(filled(template, &values), expected, "{template}");
        }
    }

    #[test]
    fn times_are_the_citys() {
        let time: Timestamp = serde_json::from_value(serde_json::json!("2026-11-23T18:30:59Z")).unwrap();
        assert_eq!(local(time), "2026-11-24 01:30 (UTC+07:00)");
    }
}

//! The fixed words of explanations in both languages.

use super::{Comparison, NodeKind, Reason};

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Vietnamese.
    Vietnamese,
}

impl Language {
    /// Reads `en` or `vi`, with or without a region such as `vi-VN`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "vi" => Some(Self::Vietnamese),
            _ => None,
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Vietnamese => &VIETNAMESE,
        }
    }
}

/// `{0}`, `{1}` stand for what is filled in.
pub(super) struct Words {
    pub(super) matches: &'static str,
    pub(super) no_match: &'static str,
    pub(super) source_fits: &'static str,
    pub(super) source_differs: &'static str,
    pub(super) source_unknown: &'static str,
    pub(super) part_missing: &'static str,
    pub(super) part_absent: &'static str,
    pub(super) because: &'static str,
    pub(super) decides_true: &'static str,
    pub(super) decides_false: &'static str,
    pub(super) condition: &'static str,
    pub(super) all: &'static str,
    pub(super) any: &'static str,
    pub(super) not: &'static str,
    pub(super) unasked: &'static str,
    pub(super) keywords: &'static str,
    pub(super) found: &'static str,
    pub(super) more: &'static str,
    field_missing: &'static str,
    similar: &'static str,
    lacks: &'static str,
    no_text: &'static str,
    has_value: &'static str,
    excluded: &'static str,
    /// In the order of [`COMPARISONS`].
    differs: [&'static str; 9],
}

const COMPARISONS: [Comparison; 9] = [
    Comparison::Equal,
    Comparison::StartsWith,
    Comparison::EndsWith,
    Comparison::Contains,
    Comparison::Regex,
    Comparison::Network,
    Comparison::Number,
    Comparison::Field,
    Comparison::Exists,
];

const ENGLISH: Words = Words {
    matches: "matches",
    no_match: "does not match",
    source_fits: "log source {0} fits",
    source_differs: "log source {0} does not fit: the event is {1}",
    source_unknown: "log source {0} does not fit: nothing is known of the event's",
    part_missing: "{0} is wanted as `{1}`, the event has `{2}`",
    part_absent: "{0} is wanted as `{1}`, the event has none",
    because: "because",
    decides_true: "`{0}` holds",
    decides_false: "`{0}` does not hold",
    condition: "condition",
    all: "all of",
    any: "any of",
    not: "not",
    unasked: "the condition does not ask it",
    keywords: "keywords",
    found: "in the event",
    more: "… and {0} more",
    field_missing: "field is not in the event (looked for {0})",
    similar: "; the event has `{0}`, and case matters in names",
    lacks: "{0} of the values are not there: {1}",
    no_text: "none of the event's {0} texts holds it",
    has_value: "the field has a value",
    excluded: "the value is one of those that are excluded",
    differs: [
        "the value is another",
        "the value does not start so",
        "the value does not end so",
        "the value does not contain it",
        "the regular expression does not fit (case matters without `|i`)",
        "the address lies outside",
        "the number does not fit or is none",
        "the two fields differ",
        "the field is not as wanted",
    ],
};

const VIETNAMESE: Words = Words {
    matches: "khớp",
    no_match: "không khớp",
    source_fits: "nguồn log {0} phù hợp",
    source_differs: "nguồn log {0} không phù hợp: sự kiện thuộc {1}",
    source_unknown: "nguồn log {0} không phù hợp: không xác định được nguồn của sự kiện",
    part_missing: "{0} cần là `{1}`, sự kiện có `{2}`",
    part_absent: "{0} cần là `{1}`, sự kiện không có",
    because: "vì",
    decides_true: "`{0}` đúng",
    decides_false: "`{0}` sai",
    condition: "điều kiện",
    all: "tất cả",
    any: "ít nhất một",
    not: "phủ định",
    unasked: "điều kiện không dùng đến",
    keywords: "từ khóa",
    found: "trong sự kiện",
    more: "… và {0} giá trị nữa",
    field_missing: "sự kiện không có trường này (đã tìm {0})",
    similar: "; sự kiện có `{0}`, tên trường phân biệt chữ hoa chữ thường",
    lacks: "thiếu {0} giá trị: {1}",
    no_text: "không có trong {0} đoạn văn bản của sự kiện",
    has_value: "trường có giá trị",
    excluded: "giá trị thuộc nhóm bị loại trừ",
    differs: [
        "giá trị khác",
        "giá trị không bắt đầu như vậy",
        "giá trị không kết thúc như vậy",
        "giá trị không chứa chuỗi này",
        "biểu thức chính quy không khớp (phân biệt chữ hoa chữ thường nếu không có `|i`)",
        "địa chỉ nằm ngoài mạng",
        "số không thỏa hoặc không phải là số",
        "hai trường khác nhau",
        "trường không đúng như yêu cầu",
    ],
};

impl Words {
    pub(super) fn node(&self, kind: NodeKind) -> &'static str {
        match kind {
            NodeKind::Selection => "",
            NodeKind::Not => self.not,
            NodeKind::All => self.all,
            NodeKind::Any => self.any,
        }
    }

    pub(super) fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::FieldMissing { looked_for, similar } => {
                let mut text = fill(self.field_missing, &[&looked_for.join(", ")]);
                if let Some(name) = similar {
                    text.push_str(&fill(self.similar, &[name]));
                }
                text
            }
            Reason::NoValueFits { comparison, .. } => {
                let at = COMPARISONS.iter().position(|known| known == comparison).unwrap_or(0);
                self.differs.get(at).copied().unwrap_or_default().to_owned()
            }
            Reason::Lacks { values, count } => {
                let mut named = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
                if *count > values.len() {
                    named.push_str(" …");
                }
                fill(self.lacks, &[&count.to_string(), &named])
            }
            Reason::NoTextHolds { texts } => fill(self.no_text, &[&texts.to_string()]),
            Reason::HasValue => self.has_value.to_owned(),
            Reason::Excluded => self.excluded.to_owned(),
        }
    }
}

/// The template with its places filled.
pub(super) fn fill(template: &str, values: &[&str]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    // What is filled in is not read again: it may hold braces.
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (number, behind) = after.split_once('}').unwrap_or((after, ""));
        let value = number.parse::<usize>().ok().and_then(|at| values.get(at));
        text.push_str(value.copied().unwrap_or_default());
        rest = behind;
    }
    text + rest
}

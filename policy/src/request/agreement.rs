//! The transfer agreement of a grant as a document, in Vietnamese and English.

use std::fmt::Write as _;

use event::Timestamp;

use super::state::AccessRequest;
use crate::guard::Title;
use crate::privacy::{FieldKind, PrivacyRules};

/// What the words of a request are called.
#[derive(Debug, Clone)]
pub struct Named {
    /// The purpose.
    pub purpose: Title,
    /// The legal basis.
    pub basis: Title,
}

/// The agreement as Markdown. It says what was decided here and who decided it; whether the law asks for more is not
/// for a program to say. Empty for a request that was never granted.
pub fn agreement(request: &AccessRequest, named: &Named, rules: &PrivacyRules, now: Timestamp) -> String {
    if !request.approvals.complete() {
        return String::new();
    }
    let mut page = Page(String::new());
    page.line("# Thỏa thuận chuyển giao dữ liệu / Data transfer agreement");
    page.line(&format!("\nSố / Number: `{}` · {now}\n", request.id));
    page.line("| | |\n| --- | --- |");
    let receiver = request.asked_from.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
    page.row("Bên cung cấp", "Provider", request.agency.as_str());
    page.row("Bên nhận", "Receiver", &format!("{receiver} ({})", request.asked_by));
    let both = |title: &Title, id: &str| format!("{} / {} (`{id}`)", title.vi, title.en);
    page.row("Mục đích", "Purpose", &both(&named.purpose, &request.purpose));
    page.row("Cơ sở pháp lý", "Legal basis", &both(&named.basis, &request.basis));
    page.row("Lý do", "Reason", &request.reason);
    let terms = &request.terms;
    page.row("Thời hạn", "Term", &format!("{} – {}", terms.from, terms.until));
    page.row("Bộ dữ liệu", "Data sets", &listed(terms.datasets.iter()));
    page.row("Điều kiện lọc", "Filter", &if terms.filter.is_empty() { "–".into() } else { terms.filter.clone() });
    let moment = |time: Option<Timestamp>| time.map_or_else(|| "–".to_owned(), |time| time.to_string());
    page.row(
        "Dữ liệu từ – đến",
        "Data from – until",
        &format!("{} – {}", moment(terms.data_from), moment(terms.data_until)),
    );
    page.row("Người được xem", "People", &listed(terms.people.iter()));
    page.row("Trạng thái", "State", request.state.as_str());
    page.line("\n## Trường dữ liệu và loại / Fields and classes\n\n| trường / field | loại / class |\n| --- | --- |");
    for field in &terms.fields {
        let class = match rules.fields().kind(field) {
            FieldKind::Class(class) => class.as_str(),
            FieldKind::Text => "văn bản / text",
            FieldKind::Clear => "–",
        };
        page.line(&format!("| `{}` | {class} |", cell(field)));
    }
    page.line(
        "\n## Cam kết / Undertakings\n\n\
         - Chỉ xem và dùng dữ liệu cho mục đích nêu trên. / The data is seen and used for the purpose above alone.\n\
         - Giá trị cá nhân được lưu dưới dạng bút danh; giải mã cần thủ tục riêng. / Personal values are stored as \
         pseudonyms; turning them back takes a procedure of its own.\n\
         - Quyền truy cập tự hết hạn, có thể bị thu hồi, và mỗi lần xem đều được ghi lại. / Access ends by itself, can be \
         withdrawn, and every read is recorded.",
    );
    page.line("\n## Phê duyệt / Approvals\n\n| người / who | đơn vị / unit | thời điểm / when |\n| --- | --- | --- |");
    for approval in &request.approvals.given {
        let unit = approval.unit.as_ref().map_or("–", |unit| unit.as_str());
        page.line(&format!("| {} | {unit} | {} |", cell(approval.by.as_str()), approval.time));
    }
    page.line("\n## Lịch sử / History\n\n| thời điểm / when | người / who | bước / step | nội dung / text |\n| --- | --- | --- | --- |");
    for step in &request.history {
        page.line(&format!("| {} | {} | {} | {} |", step.time, step.by, step.action, cell(&step.text)));
    }
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn row(&mut self, vi: &str, en: &str, value: &str) {
        self.line(&format!("| {vi} / {en} | {} |", cell(value)));
    }
}

fn listed<T: ToString>(names: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

/// What people wrote, so that it stays in its cell and makes no other mark.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '\n' | '\r' => cell.push(' '),
            '|' | '<' | '>' | '[' | ']' | '`' | '*' | '#' | '!' | '\\' => {
                cell.push('\\');
                cell.push(found);
            }
            _ => cell.push(found),
        }
    }
    cell
}

//! What is held on a person, for that person: as JSON, and as a document that can be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ::policy::pseudonym::{SPANS_FIELD, field_restored, writings_of};
use ::policy::vault::{Held, Kind, Writing};
use axum::Json;
use axum::extract::State;
use detector::search::{SUBJECT_EVENTS_MAX, SubjectEvent};
use event::{Operation, Timestamp};
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::problem::{Problem, chain};
use super::super::{App, Body};
use super::{SubjectForm, classes, problem_of, vault};

/// Events that the document lists; the JSON has more.
const LISTED_MAX: usize = 500;
/// Characters of a field in the document.
const CELL_CHARS_MAX: usize = 300;

/// `POST /api/v1/subjects/export`: the person's own values are shown, of other persons their tokens. Recorded before it is
/// shown.
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<SubjectForm>,
) -> Result<Json<Value>, Problem> {
    // Step 1: what is held.
    let asked = form.read(&app, &caller, Operation::Export)?;
    let vault = vault(&app)?;
    let held = vault.held(&asked.values).await.map_err(|error| problem_of(&error))?;
    if held.is_empty() {
        return Err(Problem::not_found("nothing is held of these values"));
    }

    // Step 2: where it stands.
    let tokens: BTreeSet<String> = held.iter().map(|held| held.token.to_string()).collect();
    let (search, permit) = (app.search.clone(), asked.permit);
    let forms: BTreeSet<String> = held.iter().flat_map(|held| held.token.forms()).collect();
    let found = tokio::task::spawn_blocking(move || search.of_subject(&permit, &forms)).await;
    let found = found.map_err(|error| Problem::fault("the search", &error))?;
    let (total, events) = found.map_err(|error| Problem::unavailable(chain(&error)))?;

    // Step 3: the record, then the values.
    let detail = json!({
        "count": held.len(), "classes": classes(&held), "tokens": tokens, "events": total, "purpose": asked.purpose,
        "reason": asked.reason, "case": asked.case,
    });
    let ledger = app.record(&caller, "subject_exported", "subjects", detail).await?;
    let values = values_of(vault, &held, &events).await?;
    let events: Vec<Value> = events.iter().map(|event| shown(event, &values)).collect();
    let now = app.clock.now();
    let document = document(&held, &values, &events, total, now, &asked.reason);
    Ok(Json(json!({
        "exported": now, "held": rows(&held, &values), "events_total": total, "events_max": SUBJECT_EVENTS_MAX,
        "events": events, "document": document, "ledger": ledger,
    })))
}

/// The values behind the person's tokens, in every writing in which they stand in these events, and in the first; whole
/// texts stay tokens, others may stand in them.
async fn values_of(
    vault: &::policy::Vault,
    held: &[Held],
    events: &[SubjectEvent],
) -> Result<HashMap<Writing, String>, Problem> {
    let own: BTreeSet<_> = held.iter().map(|held| held.token).filter(|token| token.kind() != Kind::Text).collect();
    let standing =
        events.iter().flat_map(|event| writings_of(&event.held)).filter(|writing| own.contains(&writing.token));
    let first = own.iter().map(|token| Writing { token: *token, number: 0 });
    let wanted: BTreeSet<Writing> = standing.chain(first).collect();
    let wanted: Vec<Writing> = wanted.into_iter().collect();
    vault.reveal(&wanted).await.map_err(|error| problem_of(&error))
}

fn first<'v>(held: &Held, values: &'v HashMap<Writing, String>) -> Option<&'v String> {
    values.get(&Writing { token: held.token, number: 0 })
}

fn rows(held: &[Held], values: &HashMap<Writing, String>) -> Vec<Value> {
    let row = |held: &Held| {
        let (token, value) = (held.token.to_string(), first(held, values));
        json!({ "token": token, "class": held.token.kind().as_str(), "value": value, "writings": held.writings })
    };
    held.iter().map(row).collect()
}

/// The event's texts as they came, as far as they are the person's own.
fn shown(event: &SubjectEvent, values: &HashMap<Writing, String>) -> Value {
    let held = event.held.iter().filter(|(name, value)| *name != SPANS_FIELD && value.as_str().is_some());
    let names: BTreeSet<&str> = held.map(|(name, _)| name).collect();
    let texts = |name: &str| {
        let (mut texts, _) = field_restored(&event.held, name, values);
        texts.retain(|text| !text.is_empty());
        texts
    };
    let fields: BTreeMap<&str, Vec<String>> = names.into_iter().map(|name| (name, texts(name))).collect();
    json!({ "id": event.id, "time": event.time, "about": event.about, "fields": fields })
}

/// The readable form: Vietnamese with English beside (Markdown).
fn document(
    held: &[Held],
    values: &HashMap<Writing, String>,
    events: &[Value],
    total: u64,
    now: Timestamp,
    reason: &str,
) -> String {
    let mut text = format!(
        "# Dữ liệu cá nhân đang được lưu giữ\n*Personal data that is held*\n\n\
         | | |\n| --- | --- |\n| Lý do / *Reason* | {} |\n| Lập lúc / *Made* | {now} |\n\
         | Số sự kiện / *Events* | {total} |\n\n\
         ## Giá trị / *Values*\n\n| Loại / *Class* | Giá trị / *Value* |\n| --- | --- |\n",
        cell(reason)
    );
    for one in held {
        let value = first(one, values).map_or("…", String::as_str);
        text.push_str(&format!("| {} | {} |\n", one.token.kind().as_str(), cell(value)));
    }
    text.push_str(
        "\n## Sự kiện / *Events*\n\n\
         Chỉ hiện giá trị của chính chủ thể; người khác được thay bằng mã. *Only the person's own values are shown; others are \
         replaced by tokens.*\n\n| Lúc / *Time* | Nguồn / *Source* | Trường / *Field* | Nội dung / *Content* |\n\
         | --- | --- | --- | --- |\n",
    );
    for event in events.iter().take(LISTED_MAX) {
        let word = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
        for (name, texts) in event.get("fields").and_then(Value::as_object).into_iter().flatten() {
            for content in texts.as_array().into_iter().flatten().filter_map(Value::as_str) {
                let (time, source) = (word("/time"), word("/about/metrosoc.source.id"));
                text.push_str(&format!("| {time} | {} | `{name}` | {} |\n", cell(&source), cell(content)));
            }
        }
    }
    if total > LISTED_MAX as u64 {
        text.push_str(&format!(
            "\nLiệt kê {LISTED_MAX} sự kiện mới nhất trong {total}. *The newest {LISTED_MAX} of {total} events are listed.*\n"
        ));
    }
    text
}

/// A text of somebody else's in a cell of a table of Markdown.
fn cell(text: &str) -> String {
    let plain = text.chars().map(|found| match found {
        '|' | '<' | '>' | '`' => ' ',
        found if found.is_control() => ' ',
        found => found,
    });
    plain.take(CELL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_end_themselves() {
        for (text, expected) in [("a|b\nc", "a b c"), ("<script>", " script "), ("Nguyễn", "Nguyễn")] {
            assert_eq!(cell(text), expected);
        }
        assert_eq!(cell(&"x".repeat(1_000)).len(), CELL_CHARS_MAX);
    }
}

//! `metrosoc rules silent`: the rules that can never fire on what the platform has seen, and why.

use serde_json::Value;

use crate::cli::Context;
use crate::cli::output::table;

pub fn run(context: &Context) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer: Value = runtime.block_on(async { context.client()?.get("/api/v1/rules/silent").await })?;
    context.output.print(&answer, text_of)
}

fn text_of(answer: &Value) -> String {
    let text = |key: &str| answer.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let rules = answer.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Value> = rows(&rules);
    let mut told = table(&rows, &["id", "level", "why", "title"]);
    told.push_str(&format!(
        "{} of {} rules cannot fire on what {} log sources have shown since {}\n",
        rules.len(),
        text("total").unwrap_or_default(),
        text("sources_seen").unwrap_or_default(),
        text("since").unwrap_or_default(),
    ));
    told
}

fn rows(rules: &[Value]) -> Vec<Value> {
    let row = |one: &Value| {
        let rule = one.get("rule").cloned().unwrap_or_default();
        serde_json::json!({ "id": rule.get("id"), "level": rule.get("level"), "title": rule.get("title"), "why": why(one) })
    };
    rules.iter().map(row).collect()
}

/// The reason in words.
fn why(one: &Value) -> String {
    let text = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let list = |key: &str| {
        let items = one.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    match text("reason").as_str() {
        "source_never_seen" => format!("log source never seen: {}", text("logsource")),
        "fields_never_seen" => format!("field never seen: {}", list("fields")),
        _ => format!("its rules cannot fire: {}", list("rules")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reasons_are_told() {
        let rule = json!({ "id": "a", "title": "A rule", "level": "low" });
        let answer = json!({ "total": 9, "sources_seen": 2, "since": "2026-11-22T00:00:00Z", "rules": [
            { "rule": rule, "reason": "source_never_seen", "logsource": "squid/-/-" },
            { "rule": rule, "reason": "fields_never_seen", "logsource": "x/-/-", "fields": ["A", "B"] },
            { "rule": rule, "reason": "rules_silent", "rules": ["b"] },
        ] });
        let told = text_of(&answer);
        for part in ["log source never seen: squid/-/-", "field never seen: A, B", "its rules cannot fire: b"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(
            told.ends_with("3 of 9 rules cannot fire on what 2 log sources have shown since 2026-11-22T00:00:00Z\n")
        );
    }
}

//! A backtest from the command line: start it, tell how far it is, print what it found; Ctrl-C cancels it.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::cli::Context;
use crate::cli::output::table;
use crate::client::Client;
use crate::exit::{Failure, Status};

/// How often the server is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Between two lines where standard error is no terminal.
const LOOKS_PER_LINE: u32 = 30;
/// Most samples in text.
const SAMPLES_SHOWN: usize = 20;

/// Starts the job that `path` and `body` describe and waits for its end.
///
/// # Errors
/// [`Failure`] with the server's own words, also when it was cancelled.
pub async fn run(path: &str, body: &Value, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let started: Value = client.post(path, body).await?;
    let id = started.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let job = format!("/api/v1/rules/backtest/{id}");
    let answer = tokio::select! {
        answer = wait(&client, &job) => answer?,
        _ = tokio::signal::ctrl_c() => {
            clear_line();
            client.send::<Value>(Method::DELETE, &job, &Value::Null).await?;
            return Err(Failure::new(Status::Unavailable, "cancelled").into());
        }
    };
    let Some(result) = answer.get("result") else {
        let reason = answer.pointer("/problem/detail").and_then(Value::as_str).unwrap_or("it gave no result");
        return Err(Failure::new(Status::BadData, format!("backtest `{id}`: {reason}")).into());
    };
    context.output.print(result, text_of)
}

async fn wait(client: &Client, job: &str) -> anyhow::Result<Value> {
    let is_terminal = std::io::stderr().is_terminal();
    for look in 0_u32.. {
        let answer: Value = client.get(job).await?;
        let is_running = answer.get("state").and_then(Value::as_str) == Some("running");
        if !is_running {
            if is_terminal {
                clear_line();
            }
            return Ok(answer);
        }
        let line = progress_of(answer.get("progress").unwrap_or(&Value::Null));
        if is_terminal {
            write(&format!("\r\u{1b}[K{line}"));
        } else if look.is_multiple_of(LOOKS_PER_LINE) {
            write(&format!("{line}\n"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Value::Null)
}

fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    // When standard error is closed nobody listens.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn clear_line() {
    write("\r\u{1b}[K");
}

fn progress_of(progress: &Value) -> String {
    let number = |name: &str| progress.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let left = match progress.get("left_secs").and_then(Value::as_f64) {
        Some(secs) => format!("{secs:.0} s left"),
        None => "beginning".to_owned(),
    };
    format!(
        "{:.0} of {:.0} events, {:.0} read, {:.0} found, slice {:.0} of {:.0}, {:.0} events/s, {left}",
        number("scanned"),
        number("events_total"),
        number("candidates"),
        number("matched"),
        number("slices_done"),
        number("slices_total"),
        number("events_per_sec"),
    )
}

fn text_of(result: &Value) -> String {
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0);
    let rows = |pointer: &str| result.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut text = format!("{:.0} findings", number("/seen/total"));
    if result.pointer("/hidden/total").and_then(Value::as_u64).unwrap_or(0) > 0 {
        text.push_str(&format!(", {:.0} more hidden by exceptions", number("/hidden/total")));
    }
    text.push_str(&match result.get("alerts") {
        Some(_) => format!(", {:.0} alerts, {:.1} a day\n", number("/alerts/total"), number("/alerts/per_day")),
        None => "; alerts are grouped by fields that are masked for you\n".to_owned(),
    });
    text.push_str(&format!(
        "{:.0} events, {:.0} of them read, {:.1} s, {:.0} events/s\n",
        number("/work/events_total"),
        number("/work/candidates"),
        number("/work/elapsed_secs"),
        number("/work/events_per_sec"),
    ));
    for (title, pointer, column) in [
        ("by day", "/seen/by_day", "day"),
        ("by site", "/seen/by_site", "site"),
        ("hidden by day", "/hidden/by_day", "day"),
    ] {
        let rows = rows(pointer);
        if !rows.is_empty() {
            text.push_str(&format!("\n{title}\n{}", table(&rows, &[column, "count"])));
        }
    }
    for note in rows("/truncated") {
        text.push_str(&format!("\nnot whole: {}\n", note.as_str().unwrap_or_default()));
    }
    let samples = rows("/seen/samples");
    if !samples.is_empty() {
        let samples: Vec<Value> = samples.into_iter().take(SAMPLES_SHOWN).map(flat).collect();
        let columns = ["time", "rule", "event", "site", "host", "user"];
        text.push_str(&format!("\nnewest\n{}", table(&samples, &columns)));
    }
    text
}

/// A sample as a line of the table.
fn flat(sample: Value) -> Value {
    let field = |name: &str| sample.pointer("/hit/fields").and_then(|fields| fields.get(name)).cloned();
    let event = sample.get("events").and_then(Value::as_array).and_then(|events| events.last()).map(Value::to_string);
    serde_json::json!({
        "time": sample.get("time"), "rule": sample.get("rule"), "event": event,
        "site": field("metrosoc.site.id"), "host": field("host.name"), "user": field("user.name"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_told() {
        let result = json!({
            "seen": { "total": 3, "by_day": [{ "day": "2026-11-03", "count": 3 }], "by_site": [], "samples": [
                { "rule": "r", "time": "2026-11-03T00:00:00Z", "events": [7], "hit": { "fields": { "host.name": "h" } } },
            ] },
            "hidden": { "total": 1, "by_day": [] },
            "alerts": { "total": 2, "per_day": 2.0 },
            "work": { "events_total": 100, "candidates": 5, "elapsed_secs": 0.5, "events_per_sec": 200 },
            "truncated": [],
        });
        let text = text_of(&result);
        assert!(
            text.starts_with("3 findings, 1 more hidden by exceptions, 2 alerts, 2.0 a day\n100 events, 5 of"),
            "{text}"
        );
        assert!(text.contains("2026-11-03  3") && text.contains(" 7 "), "{text}");
    }

    #[test]
    fn progress_is_one_line() {
        let line = progress_of(&json!({ "scanned": 10, "events_total": 40, "events_per_sec": 5.0, "left_secs": 6.0 }));
        assert_eq!(line, "10 of 40 events, 0 read, 0 found, slice 0 of 0, 5 events/s, 6 s left");
    }
}

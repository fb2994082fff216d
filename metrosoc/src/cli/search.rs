//! `metrosoc search`: ask the server for events.

use reqwest::Method;
use serde_json::{Value, json};

use super::Context;
use crate::client::answer;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs a named user's token, on the server's own machine too: --token-file or METROSOC_TOKEN_FILE.
Examples:
  metrosoc search 'user.name:root AND event.outcome:failure' --from now-1h
  metrosoc search 'source.ip:2001:db8::/32' --limit 20 --json
  metrosoc search --grant 3f9a… 'event.outcome:failure'
  metrosoc search '\"Failed password\"' --from 2026-11-03T00:00:00Z --to 2026-11-04T00:00:00Z"
)]
pub struct Arguments {
    /// The query, in Lucene syntax as Kibana users know it
    #[arg(default_value = "*")]
    query: String,
    /// Earliest event time: RFC 3339 or relative such as `now-15m`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Latest event time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most hits
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// What for: a word of the policy's list of purposes
    #[arg(long, default_value = "", value_name = "P")]
    purpose: String,
    /// Through this grant: the data of another agency that a request opened (`metrosoc request list`)
    #[arg(long, value_name = "ID")]
    grant: Option<String>,
    /// In which case, for the record
    #[arg(long, value_name = "ID")]
    case: Option<event::CaseId>,
    /// Where the page before ended (`next` of its answer)
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let mut body = json!({ "query": arguments.query, "limit": arguments.limit, "purpose": arguments.purpose });
    if let Some(map) = body.as_object_mut() {
        let case = arguments.case.map(|case| case.to_string());
        let given = [("from", arguments.from), ("to", arguments.to), ("cursor", arguments.cursor), ("case", case)];
        for (name, value) in given {
            if let Some(value) = value {
                map.insert(name.to_owned(), value.into());
            }
        }
    }
    let mut request = context.client()?.request(Method::POST, "/api/v1/search").json(&body);
    if let Some(grant) = arguments.grant {
        request = request.header("metrosoc-grant", grant);
    }
    let answer: Value = answer(request).await?;
    context.output.print(&answer, text_of)?;
    let total = answer.get("total").and_then(Value::as_u64).unwrap_or(0);
    let took = answer.get("took_ms").and_then(Value::as_f64).unwrap_or(0.0);
    if !context.output.json {
        context.output.say(format!("{total} events, {took:.1} ms"));
    }
    Ok(())
}

fn text_of(answer: &Value) -> String {
    let hits = answer.get("hits").and_then(Value::as_array);
    hits.into_iter().flatten().map(line_of).collect()
}

fn line_of(hit: &Value) -> String {
    let field = |name: &str| hit.get("fields").and_then(|fields| fields.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or("-");
    let time = hit.get("time").and_then(Value::as_str).unwrap_or("-");
    let message = field("event.original").or_else(|| field("message")).and_then(Value::as_str);
    let rest = message.map_or_else(
        || hit.get("fields").map(Value::to_string).unwrap_or_default(),
        |message| message.trim_end().to_owned(),
    );
    format!("{time}  {}  {}  {rest}\n", text("metrosoc.site.id"), text("host.name"))
}

//! `metrosoc rules except`: hide findings that are known to be harmless, list what is hidden, end it.

use std::time::Duration;

use event::{Clock as _, ExceptionId, Level, RuleId, SystemClock, Timestamp, UserName};
use serde_json::{Map, Value, json};

use super::hunt;
use crate::cli::Context;
use crate::cli::output::table;
use crate::exit::{Failure, Status};

/// When the draft of a preview would end.
const PREVIEW_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Hide findings of rules, or of a level, where the fields hold
    #[command(after_help = "Fields are written as in a Sigma rule; the same field again adds a value.
Example: metrosoc rules except add --rule c498b6e7-3648-445e-9afa-3a387f006745 \\
  --field user.name=backup --field 'host.name|startswith=srv-' \\
  --reason 'The backup agent asks for its rights each night' --expires now+90d")]
    Add {
        /// A rule's id; several are possible
        #[arg(long = "rule", value_name = "ID", required_unless_present = "level", conflicts_with = "level")]
        rules: Vec<RuleId>,
        /// Or the level of all of them
        #[arg(long, value_parser = level)]
        level: Option<Level>,
        /// What must hold, `FIELD|MODIFIERS=VALUE`
        #[arg(long = "field", value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        /// Why; whoever reads it next year must understand it
        #[arg(long)]
        reason: String,
        /// Who answers for it; you without
        #[arg(long)]
        owner: Option<UserName>,
        /// When it ends: RFC 3339 or now+90d, one year ahead at the most
        #[arg(long, value_name = "TIME")]
        expires: String,
    },
    /// Say what an exception would have hidden in the last 30 days, before it is added
    #[command(after_help = "Needs a named user's token. Ctrl-C cancels it.
Example: metrosoc rules except preview --rule c498b6e7-3648-445e-9afa-3a387f006745 --field user.name=backup")]
    Preview {
        /// A rule's id; several are possible
        #[arg(long = "rule", value_name = "ID", required_unless_present = "level", conflicts_with = "level")]
        rules: Vec<RuleId>,
        /// Or the level of all of them
        #[arg(long, value_parser = level)]
        level: Option<Level>,
        /// What must hold, `FIELD|MODIFIERS=VALUE`
        #[arg(long = "field", value_name = "FIELD=VALUE", required = true)]
        fields: Vec<String>,
        /// What for: a word of the policy's list of purposes
        #[arg(long, default_value = "", value_name = "P")]
        purpose: String,
        /// Most samples
        #[arg(long, default_value_t = 50, value_name = "N")]
        samples: usize,
    },
    /// List exceptions, expired and withdrawn ones too, with what each has hidden
    List,
    /// End an exception before its date
    Withdraw {
        /// Its id
        id: ExceptionId,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

fn level(text: &str) -> Result<Level, String> {
    Level::parse(text).ok_or_else(|| "not one of informational, low, medium, high, critical".to_owned())
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_online(command, context))
}

async fn run_online(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Preview { rules, level, fields, purpose, samples } => {
            let exception = json!({
                "rules": rules, "level": level, "fields": fields_of(&fields)?, "reason": "preview, not added",
                "expires": SystemClock.now().plus(PREVIEW_LIFE),
            });
            let body = json!({ "exception": exception, "purpose": purpose, "samples": samples });
            hunt::run("/api/v1/exceptions/preview", &body, context).await
        }
        Command::Add { rules, level, fields, reason, owner, expires } => {
            let expires = Timestamp::parse(&expires, SystemClock.now()).map_err(|error| usage(error.to_string()))?;
            let body = json!({
                "rules": rules, "level": level, "fields": fields_of(&fields)?, "reason": reason, "owner": owner,
                "expires": expires,
            });
            let answer: Value = client.post("/api/v1/exceptions", &body).await?;
            context.output.print(&answer, |answer| told(answer, "in force until", "/exception/expires"))
        }
        Command::List => {
            let answer: Value = client.get("/api/v1/exceptions").await?;
            context.output.print(&answer, |answer| {
                let rows = answer.get("exceptions").and_then(Value::as_array).cloned().unwrap_or_default();
                let rows: Vec<Value> = rows.iter().map(row).collect();
                table(&rows, &["id", "state", "hidden", "target", "fields", "owner", "expires", "reason"])
            })
        }
        Command::Withdraw { id, reason } => {
            let path = format!("/api/v1/exceptions/{id}/withdraw");
            let answer: Value = client.post(&path, &json!({ "reason": reason })).await?;
            context.output.print(&answer, |answer| told(answer, "withdrawn at", "/exception/withdrawn/time"))
        }
    }
}

fn usage(message: String) -> anyhow::Error {
    Failure::new(Status::Usage, message).into()
}

/// `FIELD=VALUE` pairs as a map; a field that stands twice has a list.
fn fields_of(pairs: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut fields: Map<String, Value> = Map::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(usage(format!("`{pair}` is not `FIELD=VALUE`")));
        };
        let value = Value::from(value);
        match fields.get_mut(key) {
            None => {
                fields.insert(key.to_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(single) => *single = Value::Array(vec![single.take(), value]),
        }
    }
    Ok(fields)
}

fn told(answer: &Value, what: &str, pointer: &str) -> String {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    format!("{} {what} {}\n", text("/exception/id"), text(pointer))
}

/// What a line of the list shows.
fn row(exception: &Value) -> Value {
    let target = match (exception.pointer("/target/rules"), exception.pointer("/target/level")) {
        (Some(rules), _) => rules.clone(),
        (None, Some(level)) => json!(format!("level {}", level.as_str().unwrap_or("-"))),
        (None, None) => Value::Null,
    };
    let mut row = exception.clone();
    if let Some(map) = row.as_object_mut() {
        let fields = map.get("fields").map(ToString::to_string).unwrap_or_default();
        map.insert("fields".to_owned(), Value::from(fields));
        map.insert("target".to_owned(), target);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_a_map() {
        let pairs = |pairs: &[&str]| fields_of(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>());
        let fields = pairs(&["user.name=backup", "a|contains=x=y", "a|contains=z", "a|contains="]).unwrap();
        assert_eq!(json!(fields), json!({ "user.name": "backup", "a|contains": ["x=y", "z", ""] }));
        assert_eq!(pairs(&["user.name"]).unwrap_err().to_string(), "`user.name` is not `FIELD=VALUE`");
    }

    #[test]
    fn rows_tell_their_target() {
        let level = row(&json!({ "id": "ex-1", "target": { "level": "low" }, "fields": { "a": "x" } }));
        assert_eq!((level["target"].as_str(), level["fields"].as_str()), (Some("level low"), Some(r#"{"a":"x"}"#)));
        assert_eq!(row(&json!({ "target": { "rules": ["r1"] } }))["target"], json!(["r1"]));
    }
}

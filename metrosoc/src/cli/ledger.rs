//! `metrosoc ledger`: check the append-only record, with or without a server.

use serde_json::{Value, json};

use super::Context;
use crate::client::SOCKET_NAME;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read the whole record again and name the first thing that is wrong
    #[command(after_help = "Works on the files in --data; no server is needed. Exit code 65 when something is wrong.")]
    Verify,
    /// Prove that an entry is in the record (asks the server)
    Prove {
        /// Number of the entry, from 0
        entry: u64,
    },
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let folder = context.data.join("ledger");
    match command {
        // A running server's own writer is ahead of its files by what it has not acknowledged: ask it.
        Command::Verify if context.data.join(SOCKET_NAME).exists() => {
            let answer: Value = context.client()?.post("/api/v1/ledger/verify", &json!({})).await?;
            report(context, &answer)
        }
        Command::Verify => {
            let answer = match ::ledger::verify(&folder, None) {
                Ok(report) => {
                    json!({ "sound": true, "entries": report.entries, "root": hex::encode(report.root), "fault": null })
                }
                Err(fault) => json!({ "sound": false, "fault": fault.to_string() }),
            };
            report(context, &answer)
        }
        Command::Prove { entry } => {
            let answer: Value = context.client()?.get(&format!("/api/v1/ledger/proof/{entry}")).await?;
            context
                .output
                .print(&answer, |answer| serde_json::to_string_pretty(answer).unwrap_or_else(|error| error.to_string()))
        }
    }
}

fn report(context: &Context, answer: &Value) -> anyhow::Result<()> {
    let sound = answer.get("sound").and_then(Value::as_bool).unwrap_or(false);
    context.output.print(answer, |answer| {
        let text = |name: &str| answer.get(name).map(Value::to_string).unwrap_or_default();
        if sound {
            format!("sound: {} entries, root {}\n", text("entries"), text("root").trim_matches('"'))
        } else {
            String::new()
        }
    })?;
    if sound {
        return Ok(());
    }
    let fault = answer.get("fault").and_then(Value::as_str).unwrap_or("unknown fault");
    Err(Failure::new(Status::BadData, format!("the ledger is not sound: {fault}")).into())
}

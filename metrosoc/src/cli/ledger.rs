//! `metrosoc ledger`: check the append-only record, with or without a server.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use crate::api::ledger::told;
use crate::api::problem::chain;
use crate::client::SOCKET_NAME;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read the whole record again and name the first thing that is wrong
    #[command(after_help = "Works on the files in --data; no server is needed. Exit code 65 when something is wrong.
With --checkpoint, a record whose end was cut off or that was replaced is found too: keep checkpoints elsewhere
(`ledger.mirror` in the configuration, or GET /ledger/checkpoint).")]
    Verify {
        /// A checkpoint that was kept elsewhere; the record must continue it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Prove that an event stands in the record as it is stored (asks the server)
    #[command(
        after_help = "Prints JSON: salt, stored bytes, the way to the batch's root, the batch's entry, the way to the signed checkpoint.
Salt and stored bytes are given to a named user who sees all of the event: --token-file or METROSOC_TOKEN_FILE.
`tests/verify_proof.py` checks it with nothing but Python."
    )]
    Prove {
        /// Id of the event
        #[arg(required_unless_present = "entry")]
        event: Option<u64>,
        /// Prove an entry of the record instead, by its number from 0
        #[arg(long, value_name = "N", conflicts_with = "event")]
        entry: Option<u64>,
    },
    /// Prove that the record went from one checkpoint to another without a change behind
    #[command(after_help = "Works on the files in --data; no server is needed. Exit code 65 when it did not.")]
    Consistency {
        /// The older checkpoint, a signed note
        old: PathBuf,
        /// The newer one
        new: PathBuf,
    },
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let folder = context.data.join("ledger");
    match command {
        Command::Verify { checkpoint } => {
            let note = checkpoint.map(|path| note(&path)).transpose()?;
            // A running server's own writer is ahead of its files by what it has not acknowledged: ask it.
            let answer = if context.data.join(SOCKET_NAME).exists() {
                context.client()?.post("/api/v1/ledger/verify", &json!({ "checkpoint": note })).await?
            } else {
                told(match note {
                    Some(note) => ::ledger::verify_against(&folder, None, &note),
                    None => ::ledger::verify(&folder, None),
                })
            };
            report(context, &answer)
        }
        Command::Prove { event, entry } => {
            let path = match (event, entry) {
                (Some(event), _) => format!("/api/v1/ledger/events/{event}"),
                (None, entry) => format!("/api/v1/ledger/proof/{}", entry.unwrap_or_default()),
            };
            let answer: Value = context.client()?.get(&path).await?;
            print(context, &answer)
        }
        Command::Consistency { old, new } => match ::ledger::consistency(&folder, None, &note(&old)?, &note(&new)?) {
            Ok(proof) => print(context, &json!(proof)),
            Err(fault) => Err(unsound(&chain(&fault))),
        },
    }
}

fn note(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("checkpoint `{}`", path.display()))
}

fn print(context: &Context, answer: &Value) -> anyhow::Result<()> {
    context
        .output
        .print(answer, |answer| serde_json::to_string_pretty(answer).unwrap_or_else(|error| error.to_string()))
}

fn unsound(fault: &str) -> anyhow::Error {
    Failure::new(Status::BadData, format!("the ledger is not sound: {fault}")).into()
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
    Err(unsound(answer.get("fault").and_then(Value::as_str).unwrap_or("unknown fault")))
}

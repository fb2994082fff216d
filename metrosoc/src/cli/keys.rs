//! `metrosoc keys`: which keys everything is sealed under, and new ones while the server works.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Context;
use crate::client::Client;
use crate::exit::{Failure, Status};

/// How often is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Marks and generations of keys, and how far a rotation is; never a key
    Status,
    /// Replace keys; the new ones are in force at once, what the old ones sealed is sealed anew in the background
    #[command(
        after_help = "The server works on meanwhile, and goes on after a stop. The old keys are destroyed at the end.
A backup from before opens with the master key of its time alone: keep that apart as long as the backup, and make a new one.
Examples:
  metrosoc keys rotate all --wait
  metrosoc keys rotate master"
    )]
    Rotate {
        /// Which
        keys: Which,
        /// Wait until the old ones are destroyed
        #[arg(long)]
        wait: bool,
    },
}

/// Which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The one outside the data directory, which wraps the others
    Master,
    /// Those that seal what is stored
    Sealing,
    /// Those under which values are found again and hashed for recipients
    LookUp,
    /// All of these
    All,
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Status => {
            let answer: Value = client.get("/api/v1/keys").await?;
            context.output.print(&answer, text)
        }
        Command::Rotate { keys, wait } => {
            let keys = keys.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let mut answer: Value = client.post("/api/v1/keys/rotate", &json!({ "keys": keys })).await?;
            if wait {
                answer = wait_for_end(&client, context).await?;
            }
            context.output.print(&answer, text)
        }
    }
}

async fn wait_for_end(client: &Client, context: &Context) -> anyhow::Result<Value> {
    let mut said = String::new();
    loop {
        let answer: Value = client.get("/api/v1/keys").await?;
        if !is_underway(&answer) {
            return Ok(answer);
        }
        let rotation = answer.get("rotation").cloned().unwrap_or_default();
        if let Some(fault) = rotation.get("fault").and_then(Value::as_str) {
            let way = "the server tries again; `metrosoc keys status` says how far it is";
            return Err(Failure::new(Status::Unavailable, format!("{fault}; {way}")).into());
        }
        let line = progress(&rotation);
        if line != said {
            context.output.say(line.clone());
            said = line;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Whether older generations are still there.
fn is_underway(answer: &Value) -> bool {
    let generations = answer.pointer("/keys/generations").and_then(Value::as_object);
    generations.is_some_and(|kinds| kinds.values().any(|of_kind| of_kind.as_array().is_some_and(|all| all.len() > 1)))
}

fn progress(rotation: &Value) -> String {
    let word = |name: &str| rotation.get(name).and_then(Value::as_str).unwrap_or("waiting").to_owned();
    let number = |name: &str| rotation.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!("{}: {} {} of {}", word("keys"), word("part"), number("done"), number("total"))
}

fn text(answer: &Value) -> String {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut text = format!("master   {}\n", word(answer.pointer("/keys/master")));
    let kinds = answer.pointer("/keys/generations").and_then(Value::as_object).cloned().unwrap_or_default();
    for (kind, generations) in &kinds {
        for one in generations.as_array().into_iter().flatten() {
            text.push_str(&format!("{kind:<8} {}  since {}\n", word(one.get("id")), word(one.get("created"))));
        }
    }
    if is_underway(answer) {
        let rotation = answer.get("rotation").cloned().unwrap_or_default();
        text.push_str(&format!("under way: {}\n", progress(&rotation)));
        if let Some(fault) = rotation.get("fault").and_then(Value::as_str) {
            text.push_str(&format!("does not go on: {fault}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_is_in_force_and_how_far_it_is() {
        let generation = |id: &str| json!({ "id": id, "created": "2026-11-23T00:00:00Z" });
        let answer = |sealing: Value, fault: Value| {
            json!({
                "keys": { "master": "ab12", "generations": { "look-up": [generation("01")], "sealing": sealing } },
                "rotation": { "keys": "sealing", "part": "spool", "done": 3, "total": 9, "fault": fault },
            })
        };
        let done = text(&answer(json!([generation("02")]), Value::Null));
        assert_eq!(
            done,
            "master   ab12\nlook-up  01  since 2026-11-23T00:00:00Z\nsealing  02  since 2026-11-23T00:00:00Z\n"
        );
        let underway = text(&answer(json!([generation("02"), generation("03")]), json!("the disk is full")));
        assert!(underway.contains("under way: sealing: spool 3 of 9\n"), "{underway}");
        assert!(underway.ends_with("does not go on: the disk is full\n"), "{underway}");
    }
}

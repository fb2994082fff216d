//! `metrosoc respond`: response plans and blocks.

use event::PlanId;
use serde_json::{Value, json};

use super::Context;
use super::output::table;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List plans, newest first
    Plan,
    /// Carry a plan out
    Run {
        /// The plan
        plan: PlanId,
    },
    /// Take back what a plan did
    Undo {
        /// The plan
        plan: PlanId,
    },
    /// Say whether actions are enabled, what the kernel can do, and what is blocked now
    Status,
    /// Make the kernel's blocks agree with the journal
    Reconcile,
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Plan => {
            let answer: Value = client.get("/api/v1/responses").await?;
            let rows = answer.get("plans").and_then(Value::as_array).cloned().unwrap_or_default();
            let columns = ["id", "playbook", "status", "action.address", "reason", "created"];
            context.output.print(&rows, |rows| table(rows, &columns))
        }
        Command::Run { plan } => {
            show(context, client.post(&format!("/api/v1/responses/{plan}/run"), &json!({})).await?)
        }
        Command::Undo { plan } => {
            show(context, client.post(&format!("/api/v1/responses/{plan}/undo"), &json!({})).await?)
        }
        Command::Status => show(context, client.get("/api/v1/responses/status").await?),
        Command::Reconcile => show(context, client.post("/api/v1/responses/reconcile", &json!({})).await?),
    }
}

fn show(context: &Context, answer: Value) -> anyhow::Result<()> {
    context
        .output
        .print(&answer, |answer| serde_json::to_string_pretty(answer).unwrap_or_else(|error| error.to_string()))
}

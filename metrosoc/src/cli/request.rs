//! `metrosoc request`: asking for data of other agencies, and deciding about it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use super::output::table;

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "A request is JSON:
  {\"agency\": \"so-tu-phap\", \"purpose\": \"agency-review\", \"reason\": \"the shared gateway\",
   \"terms\": {\"datasets\": [], \"fields\": [\"source.ip\"], \"filter\": \"event.outcome:failure\",
             \"from\": \"2026-12-01T00:00:00Z\", \"until\": \"2026-12-31T00:00:00Z\", \"people\": [\"lan\"]}}
What was granted is seen with `metrosoc search --grant ID`, or the header `metrosoc-grant: ID` on searches.

All of these need somebody's token (`--token-file F`).")]
pub enum Command {
    /// Ask, with what a file says
    Submit {
        /// JSON, as below
        file: PathBuf,
    },
    /// List requests that you asked, decide on, or that concern your agency
    List {
        /// asked, approved, narrowed, refused, withdrawn, expired or renewed
        #[arg(long)]
        state: Option<String>,
    },
    /// Show one with its history
    Show {
        /// The request
        id: String,
    },
    /// Print the transfer agreement of a grant (Markdown, Vietnamese and English)
    Agreement {
        /// The request
        id: String,
    },
    /// Approve
    Approve {
        /// The request
        id: String,
    },
    /// Grant less than was asked
    Narrow {
        /// The request
        id: String,
        /// JSON with what is left of the terms
        file: PathBuf,
        /// Why not all
        #[arg(long)]
        reason: String,
    },
    /// Refuse
    Refuse {
        /// The request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// On which legal basis
        #[arg(long)]
        basis: String,
    },
    /// Take a request or a grant back
    Withdraw {
        /// The request
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Let somebody else decide
    Delegate {
        /// The request
        id: String,
        /// Whom
        #[arg(long)]
        to: String,
    },
    /// Ask for the same again until another time
    Renew {
        /// The request
        id: String,
        /// Until when (RFC 3339)
        #[arg(long)]
        until: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let (path, body) = match command {
        Command::List { state } => {
            let query = state.map(|state| format!("?state={state}")).unwrap_or_default();
            let answer: Value = client.get(&format!("/api/v1/requests{query}")).await?;
            let columns = ["id", "state", "asked_by", "asked_from", "agency", "purpose", "terms.until", "due"];
            let rows = answer.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
            return context.output.print(&answer, |_| table(&rows, &columns));
        }
        Command::Show { id } => {
            let answer: Value = client.get(&format!("/api/v1/requests/{id}")).await?;
            return told(&answer, context);
        }
        Command::Agreement { id } => {
            let page = client.text(&format!("/api/v1/requests/{id}/agreement")).await?;
            return context.output.print(&json!({ "agreement": page }), |_| page.clone());
        }
        Command::Submit { file } => (String::new(), read(&file)?),
        Command::Approve { id } => (format!("/{id}/approve"), json!({})),
        Command::Narrow { id, file, reason } => {
            (format!("/{id}/narrow"), json!({ "reason": reason, "to": read(&file)? }))
        }
        Command::Refuse { id, reason, basis } => (format!("/{id}/refuse"), json!({ "reason": reason, "basis": basis })),
        Command::Withdraw { id, reason } => (format!("/{id}/withdraw"), json!({ "reason": reason })),
        Command::Delegate { id, to } => (format!("/{id}/delegate"), json!({ "to": to })),
        Command::Renew { id, until, reason } => (format!("/{id}/renew"), json!({ "until": until, "reason": reason })),
    };
    let answer: Value = client.post(&format!("/api/v1/requests{path}"), &body).await?;
    told(&answer, context)
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("request `{}`", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("request `{}` is no JSON", file.display()))
}

fn told(answer: &Value, context: &Context) -> anyhow::Result<()> {
    context.output.print(answer, |answer| {
        let text = |name: &str| answer.pointer(&format!("/request/{name}")).and_then(Value::as_str).unwrap_or_default();
        let mut lines = format!(
            "request {} of `{}` for data of `{}` until {}: {}\n",
            text("id"),
            text("asked_by"),
            text("agency"),
            text("terms/until"),
            text("state")
        );
        let steps = answer.pointer("/request/history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for step in steps {
            let part = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
            lines.push_str(&format!("  {}  {}  {}  {}\n", part("time"), part("by"), part("action"), part("text")));
        }
        lines
    })
}

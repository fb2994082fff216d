//! `metrosoc subject`: what is held on a person, handing it over, restricting it, and what persons ask for.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use super::output::table;
use super::shred::{held, values};

/// Whose data, and why.
#[derive(Debug, clap::Args)]
pub struct Whose {
    /// Files with the values of one person, one a line; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Why, such as the number of the request; recorded for ever
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What for: a word of the policy's list of purposes
    #[arg(long, value_name = "P")]
    purpose: Option<String>,
    /// In which case
    #[arg(long, value_name = "ID")]
    case: Option<event::CaseId>,
}

impl Whose {
    fn body(&self) -> anyhow::Result<Value> {
        Ok(json!({
            "values": values(&self.values)?, "reason": self.reason, "purpose": self.purpose, "case": self.case,
        }))
    }
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Values stand in a file or on standard input, never on the command line.
All of these need a named user's token, on the server's own machine too: --token-file or METROSOC_TOKEN_FILE.
Examples:
  metrosoc subject request add access --reference 'đơn số 12/2026' values.txt
  metrosoc subject export --reason 'đơn số 12/2026' --out person.json --document person.md values.txt
  metrosoc subject restrict --reason 'đơn số 13/2026' - < values.txt
  metrosoc subject request form 8c1f… > form.md")]
pub enum Command {
    /// What is held on a person, by token and class
    Find(Whose),
    /// Hand over what is held: the person's own values and where they stand
    Export {
        #[command(flatten)]
        whose: Whose,
        /// Write the JSON to this file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write the readable document (Markdown, Vietnamese and English) to this file
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
    },
    /// Stop processing: the person's events are withheld from everybody whom the policy does not name
    Restrict(Whose),
    /// List restrictions
    Restrictions,
    /// Lift a restriction
    Lift {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// What persons asked for, and breaches to report, with the clocks of the law
    #[command(subcommand)]
    Request(Request),
}

#[derive(Debug, clap::Subcommand)]
pub enum Request {
    /// List, with what is owed and by when
    List,
    /// Take one in: access, rectify (10 days), restrict (15), erase (20), breach (72 hours)
    Add {
        /// access, rectify, restrict, erase or breach
        kind: String,
        /// Number or title of the paper; never a name
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// When it came in, or the breach was found (RFC 3339); now when left out
        #[arg(long, value_name = "TIME")]
        received: Option<String>,
        /// Files with the person's values; their tokens are kept, the values are not
        #[arg(value_name = "FILE")]
        values: Vec<PathBuf>,
    },
    /// Receipt was confirmed to who asked
    Acknowledge {
        /// Its id
        id: String,
    },
    /// Put the answer off, once, by as long again
    Extend {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// It was done (`fulfilled`), `refused` with reason and basis, or `withdrawn`
    Close {
        /// Its id
        id: String,
        /// fulfilled, refused or withdrawn
        outcome: String,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        /// On which legal basis
        #[arg(long, default_value = "")]
        basis: String,
    },
    /// Print the form that is needed next, filled in (Markdown, Vietnamese and English)
    Form {
        /// Its id
        id: String,
        /// acknowledgement, extension, answer, refusal or breach-report
        #[arg(long)]
        name: Option<String>,
    },
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Find(whose) => {
            let found: Value = client.post("/api/v1/subjects/find", &whose.body()?).await?;
            context.output.print(&found, held)
        }
        Command::Export { whose, out, document } => {
            let body = whose.body()?;
            let out = out.as_deref().map(create).transpose()?;
            let document = document.as_deref().map(create).transpose()?;
            let found: Value = client.post("/api/v1/subjects/export", &body).await?;
            let text = found.get("document").and_then(Value::as_str).unwrap_or_default();
            if let Some(mut file) = document {
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("the document")?;
            }
            match out {
                Some(mut file) => {
                    let bytes = serde_json::to_vec_pretty(&found)?;
                    file.write_all(&bytes).and_then(|()| file.sync_all()).context("the export")
                }
                None => context.output.print(&found, |_| text.to_owned()),
            }
        }
        Command::Restrict(whose) => {
            let answer: Value = client.post("/api/v1/subjects/restrictions", &whose.body()?).await?;
            context.output.print(&answer, |answer| {
                let id = answer.pointer("/restriction/id").and_then(Value::as_str).unwrap_or_default();
                format!("restricted {id}\n")
            })
        }
        Command::Restrictions => {
            let answer: Value = client.get("/api/v1/subjects/restrictions").await?;
            context.output.print(&answer, |answer| {
                let rows = answer.get("restrictions").and_then(Value::as_array).cloned().unwrap_or_default();
                table(&rows, &["id", "since", "set_by", "reason", "lifted"])
            })
        }
        Command::Lift { id, reason } => {
            client.post(&format!("/api/v1/subjects/restrictions/{id}/lift"), &json!({ "reason": reason })).await
        }
        Command::Request(request) => asked(request, context).await,
    }
}

async fn asked(request: Request, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let path = |id: &str, step: &str| format!("/api/v1/subjects/requests/{id}/{step}");
    let answer: Value = match request {
        Request::List => {
            let answer: Value = client.get("/api/v1/subjects/requests").await?;
            return context.output.print(&answer, |answer| {
                let rows = answer.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
                table(&rows.iter().map(flat).collect::<Vec<_>>(), &["id", "kind", "reference", "state", "owed"])
            });
        }
        Request::Form { id, name } => {
            let name = name.map(|name| format!("?name={name}")).unwrap_or_default();
            let text = client.text(&format!("{}{name}", path(&id, "form"))).await?;
            return context.output.print(&json!({ "form": text }), |_| text.clone());
        }
        Request::Add { kind, reference, received, values: files } => {
            let mut body = json!({ "kind": kind, "reference": reference, "values": values(&files)? });
            if let (Some(map), Some(received)) = (body.as_object_mut(), received) {
                map.insert("received".to_owned(), received.into());
            }
            client.post("/api/v1/subjects/requests", &body).await?
        }
        Request::Acknowledge { id } => client.post(&path(&id, "acknowledge"), &json!({})).await?,
        Request::Extend { id, reason } => client.post(&path(&id, "extend"), &json!({ "reason": reason })).await?,
        Request::Close { id, outcome, reason, basis } => {
            let body = json!({ "outcome": outcome, "reason": reason, "basis": basis });
            client.post(&path(&id, "close"), &body).await?
        }
    };
    context.output.print(&answer, |answer| {
        let request = answer.get("request").map(flat).unwrap_or_default();
        table(&[request], &["id", "kind", "reference", "state", "owed"])
    })
}

/// A request with what is owed as one text.
fn flat(request: &Value) -> Value {
    let mut flat = request.clone();
    let owed = request.get("owed").and_then(Value::as_array).cloned().unwrap_or_default();
    let word = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let owed: Vec<String> = owed.iter().map(|one| format!("{} by {}", word(one, "duty"), word(one, "by"))).collect();
    if let Some(map) = flat.as_object_mut() {
        map.insert("owed".to_owned(), owed.join(", ").into());
    }
    flat
}

fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("`{}`", path.display()))
}

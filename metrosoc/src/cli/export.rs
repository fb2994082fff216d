//! `metrosoc export`: events for somebody else, with tokens of his own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::json;

use super::Context;
use crate::client::refusal;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs a named user's token, on the server's own machine too: --token-file or METROSOC_TOKEN_FILE.
Each recipient gets pseudonyms of his own: the same in all that he gets, and of no use beside what others got.
Examples:
  metrosoc export 'event.outcome:failure' --from now-1d --recipient so-y-te --purpose incident-response --out events.ndjson
  metrosoc export --csv --field @timestamp --field user.name --recipient kiem-toan --purpose agency-review --out events.csv"
)]
pub struct Arguments {
    /// The query, as in `metrosoc search`
    #[arg(default_value = "*")]
    query: String,
    /// Earliest event time: RFC 3339 or relative such as `now-15m`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Latest event time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Who gets it: an agency or another name
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// What for: a word of the policy's list of purposes
    #[arg(long, value_name = "P")]
    purpose: String,
    /// In which case, for the record
    #[arg(long, value_name = "ID")]
    case: Option<event::CaseId>,
    /// A field that is exported; may be repeated; every one that you see without
    #[arg(long, value_name = "NAME")]
    field: Vec<String>,
    /// CSV instead of a line of JSON for each event
    #[arg(long, requires = "field")]
    csv: bool,
    /// Write into this file (mode 0600), which must not be there yet; standard output without
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let body = json!({
        "query": arguments.query, "from": arguments.from, "to": arguments.to, "purpose": arguments.purpose,
        "case": arguments.case, "recipient": arguments.recipient, "fields": arguments.field,
    });
    let form = if arguments.csv { "text/csv" } else { "application/x-ndjson" };
    let request = context.client()?.request(Method::POST, "/api/v1/events/export").header("accept", form).json(&body);
    let mut response = request.send().await.map_err(crate::client::unreachable_server)?;
    let status = response.status();
    if !status.is_success() {
        let body = response.bytes().await.context("reading the answer")?;
        return Err(refusal(status.as_u16(), &body).into());
    }
    let mut out: Box<dyn std::io::Write> = match &arguments.out {
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("`{}`", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let mut bytes = 0;
    while let Some(part) = response.chunk().await.context("the export was broken off; what was written is not whole")? {
        out.write_all(&part).context("writing the export")?;
        bytes += part.len();
    }
    out.flush().context("writing the export")?;
    context.output.say(format!("{bytes} bytes for `{}`", arguments.recipient));
    Ok(())
}

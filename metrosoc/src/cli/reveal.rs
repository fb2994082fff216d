//! `metrosoc reveal`: asking for the values of pseudonyms, deciding, taking them, breaking the glass, reviewing that.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Context;
use super::output::table;
use crate::client::answer;
use crate::exit::{Failure, Status};

/// The header in which the code of the second factor comes with a token.
const CODE_HEADER: &str = "metrosoc-code";

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "All of these need somebody's token (--token-file or METROSOC_TOKEN_FILE), on the server's own machine too.
`take` and `break-glass` need a code of the second factor as well: --code, or it is asked for at the terminal.
Examples:
  metrosoc reveal ask --agency so-y-te --case case-9 --reason 'to warn them' pun7d2k9xq4m8r3ttab
  metrosoc reveal ask --agency so-y-te --case case-9 --reason 'the whole line' --event 812 --field event.original
  metrosoc reveal approve 3f9a…
  metrosoc reveal take 3f9a… --code 123456
  metrosoc reveal review 3f9a… --justified --finding 'minutes counted'"
)]
pub enum Command {
    /// Ask for values: of pseudonyms, or of fields of events, which are given back as they came
    Ask(Wanted),
    /// The same at once; the data-protection officer is told, and it must be reviewed
    BreakGlass {
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        factor: Factor,
    },
    /// List reveals that you asked for or decide on
    List {
        /// asked, approved, refused, withdrawn or ended
        #[arg(long)]
        state: Option<String>,
    },
    /// Show one with its history
    Show {
        /// The reveal
        id: String,
    },
    /// Agree
    Approve {
        /// The reveal
        id: String,
    },
    /// Do not agree
    Refuse {
        /// The reveal
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End it: who asked, or who decides
    Withdraw {
        /// The reveal
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Print the values, for who asked and while it stands; each is recorded
    Take {
        /// The reveal
        id: String,
        #[command(flatten)]
        factor: Factor,
    },
    /// Say what looking back at a use of break-glass found
    #[command(group = clap::ArgGroup::new("verdict").required(true))]
    Review {
        /// The reveal
        id: String,
        /// It was right
        #[arg(long, group = "verdict")]
        justified: bool,
        /// It was not
        #[arg(long, group = "verdict")]
        unjustified: bool,
        /// What was found
        #[arg(long, value_name = "TEXT")]
        finding: String,
    },
}

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// Pseudonyms, as searches and alerts show them
    #[arg(value_name = "TOKEN", required_unless_present = "event")]
    tokens: Vec<String>,
    /// Whose data it is
    #[arg(long, value_name = "ID")]
    agency: event::AgencyId,
    /// An event in which the pseudonyms stand; may be repeated
    #[arg(long, value_name = "ID", requires = "field")]
    event: Vec<u64>,
    /// A field of those events that is given back as it came, such as `event.original`; may be repeated
    #[arg(long, value_name = "NAME", requires = "event")]
    field: Vec<String>,
    /// What for: a word of the policy's list of purposes
    #[arg(long, value_name = "P", default_value = "incident-response")]
    purpose: String,
    /// The legal basis; the purpose's own without
    #[arg(long, value_name = "ID", default_value = "")]
    basis: String,
    /// In which case
    #[arg(long, value_name = "ID")]
    case: event::CaseId,
    /// Why, recorded for ever
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how many hours; as long as the rules let it without
    #[arg(long, value_name = "N")]
    hours: Option<u64>,
}

/// The second factor beside the token.
#[derive(Debug, clap::Args)]
pub struct Factor {
    /// A code of the authenticator app or a recovery code, used up by this; `-` reads it from standard input
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let (path, body, code) = match command {
        Command::List { state } => return list(context, state.as_deref()).await,
        Command::Show { id } => return show(context, &id).await,
        Command::Take { id, factor } => return take(context, &id, &factor).await,
        Command::Ask(wanted) => (String::new(), wanted.body(), None),
        Command::BreakGlass { wanted, factor } => ("/break-glass".to_owned(), wanted.body(), factor.code()?),
        Command::Approve { id } => (format!("/{id}/approve"), json!({}), None),
        Command::Refuse { id, reason } => (format!("/{id}/refuse"), json!({ "reason": reason }), None),
        Command::Withdraw { id, reason } => (format!("/{id}/withdraw"), json!({ "reason": reason }), None),
        Command::Review { id, justified, unjustified, finding } => {
            (format!("/{id}/review"), json!({ "justified": justified && !unjustified, "finding": finding }), None)
        }
    };
    let mut request = client.request(Method::POST, &format!("/api/v1/reveals{path}")).json(&body);
    if let Some(code) = code {
        request = request.header(CODE_HEADER, code);
    }
    let told: Value = answer(request).await?;
    context.output.print(&told, |told| page(told.get("reveal")))
}

impl Wanted {
    fn body(&self) -> Value {
        json!({
            "agency": self.agency, "tokens": self.tokens, "events": self.event, "fields": self.field,
            "purpose": self.purpose, "basis": self.basis, "case": self.case, "reason": self.reason, "hours": self.hours,
        })
    }
}

impl Factor {
    /// The code: as given, from standard input, or asked for where somebody sits at the terminal; `None` without one.
    fn code(&self) -> anyhow::Result<Option<String>> {
        match self.code.as_deref() {
            Some("-") => {
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line).context("reading the code from standard input")?;
                Ok(Some(line.trim().to_owned()))
            }
            Some(code) => Ok(Some(code.trim().to_owned())),
            None if std::io::stdin().is_terminal() => {
                let code = rpassword::prompt_password("Code of the second factor (empty for none): ")?;
                Ok(Some(code.trim().to_owned()).filter(|code| !code.is_empty()))
            }
            None => Ok(None),
        }
    }
}

async fn reveals(context: &Context) -> anyhow::Result<Vec<Value>> {
    let answer: Value = context.client()?.get("/api/v1/reveals").await?;
    Ok(answer.get("reveals").and_then(Value::as_array).cloned().unwrap_or_default())
}

async fn list(context: &Context, state: Option<&str>) -> anyhow::Result<()> {
    let mut rows = reveals(context).await?;
    rows.retain(|row| state.is_none_or(|state| row.get("state").and_then(Value::as_str) == Some(state)));
    let columns = ["id", "state", "asked_by", "agency", "case", "purpose", "break_glass", "until", "review_due"];
    context.output.print(&json!({ "reveals": rows }), |_| table(&rows, &columns))
}

async fn show(context: &Context, id: &str) -> anyhow::Result<()> {
    let found = reveals(context).await?.into_iter().find(|row| row.get("id").and_then(Value::as_str) == Some(id));
    let found = found.ok_or_else(|| {
        Failure::new(Status::BadData, format!("there is no reveal `{id}` that concerns you (`metrosoc reveal list`)"))
    })?;
    context.output.print(&json!({ "reveal": found }), |told| page(told.get("reveal")))
}

async fn take(context: &Context, id: &str, factor: &Factor) -> anyhow::Result<()> {
    let mut request = context.client()?.request(Method::GET, &format!("/api/v1/reveals/{id}/values"));
    if let Some(code) = factor.code()? {
        request = request.header(CODE_HEADER, code);
    }
    let shown: Value = answer(request).await?;
    context.output.print(&shown, |shown| {
        let rows = |name: &str| shown.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut page = table(&rows("values"), &["token", "class", "value"]);
        for text in rows("texts") {
            let part = |name: &str| text.get(name).map(Value::to_string).unwrap_or_default();
            let whole = text.get("whole") == Some(&Value::Bool(true));
            let note = if whole { "" } else { " (some pseudonyms stay)" };
            page.push_str(&format!("event {} {}{note}\n", part("event"), part("field").trim_matches('"')));
            for line in text.get("texts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                page.push_str(&format!("  {line}\n"));
            }
        }
        page
    })?;
    let until = shown.get("until").and_then(Value::as_str).unwrap_or_default();
    context.output.say(format!("recorded; to be had until {until}"));
    Ok(())
}

/// One reveal with its history.
fn page(reveal: Option<&Value>) -> String {
    let none = Value::Null;
    let reveal = reveal.unwrap_or(&none);
    let text = |name: &str| reveal.get(name).and_then(Value::as_str).unwrap_or_default();
    let count = reveal.get("tokens").and_then(Value::as_array).map_or(0, Vec::len);
    let mut page = format!(
        "reveal {} of `{}`: {count} pseudonyms of `{}` in case `{}`: {}{}\n",
        text("id"),
        text("asked_by"),
        text("agency"),
        text("case"),
        text("state"),
        if reveal.get("break_glass") == Some(&Value::Bool(true)) { ", glass broken" } else { "" },
    );
    for step in reveal.get("history").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| step.get(name).and_then(Value::as_str).unwrap_or_default();
        page.push_str(&format!("  {}  {}  {}  {}\n", part("time"), part("by"), part("action"), part("text")));
    }
    page
}

//! `metrosoc policy requests|approve|refuse|personnel|notices`.

use serde_json::{Value, json};

use crate::cli::Context;
use crate::cli::output::table;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: metrosoc policy personnel lan --kind training --begins 2026-01-01T00:00:00+07:00 \\
    --ends 2027-01-01T00:00:00+07:00 --document 'QĐ 12/2026'")]
pub struct PersonnelArguments {
    /// Record something of this account; without it, the records are listed
    account: Option<event::UserName>,
    /// training, appointment or confidentiality
    #[arg(long)]
    kind: Option<String>,
    /// From when on (RFC 3339)
    #[arg(long)]
    begins: Option<String>,
    /// Until when (RFC 3339)
    #[arg(long)]
    ends: Option<String>,
    /// What proves it: number or title of the document
    #[arg(long)]
    document: Option<String>,
}

pub async fn requests(context: &Context) -> anyhow::Result<()> {
    let answer: Value = context.client()?.get("/api/v1/policy/requests").await?;
    let columns =
        ["id", "state", "account", "role", "agency", "reason", "requested_by", "requested", "decided_by", "answer"];
    context.output.print(&answer, |answer| table(&rows(answer, "requests"), &columns))
}

pub async fn approve(id: &str, context: &Context) -> anyhow::Result<()> {
    let path = format!("/api/v1/policy/requests/{id}/approve");
    let answer: Value = context.client()?.post(&path, &json!({})).await?;
    told(&answer, context)
}

pub async fn refuse(id: &str, reason: &str, context: &Context) -> anyhow::Result<()> {
    let path = format!("/api/v1/policy/requests/{id}/refuse");
    let answer: Value = context.client()?.post(&path, &json!({ "reason": reason })).await?;
    told(&answer, context)
}

pub async fn personnel(arguments: PersonnelArguments, context: &Context) -> anyhow::Result<()> {
    let PersonnelArguments { account, kind, begins, ends, document } = arguments;
    let Some(account) = account else {
        let answer: Value = context.client()?.get("/api/v1/policy/personnel").await?;
        let columns = ["account", "kind", "begins", "ends", "document"];
        return context.output.print(&answer, |answer| table(&rows(answer, "records"), &columns));
    };
    let (Some(kind), Some(begins), Some(ends), Some(document)) = (kind, begins, ends, document) else {
        let message = "a record needs --kind, --begins, --ends and --document";
        return Err(Failure::new(Status::Usage, message).into());
    };
    let body = json!({ "account": account, "kind": kind, "begins": begins, "ends": ends, "document": document });
    let _: Value = context.client()?.post("/api/v1/policy/personnel", &body).await?;
    context.output.say(format!("{kind} of `{account}` recorded"));
    Ok(())
}

pub async fn notices(acknowledge: Option<&str>, context: &Context) -> anyhow::Result<()> {
    if let Some(id) = acknowledge {
        let path = format!("/api/v1/policy/notices/{id}/acknowledge");
        let _: Value = context.client()?.post(&path, &json!({})).await?;
        context.output.say("noted");
        return Ok(());
    }
    let answer: Value = context.client()?.get("/api/v1/policy/notices").await?;
    let columns = ["id", "time", "kind", "actor", "object", "detail.role", "acknowledged_by"];
    context.output.print(&answer, |answer| table(&rows(answer, "notices"), &columns))
}

fn told(answer: &Value, context: &Context) -> anyhow::Result<()> {
    context.output.print(answer, |answer| {
        let text = |name: &str| answer.pointer(&format!("/request/{name}")).and_then(Value::as_str).unwrap_or_default();
        format!("request {} for `{}` as {}: {}\n", text("id"), text("account"), text("role"), text("state"))
    })
}

fn rows(answer: &Value, name: &str) -> Vec<Value> {
    answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

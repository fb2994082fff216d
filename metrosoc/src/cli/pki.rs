//! `metrosoc pki`: the certificate authority.

use std::path::PathBuf;

use anyhow::Context as _;
use event::{SiteId, UserName};
use serde_json::{Value, json};

use super::Context;
use super::output::table;
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say which authority this server has (it is made at the first start)
    Init,
    /// Write chain and key for every registered site without a certificate, for devices that have no agent
    #[command(after_help = "Writes DIR/SITE_ID.pem (chain) and DIR/SITE_ID.key.pem (mode 0600), and DIR/roots.pem.
Example: metrosoc pki bulk --out certificates")]
    Bulk {
        /// Folder to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Issue one site's certificate, from its own request or with a key of ours
    #[command(after_help = "Examples:
  metrosoc pki issue hcm-q1-p-bennghe --csr site.csr.pem > site.pem
  metrosoc pki issue hcm-q1-p-bennghe --out certificates")]
    Issue {
        /// The site
        site: SiteId,
        /// Certificate signing request (PEM); the key stays with the site
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Folder for chain and key when the key is ours
        #[arg(long, value_name = "DIR", conflicts_with = "csr", required_unless_present = "csr")]
        out: Option<PathBuf>,
    },
    /// Issue a certificate for a program's account, with which it calls the API instead of a token
    #[command(after_help = "Examples:
  metrosoc user add lgsp --role machine --no-password
  metrosoc pki machine lgsp --csr lgsp.csr.pem > lgsp.pem
  metrosoc pki machine lgsp --out certificates")]
    Machine {
        /// The account; its role is `machine`
        machine: UserName,
        /// Certificate signing request (PEM); the key stays with the program
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Folder for chain and key when the key is ours
        #[arg(long, value_name = "DIR", conflicts_with = "csr", required_unless_present = "csr")]
        out: Option<PathBuf>,
    },
    /// Print a one-time token by which a site enrols itself (`metrosoc edge enrol`)
    #[command(after_help = "The token is printed once, alone, and kept as a digest. Example:
  metrosoc pki token hcm-q1-p-bennghe > token && chmod 600 token")]
    Token {
        /// The site
        site: SiteId,
        /// Hours that it is valid, up to 720
        #[arg(long, value_name = "N", default_value_t = 24)]
        hours: u32,
    },
    /// Revoke by serial or site; listeners refuse it at once and cut its connections
    Revoke {
        /// Serial (hexadecimal) or site id
        target: String,
        /// RFC 5280 reason, such as keyCompromise or superseded
        #[arg(long, default_value = "unspecified")]
        reason: String,
    },
    /// List certificates
    List,
    /// Print the certificate revocation list (PEM)
    Crl,
    /// Print the root certificates (PEM)
    Roots,
    /// Enrol this machine by a one-time token (not built yet)
    Enrol,
    /// Renew this machine's certificate (not built yet)
    Renew,
    /// Replace the issuing authority (not built yet)
    Rotate,
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Enrol => return Err(Failure::not_built("metrosoc pki enrol").into()),
        Command::Renew => return Err(Failure::not_built("metrosoc pki renew").into()),
        Command::Rotate => return Err(Failure::not_built("metrosoc pki rotate").into()),
        _ => {}
    }
    let client = context.client()?;
    match command {
        Command::Init => {
            let answer: Value = client.get("/api/v1/certificates/authority").await?;
            context.output.print(&answer, |answer| {
                let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                format!("root     {}\nissuing  {}\n", text("root"), text("issuing"))
            })
        }
        Command::Bulk { out } => {
            let folder = std::path::absolute(&out).with_context(|| format!("`{}`", out.display()))?;
            std::fs::create_dir_all(&folder).with_context(|| format!("`{}`", out.display()))?;
            let answer: Value = client.post("/api/v1/certificates/bulk", &json!({ "out": folder })).await?;
            context.output.print(&answer, |answer| {
                let count = answer.get("issued").and_then(Value::as_u64).unwrap_or(0);
                format!("{count} certificates written to `{}`\n", out.display())
            })
        }
        Command::Issue { site, csr, out } => {
            issue(context, &client, "/api/v1/certificates", json!({ "site": site }), csr, out).await
        }
        Command::Machine { machine, csr, out } => {
            let body = json!({ "machine": machine });
            issue(context, &client, "/api/v1/certificates/machines", body, csr, out).await
        }
        Command::Token { site, hours } => {
            let body = json!({ "site": site, "hours": hours });
            let answer: Value = client.post("/api/v1/certificates/tokens", &body).await?;
            context.output.print(&answer, |answer| {
                format!("{}\n", answer.get("token").and_then(Value::as_str).unwrap_or_default())
            })
        }
        Command::Revoke { target, reason } => {
            let body = json!({ "target": target, "reason": reason });
            let answer: Value = client.post("/api/v1/certificates/revoke", &body).await?;
            let rows = answer.get("revoked").and_then(Value::as_array).cloned().unwrap_or_default();
            context.output.print(&rows, |rows| table(rows, &["serial", "subject", "reason"]))
        }
        Command::List => {
            let answer: Value = client.get("/api/v1/certificates").await?;
            let rows = answer.get("certificates").and_then(Value::as_array).cloned().unwrap_or_default();
            context.output.print(&rows, |rows| {
                table(rows, &["serial", "subject", "profile", "status", "key_origin", "not_after"])
            })
        }
        Command::Crl => print_pem(&client.text("/pki/crl/issuing.pem").await?),
        Command::Roots => print_pem(&client.text("/pki/roots.pem").await?),
        _ => Err(Failure::new(Status::Bug, "this command was answered before").into()),
    }
}

async fn issue(
    context: &Context,
    client: &crate::client::Client,
    path: &str,
    mut body: Value,
    csr: Option<PathBuf>,
    out: Option<PathBuf>,
) -> anyhow::Result<()> {
    let csr = match &csr {
        Some(path) => Some(std::fs::read_to_string(path).with_context(|| format!("request `{}`", path.display()))?),
        None => None,
    };
    let out = match &out {
        Some(out) => {
            std::fs::create_dir_all(out).with_context(|| format!("`{}`", out.display()))?;
            Some(std::path::absolute(out).with_context(|| format!("`{}`", out.display()))?)
        }
        None => None,
    };
    if let Some(body) = body.as_object_mut() {
        body.extend([("csr".to_owned(), json!(csr)), ("out".to_owned(), json!(out))]);
    }
    let answer: Value = client.post(path, &body).await?;
    context.output.print(&answer, |answer| {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if csr.is_some() { text("chain") } else { format!("{} {}\n", text("serial"), text("written")) }
    })
}

fn print_pem(pem: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    std::io::stdout().lock().write_all(pem.as_bytes())?;
    Ok(())
}

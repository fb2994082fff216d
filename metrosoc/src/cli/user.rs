//! `metrosoc user`: accounts and API tokens.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use event::{AgencyId, Role, UserName};
use keys::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use super::Context;
use super::output::table;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an account; asks for the password at the terminal, or reads its first line from standard input
    #[command(after_help = "Examples:
  metrosoc user add lan --role soc-lead
  metrosoc user add cong-an-q1 --role agency-officer --agency p-ben-nghe
  metrosoc user add filebeat-q1 --role machine --token > token.txt
  printf '%s\\n' \"$PASSWORD\" | metrosoc user add minh --role analyst-tier1
Roles: analyst-tier1, analyst-tier2, soc-lead, agency-officer, data-owner, auditor, dpo, admin, machine.")]
    Add {
        /// Name to sign in with
        name: UserName,
        /// Its role
        #[arg(long, value_parser = parse_role)]
        role: Role,
        /// The agency that it speaks for
        #[arg(long)]
        agency: Option<AgencyId>,
        /// Make an API token instead of a password and print it once, alone on standard output
        #[arg(long)]
        token: bool,
        /// No password: the account works by token alone
        #[arg(long)]
        no_password: bool,
    },
    /// List accounts
    List,
    /// Make another API token for an account and print it once
    Token {
        /// The account
        name: UserName,
    },
    /// Stop an account from signing in; ends its sessions and tokens
    Disable {
        /// The account
        name: UserName,
    },
    /// Let a disabled account sign in again
    Enable {
        /// The account
        name: UserName,
    },
    /// Take away the second factor of somebody who lost it; ends the account's sessions
    ResetSecondFactor {
        /// The account
        name: UserName,
    },
    /// List the sessions of an account
    Sessions {
        /// The account
        name: UserName,
    },
    /// End the sessions of an account, or one of them
    EndSessions {
        /// The account
        name: UserName,
        /// Only the session with this id (`metrosoc user sessions NAME` lists them)
        #[arg(long)]
        session: Option<String>,
    },
    /// A one-time code (15 minutes) with which somebody who lost the password chooses a new one
    RecoveryCode {
        /// The account
        name: UserName,
    },
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| {
        let roles = Role::ALL.map(Role::as_str).join(", ");
        format!("unknown role `{text}`; roles are {roles}")
    })
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        Command::Add { name, role, agency, token, no_password } => {
            let password =
                if no_password || role == Role::Machine || token { None } else { Some(read_password(&name)?) };
            let body = json!({
                "name": name, "role": role, "agency": agency, "token": token,
                "password": password.as_ref().map(Secret::expose),
            });
            let answer: Value = client.post("/api/v1/users", &body).await?;
            context.output.say(format!("account `{name}` with role `{}` made", role.as_str()));
            print_token(context, &answer)
        }
        Command::List => {
            let answer: Value = client.get("/api/v1/users").await?;
            let rows = answer.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
            context.output.print(&rows, |rows| table(rows, &["name", "role", "agency", "disabled", "last_sign_in"]))
        }
        Command::Token { name } => {
            let answer: Value = client.post(&format!("/api/v1/users/{name}/tokens"), &json!({})).await?;
            print_token(context, &answer)
        }
        Command::Disable { name } => set_disabled(context, &client, &name, true).await,
        Command::Enable { name } => set_disabled(context, &client, &name, false).await,
        Command::ResetSecondFactor { name } => {
            let path = format!("/api/v1/users/{name}/second-factor");
            let _: Value = client.send(Method::DELETE, &path, &json!({})).await?;
            context.output.say(format!("account `{name}` has no second factor any more; its sessions ended"));
            Ok(())
        }
        Command::Sessions { name } => {
            let answer: Value = client.get(&format!("/api/v1/users/{name}/sessions")).await?;
            let rows = answer.get("sessions").and_then(Value::as_array).cloned().unwrap_or_default();
            let columns = ["id", "started", "seen", "address", "strength", "user_agent"];
            context.output.print(&rows, |rows| table(rows, &columns))
        }
        Command::EndSessions { name, session } => {
            let one = session.map(|id| format!("/{id}")).unwrap_or_default();
            let path = format!("/api/v1/users/{name}/sessions{one}");
            let answer: Value = client.send(Method::DELETE, &path, &json!({})).await?;
            let ended = answer.get("ended").and_then(Value::as_u64).unwrap_or(1);
            context.output.say(format!("sessions of account `{name}` that were ended: {ended}"));
            Ok(())
        }
        Command::RecoveryCode { name } => {
            let answer: Value = client.post("/api/v1/recovery-code", &json!({ "name": name })).await?;
            context.output.say("enter this code within 15 minutes on the page's sign-in screen (`lost password`):");
            context.output.print(&answer, |answer| text_of(answer, "code"))
        }
    }
}

async fn set_disabled(
    context: &Context,
    client: &crate::client::Client,
    name: &UserName,
    disabled: bool,
) -> anyhow::Result<()> {
    let body = json!({ "disabled": disabled });
    let _: Value = client.send(Method::PATCH, &format!("/api/v1/users/{name}"), &body).await?;
    context.output.say(format!("account `{name}` {}", if disabled { "disabled" } else { "enabled" }));
    Ok(())
}

fn print_token(context: &Context, answer: &Value) -> anyhow::Result<()> {
    if answer.get("token").is_none_or(Value::is_null) {
        return if context.output.json { context.output.print(answer, |_| String::new()) } else { Ok(()) };
    }
    context.output.say("the token is shown once; keep it in a file with mode 0600:");
    context.output.print(answer, |answer| text_of(answer, "token"))
}

fn text_of(answer: &Value, name: &str) -> String {
    answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Asks twice at the terminal, or takes the first line of standard input.
fn read_password(name: &UserName) -> anyhow::Result<Secret<String>> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("reading the password from standard input")?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            bail!("no password on standard input; pipe one line, or run this at a terminal");
        }
        return Ok(Secret::new(password));
    }
    let first = rpassword::prompt_password(format!("Password for {name} (12 characters or more): "))?;
    let again = rpassword::prompt_password("Again: ")?;
    if first != again {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(Secret::new(first))
}

//! `metrosoc policy`: who may see what.

use ::policy::{Guard, PolicySource};
use event::{Object, Operation, Role};
use serde_json::{Value, json};

use super::Context;
use crate::exit::Failure;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check policy files and print the table that they make
    Check {
        /// A folder with model.conf, policy.csv, masks.yml and purposes.yml; the embedded policy without
        folder: Option<std::path::PathBuf>,
    },
    /// Say what the policy says to a role, and which lines say so
    #[command(
        after_help = "Example: metrosoc policy explain agency-officer read events --agency so-y-te --purpose triage"
    )]
    Explain {
        /// The role
        role: String,
        /// read, export, write or manage
        operation: String,
        /// events, alerts, rules, sites, users, audit, certificates, responses, policy, ingest or platform
        object: String,
        /// The agency that the subject speaks for
        #[arg(long)]
        agency: Option<event::AgencyId>,
        /// What for
        #[arg(long, default_value = "")]
        purpose: String,
    },
    /// Compare decisions under another policy (not built yet)
    Simulate,
    /// Run tests beside a policy (not built yet)
    Test,
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Check { folder } => check(folder, context),
        Command::Explain { role, operation, object, agency, purpose } => {
            let known = Role::parse(&role).is_some()
                && Operation::ALL.iter().any(|one| one.as_str() == operation)
                && Object::ALL.iter().any(|one| one.as_str() == object);
            if !known {
                let message =
                    format!("`{role} {operation} {object}`: not a role, an operation and an object; see --help");
                return Err(Failure::new(crate::exit::Status::Usage, message).into());
            }
            let body =
                json!({ "role": role, "operation": operation, "object": object, "agency": agency, "purpose": purpose });
            let answer: Value = context.client()?.post("/api/v1/policy/explain", &body).await?;
            context
                .output
                .print(&answer, |answer| serde_json::to_string_pretty(answer).unwrap_or_else(|error| error.to_string()))
        }
        Command::Simulate => Err(Failure::not_built("metrosoc policy simulate").into()),
        Command::Test => Err(Failure::not_built("metrosoc policy test").into()),
    }
}

fn check(folder: Option<std::path::PathBuf>, context: &Context) -> anyhow::Result<()> {
    let source = folder.map_or(PolicySource::Embedded, PolicySource::Directory);
    let guard = Guard::open(source, std::sync::Arc::new(event::SystemClock))?;
    let table = guard.table_markdown()?;
    context.output.print(&json!({ "version": guard.version(), "table": table }), |_| table.clone())
}

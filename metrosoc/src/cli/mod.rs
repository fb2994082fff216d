//! The command line: one file a command.

mod backup;
mod bench;
mod config;
pub mod detect;
mod edge;
mod examples;
mod export;
mod import;
mod keys;
mod ledger;
mod output;
mod pki;
mod policy;
mod privacy;
mod request;
mod respond;
mod restore;
mod reveal;
mod rules;
mod search;
mod serve;
mod shred;
mod site;
mod subject;
mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::client::{Client, ServerArguments};
use crate::exit::Failure;
pub use examples::parse;
use output::Output;

/// The security operations centre and privacy enforcement service of a city.
#[derive(Debug, Parser)]
#[command(name = "metrosoc", version, about, max_term_width = 110, after_help = EXAMPLES)]
pub struct Arguments {
    /// Where everything is kept
    #[arg(long, global = true, value_name = "DIR", default_value = "data", env = "METROSOC_DATA")]
    pub data: PathBuf,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    server: ServerArguments,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  metrosoc serve                                        start on ./data and say where to look
  metrosoc user add lan --role soc-lead                 an account (asks for the password)
  metrosoc site import sites.csv                        register sites
  metrosoc import --site hcm-q1-p-bennghe auth.log.gz   index a file
  metrosoc search 'source.ip:10.0.0.0/8 AND event.outcome:failure' --from now-1h
  metrosoc detect --rules rules/sigma events.ndjson     offline, no server
Exit codes: 0 fine, 64 usage, 65 bad data, 69 unavailable, 70 bug, 77 denied, 78 configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the platform
    Serve(serve::Arguments),
    /// Forward a site's logs to the server, spooled and acknowledged
    Edge(edge::Arguments),
    /// Match events against Sigma rules, offline
    Detect(detect::Arguments),
    /// Check and test rules
    #[command(subcommand)]
    Rules(rules::Command),
    /// Put files into the index as a site's source
    Import(import::Arguments),
    /// Ask the server for events
    Search(search::Arguments),
    /// Take events out for somebody, with pseudonyms of his own
    Export(export::Arguments),
    /// Accounts and API tokens
    #[command(subcommand)]
    User(user::Command),
    /// The register of sites
    #[command(subcommand)]
    Site(site::Command),
    /// The certificate authority
    #[command(subcommand)]
    Pki(pki::Command),
    /// Who may see what
    #[command(subcommand)]
    Policy(policy::Command),
    /// Where personal values stand in a file, offline
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// Ask for data of other agencies, and decide about it
    #[command(subcommand)]
    Request(request::Command),
    /// Turn pseudonyms back into values: ask, decide, take, break the glass, review
    #[command(subcommand)]
    Reveal(reveal::Command),
    /// Make a person's values unrecoverable
    Shred(shred::Arguments),
    /// What is held on a person, what persons ask for, and by when it is owed
    #[command(subcommand)]
    Subject(subject::Command),
    /// Which keys everything is sealed under, and new ones while the server works
    #[command(subcommand)]
    Keys(keys::Command),
    /// Response plans and blocks
    #[command(subcommand)]
    Respond(respond::Command),
    /// The append-only record
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Copy everything that the platform knows, while it works, or check such a copy
    Backup(backup::Arguments),
    /// Bring a backup back into an empty data directory
    Restore(restore::Arguments),
    /// The configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Measure on this machine
    #[command(subcommand)]
    Bench(bench::Command),
}

/// What every command gets.
pub struct Context {
    /// The data directory.
    pub data: PathBuf,
    /// How to print.
    pub output: Output,
    server: ServerArguments,
}

impl Context {
    /// The way to the server.
    fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.server, &self.data)
    }
}

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever the command says; `exit::status_of` gives its code.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let context = Context { data: arguments.data, output: Output { json: arguments.json }, server: arguments.server };
    match arguments.command {
        Command::Serve(command) => serve::run(command, &context),
        Command::Edge(command) => edge::run(command, &context),
        Command::Detect(command) => detect::run(command),
        Command::Config(command) => config::run(command, &context),
        Command::Rules(command) => rules::run(command, &context),
        Command::Bench(command) => bench::run(command, &context),
        Command::Privacy(command) => privacy::run(command, &context),
        Command::Backup(command) => backup::run(command, &context),
        Command::Restore(command) => restore::run(command, &context),
        online => {
            crate::telemetry::start_quiet();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run_online(online, &context))
        }
    }
}

async fn run_online(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Import(command) => import::run(command, context).await,
        Command::Search(command) => search::run(command, context).await,
        Command::Export(command) => export::run(command, context).await,
        Command::User(command) => user::run(command, context).await,
        Command::Site(command) => site::run(command, context).await,
        Command::Pki(command) => pki::run(command, context).await,
        Command::Policy(command) => policy::run(command, context).await,
        Command::Request(command) => request::run(command, context).await,
        Command::Reveal(command) => reveal::run(command, context).await,
        Command::Subject(command) => subject::run(command, context).await,
        Command::Keys(command) => keys::run(command, context).await,
        Command::Respond(command) => respond::run(command, context).await,
        Command::Ledger(command) => ledger::run(command, context).await,
        Command::Shred(command) => shred::run(command, context).await,
        _ => Err(Failure::not_built("this command").into()),
    }
}

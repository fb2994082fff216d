//! `metrosoc config`: what is in force and where it comes from.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use crate::config::{Loaded, load};
use crate::exit::{Failure, Status};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print every key with its value, and where the value comes from
    Show(FileArgument),
    /// Report every fault at once, with its line
    Check(FileArgument),
}

/// The configuration file of a command.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Variables override keys: METROSOC_CONFIG__SYSLOG__TLS='[::]:7514' overrides syslog.tls.")]
pub struct FileArgument {
    /// Configuration file (TOML); every key is optional
    #[arg(long, value_name = "FILE", env = "METROSOC_CONFIG")]
    pub config: Option<PathBuf>,
}

pub fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Show(file) => {
            let loaded = read(file.config.as_deref())?;
            context.output.print(&loaded.config, |_| loaded.show())
        }
        Command::Check(file) => {
            let loaded = read(file.config.as_deref())?;
            let message = loaded.file.as_deref().map_or_else(
                || "no file was given; the defaults are in force".to_owned(),
                |path| format!("`{}` is fine", path.display()),
            );
            context.output.print(&json!({ "faults": [] }), |_| message)
        }
    }
}

/// Reads file and environment.
///
/// # Errors
/// [`Failure`] with exit code 78 that lists every fault.
pub fn read(file: Option<&Path>) -> anyhow::Result<Loaded> {
    load(file, std::env::vars()).map_err(|faults| Failure::new(Status::Config, faults.to_string()).into())
}

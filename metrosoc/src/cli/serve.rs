//! `metrosoc serve`: run the platform until it is told to stop.

use super::Context;
use super::config::{FileArgument, read};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  metrosoc serve
  metrosoc serve --config /etc/metrosoc/metrosoc.toml --data /var/lib/metrosoc
  METROSOC_CONFIG__HTTPS__LISTEN='[::]:0' metrosoc serve
Ctrl-C or SIGTERM drains and stops; SIGHUP reloads rules, policy and certificates.")]
pub struct Arguments {
    #[command(flatten)]
    file: FileArgument,
}

pub fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let loaded = read(arguments.file.config.as_deref())?;
    let telemetry = crate::telemetry::start(&loaded.config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(crate::serve::run(loaded, context.data.clone(), &telemetry));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    telemetry.stop();
    outcome
}

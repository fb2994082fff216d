//! `metrosoc edge`: the forwarder at a site, its enrolment and its state.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use keys::Secret;
use pki::holder::{Held, Request};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::Context;
use crate::config::{Loaded, load};
use crate::edge::config::EdgeConfig;
use crate::edge::health::{SOCKET, Status as EdgeStatus};
use crate::edge::identity::{self, Identity};
use crate::edge::{FOLDER, folder, link};
use crate::exit::{Failure, Status};

/// The variable that may hold a one-time token.
const TOKEN_VARIABLE: &str = "METROSOC_ENROL_TOKEN";
/// Most bytes of a state.
const STATUS_BYTES_MAX: u64 = 1024 * 1024;
/// Longest wait for a state.
const STATUS_MAX: Duration = Duration::from_secs(10);
/// Threads of the forwarder: one is enough for a site, the second lets the socket answer meanwhile.
const THREADS: usize = 2;
/// Threads for reading the spool and resolving names.
const BLOCKING_THREADS: usize = 4;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  metrosoc edge enrol --server https://soc.hcm.gov.vn:8443 --ca roots.pem --token-file token --data /var/lib/metrosoc-edge
  metrosoc edge --config /etc/metrosoc/edge.toml --data /var/lib/metrosoc-edge
  metrosoc edge status --data /var/lib/metrosoc-edge
The smallest configuration is two lines: `[server]` and `url = \"https://soc.hcm.gov.vn:8443\"`.
Variables override keys: METROSOC_EDGE__SHIP__BYTES_PER_SECOND=8000 overrides ship.bytes_per_second.")]
pub struct Arguments {
    #[command(flatten)]
    file: FileArgument,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The edge's configuration file.
#[derive(Debug, Clone, clap::Args)]
pub struct FileArgument {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "METROSOC_EDGE_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Get this site's certificate by a one-time token; the key is made here and never leaves
    #[command(
        after_help = "The token comes from `metrosoc pki token SITE` at the server. It is read from `--token-file` \
(`-` is standard input) or from the variable METROSOC_ENROL_TOKEN, never from the command line.
Example: metrosoc edge enrol --server https://soc.hcm.gov.vn:8443 --ca roots.pem --token-file -"
    )]
    Enrol {
        /// The server's roots (PEM), as `metrosoc pki roots` prints them there
        #[arg(long, value_name = "FILE")]
        ca: PathBuf,
        #[command(flatten)]
        file: FileArgument,
    },
    /// Say how the edge on this machine is; exit code 69 when it does not ship
    Status,
    /// Report every fault of a configuration at once, with its line
    Check {
        #[command(flatten)]
        file: FileArgument,
        /// Print every key with its value, and where the value comes from
        #[arg(long)]
        show: bool,
    },
}

pub fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    match arguments.command {
        None => forward(&arguments.file, context),
        Some(Command::Enrol { ca, file }) => quiet(enrol(context, &ca, &file)),
        Some(Command::Status) => quiet(status(context)),
        Some(Command::Check { file, show }) => {
            let loaded = read(&file)?;
            let text = if show { loaded.show() } else { "the configuration is fine\n".to_owned() };
            if show {
                return context.output.print(&loaded.config, |_| text);
            }
            context.output.print(&json!({ "faults": [] }), |_| text)
        }
    }
}

fn forward(file: &FileArgument, context: &Context) -> anyhow::Result<()> {
    let loaded = read(file)?;
    let telemetry = crate::telemetry::start(&loaded.config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(crate::edge::run(loaded, context.data.clone(), &telemetry));
    runtime.shutdown_timeout(Duration::from_secs(5));
    telemetry.stop();
    outcome
}

fn quiet(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    crate::telemetry::start_quiet();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn read(file: &FileArgument) -> anyhow::Result<Loaded<EdgeConfig>> {
    load(file.config.as_deref(), std::env::vars())
        .map_err(|faults| Failure::new(Status::Config, faults.to_string()).into())
}

async fn enrol(context: &Context, ca: &Path, file: &FileArgument) -> anyhow::Result<()> {
    let url = match &context.server.server {
        Some(url) => url.clone(),
        None if file.config.is_some() => read(file)?.config.server.url,
        None => {
            let message = "where to enrol is not known: give `--server URL`, or `--config FILE` with `server.url`";
            return Err(Failure::new(Status::Usage, message).into());
        }
    };
    let token = token(context.server.token_file.as_deref())?;
    let roots = identity::read(ca).context("the server's roots (`--ca`)")?;
    let folder = folder(&context.data)?;
    let request = Request::make().context("making the key")?;
    let granted = link::enrol(&url, &roots, token.expose(), &request.request_pem).await.map_err(explain)?;
    Held::read(granted.chain.as_bytes()).context("the server's answer")?;
    Identity::keep_roots(&folder, &roots)?;
    let path = Identity::keep(&folder, &request.key_pem, &granted.chain)?;
    let answer = json!({ "site": granted.site, "not_after": granted.not_after, "identity": path });
    context.output.print(&answer, |_| {
        format!("site {} enrolled; its certificate is valid until {}\n", granted.site, granted.not_after)
    })
}

/// The one-time token from a file that only its owner can read, from standard input, or from the environment.
fn token(file: Option<&Path>) -> anyhow::Result<Secret<String>> {
    let text = match file {
        Some(path) if path == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().lock().take(STATUS_BYTES_MAX).read_to_string(&mut text).context("standard input")?;
            Secret::new(text)
        }
        Some(path) => identity::secret(path).context("the one-time token (`--token-file`)")?,
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(text) => Secret::new(text),
            Err(_) => {
                let message =
                    format!("the one-time token is missing: `--token-file FILE`, or `-`, or {TOKEN_VARIABLE}");
                return Err(Failure::new(Status::Usage, message).into());
            }
        },
    };
    let token = text.expose().trim();
    if token.is_empty() {
        bail!("the one-time token is empty");
    }
    Ok(Secret::new(token.to_owned()))
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let status = match error.downcast_ref::<link::LinkFault>() {
        Some(link::LinkFault::Refused { status: 401 | 403, .. }) => Status::Denied,
        Some(link::LinkFault::Refused { status: 400..500, .. }) => Status::BadData,
        Some(_) => Status::Unavailable,
        None => return error,
    };
    Failure::new(status, error.to_string()).into()
}

async fn status(context: &Context) -> anyhow::Result<()> {
    let path = context.data.join(FOLDER).join(SOCKET);
    let gone = || {
        let data = context.data.display();
        Failure::new(
            Status::Unavailable,
            format!("no edge runs on `{data}` (`metrosoc edge --data {data}` starts one)"),
        )
    };
    let stream = UnixStream::connect(&path).await.map_err(|_| gone())?;
    let mut text = Vec::new();
    let mut limited = stream.take(STATUS_BYTES_MAX);
    tokio::time::timeout(STATUS_MAX, limited.read_to_end(&mut text)).await.map_err(|_| gone())??;
    let status: EdgeStatus = serde_json::from_slice(&text).map_err(|_| gone())?;
    context.output.print(&status, describe)?;
    match status.healthy {
        true => Ok(()),
        false => {
            let reason = status.shipped.fault.or(status.spool_trouble);
            let reason =
                reason.unwrap_or_else(|| "the server has not answered yet, or the spool is nearly full".to_owned());
            Err(Failure::new(Status::Unavailable, reason).into())
        }
    }
}

fn describe(status: &EdgeStatus) -> String {
    let shipped = &status.shipped;
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    let rows = [
        ("site", status.site.to_string()),
        ("link", if shipped.connected { "up".to_owned() } else { "down".to_owned() }),
        ("waiting", format!("{} records, the oldest for {} s", shipped.waiting, status.oldest_secs)),
        (
            "shipped",
            format!(
                "{} urgent, {} others, {} batches, {}",
                shipped.urgent,
                shipped.ordinary,
                shipped.batches,
                mib(shipped.body_bytes)
            ),
        ),
        ("received", format!("{} records", status.received)),
        (
            "dropped",
            format!("{} records, {} datagrams in the kernel", status.dropped_total, status.kernel_dropped_datagrams),
        ),
        ("spool", format!("{} of {}", mib(status.spool_bytes), mib(status.spool_bytes_max))),
        ("disk free", status.disk_free_bytes.map_or_else(|| "unknown".to_owned(), mib)),
        ("memory", status.memory_bytes.map_or_else(|| "unknown".to_owned(), mib)),
        ("clock", format!("{} ms ahead of the server's", shipped.clock_ahead_ms)),
        ("valid", format!("until {}", status.certificate_not_after)),
        ("version", status.version.clone()),
    ];
    rows.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

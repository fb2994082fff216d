//! `metrosoc rules backtest`: a rule, saved or not, over the server's stored history.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::hunt;
use crate::cli::Context;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs a named user's token, on the server's own machine too: --token-file or METROSOC_TOKEN_FILE.
Ctrl-C cancels it. Exceptions in force count as they would have.
Examples:
  metrosoc rules backtest rules/sigma/linux/ssh_root.yml --from now-30d --purpose rule-tuning
  metrosoc rules backtest c498b6e7-3648-445e-9afa-3a387f006745 --samples 10 --json"
)]
pub struct Arguments {
    /// A rule's file, or the id or name of one of the server's
    rule: String,
    /// Earliest event time: RFC 3339 or relative such as `now-30d`; 7 days before the latest without
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Latest event time; now without
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// What for: a word of the policy's list of purposes
    #[arg(long, default_value = "", value_name = "P")]
    purpose: String,
    /// Most samples
    #[arg(long, default_value_t = 50, value_name = "N")]
    samples: usize,
}

pub fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let mut body = json!({ "purpose": arguments.purpose, "samples": arguments.samples });
    let (key, rule) = match Path::new(&arguments.rule) {
        path if path.is_file() => {
            ("yaml", std::fs::read_to_string(path).with_context(|| format!("rule `{}`", path.display()))?)
        }
        _ => ("rule", arguments.rule),
    };
    if let Some(map) = body.as_object_mut() {
        map.insert(key.to_owned(), rule.into());
        for (name, value) in [("from", arguments.from), ("to", arguments.to)] {
            if let Some(value) = value {
                map.insert(name.to_owned(), value.into());
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(hunt::run("/api/v1/rules/backtest", &body, context))
}

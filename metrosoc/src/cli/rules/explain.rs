//! `metrosoc rules explain`: why a rule did or did not match an event, offline.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use collector::Record;
use collector::file::{self, FileSettings};
use collector::pipeline::{Pipeline, PipelineSettings};
use detector::rulebook::Rulebook;
use detector::sigma::explain::{Explanation, Language, explain};
use detector::sigma::{Rule, RuleSource};
use event::{Clock as _, Event, EventId, SystemClock};
use serde_json::json;

use crate::cli::Context;
use crate::cli::detect::offline_origin;
use crate::exit::{Failure, Status};
use crate::serve::rules::{dialect, embedded_rules};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  metrosoc rules explain rules/sigma/windows/whoami_all.yml event.json
  metrosoc rules explain c498b6e7-3648-445e-9afa-3a387f006745 events.ndjson.zst --index 17 --lang vi")]
pub struct Arguments {
    /// A rule's file, or the id of one in --rules
    rule: String,
    /// A file with events, `-` for standard input
    file: PathBuf,
    /// Which event of the file, counted from 0 as `metrosoc detect` does
    #[arg(long, default_value_t = 0, value_name = "N")]
    index: u64,
    /// Where rules with ids are looked for; the embedded rules without
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Processing pipelines (pySigma's YAML), files and folders
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pipelines: Vec<PathBuf>,
    /// Language of the words: en or vi
    #[arg(long, default_value = "en", value_parser = language)]
    lang: Language,
}

fn language(text: &str) -> Result<Language, String> {
    Language::parse(text).ok_or_else(|| "not one of en, vi".to_owned())
}

pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (book, ids) = rules(arguments)?;
    let set = book.rules();
    let chosen: Vec<&Rule> =
        set.rules().iter().filter(|rule| ids.as_ref().is_none_or(|id| rule.id().as_str() == id)).collect();
    if chosen.is_empty() {
        let rejected: String = book.rejected().iter().map(|one| format!("\n{one}")).collect();
        let message = format!("no rule `{}` is loaded{rejected}", arguments.rule);
        return Err(Failure::new(Status::BadData, message).into());
    }
    let event = read_event(&arguments.file, arguments.index)?;
    let explanations: Vec<Explanation> = chosen.into_iter().map(|rule| explain(set, rule, &event)).collect();
    let answer = json!({ "event": arguments.index, "explanations": explanations });
    context.output.print(&answer, |_| {
        let texts: Vec<String> = explanations.iter().map(|one| one.to_text(arguments.lang)).collect();
        texts.join("\n")
    })
}

/// The rules to choose from, and the id of the one that is meant; `None` for every rule of the file.
fn rules(arguments: &Arguments) -> anyhow::Result<(Rulebook, Option<String>)> {
    let dialect = dialect(&arguments.pipelines)?;
    if Path::new(&arguments.rule).is_file() {
        let source = RuleSource::Path(PathBuf::from(&arguments.rule));
        return Ok((Rulebook::load(&[source], &dialect), None));
    }
    let sources = match arguments.rules.as_slice() {
        [] => embedded_rules(),
        paths => paths.iter().cloned().map(RuleSource::Path).collect(),
    };
    Ok((Rulebook::load(&sources, &dialect), Some(arguments.rule.clone())))
}

/// The event as the pipeline decodes it.
fn read_event(path: &Path, index: u64) -> anyhow::Result<Event> {
    let reader = file::open(path, &FileSettings::default()).with_context(|| format!("events `{}`", path.display()))?;
    let mut at = 0;
    for record in reader {
        // `detect` does not count what cannot be read either.
        let Ok(record) = record else { continue };
        if at == index {
            let mut raw = Record::new(Arc::new(offline_origin()), SystemClock.now(), record.bytes);
            raw.format = Some(record.format);
            raw.truncated = record.truncated;
            let mut event = Event::new();
            Pipeline::new(PipelineSettings::default()).event(EventId(index), &raw, &mut event);
            return Ok(event);
        }
        at += 1;
    }
    let message = format!("`{}` has {at} events; there is no event {index} (they count from 0)", path.display());
    Err(Failure::new(Status::BadData, message).into())
}

//! Rules, field names and playbooks: those embedded in the binary and those that the operator names.

use std::path::{Path, PathBuf};

use detector::pipelines::Pipelines;
use detector::rulebook::{self, Content, Dialect, Rulebook, bundle};
use detector::sigma::RuleSource;
use keys::VerifierKey;
use rust_embed::RustEmbed;

use crate::config::Config;
use crate::exit::{Failure, Status};

#[derive(RustEmbed)]
#[folder = "../rules/sigma"]
#[include = "*.yml"]
#[exclude = "*.test.yml"]
struct Sigma;

#[derive(RustEmbed)]
#[folder = "../rules/playbooks"]
#[include = "*.yml"]
struct Playbooks;

/// The rules of this repository.
pub fn embedded_rules() -> Vec<RuleSource> {
    let text = |path: &str| Sigma::get(path).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    Sigma::iter()
        .filter_map(|path| Some(RuleSource::Text { path: format!("embedded/{path}"), yaml: text(&path)? }))
        .collect()
}

/// How the words of rules are meant: the shipped field names and the pipelines at `paths`, files and folders.
///
/// # Errors
/// When a pipeline is faulty; all of them are named.
pub fn dialect(paths: &[PathBuf]) -> anyhow::Result<Dialect> {
    let sources: Vec<RuleSource> = paths.iter().cloned().map(RuleSource::Path).collect();
    let (pipelines, faults) = Pipelines::load(&sources);
    let told: Vec<String> = faults.iter().filter(|fault| fault.is_refusal).map(ToString::to_string).collect();
    if told.is_empty() {
        for notice in &faults {
            tracing::warn!(%notice, "pipeline");
        }
        return Ok(Dialect { pipelines, ..Dialect::embedded()? });
    }
    Err(Failure::new(Status::BadData, told.join("\n")).into())
}

/// Where the rules that the configuration asks for come from, and why bundles are refused; such a one stands among the
/// sources as refused.
pub fn sources(config: &Config) -> (Vec<RuleSource>, Vec<String>) {
    let mut sources = if config.rules.without_embedded { Vec::new() } else { embedded_rules() };
    sources.extend(config.rules.paths.iter().map(|path| RuleSource::Path(PathBuf::from(path))));
    // The configuration's own check has refused keys that cannot be read.
    let trusted: Vec<VerifierKey> = config.rules.bundle_keys.iter().filter_map(|key| key.parse().ok()).collect();
    let mut refused = Vec::new();
    for path in &config.rules.bundles {
        match bundle::open(Path::new(path), &trusted) {
            Ok(bundle) => sources.extend(bundle.into_sources(path)),
            Err(error) => {
                let reason = crate::api::problem::chain(&error);
                refused.push(format!("bundle `{path}` {reason}"));
                sources.push(RuleSource::Refused { path: path.clone(), reason });
            }
        }
    }
    (sources, refused)
}

/// What a load gives.
pub struct LoadedRules {
    /// The rules.
    pub book: Rulebook,
    /// What each of them says, and each pipeline of the operator's.
    pub contents: Vec<Content>,
    /// Bundles that were refused, each with its reason.
    pub refused: Vec<String>,
}

/// Loads the rules that the configuration asks for; each rejected one is logged.
///
/// # Errors
/// When the field names or a pipeline cannot be read.
pub fn load(config: &Config) -> anyhow::Result<LoadedRules> {
    let (sources, refused) = sources(config);
    let pipelines: Vec<PathBuf> = config.rules.pipelines.iter().map(PathBuf::from).collect();
    let (book, mut contents) = Rulebook::load_with_contents(&sources, &dialect(&pipelines)?);
    let pipelines: Vec<RuleSource> = pipelines.into_iter().map(RuleSource::Path).collect();
    contents.extend(rulebook::of_pipelines(&pipelines));
    book.rules().warm_windows();
    for rejected in book.rejected() {
        tracing::warn!(path = rejected.path, reason = rejected.reason, "rule rejected");
    }
    let correlations = book.correlations().len();
    tracing::info!(loaded = book.len(), correlations, rejected = book.rejected().len(), "rules in force");
    metrics::gauge!("metrosoc_rules_loaded").set(book.len() as f64);
    metrics::gauge!("metrosoc_rules_rejected").set(book.rejected().len() as f64);
    Ok(LoadedRules { book, contents, refused })
}

/// The playbooks of this repository and of the configured folder; faulty ones are logged and left out.
pub fn playbooks(config: &Config) -> responder::Playbooks {
    let embedded: Vec<(String, String)> = Playbooks::iter()
        .filter_map(|path| {
            let file = Playbooks::get(&path)?;
            Some((path.to_string(), String::from_utf8_lossy(&file.data).into_owned()))
        })
        .collect();
    let mut files = embedded;
    if !config.respond.playbooks.is_empty() {
        files.extend(read_folder(&config.respond.playbooks));
    }
    let pairs = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let (playbooks, faults) = responder::Playbooks::read(pairs);
    for fault in faults {
        tracing::warn!(%fault, "playbook rejected");
    }
    playbooks
}

fn read_folder(folder: &str) -> Vec<(String, String)> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::error!(folder, %error, "playbooks not read");
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if !path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => tracing::error!(path = %path.display(), %error, "playbook not read"),
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_rule_loads() {
        let book = Rulebook::load(&embedded_rules(), &dialect(&[]).unwrap());
        assert_eq!(book.rejected().iter().map(|one| &one.reason).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(book.rules().rules().len() >= 150 && book.correlations().len() >= 25, "{}", book.len());
    }

    #[test]
    fn every_embedded_playbook_is_read() {
        assert!(playbooks(&Config::default()).iter().count() > 0);
    }
}

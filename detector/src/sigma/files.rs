//! Where rules come from: files, folders and texts inside the program.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest rule file in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Most files below one path.
const FILES_MAX: usize = 100_000;
/// Deepest folder below one path.
const DEPTH_MAX: usize = 32;

/// A place to load rules from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSource {
    /// A file, or a folder whose `.yml` and `.yaml` files are all read, `.test.yml` left out.
    Path(PathBuf),
    /// A text that the program carries.
    Text {
        /// How it is called in messages.
        path: String,
        /// The text.
        yaml: String,
    },
    /// A place that was refused before anything of it was read, such as a bundle whose signature is wrong.
    Refused {
        /// How it is called in messages.
        path: String,
        /// Why.
        reason: String,
    },
}

/// One file's text, or why it cannot be read.
#[derive(Debug)]
pub(crate) struct RuleFile {
    /// As it was given.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: Result<String, String>,
}

/// Reads every source, files of a folder in the order of their names.
pub(crate) fn read(sources: &[RuleSource]) -> Vec<RuleFile> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            RuleSource::Text { path, yaml } => found.push(RuleFile { path: path.clone(), text: Ok(yaml.clone()) }),
            RuleSource::Refused { path, reason } => {
                found.push(RuleFile { path: path.clone(), text: Err(reason.clone()) });
            }
            RuleSource::Path(path) => {
                let before = found.len();
                walk(path, 0, &mut found);
                if found.len() == before {
                    found.push(refused(path, "holds no `.yml` or `.yaml` file".to_owned()));
                }
            }
        }
    }
    found
}

/// Every rule file below `path`, tests left out, sorted.
fn walk(path: &Path, depth: usize, found: &mut Vec<RuleFile>) {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) => return found.push(refused(path, format!("cannot be read: {error}"))),
    };
    if !about.is_dir() {
        return found.push(RuleFile { path: path.display().to_string(), text: text(path, about.len()) });
    }
    if depth >= DEPTH_MAX || found.len() >= FILES_MAX {
        return found.push(refused(path, format!("lies deeper than {DEPTH_MAX} folders or behind {FILES_MAX} files")));
    }
    let listed = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut paths: Vec<PathBuf> = match listed {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
        Err(error) => return found.push(refused(path, format!("cannot be listed: {error}"))),
    };
    paths.sort();
    for path in paths.into_iter().filter(|path| path.is_dir() || is_rule(path)) {
        walk(&path, depth + 1, found);
    }
}

fn is_rule(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    is_yaml && !name.starts_with('.') && !name.ends_with(".test.yml") && !name.ends_with(".test.yaml")
}

/// The file's text, bounded.
fn text(path: &Path, bytes: u64) -> Result<String, String> {
    if bytes > FILE_BYTES_MAX {
        return Err(format!("file of {bytes} bytes is longer than {FILE_BYTES_MAX}"));
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

fn refused(path: &Path, reason: String) -> RuleFile {
    RuleFile { path: path.display().to_string(), text: Err(reason) }
}

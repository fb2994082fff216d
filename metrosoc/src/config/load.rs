//! Reading the configuration: file and environment over defaults, every fault at once, with its line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Config, document};
use crate::wording;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file, counted from 1.
    File(usize),
    /// An environment variable.
    Environment(String),
}

/// A configuration that is read by this file: the server's, or an edge's.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Prefix of variables that override keys: `METROSOC_CONFIG__SYSLOG__TLS` overrides `syslog.tls`.
    const VARIABLE_PREFIX: &'static str;
    /// The command that prints every key.
    const SHOWN_BY: &'static str;
    /// What types cannot say: each fault with the key it belongs to.
    fn faults(&self) -> Vec<(&'static str, String)>;
}

/// The configuration and where each value that is not a default came from.
#[derive(Debug, Clone)]
pub struct Loaded<C = Config> {
    /// The values in force.
    pub config: C,
    /// The file, when there was one.
    pub file: Option<PathBuf>,
    /// By dotted key.
    pub origins: BTreeMap<String, Origin>,
}

/// Everything that is wrong, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// Largest configuration file in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

struct Given {
    key: String,
    value: Value,
    origin: Origin,
}

/// Reads `file` (none: defaults) and the overriding `environment`.
///
/// # Errors
/// [`Faults`] with every unknown key, bad value and unreadable file, each with its line or variable.
pub fn load<C: Settings>(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded<C>, Faults> {
    let mut faults = Vec::new();
    let mut given = Vec::new();
    if let Some(path) = file {
        match read(path) {
            Ok(text) => given = from_file(path, &text, &mut faults),
            Err(reason) => faults.push(format!("configuration `{}`: {reason}", path.display())),
        }
    }
    given.extend(from_environment::<C>(environment));
    let merged = merge::<C>(given, file, &mut faults);
    let config = finish::<C>(&merged.table, &merged.origins, file, &mut faults);
    match config {
        Some(config) if faults.is_empty() => {
            Ok(Loaded { config, file: file.map(Path::to_path_buf), origins: merged.origins })
        }
        _ => Err(Faults(faults)),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if about.len() > FILE_BYTES_MAX {
        return Err("is larger than 1 MiB".to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

fn from_file(path: &Path, text: &str, faults: &mut Vec<String>) -> Vec<Given> {
    let document::Read { entries, broken } = document::read(text);
    faults.extend(broken.into_iter().map(|(line, reason)| format!("{}:{line}: {reason}", path.display())));
    let given = |entry: document::Entry| Given { key: entry.key, value: entry.value, origin: Origin::File(entry.line) };
    entries.into_iter().map(given).collect()
}

fn from_environment<C: Settings>(environment: impl Iterator<Item = (String, String)>) -> impl Iterator<Item = Given> {
    environment.filter_map(|(name, text)| {
        let key = name.strip_prefix(C::VARIABLE_PREFIX)?.to_ascii_lowercase().replace("__", ".");
        let value = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        Some(Given { key, value: value.unwrap_or(Value::String(text)), origin: Origin::Environment(name) })
    })
}

/// What a type says about a value that it refuses, in words of TOML and with the value.
fn reworded(message: &str, value: &Value) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    let shown: String = value.to_string().chars().take(SHOWN_CHARS_MAX).collect();
    match message {
        "invalid socket address syntax" => format!("`{shown}` is no address with a port such as `[::]:8443`"),
        "invalid IP address syntax" => {
            format!("`{shown}` has what is no network such as `10.0.0.0/8` or `2001:db8::/32`")
        }
        _ => wording::plain(message),
    }
}

struct Merged {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

fn merge<C: Settings>(given: Vec<Given>, file: Option<&Path>, faults: &mut Vec<String>) -> Merged {
    let defaults = Table::try_from(C::default()).unwrap_or_default();
    let known = keys_of(&defaults, "");
    let mut merged = Merged { table: defaults.clone(), origins: BTreeMap::new() };
    for Given { key, value, origin } in given {
        let at = place(&origin, file);
        if !known.contains(&key) {
            faults.push(format!("{at}: unknown key `{key}`{}", suggestion(&key, &known, C::SHOWN_BY)));
            continue;
        }
        let mut alone = defaults.clone();
        put(&mut alone, &key, value.clone());
        if let Err(error) = alone.try_into::<C>() {
            faults.push(format!("{at}: `{key}`: {}", reworded(error.message().trim(), &value)));
            continue;
        }
        put(&mut merged.table, &key, value);
        merged.origins.insert(key, origin);
    }
    merged
}

fn finish<C: Settings>(
    table: &Table,
    origins: &BTreeMap<String, Origin>,
    file: Option<&Path>,
    faults: &mut Vec<String>,
) -> Option<C> {
    let config: C = match table.clone().try_into() {
        Ok(config) => config,
        Err(error) => {
            faults.push(format!("configuration: {}", error.message().trim()));
            return None;
        }
    };
    for (key, reason) in config.faults() {
        let at = origins.get(key).map_or_else(|| "configuration".to_owned(), |origin| place(origin, file));
        faults.push(format!("{at}: `{key}`: {reason}"));
    }
    Some(config)
}

fn place(origin: &Origin, file: Option<&Path>) -> String {
    match origin {
        Origin::File(line) => format!("{}:{line}", file.unwrap_or(Path::new("configuration")).display()),
        Origin::Environment(name) => format!("environment variable `{name}`"),
    }
}

fn keys_of(table: &Table, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => keys.extend(keys_of(inner, &key)),
            _ => keys.push(key),
        }
    }
    keys
}

fn suggestion(key: &str, known: &[String], shown_by: &str) -> String {
    let nearest = known.iter().map(|other| (strsim::damerau_levenshtein(key, other), other)).min();
    match nearest {
        Some((distance, other)) if distance <= 3 => format!(" (did you mean `{other}`?)"),
        _ => format!(" (`{shown_by}` prints every key)"),
    }
}

fn put(table: &mut Table, key: &str, value: Value) {
    let mut table = table;
    let mut names = key.split('.').peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            table.insert(name.to_owned(), value);
            return;
        }
        match table.get_mut(name) {
            Some(Value::Table(inner)) => table = inner,
            _ => return,
        }
    }
}

impl<C: Serialize> Loaded<C> {
    /// Every key with its value, and behind it where it came from: the output of `config show`.
    pub fn show(&self) -> String {
        let table = Table::try_from(&self.config).unwrap_or_default();
        let mut text = String::new();
        self.show_table(&table, "", &mut text);
        text
    }

    fn show_table(&self, table: &Table, prefix: &str, text: &mut String) {
        for (name, value) in table.iter().filter(|(_, value)| !value.is_table()) {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let origin = match self.origins.get(&key) {
                None => "default".to_owned(),
                Some(Origin::File(line)) => format!("line {line}"),
                Some(Origin::Environment(name)) => name.clone(),
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{:<56} # {origin}", format!("{name} = {value}"));
        }
        for (name, value) in table {
            if let Value::Table(inner) = value {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                let _ = writeln!(text, "\n[{key}]");
                self.show_table(inner, &key, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, environment: &[(&str, &str)], expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrosoc.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = match load::<Config>(Some(&path), environment) {
            Ok(loaded) => loaded.config.syslog.tls.lines().map(str::to_owned).collect(),
            Err(Faults(faults)) => faults,
        };
        let prefix = format!("{}:", path.display());
        let found: Vec<String> = found.into_iter().map(|line| line.replace(&prefix, "")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_fault_is_reported_at_once_with_its_line() {
        check(
            "version = 1\n[syslog]\ntls = 6514\ntim_zone = \"UTC\"\n\n[index]\nslice_hours = 0\n",
            &[("METROSOC_CONFIG__HTTPS__LISTEN", "nowhere")],
            &[
                "3: `syslog.tls`: invalid type: integer `6514`, expected a string",
                "4: unknown key `syslog.tim_zone` (did you mean `syslog.time_zone`?)",
                "environment variable `METROSOC_CONFIG__HTTPS__LISTEN`: `https.listen`: `\"nowhere\"` is no address with a port \
                 such as `[::]:8443`",
                "7: `index.slice_hours`: between 1 and 744",
            ],
        );
    }

    #[test]
    fn retention_is_checked_with_its_lines() {
        let text = "[retention]\ndays = 1\ndatasets = [{ dataset = \"a\", days = 9 }, { dataset = \"a\", days = 9 }]\n\n\
            [[retention.holds]]\nreason = \"order 12\"\nfrom = \"2026-03-01T00:00:00Z\"\nto = \"2026-02-01T00:00:00Z\"\n";
        check(
            text,
            &[],
            &[
                "2: `retention.days`: between 2 and 36,525 days",
                "3: `retention.datasets`: each dataset at most once",
                "5: `retention.holds`: `order 12`: `from` must be before `to`",
            ],
        );
        check(
            "[[retention.holds]]\nreason = \"order 12\"\nuntil = 1\n",
            &[],
            &[
                "1: `retention.holds`: unknown field `until`, expected one of `reason`, `from`, `to`, `sites`, `datasets`",
            ],
        );
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        check("syslog.tls = \"[::]:1\"", &[("METROSOC_CONFIG__SYSLOG__TLS", "[::]:2")], &["[::]:2"]);
    }

    #[test]
    fn a_file_that_is_no_toml_names_the_line() {
        check("version = 1\n[syslog\n", &[], &["2: unclosed table, expected `]`"]);
    }

    #[test]
    fn what_is_no_toml_hides_no_other_fault() {
        check(
            "version = 99999999999999999999\n[syslog]\nline_bytes_max = \"many\"\ntls = \"\"\ntls = \"\"\nbogus = 1\n\
             networks = [\"10.0.0.0/33\"]\n[relp\n",
            &[],
            &[
                "8: unclosed table, expected `]`",
                "5: duplicate key",
                "1: `99999999999999999999` is larger than any number here",
                "3: `syslog.line_bytes_max`: invalid type: string \"many\", expected a whole number, not below zero",
                "6: unknown key `syslog.bogus` (`metrosoc config show` prints every key)",
                "7: `syslog.networks`: `[\"10.0.0.0/33\"]` has what is no network such as `10.0.0.0/8` or `2001:db8::/32`",
            ],
        );
    }

    #[test]
    fn files_that_cannot_be_read_are_faults() {
        check(
            "[rules]\npaths = [\"/\", \"/no/such/rules\"]\n[store]\nurl_file = \"/no/such/url\"\n[respond]\nplaybooks = \"/no/such\"\n",
            &[],
            &[
                "4: `store.url_file`: `/no/such/url` cannot be read: No such file or directory (os error 2)",
                "2: `rules.paths`: `/no/such/rules` cannot be read: No such file or directory (os error 2)",
                "6: `respond.playbooks`: `/no/such` cannot be read: No such file or directory (os error 2)",
            ],
        );
    }

    #[test]
    fn what_is_shown_reads_back() {
        let loaded = load::<Config>(None, std::iter::empty()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shown.toml");
        std::fs::write(&path, loaded.show()).unwrap();
        let again = load::<Config>(Some(&path), std::iter::empty()).unwrap();
        assert_eq!(again.show().replace("# line", "#"), again.show().replace("# line", "#"));
        assert_eq!(Table::try_from(&again.config).unwrap(), Table::try_from(&loaded.config).unwrap());
    }
}

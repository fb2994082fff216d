//! Playbooks: when an alert is like this, do that, within these limits. YAML, unknown keys refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use event::{Entities, Level, RuleId, Trigger};
use serde::{Deserialize, Serialize};

use crate::PlaybookError;

/// Most bytes of a playbook file.
const FILE_BYTES_MAX: usize = 64 * 1024;
/// Most playbooks.
const PLAYBOOKS_MAX: usize = 500;
/// Longest block that any playbook may ask for; settings may set less.
const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);
const DURATION_MIN: Duration = Duration::from_secs(10);
const LIST_MAX: usize = 1_000;

/// A playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Playbook {
    /// Its id: letters, digits and `-`.
    pub id: String,
    /// Its title in both languages.
    pub title: Title,
    /// When it applies; every part that is given must hold.
    pub when: Condition,
    /// Which address of the alert is blocked.
    pub target: Target,
    /// For how long.
    pub duration_secs: u64,
    /// Most addresses that it holds blocked at one time; `None` leaves it to the settings.
    pub blocked_max: Option<u32>,
    /// Most blocks that it starts in an hour; `None` leaves it to the settings.
    pub per_hour_max: Option<u32>,
}

/// A title in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

/// When a playbook applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// One of these rules; empty means any.
    pub rules: Vec<RuleId>,
    /// At least this level.
    pub level: Option<Level>,
    /// One of these tags, or a part of it up to a dot (`attack.t1110` holds `attack.t1110.001`); empty means any.
    pub tags: Vec<String>,
    /// At least so many findings.
    pub count: u64,
}

/// Which address of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `source.ip`.
    Source,
    /// `destination.ip`.
    Destination,
}

impl Target {
    /// The address, v4-mapped ones as v4.
    pub fn of(self, entities: &Entities) -> Option<IpAddr> {
        let address = match self {
            Self::Source => entities.source_ip,
            Self::Destination => entities.destination_ip,
        };
        address.map(|address| address.to_canonical())
    }
}

impl Condition {
    /// Whether it holds for what the detector tells.
    pub fn holds(&self, trigger: &Trigger) -> bool {
        let rule = &trigger.rule;
        // What costs least is asked first.
        trigger.count >= self.count
            && self.level.is_none_or(|least| rule.level >= least)
            && (self.rules.is_empty() || self.rules.contains(&rule.id))
            && (self.tags.is_empty() || self.tags.iter().any(|tag| rule.tags.iter().any(|found| within(tag, found))))
    }
}

/// Whether `found` is `tag` or lies below it.
fn within(tag: &str, found: &str) -> bool {
    let (Some(head), rest) = (found.get(..tag.len()), found.get(tag.len()..).unwrap_or_default()) else { return false };
    head.eq_ignore_ascii_case(tag) && (rest.is_empty() || rest.starts_with('.'))
}

impl Playbook {
    /// Reads a playbook.
    ///
    /// # Errors
    /// [`PlaybookError`] names the file, the field and what is wrong with it.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, PlaybookError> {
        let wrong =
            |field: &str, reason: String| PlaybookError { file: file.to_owned(), field: field.to_owned(), reason };
        if yaml.len() > FILE_BYTES_MAX {
            return Err(wrong("playbook", format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        let written: Written = serde_norway::from_str(yaml).map_err(|error| {
            let (field, reason) = split(&error.to_string());
            wrong(&field, reason)
        })?;
        written.checked().map_err(|(field, reason)| wrong(field, reason))
    }
}

/// Playbooks by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Playbooks {
    books: Vec<Playbook>,
    /// Those that name rules, by the rules.
    by_rule: HashMap<RuleId, Vec<usize>>,
    /// Those that name none: any rule's alerts must be asked about.
    of_any: Vec<usize>,
}

impl Playbooks {
    /// Reads playbooks given as name and text; what cannot be read is left out and told. Order of ids.
    pub fn read<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> (Self, Vec<PlaybookError>) {
        let (mut books, mut wrong) = (Vec::<Playbook>::new(), Vec::new());
        for (file, yaml) in files {
            match Playbook::parse(file, yaml) {
                Ok(book) if books.iter().any(|other| other.id == book.id) => {
                    let reason = format!("`{}` is the id of another playbook", book.id);
                    wrong.push(PlaybookError { file: file.to_owned(), field: "id".to_owned(), reason });
                }
                Ok(_) if books.len() >= PLAYBOOKS_MAX => {
                    let reason = format!("there are {PLAYBOOKS_MAX} playbooks already");
                    wrong.push(PlaybookError { file: file.to_owned(), field: "playbook".to_owned(), reason });
                }
                Ok(book) => books.push(book),
                Err(error) => wrong.push(error),
            }
        }
        books.sort_by(|one, other| one.id.cmp(&other.id));
        (Self::of(books), wrong)
    }

    fn of(books: Vec<Playbook>) -> Self {
        let (mut by_rule, mut of_any) = (HashMap::<RuleId, Vec<usize>>::new(), Vec::new());
        for (number, book) in books.iter().enumerate() {
            if book.when.rules.is_empty() {
                of_any.push(number);
            }
            let mut rules: Vec<&RuleId> = book.when.rules.iter().collect();
            rules.sort_unstable();
            rules.dedup();
            for rule in rules {
                by_rule.entry(rule.clone()).or_default().push(number);
            }
        }
        Self { books, by_rule, of_any }
    }

    /// Reads every `.yml` and `.yaml` file of a directory.
    pub fn read_dir(dir: &Path) -> (Self, Vec<PlaybookError>) {
        let wrong = |path: &Path, error: &std::io::Error| PlaybookError {
            file: path.display().to_string(),
            field: "playbook".to_owned(),
            reason: error.to_string(),
        };
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return (Self::default(), vec![wrong(dir, &error)]),
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml"));
        paths.sort();
        let (mut texts, mut unread) = (Vec::new(), Vec::new());
        for path in &paths {
            match std::fs::read_to_string(path) {
                Ok(text) => texts.push((path.display().to_string(), text)),
                Err(error) => unread.push(wrong(path, &error)),
            }
        }
        let (books, mut errors) = Self::read(texts.iter().map(|(file, text)| (file.as_str(), text.as_str())));
        errors.extend(unread);
        (books, errors)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Playbook> {
        self.books.iter()
    }

    /// One by its id.
    pub fn by_id(&self, id: &str) -> Option<&Playbook> {
        self.books.iter().find(|book| book.id == id)
    }

    /// Those that apply and whose target the alert names, in the order of their ids.
    pub fn matching<'p>(&'p self, trigger: &'p Trigger) -> impl Iterator<Item = (&'p Playbook, IpAddr)> {
        let of_rule = self.by_rule.get(&trigger.rule.id).map(Vec::as_slice).unwrap_or_default();
        let book = |number: &usize| self.books.get(*number).filter(|book| book.when.holds(trigger));
        let mut books: Vec<&Playbook> = of_rule.iter().chain(&self.of_any).filter_map(book).collect();
        books.sort_by(|one, other| one.id.cmp(&other.id));
        books.into_iter().filter_map(|book| Some((book, book.target.of(&trigger.entities)?)))
    }
}

/// A playbook as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    title: Title,
    when: WrittenCondition,
    #[serde(rename = "do")]
    action: WrittenAction,
    #[serde(default)]
    limits: WrittenLimits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCondition {
    #[serde(default)]
    rules: Vec<String>,
    level: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAction {
    block_address: WrittenBlock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBlock {
    address: Target,
    duration: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    blocked_max: Option<u32>,
    per_hour_max: Option<u32>,
}

impl Written {
    fn checked(self) -> Result<Playbook, (&'static str, String)> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(plain) {
            return Err(("id", "must be 1 to 64 letters, digits and `-`".to_owned()));
        }
        for (field, title) in [("title.vi", &self.title.vi), ("title.en", &self.title.en)] {
            if title.trim().is_empty() || title.chars().count() > 200 {
                return Err((field, "must have 1 to 200 characters".to_owned()));
            }
        }
        Ok(Playbook {
            when: self.when.checked()?,
            duration_secs: read_duration(&self.action.block_address.duration)
                .map_err(|why| ("do.block_address.duration", why))?,
            target: self.action.block_address.address,
            blocked_max: positive("limits.blocked_max", self.limits.blocked_max)?,
            per_hour_max: positive("limits.per_hour_max", self.limits.per_hour_max)?,
            id: self.id,
            title: self.title,
        })
    }
}

impl WrittenCondition {
    fn checked(self) -> Result<Condition, (&'static str, String)> {
        if self.rules.is_empty() && self.level.is_none() && self.tags.is_empty() {
            return Err(("when", "names no rule, level or tag; a playbook for every alert is refused".to_owned()));
        }
        if self.rules.len() > LIST_MAX || self.tags.len() > LIST_MAX {
            return Err(("when", format!("more than {LIST_MAX} rules or tags")));
        }
        let rules = self.rules.iter().map(RuleId::new).collect::<Result<Vec<_>, _>>();
        if let Some(tag) = self.tags.iter().find(|tag| tag.trim().is_empty() || tag.ends_with('.')) {
            return Err(("when.tags", format!("`{tag}` is no tag; write `attack.t1110`")));
        }
        let level = match &self.level {
            None => None,
            Some(text) => Some(Level::parse(text).ok_or_else(|| {
                ("when.level", format!("`{text}` is no level; it is informational, low, medium, high or critical"))
            })?),
        };
        Ok(Condition {
            rules: rules.map_err(|error| ("when.rules", error.to_string()))?,
            level,
            tags: self.tags,
            count: self.count.unwrap_or(1),
        })
    }
}

fn positive(field: &'static str, value: Option<u32>) -> Result<Option<u32>, (&'static str, String)> {
    if value == Some(0) { Err((field, "must be at least 1".to_owned())) } else { Ok(value) }
}

/// Seconds of `90s`, `15m`, `4h`, `2d`.
fn read_duration(text: &str) -> Result<u64, String> {
    let unreadable = || format!("`{text}` is no time; write `90s`, `15m`, `4h` or `2d`");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(unreadable)?;
    let count: u64 = digits.parse().map_err(|_| unreadable())?;
    let unit_secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(unreadable()),
    };
    let secs = count.saturating_mul(unit_secs);
    if !(DURATION_MIN.as_secs()..=DURATION_MAX.as_secs()).contains(&secs) {
        return Err(format!("`{text}` is out of bounds; 10s to 7d"));
    }
    Ok(secs)
}

/// Splits the YAML library's message into field and reason: `do.block_address: unknown field …`.
fn split(message: &str) -> (String, String) {
    let field = |text: &str| !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter == '`');
    match message.split_once(": ") {
        Some((path, reason)) if field(path) => (path.to_owned(), reason.to_owned()),
        _ => ("playbook".to_owned(), message.to_owned()),
    }
}

#[cfg(test)]
mod tests;

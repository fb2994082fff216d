//! `rules/privacy/`: read, checked and compiled.

mod files;
mod lines;
mod reader;
#[cfg(test)]
mod tests;

use std::io::Read as _;
use std::path::Path;

use ipnet::IpNet;

use super::Class;
use super::fields::{FieldKind, FieldTable};
use super::pattern::{Pattern, Patterns};

pub use files::parse;
pub use reader::Fault;

/// Most bytes of one file.
pub(super) const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most entries of an operator's directory that are looked at.
const ENTRIES_MAX: usize = 1_000;
/// Names of the five files.
pub const FILES: [&str; 5] = ["classes.yml", "words.yml", "exempt.yml", "sources.yml", "fields.yml"];

/// The content of the five files of `rules/privacy/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyText {
    /// `classes.yml`: classes, their words and thresholds.
    pub classes: String,
    /// `words.yml`: names and addresses.
    pub words: String,
    /// `exempt.yml`: accounts that are no person, mailboxes, networks.
    pub exempt: String,
    /// `sources.yml`: what is looked for in which source.
    pub sources: String,
    /// `fields.yml`: which field holds which class.
    pub fields: String,
}

/// Files that cannot be used, with everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the privacy rules cannot be used: {}", faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
pub struct PrivacyFaults {
    /// What is wrong, with file and line.
    pub faults: Vec<Fault>,
}

/// How much a class says about a person (Law 91/2025/QH15 knows these two kinds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sensitivity {
    /// Basic personal data.
    Basic,
    /// Sensitive personal data.
    Sensitive,
}

/// One class as `classes.yml` describes it.
#[derive(Debug, Clone)]
pub struct ClassRule {
    /// Which class.
    pub class: Class,
    /// What kind of personal data it is.
    pub sensitivity: Sensitivity,
    /// Findings in text with a lower score are dropped; 1 to 100.
    pub threshold: u8,
    /// Whether it is looked for inside text.
    pub scan: bool,
    /// Words that make a value behind them more likely.
    pub context: Vec<String>,
    /// Words behind which the value follows at once.
    pub lead: Vec<String>,
    /// Values that are nobody's.
    pub allow: Vec<String>,
}

/// The words of names and addresses.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) family_common: Vec<String>,
    pub(super) family: Vec<String>,
    pub(super) family_marked: Vec<String>,
    pub(super) middle_proof: Vec<String>,
    pub(super) middle_sure: Vec<String>,
    pub(super) middle: Vec<String>,
    pub(super) given: Vec<String>,
    pub(super) stop: Vec<String>,
    pub(super) not_names: Vec<String>,
    pub(super) place_before: Vec<String>,
    pub(super) house: Vec<String>,
    pub(super) street: Vec<String>,
    pub(super) hamlet: Vec<String>,
    pub(super) unit: Vec<String>,
    pub(super) city: Vec<String>,
}

/// An entry of `sources.yml`.
#[derive(Debug, Clone)]
pub(super) struct SourceRule {
    dataset: Pattern,
    /// Classes that are not looked for.
    off: u32,
    /// Other thresholds than those of `classes.yml`.
    thresholds: [Option<u8>; Class::ALL.len()],
}

/// What is looked for in the text of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    pub(super) on: u32,
    pub(super) thresholds: [u8; Class::ALL.len()],
}

impl Switches {
    /// Whether a class is looked for.
    pub fn is_on(&self, class: Class) -> bool {
        self.on & class.bit() != 0
    }

    /// Whether no other classes are on.
    pub(super) fn are_within(&self, classes: &[Class]) -> bool {
        self.only(classes).on == self.on
    }

    /// The same with only these classes on, as far as they were on.
    pub fn only(mut self, classes: &[Class]) -> Self {
        self.on &= classes.iter().fold(0, |bits, class| bits | class.bit());
        self
    }

    pub(super) fn threshold(&self, class: Class) -> u8 {
        self.thresholds.get(class.index()).copied().unwrap_or(u8::MAX)
    }
}

/// `rules/privacy/`, checked.
#[derive(Debug, Clone)]
pub struct PrivacyRules {
    pub(super) classes: Vec<ClassRule>,
    pub(super) counter_context: Vec<String>,
    pub(super) fillers: Vec<String>,
    pub(super) words: Words,
    pub(super) accounts: Patterns,
    pub(super) mailboxes: Patterns,
    pub(super) citizen_networks: Vec<IpNet>,
    pub(super) other_networks: Vec<IpNet>,
    pub(super) sources: Vec<SourceRule>,
    pub(super) fields: FieldTable,
    pub(super) dataset_fields: Vec<(Pattern, FieldTable)>,
}

impl PrivacyText {
    /// The rules that MetroSOC comes with.
    pub fn embedded() -> Self {
        Self {
            classes: include_str!("../../../../rules/privacy/classes.yml").to_owned(),
            words: include_str!("../../../../rules/privacy/words.yml").to_owned(),
            exempt: include_str!("../../../../rules/privacy/exempt.yml").to_owned(),
            sources: include_str!("../../../../rules/privacy/sources.yml").to_owned(),
            fields: include_str!("../../../../rules/privacy/fields.yml").to_owned(),
        }
    }

    /// The files with their names, in the order in which they are read.
    fn files(&self) -> [(&'static str, &str); FILES.len()] {
        let [classes, words, exempt, sources, fields] = FILES;
        [
            (classes, &self.classes),
            (words, &self.words),
            (exempt, &self.exempt),
            (sources, &self.sources),
            (fields, &self.fields),
        ]
    }
}

/// The rules that come with MetroSOC with what an operator's directory adds to them, and what was refused there.
///
/// Any of the [`FILES`] may be in the directory. Words, patterns and allowed values are added, thresholds and
/// sensitivities replaced; `sources.yml` and `fields.yml` win over what comes with it; lists of networks take the place
/// of those that come with it. An entry that cannot be used is refused alone.
///
/// # Errors
/// [`PrivacyFaults`] when the directory cannot be read: whoever names one must not get other rules silently.
pub fn load(directory: &Path) -> Result<(PrivacyRules, Vec<Fault>), PrivacyFaults> {
    let mut rules = parse(&PrivacyText::embedded())?;
    let unreadable = |reason: String| Fault { file: directory.display().to_string(), line: 0, reason };
    let entries = std::fs::read_dir(directory)
        .map_err(|error| PrivacyFaults { faults: vec![unreadable(format!("could not be read ({error})"))] })?;
    let mut refused = Vec::new();
    for name in entries.take(ENTRIES_MAX).filter_map(Result::ok).map(|entry| entry.file_name()) {
        let name = name.to_string_lossy();
        if name.ends_with(".yml") && !FILES.contains(&name.as_ref()) {
            let near = reader::suggestion(&name, &FILES);
            let reason = format!("is not a file of privacy rules{near}");
            refused.push(Fault { file: name.into_owned(), line: 0, reason });
        }
    }
    for file in FILES {
        match read_bounded(&directory.join(file)) {
            Ok(text) => refused.extend(files::overlay(&mut rules, file, &text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let reason = format!("could not be read ({error})");
                refused.push(Fault { file: file.to_owned(), line: 0, reason });
            }
        }
    }
    Ok((rules, refused))
}

/// A file's text, of which no more is read than may be used.
fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

impl PrivacyRules {
    /// Rules that know every class and no word.
    fn empty() -> Self {
        let classes = Class::ALL.map(|class| ClassRule {
            class,
            sensitivity: Sensitivity::Sensitive,
            threshold: 50,
            scan: true,
            context: Vec::new(),
            lead: Vec::new(),
            allow: Vec::new(),
        });
        Self {
            classes: classes.into(),
            counter_context: Vec::new(),
            fillers: Vec::new(),
            words: Words::default(),
            accounts: Patterns::default(),
            mailboxes: Patterns::default(),
            citizen_networks: Vec::new(),
            other_networks: Vec::new(),
            sources: Vec::new(),
            fields: FieldTable::default(),
            dataset_fields: Vec::new(),
        }
    }

    /// What a field of an event of this dataset holds: what is said of the dataset's own fields wins over what is said of
    /// fields in general; a field of which nothing is said is text.
    pub fn field(&self, dataset: &str, field: &str) -> FieldKind {
        let fitting = self.dataset_fields.iter().filter(|(pattern, _)| pattern.matches(dataset));
        fitting.filter_map(|(_, table)| table.known(field)).next().unwrap_or_else(|| self.fields.kind(field))
    }

    /// How much a class says about a person.
    pub fn sensitivity(&self, class: Class) -> Sensitivity {
        self.classes.get(class.index()).map_or(Sensitivity::Sensitive, |rule| rule.sensitivity)
    }

    /// The classes in order, each once.
    pub fn classes(&self) -> &[ClassRule] {
        &self.classes
    }

    /// Which field holds which class.
    pub fn fields(&self) -> &FieldTable {
        &self.fields
    }

    /// What is looked for in the text of a source (`event.dataset`).
    pub fn switches(&self, dataset: &str) -> Switches {
        let mut switches = self.default_switches();
        if let Some(rule) = self.sources.iter().find(|rule| rule.dataset.matches(dataset)) {
            switches.on &= !rule.off;
            for (threshold, other) in switches.thresholds.iter_mut().zip(rule.thresholds) {
                *threshold = other.unwrap_or(*threshold);
            }
        }
        switches
    }

    /// What is looked for in sources that are not listed.
    pub fn default_switches(&self) -> Switches {
        let mut switches = Switches { on: 0, thresholds: [u8::MAX; Class::ALL.len()] };
        for (rule, threshold) in self.classes.iter().zip(&mut switches.thresholds) {
            *threshold = rule.threshold;
            if rule.scan {
                switches.on |= rule.class.bit();
            }
        }
        switches
    }

    /// Whether an account belongs to a person, or may: it is in no list and fits no pattern of `exempt.yml`.
    /// `DOMAIN\` before it and `@realm` behind it do not count.
    pub fn is_person_account(&self, account: &str) -> bool {
        let account = account.rsplit('\\').next().unwrap_or(account);
        let local = account.split('@').next().unwrap_or(account).trim();
        // A SID is of a person only when it ends in a relative id of 1000 or more.
        let numeric = !local.is_empty() && local.len() < 5 && local.bytes().all(|byte| byte.is_ascii_digit());
        !local.is_empty() && local != "-" && !numeric && !self.accounts.matches(local)
    }

    /// The same for `account@realm`, where the realm has no mailboxes (`*@*.local`).
    pub(super) fn is_person_principal(&self, principal: &str) -> bool {
        let (local, realm) = principal.split_once('@').unwrap_or((principal, ""));
        // Exempt for its realm, not for its name (`noreply@*`).
        realm.contains('.') && self.is_person_account(local) && self.is_person_mailbox(&format!("{local}@x.vn"))
    }

    /// Whether a mailbox belongs to a person, or may.
    pub fn is_person_mailbox(&self, address: &str) -> bool {
        !self.mailboxes.matches(address)
    }

    /// Whether an address is of a citizen's line; IPv4 written as IPv6 (`::ffff:…`) counts as IPv4.
    pub fn is_citizen_address(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        within(&self.citizen_networks) && !within(&self.other_networks)
    }
}

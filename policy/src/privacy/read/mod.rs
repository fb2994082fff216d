//! `rules/privacy/`: read, checked and compiled.

mod files;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use ipnet::IpNet;

use super::Class;
use super::fields::FieldTable;
use super::pattern::Pattern;

pub use files::parse;

/// Most bytes of one file.
pub(super) const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
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
#[error("the privacy rules cannot be used: {}", faults.join("; "))]
pub struct PrivacyFaults {
    /// One sentence each, beginning with the file.
    pub faults: Vec<String>,
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
    pub(super) accounts: Vec<Pattern>,
    pub(super) mailboxes: Vec<Pattern>,
    pub(super) citizen_networks: Vec<IpNet>,
    pub(super) other_networks: Vec<IpNet>,
    pub(super) sources: Vec<(Pattern, Switches)>,
    pub(super) fields: FieldTable,
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

    /// The five files of a directory; all must be there.
    ///
    /// # Errors
    /// [`PrivacyFaults`] names every file that cannot be read.
    pub fn directory(directory: &Path) -> Result<Self, PrivacyFaults> {
        let mut faults = Vec::new();
        let mut texts: HashMap<&str, String> = HashMap::new();
        for file in FILES {
            match std::fs::read_to_string(directory.join(file)) {
                Ok(text) => {
                    texts.insert(file, text);
                }
                Err(error) => faults.push(format!("{file}: could not be read ({error})")),
            }
        }
        if !faults.is_empty() {
            return Err(PrivacyFaults { faults });
        }
        let mut take = |file| texts.remove(file).unwrap_or_default();
        Ok(Self {
            classes: take("classes.yml"),
            words: take("words.yml"),
            exempt: take("exempt.yml"),
            sources: take("sources.yml"),
            fields: take("fields.yml"),
        })
    }
}

impl PrivacyRules {
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
        let listed = self.sources.iter().find(|(pattern, _)| pattern.matches(dataset));
        listed.map_or_else(|| self.default_switches(), |(_, switches)| *switches)
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
        !local.is_empty() && local != "-" && !numeric && !self.accounts.iter().any(|pattern| pattern.matches(local))
    }

    /// Whether a mailbox belongs to a person, or may.
    pub fn is_person_mailbox(&self, address: &str) -> bool {
        !self.mailboxes.iter().any(|pattern| pattern.matches(address))
    }

    /// Whether an address is of a citizen's line; IPv4 written as IPv6 (`::ffff:…`) counts as IPv4.
    pub fn is_citizen_address(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        within(&self.citizen_networks) && !within(&self.other_networks)
    }
}

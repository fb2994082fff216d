//! Which profile counts for whom: the first choice of `masks.yml` that fits, else the role's own profile.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{Counts, Noise, Object, Role};
use serde::Deserialize;

use super::MaskTable;
use super::file::MaskSet;
use super::key::{CountNoise, RecipientKey};

/// Most choices of a file; each question goes through them.
pub(super) const CHOICES_MAX: usize = 1_000;
/// The greatest threshold.
const AT_LEAST_MAX: u64 = 1_000_000;
/// The greatest spread of noise on counts.
const SPREAD_MAX: u16 = 1_000;
/// What stands before the name of a dataset of another system, whose records are masked here.
pub(super) const RECORDS: &str = "records:";

/// One choice of `masks.yml`, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// For these roles; every role without.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// Over these: objects of the policy (`events`, `alerts`), or `records:NAME` for records of other systems.
    #[serde(default)]
    pub datasets: BTreeSet<String>,
    /// For these purposes; for every one, and for none, without.
    #[serde(default)]
    pub purposes: BTreeSet<String>,
    /// The profile; the role's own without.
    pub profile: Option<String>,
    /// Counts below this are withheld.
    #[serde(default)]
    pub at_least: u64,
    /// Whether single events are shown; without, only where counts are.
    pub rows: Option<bool>,
    /// The spread of noise on counts.
    #[serde(default)]
    pub noise: u16,
}

impl Choice {
    fn fits(&self, role: Role, dataset: &str, purpose: &str) -> bool {
        let holds = |set: &BTreeSet<String>, word: &str| set.is_empty() || set.contains(word);
        holds(&self.roles, role.as_str()) && holds(&self.datasets, dataset) && holds(&self.purposes, purpose)
    }

    /// What is wrong with it by itself; `profiles` are known.
    pub(super) fn fault(&self, knows_profile: impl Fn(&str) -> bool) -> Option<(String, String)> {
        if let Some(role) = self.roles.iter().find(|role| Role::parse(role).is_none()) {
            return Some((role.clone(), format!("unknown role `{role}`")));
        }
        let known = |dataset: &str| match dataset.strip_prefix(RECORDS) {
            Some(name) => is_dataset_name(name),
            None => Object::ALL.iter().any(|object| object.as_str() == dataset),
        };
        if let Some(dataset) = self.datasets.iter().find(|dataset| !known(dataset)) {
            let reason = format!("dataset `{dataset}` is neither an object of the policy nor `records:NAME`");
            return Some((dataset.clone(), reason));
        }
        if let Some(profile) = self.profile.as_ref().filter(|profile| !knows_profile(profile)) {
            return Some((profile.clone(), format!("`{profile}` is not one of the profiles")));
        }
        let limits = self.at_least > 1 || self.noise > 0 || self.rows == Some(false);
        if limits && (self.datasets.is_empty() || self.datasets.iter().any(|dataset| dataset != "events")) {
            let reason = "`at_least`, `noise` and `rows` are for `datasets: [events]` alone";
            return Some(("events".to_owned(), reason.to_owned()));
        }
        if self.at_least > AT_LEAST_MAX {
            return Some((self.at_least.to_string(), format!("`at_least` is at most {AT_LEAST_MAX}")));
        }
        if self.noise > SPREAD_MAX {
            return Some((self.noise.to_string(), format!("`noise` is at most {SPREAD_MAX}")));
        }
        None
    }
}

/// Whether a word can be the name of a dataset of another system.
pub(super) fn is_dataset_name(name: &str) -> bool {
    let plain = |found: char| found.is_ascii_lowercase() || found.is_ascii_digit() || matches!(found, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}

/// What was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The profile.
    pub table: Arc<MaskTable>,
    /// Counts below this are withheld.
    pub at_least: u64,
    /// Whether single events are shown.
    pub rows: bool,
    /// The spread of noise on counts; 0 is none.
    pub noise: u16,
}

impl Chosen {
    /// No field and no count.
    pub fn nothing() -> Self {
        Self { table: Arc::new(MaskTable::hidden()), at_least: u64::MAX, rows: false, noise: 0 }
    }

    /// How counts are seen by who has this key. Noise without a key withholds every row and every count.
    pub fn counts(&self, key: Option<&RecipientKey>) -> Counts {
        let noise = |key: &RecipientKey| {
            Arc::new(CountNoise { key: key.sub_key_of_counts(), spread: self.noise }) as Arc<dyn Noise>
        };
        match (self.noise, key) {
            (0, _) => Counts { at_least: self.at_least, rows: self.rows, noise: None },
            (_, Some(key)) => Counts { at_least: self.at_least, rows: self.rows, noise: Some(noise(key)) },
            (_, None) => Counts { at_least: u64::MAX, rows: false, noise: None },
        }
    }
}

impl MaskSet {
    /// The profile of a role that chooses nothing else; a role that `masks.yml` does not name sees nothing.
    pub fn of(&self, role: Role) -> Arc<MaskTable> {
        self.roles.get(&role).map_or_else(|| Arc::clone(&self.hidden), Arc::clone)
    }

    /// What a role sees a dataset through for a purpose: by the first choice that fits, else the role's own profile.
    pub fn chosen(&self, role: Role, dataset: &str, purpose: &str) -> Chosen {
        let Some(choice) = self.choices.iter().find(|choice| choice.fits(role, dataset, purpose)) else {
            return Chosen { table: self.of(role), at_least: 0, rows: true, noise: 0 };
        };
        let table = match &choice.profile {
            // Checked when the file was read; one that is missing all the same shows nothing.
            Some(name) => self.tables.get(name).map_or_else(|| Arc::clone(&self.hidden), Arc::clone),
            None => self.of(role),
        };
        let exact = choice.at_least <= 1 && choice.noise == 0;
        Chosen { table, at_least: choice.at_least, rows: choice.rows.unwrap_or(exact), noise: choice.noise }
    }

    /// Whether a choice names the records of another system's dataset.
    pub fn names_records(&self, dataset: &str) -> bool {
        let word = format!("{RECORDS}{dataset}");
        self.choices.iter().any(|choice| choice.datasets.contains(&word))
    }

    /// Every choice, in the order of the file.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The first purpose of a choice that `known` does not know, for who reads both files.
    pub fn unknown_purpose(&self, known: impl Fn(&str) -> bool) -> Option<&str> {
        let mut purposes = self.choices.iter().flat_map(|choice| &choice.purposes);
        purposes.find(|purpose| !known(purpose)).map(String::as_str)
    }
}

//! Reads YAML strictly: unknown keys are refused with a suggestion, and all faults are told at once.

use serde_norway::{Mapping, Value};

use crate::privacy::scan::PHRASE_WORDS_MAX;

/// Most faults that are told.
const FAULTS_MAX: usize = 100;

/// What is wrong with the files so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<String>,
}

impl Faults {
    pub(super) fn add(&mut self, place: &str, what: impl std::fmt::Display) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(format!("{place}: {what}"));
        }
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// One file or part of it, and where it stands.
pub(super) struct Part<'a> {
    pub(super) place: String,
    map: &'a Mapping,
}

/// The document of a file with `version: 1`; an empty one when it cannot be read.
pub(super) fn document(file: &str, text: &str, bytes_max: usize, faults: &mut Faults) -> Mapping {
    if text.len() > bytes_max {
        faults.add(file, format_args!("{} bytes; at most {bytes_max} are read", text.len()));
        return Mapping::new();
    }
    let map = match serde_norway::from_str::<Value>(text) {
        Ok(Value::Mapping(map)) => map,
        Ok(_) => {
            faults.add(file, "is not a mapping of keys to values");
            return Mapping::new();
        }
        Err(error) => {
            faults.add(file, error);
            return Mapping::new();
        }
    };
    match map.get("version").and_then(Value::as_u64) {
        Some(1) => {}
        Some(other) => faults.add(file, format_args!("version {other} is not known; this program reads version 1")),
        None => faults.add(file, "`version: 1` is missing"),
    }
    map
}

impl<'a> Part<'a> {
    pub(super) fn new(place: &str, map: &'a Mapping) -> Self {
        Self { place: place.to_owned(), map }
    }

    /// Refuses every key but these.
    pub(super) fn only(&self, known: &[&str], faults: &mut Faults) {
        for key in self.map.keys() {
            match key.as_str() {
                Some(key) if known.contains(&key) => {}
                Some(key) => faults.add(&self.place, format_args!("unknown key `{key}`{}", suggestion(key, known))),
                None => faults.add(&self.place, "a key is not a word"),
            }
        }
    }

    /// The part below a key; `None` and a fault when it is missing or no mapping.
    pub(super) fn part(&self, key: &str, faults: &mut Faults) -> Option<Part<'a>> {
        match self.map.get(key) {
            Some(Value::Mapping(map)) => Some(Part { place: format!("{}: {key}", self.place), map }),
            Some(_) => {
                faults.add(&self.place, format_args!("`{key}` is not a mapping"));
                None
            }
            None => {
                faults.add(&self.place, format_args!("`{key}` is missing"));
                None
            }
        }
    }

    /// The parts of a list of mappings; none when the key is missing.
    pub(super) fn parts(&self, key: &str, max: usize, faults: &mut Faults) -> Vec<Part<'a>> {
        let Some(value) = self.map.get(key) else { return Vec::new() };
        let Some(list) = value.as_sequence().filter(|list| list.len() <= max) else {
            faults.add(&self.place, format_args!("`{key}` is not a list of at most {max} entries"));
            return Vec::new();
        };
        let mut parts = Vec::with_capacity(list.len());
        for (number, entry) in list.iter().enumerate() {
            let place = format!("{}: {key} {}", self.place, number + 1);
            match entry {
                Value::Mapping(map) => parts.push(Part { place, map }),
                _ => faults.add(&place, "is not a mapping"),
            }
        }
        parts
    }

    /// A list of words, each of 1 to 128 bytes; empty when the key is missing.
    pub(super) fn words(&self, key: &str, max: usize, faults: &mut Faults) -> Vec<String> {
        let Some(value) = self.map.get(key) else { return Vec::new() };
        let Some(list) = value.as_sequence().filter(|list| list.len() <= max) else {
            faults.add(&self.place, format_args!("`{key}` is not a list of at most {max} words"));
            return Vec::new();
        };
        let mut words: Vec<String> = Vec::with_capacity(list.len());
        for entry in list {
            match entry.as_str() {
                Some(word) if word.split_whitespace().count() > PHRASE_WORDS_MAX => {
                    faults.add(&self.place, format_args!("`{key}`: `{word}` has more than {PHRASE_WORDS_MAX} words"));
                }
                Some(word) if (1..=128).contains(&word.len()) && word.trim() == word => words.push(word.to_owned()),
                Some(word) => {
                    let shown: String = word.chars().take(48).collect();
                    faults.add(
                        &self.place,
                        format_args!("`{key}`: `{shown}` is not 1 to 128 bytes without outer spaces"),
                    );
                }
                None => faults.add(&self.place, format_args!("`{key}`: an entry is not a text; write it in quotes")),
            }
        }
        words
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, key: &str, default: u8, bounds: (u8, u8), faults: &mut Faults) -> u8 {
        let Some(value) = self.map.get(key) else { return default };
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        match number.filter(|number| (bounds.0..=bounds.1).contains(number)) {
            Some(number) => number,
            None => {
                faults.add(&self.place, format_args!("`{key}` is not a number from {} to {}", bounds.0, bounds.1));
                default
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn truth(&self, key: &str, default: bool, faults: &mut Faults) -> bool {
        match self.map.get(key) {
            None => default,
            Some(Value::Bool(found)) => *found,
            Some(_) => {
                faults.add(&self.place, format_args!("`{key}` is neither `true` nor `false`"));
                default
            }
        }
    }

    /// One word.
    pub(super) fn word(&self, key: &str, faults: &mut Faults) -> Option<&'a str> {
        let found = self.map.get(key).and_then(Value::as_str);
        if found.is_none() {
            faults.add(&self.place, format_args!("`{key}` is missing or not a text"));
        }
        found
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().filter_map(Value::as_str)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }
}

/// ` (did you mean `…`?)` with the nearest of `known`, or nothing when none is near.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 3 => format!(" (did you mean `{known}`?)"),
        _ => String::new(),
    }
}

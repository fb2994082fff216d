//! Reads YAML strictly: unknown keys are refused with a suggestion, and all faults are told at once, with their lines.

use std::fmt;

use serde_norway::{Mapping, Value};

use super::lines;
use crate::privacy::scan::PHRASE_WORDS_MAX;

/// Most faults that are told.
const FAULTS_MAX: usize = 100;

/// An entry that was refused. Whatever stands beside it is still read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The file, as `rules/privacy/` names it.
    pub file: String,
    /// The line, counted from 1; 0 when it is the whole file.
    pub line: usize,
    /// What is wrong with it, and the way out where there is one.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.reason),
            line => write!(formatter, "{}:{line}: {}", self.file, self.reason),
        }
    }
}

/// What is wrong with the files so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, file: &str, line: usize, reason: impl fmt::Display) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(Fault { file: file.to_owned(), line, reason: reason.to_string() });
        }
    }

    pub(super) fn into_list(self) -> Vec<Fault> {
        self.list
    }
}

/// One file or part of it, and where it stands.
pub(super) struct Part<'a> {
    file: &'a str,
    text: &'a str,
    /// The line of its key.
    line: usize,
    /// The keys that lead to it.
    place: String,
    map: &'a Mapping,
}

/// The document of a file with `version: 1`; `None` when it cannot be read.
pub(super) fn document(file: &str, text: &str, bytes_max: usize, faults: &mut Faults) -> Option<Mapping> {
    if text.len() > bytes_max {
        faults.add(file, 0, format_args!("{} bytes; at most {bytes_max} are read", text.len()));
        return None;
    }
    let map = match serde_norway::from_str::<Value>(text) {
        Ok(Value::Mapping(map)) => map,
        Ok(_) => {
            faults.add(file, 1, "is not a mapping of keys to values");
            return None;
        }
        Err(error) => {
            faults.add(file, error.location().map_or(0, |location| location.line()), error);
            return None;
        }
    };
    let line = || lines::of_key(text, 1, "version").unwrap_or(1);
    match map.get("version").and_then(Value::as_u64) {
        Some(1) => return Some(map),
        Some(other) => {
            faults.add(file, line(), format_args!("version {other} is not known; this program reads version 1"));
        }
        None => faults.add(file, line(), "`version: 1` is missing"),
    }
    None
}

impl<'a> Part<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, map: &'a Mapping) -> Self {
        Self { file, text, line: 1, place: String::new(), map }
    }

    /// A fault of the part as a whole.
    pub(super) fn fault(&self, reason: impl fmt::Display, faults: &mut Faults) {
        faults.add(self.file, self.line, format_args!("{}{reason}", self.place));
    }

    /// A fault of one entry in it.
    pub(super) fn fault_at(&self, word: &str, reason: impl fmt::Display, faults: &mut Faults) {
        let line = lines::of_word(self.text, self.line, word, false).unwrap_or(self.line);
        faults.add(self.file, line, format_args!("{}{reason}", self.place));
    }

    /// A fault of an entry that stands there more than once.
    pub(super) fn fault_at_last(&self, word: &str, reason: impl fmt::Display, faults: &mut Faults) {
        let line = lines::of_word(self.text, self.line, word, true).unwrap_or(self.line);
        faults.add(self.file, line, format_args!("{}{reason}", self.place));
    }

    /// Refuses every key but these.
    pub(super) fn only(&self, known: &[&str], faults: &mut Faults) {
        for key in self.map.keys() {
            match key.as_str() {
                Some(key) if known.contains(&key) => {}
                Some(key) => self.fault_at(key, format_args!("unknown key `{key}`{}", suggestion(key, known)), faults),
                None => self.fault("a key is not a word", faults),
            }
        }
    }

    /// The part below a key; `None` and a fault when it is no mapping, `None` when it is missing.
    pub(super) fn part(&self, key: &str, faults: &mut Faults) -> Option<Part<'a>> {
        match self.map.get(key)? {
            Value::Mapping(map) => {
                let line = lines::of_key(self.text, self.line, key).unwrap_or(self.line);
                let place = format!("{}{key}: ", self.place);
                Some(Part { file: self.file, text: self.text, line, place, map })
            }
            _ => {
                self.fault_at(key, format_args!("`{key}` is not a mapping"), faults);
                None
            }
        }
    }

    /// The parts of a list of mappings; none when the key is missing.
    pub(super) fn parts(&self, key: &str, max: usize, faults: &mut Faults) -> Vec<Part<'a>> {
        let Some(value) = self.map.get(key) else { return Vec::new() };
        let Some(list) = value.as_sequence().filter(|list| list.len() <= max) else {
            self.fault_at(key, format_args!("`{key}` is not a list of at most {max} entries"), faults);
            return Vec::new();
        };
        let start = lines::of_key(self.text, self.line, key).unwrap_or(self.line);
        let items = lines::of_items(self.text, start + 1);
        let mut parts = Vec::with_capacity(list.len());
        for (at, entry) in list.iter().enumerate() {
            let (line, place) = (items.get(at).copied().unwrap_or(start), format!("{}{key} {}: ", self.place, at + 1));
            match entry {
                Value::Mapping(map) => parts.push(Part { file: self.file, text: self.text, line, place, map }),
                _ => faults.add(self.file, line, format_args!("{place}is not a mapping")),
            }
        }
        parts
    }

    /// A list of words, each of 1 to 128 bytes; empty when the key is missing.
    pub(super) fn words(&self, key: &str, max: usize, faults: &mut Faults) -> Vec<String> {
        let Some(value) = self.map.get(key) else { return Vec::new() };
        let Some(list) = value.as_sequence().filter(|list| list.len() <= max) else {
            self.fault_at(key, format_args!("`{key}` is not a list of at most {max} words"), faults);
            return Vec::new();
        };
        let mut words: Vec<String> = Vec::with_capacity(list.len());
        for entry in list {
            match entry.as_str() {
                Some(word) if word.split_whitespace().count() > PHRASE_WORDS_MAX => {
                    let reason = format_args!("`{key}`: `{word}` has more than {PHRASE_WORDS_MAX} words");
                    self.fault_at(word, reason, faults);
                }
                Some(word) if (1..=128).contains(&word.len()) && word.trim() == word => words.push(word.to_owned()),
                Some(word) => {
                    let shown: String = word.chars().take(48).collect();
                    let reason = format_args!("`{key}`: `{shown}` is not 1 to 128 bytes without outer spaces");
                    self.fault_at(word, reason, faults);
                }
                None => {
                    self.fault_at(key, format_args!("`{key}`: an entry is not a text; write it in quotes"), faults);
                }
            }
        }
        words
    }

    /// A whole number within bounds; `None` when it is missing or, with a fault, when it is none.
    pub(super) fn number(&self, key: &str, bounds: (u8, u8), faults: &mut Faults) -> Option<u8> {
        let value = self.map.get(key)?;
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        let number = number.filter(|number| (bounds.0..=bounds.1).contains(number));
        if number.is_none() {
            self.fault_at(key, format_args!("`{key}` is not a number from {} to {}", bounds.0, bounds.1), faults);
        }
        number
    }

    /// `true` or `false`; `None` when it is missing or, with a fault, when it is neither.
    pub(super) fn truth(&self, key: &str, faults: &mut Faults) -> Option<bool> {
        let found = self.map.get(key)?.as_bool();
        if found.is_none() {
            self.fault_at(key, format_args!("`{key}` is neither `true` nor `false`"), faults);
        }
        found
    }

    /// One word.
    pub(super) fn word(&self, key: &str, faults: &mut Faults) -> Option<&'a str> {
        let found = self.map.get(key).and_then(Value::as_str);
        if found.is_none() {
            self.fault(format_args!("`{key}` is missing or not a text"), faults);
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

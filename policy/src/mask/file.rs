//! `masks.yml`: read, checked and compiled into one table a profile.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use event::Role;
use serde::Deserialize;

use super::Form;
use super::choice::{CHOICES_MAX, Choice};
use super::entry::Entry;
use super::table::{MaskTable, Pattern};
use crate::PolicyError;

/// Most field names and patterns in the whole file.
const ENTRIES_MAX: usize = 20_000;
/// Most patterns of one profile; each is tried for a name that does not stand there in full.
const PATTERNS_MAX: usize = 256;
/// Most fields by which a record's person is known.
const PERSON_MAX: usize = 16;

/// The masks of every role, and what else may be chosen.
#[derive(Debug, Clone)]
pub struct MaskSet {
    pub(super) roles: BTreeMap<Role, Arc<MaskTable>>,
    pub(super) tables: BTreeMap<String, Arc<MaskTable>>,
    pub(super) hidden: Arc<MaskTable>,
    pub(super) choices: Vec<Choice>,
    profiles: Vec<Profile>,
    whole_text: Vec<String>,
}

/// One profile as documentation shows it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What happens to fields that it does not name.
    pub otherwise: Form,
    /// Whether text is shown with its personal values masked.
    pub scan: bool,
    /// Every form with its fields, patterns and classes (`class:NAME`), in the order of the file; clear fields last.
    pub rows: Vec<(Form, Vec<String>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    roles: BTreeMap<String, String>,
    #[serde(default)]
    choices: Vec<Choice>,
    whole_text: Vec<String>,
    profiles: BTreeMap<String, ProfileFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    everything: Everything,
    #[serde(default)]
    text: TextRule,
    #[serde(default)]
    person: Vec<String>,
    #[serde(default)]
    masks: Vec<Entry>,
    #[serde(default)]
    keep_last_4: Vec<String>,
    #[serde(default)]
    hide: Vec<String>,
    #[serde(default)]
    clear: Vec<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Everything {
    Clear,
    Hide,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
enum TextRule {
    #[default]
    Hide,
    Scan,
}

/// What is wrong: the words to look for in the file (each below the one before), and the reason.
struct Wrong {
    places: Vec<String>,
    reason: String,
}

impl Wrong {
    fn at(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { places: vec![place.into()], reason: reason.into() }
    }

    fn within(mut self, place: &str) -> Self {
        self.places.insert(0, format!("{place}:"));
        self
    }

    /// With the line of the last place that is found.
    fn in_file(self, text: &str) -> PolicyError {
        match line_of(text, &self.places) {
            Some(line) => fault(format!("line {line}: {}", self.reason)),
            None => fault(self.reason),
        }
    }
}

impl From<(String, String)> for Wrong {
    fn from((place, reason): (String, String)) -> Self {
        Self::at(place, reason)
    }
}

impl MaskSet {
    /// The profiles, for documentation.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The fields that hold text as a whole.
    pub fn whole_text(&self) -> &[String] {
        &self.whole_text
    }
}

/// Reads `masks.yml`.
///
/// # Errors
/// [`PolicyError::Masks`] names the first thing that is wrong with its line: an unknown role, profile, form or class, a
/// bound that does not fit, a field that stands in two lists, a profile that masks some fields and leaves unknown ones
/// clear, text as a whole left clear beside masks.
pub fn parse(text: &str) -> Result<MaskSet, PolicyError> {
    let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
    check(&file).map_err(|wrong| wrong.in_file(text))?;
    let mut tables = BTreeMap::new();
    for (name, profile) in &file.profiles {
        let within = |wrong: Wrong| {
            let reason = format!("profile `{name}`: {}", wrong.reason);
            Wrong { reason, ..wrong }.within(name).within("profiles").in_file(text)
        };
        tables.insert(name.clone(), Arc::new(compile(name, profile, &file.whole_text).map_err(within)?));
    }
    let mut roles = BTreeMap::new();
    for (role, profile) in &file.roles {
        let known = Role::parse(role).ok_or_else(|| {
            Wrong::at(format!("{role}:"), format!("unknown role `{role}`")).within("roles").in_file(text)
        })?;
        let table = tables.get(profile.as_str()).ok_or_else(|| {
            let reason = format!("role `{role}` looks through `{profile}`, which is not one of the profiles");
            Wrong::at(format!("{role}:"), reason).within("roles").in_file(text)
        })?;
        roles.insert(known, Arc::clone(table));
    }
    for choice in &file.choices {
        if let Some((place, reason)) = choice.fault(|profile| tables.contains_key(profile)) {
            return Err(Wrong::at(place, format!("a choice: {reason}")).within("choices").in_file(text));
        }
    }
    let profiles = file.profiles.into_iter().map(|(name, profile)| describe(name, &profile)).collect();
    let hidden = Arc::new(MaskTable::hidden());
    Ok(MaskSet { roles, tables, hidden, choices: file.choices, profiles, whole_text: file.whole_text })
}

fn check(file: &File) -> Result<(), Wrong> {
    if file.version != 1 {
        let reason = format!("version {} is not known; this program reads version 1", file.version);
        return Err(Wrong::at("version:", reason));
    }
    let listed = |entry: &Entry| entry.fields.len() + entry.classes.len();
    let entries = |profile: &ProfileFile| {
        let lists = profile.keep_last_4.len() + profile.hide.len() + profile.clear.len();
        lists + profile.masks.iter().map(listed).sum::<usize>()
    };
    if file.whole_text.len() + file.profiles.values().map(entries).sum::<usize>() > ENTRIES_MAX {
        return Err(Wrong::at("profiles:", format!("more than {ENTRIES_MAX} fields")));
    }
    if file.choices.len() > CHOICES_MAX {
        return Err(Wrong::at("choices:", format!("more than {CHOICES_MAX} choices")));
    }
    for must in ["message", "event.original", "metrosoc.original_base64", "error.message"] {
        if !file.whole_text.iter().any(|field| field == must) {
            return Err(Wrong::at("whole_text:", format!("`whole_text` must hold `{must}`")));
        }
    }
    Ok(())
}

fn describe(name: String, profile: &ProfileFile) -> Profile {
    let otherwise = if profile.everything == Everything::Clear { Form::Clear } else { Form::Hide };
    let mut rows = Vec::new();
    for entry in &profile.masks {
        let classes = entry.classes.iter().map(|class| format!("class:{class}"));
        // Checked when the profile was compiled.
        rows.extend(entry.form().ok().map(|form| (form, entry.fields.iter().cloned().chain(classes).collect())));
    }
    rows.push((Form::KeepLast(4), profile.keep_last_4.clone()));
    rows.push((Form::Hide, profile.hide.clone()));
    rows.push((Form::Clear, profile.clear.clone()));
    rows.retain(|(_, fields): &(Form, Vec<String>)| !fields.is_empty());
    Profile { name, otherwise, scan: profile.text == TextRule::Scan, rows }
}

fn compile(name: &str, profile: &ProfileFile, whole_text: &[String]) -> Result<MaskTable, Wrong> {
    let masks = !profile.keep_last_4.is_empty() || !profile.hide.is_empty() || !profile.masks.is_empty();
    if profile.everything == Everything::Clear {
        if masks || !profile.clear.is_empty() || profile.text == TextRule::Scan {
            return Err(Wrong::at("everything:", "masks some fields, so `everything` must be `hide`"));
        }
        let clear = MaskTable { name: name.to_owned(), otherwise: Form::Clear, free_text: true, ..MaskTable::hidden() };
        return Ok(clear);
    }
    let scan = profile.text == TextRule::Scan;
    let mut table = MaskTable { name: name.to_owned(), scan, ..MaskTable::hidden() };
    let mut whole = HashMap::new();
    for field in whole_text {
        check_name(field).map_err(|reason| Wrong::at(field, reason))?;
        whole.insert(field.clone(), if scan { Form::Scan } else { Form::Hide });
    }
    table.exact = whole;
    for entry in &profile.masks {
        let form = entry.form()?;
        for field in &entry.fields {
            add(&mut table, field, form).map_err(|reason| Wrong::at(field, reason))?;
        }
        for class in entry.classes()? {
            if table.classes.insert(class, form).is_some() {
                return Err(Wrong::at(class.as_str(), format!("the class `{class}` stands there twice")));
            }
        }
    }
    let lists = [(&profile.hide, Form::Hide), (&profile.keep_last_4, Form::KeepLast(4)), (&profile.clear, Form::Clear)];
    for (fields, form) in lists {
        for field in fields {
            add(&mut table, field, form).map_err(|reason| Wrong::at(field, reason))?;
        }
    }
    if table.patterns.len() > PATTERNS_MAX {
        return Err(Wrong::at("masks:", format!("more than {PATTERNS_MAX} patterns")));
    }
    if profile.person.len() > PERSON_MAX {
        return Err(Wrong::at("person:", format!("more than {PERSON_MAX} fields of a person")));
    }
    for field in &profile.person {
        check_name(field).map_err(|reason| Wrong::at(field, reason))?;
    }
    table.person.clone_from(&profile.person);
    Ok(table)
}

fn add(table: &mut MaskTable, field: &str, form: Form) -> Result<(), String> {
    if let Some(pattern) = pattern(field)? {
        if form == Form::Clear {
            return Err(format!("`{field}` is a pattern; a field that stays clear is named in full"));
        }
        if table.patterns.iter().any(|(known, _)| *known == pattern) {
            return Err(format!("`{field}` stands there twice"));
        }
        table.patterns.push((pattern, form));
        return Ok(());
    }
    check_name(field)?;
    match table.exact.insert(field.to_owned(), form) {
        None => Ok(()),
        Some(before) if matches!(before, Form::Hide | Form::Scan) && form == Form::Hide => Ok(()),
        Some(_) => Err(format!("`{field}` stands in two lists, or holds text as a whole and is hidden anyway")),
    }
}

fn pattern(field: &str) -> Result<Option<Pattern>, String> {
    if !field.contains('*') {
        return Ok(None);
    }
    let pattern = match (field.strip_prefix("*."), field.strip_suffix(".*")) {
        (Some(last), None) => Pattern::Last(last.to_owned()),
        (None, Some(below)) => Pattern::Below(below.to_owned()),
        _ => return Err(format!("`{field}`: patterns are `prefix.*` or `*.suffix`")),
    };
    let (Pattern::Last(rest) | Pattern::Below(rest)) = &pattern;
    check_name(rest)?;
    Ok(Some(pattern))
}

fn check_name(field: &str) -> Result<(), String> {
    let bad = |found: char| found.is_whitespace() || found.is_control() || found == '*';
    if field.is_empty() || field.len() > 256 || field.contains(bad) {
        let shown: String = field.chars().take(48).collect();
        return Err(format!("`{shown}` is not a field name (1 to 256 bytes, no spaces, `*` in patterns only)"));
    }
    Ok(())
}

/// The line, from 1, of the last of `places`: each is looked for below the one before, keys (`name:`) at the start of a
/// line's text, other words anywhere; of a word that stands there more than once the last counts, up to the next key of
/// the first level.
fn line_of(text: &str, places: &[String]) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut from, mut found) = (0, None);
    for (at, place) in places.iter().enumerate() {
        let last = at + 1 == places.len();
        let end = (from..lines.len())
            .skip(1)
            .find(|&line| at > 0 && lines.get(line).is_some_and(|text| text.starts_with(|c: char| c.is_alphabetic())))
            .unwrap_or(lines.len());
        let holds = |&line: &usize| lines.get(line).is_some_and(|text| names(text, place));
        let hit = if last && !place.ends_with(':') { (from..end).rev().find(holds) } else { (from..end).find(holds) };
        found = hit.or(found);
        from = hit.map_or(from, |line| line + usize::from(!last));
    }
    found.map(|line| line + 1)
}

fn names(line: &str, place: &str) -> bool {
    let content = line.trim_start();
    if content.starts_with('#') {
        return false;
    }
    if place.ends_with(':') {
        return content.starts_with(place) || content.trim_start_matches("- ").starts_with(place);
    }
    let edge = |found: Option<char>| found.is_none_or(|found| !(found.is_alphanumeric() || "._-*".contains(found)));
    content.match_indices(place).any(|(at, _)| {
        let before = content.get(..at).and_then(|before| before.chars().next_back());
        let after = content.get(at + place.len()..).and_then(|after| after.chars().next());
        edge(before) && edge(after)
    })
}

fn fault(reason: String) -> PolicyError {
    PolicyError::Masks { reason }
}

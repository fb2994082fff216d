//! `masks.yml`: read, checked and compiled into one table a role.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use event::Role;
use serde::Deserialize;

use super::{Kind, MaskTable, Pattern};
use crate::PolicyError;

/// Most field names and patterns in the whole file.
const ENTRIES_MAX: usize = 20_000;
/// Most patterns of one profile; each is tried for a name that does not stand there in full.
const PATTERNS_MAX: usize = 256;

/// The masks of every role.
#[derive(Debug, Clone)]
pub struct MaskSet {
    pub(super) roles: BTreeMap<Role, Arc<MaskTable>>,
    pub(super) hidden: Arc<MaskTable>,
    profiles: Vec<Profile>,
    whole_text: Vec<String>,
}

/// One profile as documentation shows it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What happens to fields that it does not name.
    pub otherwise: Kind,
    /// The fields and patterns that are hidden, in the order of the file.
    pub hide: Vec<String>,
    /// The fields and patterns that keep their last four characters.
    pub keep_last_4: Vec<String>,
    /// The fields that are seen as they are.
    pub clear: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    roles: BTreeMap<String, String>,
    whole_text: Vec<String>,
    profiles: BTreeMap<String, ProfileFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    everything: Everything,
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
/// [`PolicyError::Masks`] names the first thing that is wrong: an unknown role or profile, a field that stands in two
/// lists, a profile that masks some fields and leaves unknown ones clear, text as a whole left clear beside masks.
pub fn parse(text: &str) -> Result<MaskSet, PolicyError> {
    let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
    if file.version != 1 {
        return Err(fault(format!("version {} is not known; this program reads version 1", file.version)));
    }
    let entries = |profile: &ProfileFile| profile.keep_last_4.len() + profile.hide.len() + profile.clear.len();
    if file.whole_text.len() + file.profiles.values().map(entries).sum::<usize>() > ENTRIES_MAX {
        return Err(fault(format!("more than {ENTRIES_MAX} fields")));
    }
    for must in ["message", "event.original", "metrosoc.original_base64", "error.message"] {
        if !file.whole_text.iter().any(|field| field == must) {
            return Err(fault(format!("`whole_text` must hold `{must}`")));
        }
    }
    let mut tables = BTreeMap::new();
    for (name, profile) in &file.profiles {
        tables.insert(name.as_str(), Arc::new(compile(name, profile, &file.whole_text)?));
    }
    let mut roles = BTreeMap::new();
    for (role, profile) in &file.roles {
        let known = Role::parse(role).ok_or_else(|| fault(format!("unknown role `{role}`")))?;
        let table = tables.get(profile.as_str()).ok_or_else(|| {
            fault(format!("role `{role}` looks through `{profile}`, which is not one of the profiles"))
        })?;
        roles.insert(known, Arc::clone(table));
    }
    let profiles = file.profiles.into_iter().map(|(name, profile)| describe(name, profile)).collect();
    Ok(MaskSet { roles, hidden: Arc::new(MaskTable::hidden()), profiles, whole_text: file.whole_text })
}

fn describe(name: String, profile: ProfileFile) -> Profile {
    let otherwise = if profile.everything == Everything::Clear { Kind::Clear } else { Kind::Hide };
    let ProfileFile { keep_last_4, hide, clear, .. } = profile;
    Profile { name, otherwise, hide, keep_last_4, clear }
}

fn compile(name: &str, profile: &ProfileFile, whole_text: &[String]) -> Result<MaskTable, PolicyError> {
    let within = |reason: String| fault(format!("profile `{name}`: {reason}"));
    let masks = !profile.keep_last_4.is_empty() || !profile.hide.is_empty();
    if profile.everything == Everything::Clear {
        if masks || !profile.clear.is_empty() {
            return Err(within("masks some fields, so `everything` must be `hide`".to_owned()));
        }
        return Ok(MaskTable {
            name: name.to_owned(),
            otherwise: Kind::Clear,
            exact: HashMap::new(),
            patterns: Vec::new(),
            free_text: true,
        });
    }
    let mut table = MaskTable { name: name.to_owned(), ..MaskTable::hidden() };
    for field in whole_text {
        check_name(field).map_err(within)?;
        table.exact.insert(field.clone(), Kind::Hide);
    }
    let lists = [(&profile.hide, Kind::Hide), (&profile.keep_last_4, Kind::KeepLast4), (&profile.clear, Kind::Clear)];
    for (fields, kind) in lists {
        for field in fields {
            add(&mut table, field, kind).map_err(within)?;
        }
    }
    if table.patterns.len() > PATTERNS_MAX {
        return Err(within(format!("more than {PATTERNS_MAX} patterns")));
    }
    Ok(table)
}

fn add(table: &mut MaskTable, field: &str, kind: Kind) -> Result<(), String> {
    if let Some(pattern) = pattern(field)? {
        if kind == Kind::Clear {
            return Err(format!("`{field}` is a pattern; a field that stays clear is named in full"));
        }
        if table.patterns.iter().any(|(known, _)| *known == pattern) {
            return Err(format!("`{field}` stands there twice"));
        }
        table.patterns.push((pattern, kind));
        return Ok(());
    }
    check_name(field)?;
    match table.exact.insert(field.to_owned(), kind) {
        None => Ok(()),
        Some(before) if before == Kind::Hide && kind == Kind::Hide => Ok(()),
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

fn fault(reason: String) -> PolicyError {
    PolicyError::Masks { reason }
}

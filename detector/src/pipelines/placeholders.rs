//! Placeholders under `|expand`: to values from `vars`, or to wildcards.

use super::params::Params;
use super::run::{Run, Vars};
use super::step::Successor;
use super::text::{Part, Text};
use super::tree::{Item, Kind, Value};

/// Most values that one value with placeholders expands to.
const VALUES_MAX: usize = 10_000;

/// What is put for placeholders.
#[derive(Debug)]
pub(super) struct Placeholders {
    with: With,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Wildcard,
    Vars,
}

impl Placeholders {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence with what is wrong.
    pub(super) fn read(kind: &str, params: Params<'_>, common: &[&str]) -> Result<Self, String> {
        params.only(&["include", "exclude"], common)?;
        let (include, exclude) = (params.texts("include")?, params.texts("exclude")?);
        if include.is_some() && exclude.is_some() {
            return Err("`include` and `exclude` exclude one another".to_owned());
        }
        let with = if kind == "wildcard_placeholders" { With::Wildcard } else { With::Vars };
        Ok(Self { with, include, exclude })
    }

    /// What every placeholder with values under `vars` gets in the end.
    pub(super) fn from_vars() -> Self {
        Self { with: With::Vars, include: None, exclude: None }
    }

    /// Puts values for an item's placeholders; those without values stay.
    ///
    /// # Errors
    /// A sentence, when there would be too many.
    pub(super) fn apply(&self, item: &Item, run: &Run<'_>) -> Result<Successor, String> {
        let takes = |name: &str| self.takes(name) && (self.with == With::Wildcard || run.vars.contains_key(name));
        if !item.placeholders().any(takes) {
            return Ok(Successor::Same);
        }
        let mut values = Vec::with_capacity(item.values.len());
        for value in &item.values {
            match value {
                Value::Text(text) if text.placeholders().any(takes) => {
                    values.extend(self.expand(text, item, run.vars)?.into_iter().map(Value::Text));
                }
                other => values.push(other.clone()),
            }
        }
        if values.len() > VALUES_MAX {
            return Err(too_many());
        }
        Ok(Successor::Values(values))
    }

    fn takes(&self, name: &str) -> bool {
        let has = |names: &Vec<String>| names.iter().any(|own| own == name);
        self.include.as_ref().is_none_or(has) && !self.exclude.as_ref().is_some_and(has)
    }

    fn expand(&self, text: &Text, item: &Item, vars: &Vars) -> Result<Vec<Text>, String> {
        let mut made = vec![Text::default()];
        for part in text.parts() {
            let choices = match part {
                Part::Placeholder(name) if self.takes(name) => self.choices(name, item, vars),
                _ => None,
            };
            let Some(choices) = choices else {
                made.iter_mut().for_each(|text| text.push(part.clone()));
                continue;
            };
            if made.len().saturating_mul(choices.len()) > VALUES_MAX {
                return Err(too_many());
            }
            let joined = |before: &Text, choice: &Text| {
                let mut whole = before.clone();
                whole.append(choice);
                whole
            };
            made = made.iter().flat_map(|before| choices.iter().map(move |choice| joined(before, choice))).collect();
        }
        Ok(made)
    }

    fn choices(&self, name: &str, item: &Item, vars: &Vars) -> Option<Vec<Text>> {
        let verbatim = item.kind == Kind::Verbatim;
        match self.with {
            With::Wildcard if item.has("re") => Some(vec![Text::plain(".*")]),
            With::Wildcard => Some(vec![Text::parse("*")]),
            With::Vars => {
                let read = |value: &String| if verbatim { Text::plain(value) } else { Text::parse(value) };
                vars.get(name).map(|values| values.iter().map(read).collect())
            }
        }
    }
}

fn too_many() -> String {
    format!("placeholders expand to more than {VALUES_MAX} values; shorten the lists under `vars`")
}

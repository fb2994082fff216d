//! One entry of `masks:` in a profile: a form with its bounds, and the fields and classes it is for.

use serde::Deserialize;
use serde_norway::Value;

use super::form::Form;
use crate::privacy::Class;

/// An entry as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// A word; `null` may stand there with quotes or without.
    form: Value,
    characters: Option<u8>,
    years: Option<u8>,
    v4: Option<u8>,
    v6: Option<u8>,
    days: Option<u16>,
    spread: Option<u16>,
    #[serde(default)]
    pub(super) fields: Vec<String>,
    #[serde(default)]
    pub(super) classes: Vec<String>,
}

impl Entry {
    /// Its form, once its bounds are checked. An error has the word to look for and the reason.
    pub(super) fn form(&self) -> Result<Form, (String, String)> {
        let word = match &self.form {
            Value::Null => "null",
            Value::String(word) => word.as_str(),
            _ => return Err(("form".to_owned(), "`form` is a word".to_owned())),
        };
        let wrong = |reason: String| (word.to_owned(), reason);
        let within = |name: &str, value: u16, least: u16, most: u16| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(value) } else { Err(wrong(format!("`{name}` of `{word}` is {least} to {most}"))) }
        };
        let byte = |name: &str, value: Option<u8>, otherwise: u8, least: u16, most: u16| {
            within(name, u16::from(value.unwrap_or(otherwise)), least, most)
                .and_then(|value| u8::try_from(value).map_err(|_| wrong(format!("`{name}` is too large"))))
        };
        let form = match word {
            "hide" => Form::Hide,
            "null" => Form::Null,
            "keep_first" => Form::KeepFirst(byte("characters", self.characters, 4, 1, 16)?),
            "keep_last" => Form::KeepLast(byte("characters", self.characters, 4, 1, 16)?),
            "pseudonym" => Form::Pseudonym,
            "keyed_hash" => Form::KeyedHash,
            "age_band" => Form::AgeBand { years: byte("years", self.years, 10, 2, 50)? },
            "network" => Form::Network { v4: byte("v4", self.v4, 24, 8, 31)?, v6: byte("v6", self.v6, 48, 16, 127)? },
            "city" => Form::City,
            "hour" => Form::Hour,
            "date_shift" => Form::DateShift { days: within("days", self.days.unwrap_or(30), 1, 3_650)? },
            "noise" => Form::Noise { spread: within("spread", self.spread.unwrap_or(2), 1, 1_000)? },
            "clear" if self.fields.is_empty() => Form::Clear,
            "clear" => return Err(wrong("fields that stay clear stand in the list `clear`".to_owned())),
            other => {
                let known = "hide, null, keep_first, keep_last, pseudonym, keyed_hash, age_band, network, city, hour, \
                             date_shift, noise; clear for classes";
                return Err(wrong(format!("unknown form `{other}` (known are {known})")));
            }
        };
        self.only(word).map_err(wrong)?;
        Ok(form)
    }

    /// Refuses bounds that belong to another form, and an entry for nothing.
    fn only(&self, word: &str) -> Result<(), String> {
        let given = [
            ("characters", self.characters.is_some(), ["keep_first", "keep_last"]),
            ("years", self.years.is_some(), ["age_band", "age_band"]),
            ("v4", self.v4.is_some(), ["network", "network"]),
            ("v6", self.v6.is_some(), ["network", "network"]),
            ("days", self.days.is_some(), ["date_shift", "date_shift"]),
            ("spread", self.spread.is_some(), ["noise", "noise"]),
        ];
        for (name, is_given, forms) in given {
            if is_given && !forms.contains(&word) {
                return Err(format!("`{name}` is no bound of `{word}`"));
            }
        }
        if self.fields.is_empty() && self.classes.is_empty() {
            return Err(format!("`{word}` stands there for no field and no class"));
        }
        Ok(())
    }

    /// The classes that it is for.
    pub(super) fn classes(&self) -> Result<Vec<Class>, (String, String)> {
        let read = |name: &String| {
            Class::parse(name).ok_or_else(|| (name.clone(), format!("`{name}` is no class of personal data")))
        };
        self.classes.iter().map(read).collect()
    }
}

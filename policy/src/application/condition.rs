//! What a line of `applications.csv` asks of the words of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The parts of a request whose words a condition may name.
const PARTS: [&str; 4] = ["subject", "action", "resource", "context"];

/// The words of a request by their names: `subject.id`, `subject.type`, `action.name`, `resource.id` and `resource.type`, and the
/// properties of each part (`subject.role`, `action.soft`, `context.channel`). A list has several; numbers and truth values
/// are written as JSON writes them.
pub type Words = BTreeMap<String, BTreeSet<String>>;

/// `resource.status=archived`, `subject.role!=admin`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    name: String,
    equal: bool,
    word: String,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither `PART.NAME=WORD` nor `PART.NAME!=WORD`");
        let (name, word) = text.split_once('=').ok_or_else(wrong)?;
        let (name, equal) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
        let (name, word) = (name.trim(), word.trim());
        let (part, property) = name.split_once('.').ok_or_else(wrong)?;
        if property.is_empty() || word.is_empty() {
            return Err(wrong());
        }
        if !PARTS.contains(&part) {
            return Err(format!("in `{text}`: `{part}` is none of {}", PARTS.join(", ")));
        }
        Ok(Self { name: name.to_owned(), equal, word: word.to_owned() })
    }

    /// Whether it holds: a word that is not stated is equal to nothing.
    pub(super) fn holds(&self, words: &Words) -> bool {
        words.get(&self.name).is_some_and(|stated| stated.contains(&self.word)) == self.equal
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}{}", self.name, if self.equal { "=" } else { "!=" }, self.word)
    }
}

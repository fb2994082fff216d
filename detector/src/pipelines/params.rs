//! The parameters of a transformation or a condition, read with every unknown one refused.

use regex::{Regex, RegexBuilder};

use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::Node;

/// Longest regular expression in bytes.
const REGEX_TEXT_BYTES_MAX: usize = 4 * 1024;
/// Most memory of one compiled regular expression in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// A map of parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'n>(&'n Node);

impl<'n> Params<'n> {
    /// Takes a map.
    ///
    /// # Errors
    /// A sentence, when it is none.
    pub(super) fn of(node: &'n Node) -> Result<Self, String> {
        match node {
            Node::Map(_) => Ok(Self(node)),
            other => Err(format!("is {}, not a map", other.kind())),
        }
    }

    /// The type's name, one of `known`.
    ///
    /// # Errors
    /// A sentence that names what stands there and the nearest that is known.
    pub(super) fn kind(self, what: &str, known: &[&str]) -> Result<&'n str, String> {
        let Some(kind) = self.0.get("type").and_then(Node::text) else {
            return Err("`type` is missing".to_owned());
        };
        if known.contains(&kind) {
            Ok(kind)
        } else {
            Err(format!("unknown {what} `{kind}`{}", suggestion(kind, known)))
        }
    }

    /// Refuses every parameter that is not in one of the lists.
    ///
    /// # Errors
    /// A sentence that names the first such.
    pub(super) fn only(self, own: &[&str], common: &[&str]) -> Result<(), String> {
        let Node::Map(entries) = self.0 else { return Ok(()) };
        let fits = |name: &str| own.contains(&name) || common.contains(&name);
        match entries.iter().find(|(name, _)| !fits(name)) {
            None => Ok(()),
            Some((name, _)) => Err(format!("unknown parameter `{name}`{}", suggestion(name, &[own, common].concat()))),
        }
    }

    /// What stands under a name.
    pub(super) fn get(self, name: &str) -> Option<&'n Node> {
        self.0.get(name)
    }

    /// A text; numbers count.
    ///
    /// # Errors
    /// A sentence, when something else stands there.
    pub(super) fn text(self, name: &str) -> Result<Option<String>, String> {
        match self.0.get(name) {
            None | Some(Node::Null) => Ok(None),
            Some(node) => match node.scalar() {
                Some(text) => Ok(Some(text)),
                None => Err(format!("`{name}` is {}, not text", node.kind())),
            },
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// A sentence, when it is not.
    pub(super) fn needed(self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// A sentence, when it is not.
    pub(super) fn node(self, name: &str) -> Result<&'n Node, String> {
        self.0.get(name).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A boolean, false when it is not there.
    ///
    /// # Errors
    /// A sentence, when something else stands there.
    pub(super) fn flag(self, name: &str) -> Result<bool, String> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Node::Bool(truth)) => Ok(*truth),
            Some(node) => Err(format!("`{name}` is {}, not `true` or `false`", node.kind())),
        }
    }

    /// A text or a list of texts; `None` when it is not there.
    ///
    /// # Errors
    /// A sentence, when something else stands there.
    pub(super) fn texts(self, name: &str) -> Result<Option<Vec<String>>, String> {
        self.0.get(name).map(|node| texts(name, node)).transpose()
    }

    /// One word of `words`, the first when none stands there.
    ///
    /// # Errors
    /// A sentence that names the nearest word.
    pub(super) fn word(self, name: &str, words: &[&'static str]) -> Result<&'static str, String> {
        let Some(text) = self.text(name)? else { return Ok(words.first().copied().unwrap_or_default()) };
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| format!("`{name}` cannot be `{text}`{}", suggestion(&text, words)))
    }

    /// A map from texts to texts or lists of texts, which must be there.
    ///
    /// # Errors
    /// A sentence, when it is not.
    pub(super) fn mapping(self, name: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        match self.node(name)? {
            Node::Map(entries) => {
                entries.iter().map(|(from, to)| texts(from, to).map(|to| (from.clone(), to))).collect()
            }
            other => Err(format!("`{name}` is {}, not a map", other.kind())),
        }
    }

    /// A regular expression that must be there.
    ///
    /// # Errors
    /// A sentence, when it is not, or cannot be compiled.
    pub(super) fn regex(self, name: &str) -> Result<Regex, String> {
        regex(&self.needed(name)?)
    }
}

fn texts(name: &str, node: &Node) -> Result<Vec<String>, String> {
    let items = match node {
        Node::List(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let one = |item: &Node| item.scalar().ok_or_else(|| format!("`{name}` holds {} where text should be", item.kind()));
    items.iter().map(one).collect()
}

/// Compiles a pipeline's regular expression: linear time, bounded memory.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    if text.len() > REGEX_TEXT_BYTES_MAX {
        return Err(format!("regular expression of {} bytes is longer than {REGEX_TEXT_BYTES_MAX}", text.len()));
    }
    let built =
        RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).nest_limit(50).build();
    built.map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("regular expression `{text}`: {last}; look-around and back-references are not known here")
    })
}

/// Compiles an expression that must hold from the text's first character on.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn regex_from_start(text: &str) -> Result<Regex, String> {
    regex(text)?;
    regex(&format!("\\A(?:{text})"))
}

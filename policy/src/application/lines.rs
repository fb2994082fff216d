//! The lines of `applications.csv`.

use std::collections::BTreeSet;
use std::fmt;

use super::Asked;
use super::condition::Condition;
use crate::PolicyError;

/// Most lines.
pub const LINES_MAX: usize = 20_000;
/// Most bytes of the file.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a word.
const WORD_BYTES_MAX: usize = 256;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// What a role may, or may not.
    Permission {
        /// Whose.
        role: String,
        /// What is done.
        action: String,
        /// To which type of resources.
        kind: String,
        /// Only to those of one's own.
        own: bool,
        /// Whether it allows; otherwise it denies.
        allow: bool,
        /// What else must hold, all of it.
        conditions: Vec<Condition>,
    },
    /// Somebody has a role, or a role is another too.
    Role {
        /// Who, or which role.
        who: String,
        /// Which.
        role: String,
    },
    /// How somebody is called as an owner.
    Name {
        /// Who.
        who: String,
        /// How.
        name: String,
    },
}

impl Line {
    /// Whether it allows or denies what is asked; `None` when it is not about that.
    pub(super) fn effect(&self, roles: &BTreeSet<&str>, asked: &Asked, is_own: bool) -> Option<bool> {
        match self {
            Self::Permission { role, action, kind, own, allow, conditions } => {
                let about = *action == asked.action && *kind == asked.kind && roles.contains(role.as_str());
                let holds = about && (is_own || !own) && conditions.iter().all(|one| one.holds(&asked.words));
                holds.then_some(*allow)
            }
            Self::Role { .. } | Self::Name { .. } => None,
        }
    }

    /// The role that it says something of.
    pub(super) fn of_role(&self) -> Option<&str> {
        match self {
            Self::Permission { role, .. } => Some(role),
            Self::Role { .. } | Self::Name { .. } => None,
        }
    }

    /// The role that it gives, and the line.
    pub(super) fn given(&self) -> Option<(&str, &Self)> {
        match self {
            Self::Role { role, .. } => Some((role, self)),
            Self::Permission { .. } | Self::Name { .. } => None,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let columns: Vec<&str> = text.split(',').map(str::trim).collect();
        let long = |word: &&&str| word.is_empty() || word.len() > WORD_BYTES_MAX || word.chars().any(char::is_control);
        if let Some(word) = columns.iter().find(long) {
            let shown: String = word.chars().take(24).collect();
            return Err(format!("`{shown}` is no word of 1 to {WORD_BYTES_MAX} bytes"));
        }
        let owned = |word: &str| word.to_owned();
        match columns.as_slice() {
            ["p", role, action, kind, whose, effect, conditions @ ..] => {
                let own = match *whose {
                    "own" => true,
                    "any" => false,
                    other => return Err(format!("`{other}` is neither `any` nor `own`")),
                };
                let allow = match *effect {
                    "allow" => true,
                    "deny" => false,
                    other => return Err(format!("`{other}` is neither `allow` nor `deny`")),
                };
                let conditions = conditions.iter().map(|text| Condition::parse(text)).collect::<Result<_, _>>()?;
                let (role, action, kind) = (owned(role), owned(action), owned(kind));
                Ok(Self::Permission { role, action, kind, own, allow, conditions })
            }
            ["g", who, role] => Ok(Self::Role { who: owned(who), role: owned(role) }),
            ["n", who, name] => Ok(Self::Name { who: owned(who), name: owned(name) }),
            _ => {
                let forms =
                    "`p, ROLE, ACTION, TYPE, any|own, allow|deny[, CONDITION …]` nor `g, WHO, ROLE` nor `n, WHO, NAME`";
                Err(format!("it is neither {forms}"))
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission { role, action, kind, own, allow, conditions } => {
                let (whose, effect) = (if *own { "own" } else { "any" }, if *allow { "allow" } else { "deny" });
                write!(formatter, "p, {role}, {action}, {kind}, {whose}, {effect}")?;
                conditions.iter().try_for_each(|condition| write!(formatter, ", {condition}"))
            }
            Self::Role { who, role } => write!(formatter, "g, {who}, {role}"),
            Self::Name { who, name } => write!(formatter, "n, {who}, {name}"),
        }
    }
}

/// The lines with their numbers.
pub(super) fn read(text: &str) -> Result<Vec<(usize, Line)>, PolicyError> {
    let fault = |line: usize, reason: String| PolicyError::Application { line, reason };
    if text.len() > BYTES_MAX {
        return Err(fault(0, format!("{} bytes; at most {BYTES_MAX} are read", text.len())));
    }
    let (mut lines, mut seen) = (Vec::new(), BTreeSet::new());
    for (at, raw) in text.lines().enumerate() {
        let (number, raw) = (at + 1, raw.trim());
        if raw.is_empty() || raw.starts_with('#') {
            continue;
        }
        if lines.len() >= LINES_MAX {
            return Err(fault(number, format!("more than {LINES_MAX} lines")));
        }
        let line = Line::parse(raw).map_err(|reason| fault(number, reason))?;
        if !seen.insert(line.clone()) {
            return Err(fault(number, "it stands there twice".to_owned()));
        }
        lines.push((number, line));
    }
    Ok(lines)
}

//! Decisions for other applications in words of their own: roles, actions and types of resources of which MetroSOC itself
//! knows nothing, in lines as Casbin has them.
//!
//! The form of `applications.csv`, a line each, `#` begins a comment:
//!
//! | line | says |
//! | --- | --- |
//! | `p, ROLE, ACTION, TYPE, any, allow` | who has the role may do that to every resource of the type |
//! | `p, ROLE, ACTION, TYPE, own, allow` | … to his own: those whose `ownerID` (or `owner`) is his id, or his name |
//! | `p, …, deny` | a line that denies overrides every one that allows |
//! | `p, …, allow, CONDITION, …` | … where all of this holds: `resource.id=/todos`, `subject.role!=admin`, `action.soft=true` |
//! | `g, SUBJECT, ROLE` | a subject, by its id, has a role |
//! | `g, ROLE, OTHER` | who has the role may whatever the other may |
//! | `n, SUBJECT, NAME` | how the owner is called in resources, where that is not the subject's id |
//!
//! What a request does not state is equal to nothing: `=` does not hold then, `!=` does.

mod condition;
mod lines;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use condition::{Condition, Words};
pub use lines::{LINES_MAX, Line};

use crate::PolicyError;

/// The policies of other applications. The default knows none.
#[derive(Debug, Clone, Default)]
pub struct Applications {
    lines: Vec<Line>,
    /// Whose roles, as `g` lines name them one by one.
    roles: BTreeMap<String, BTreeSet<String>>,
    names: BTreeMap<String, String>,
    types: BTreeSet<String>,
}

/// What an application asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The subject's id.
    pub subject: String,
    /// What it wants to do.
    pub action: String,
    /// The type of the resource.
    pub kind: String,
    /// Whose the resource is, where it says so.
    pub owner: Option<String>,
    /// What else is stated.
    pub words: Words,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The lines that said so; without any, no line allows it.
    pub because: Vec<String>,
}

impl Applications {
    /// Reads `applications.csv`.
    ///
    /// # Errors
    /// [`PolicyError::Application`] with the line: malformed, doubled, a role that nothing says anything of, a circle of
    /// roles, or more than [`LINES_MAX`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut read = Self::default();
        for (number, line) in lines::read(text)? {
            let fault = |reason: String| PolicyError::Application { line: number, reason };
            match &line {
                Line::Permission { kind, .. } => {
                    read.types.insert(kind.clone());
                }
                Line::Role { who, role } => {
                    if who == role || read.roles_of(role).contains(who.as_str()) {
                        return Err(fault(format!("`{role}` has the role `{who}` already: a circle")));
                    }
                    read.roles.entry(who.clone()).or_default().insert(role.clone());
                }
                Line::Name { who, name } => {
                    if read.names.insert(who.clone(), name.clone()).is_some() {
                        return Err(fault(format!("`{who}` has two names")));
                    }
                }
            }
            read.lines.push(line);
        }
        read.check_roles()?;
        Ok(read)
    }

    /// A role that is given and that no line says anything of is a slip of the pen.
    fn check_roles(&self) -> Result<(), PolicyError> {
        let said: BTreeSet<&str> = self.lines.iter().filter_map(Line::of_role).collect();
        for (role, line) in self.lines.iter().filter_map(Line::given) {
            if !self.roles_of(role).into_iter().any(|role| said.contains(role)) {
                let reason = format!("in `{line}`: no line says what the role `{role}` may");
                return Err(PolicyError::Application { line: 0, reason });
            }
        }
        Ok(())
    }

    /// Decides; `None` for a type of resources that no line is about.
    pub fn decide(&self, asked: &Asked) -> Option<Decision> {
        if !self.types.contains(&asked.kind) {
            return None;
        }
        let roles = self.roles_of(&asked.subject);
        let name = self.names.get(&asked.subject);
        let own = asked.owner.as_ref().is_some_and(|owner| *owner == asked.subject || Some(owner) == name);
        let (mut allowing, mut denying) = (Vec::new(), Vec::new());
        for line in &self.lines {
            match line.effect(&roles, asked, own) {
                Some(true) => allowing.push(line.to_string()),
                Some(false) => denying.push(line.to_string()),
                None => {}
            }
        }
        let allowed = denying.is_empty() && !allowing.is_empty();
        Some(Decision { allowed, because: if denying.is_empty() { allowing } else { denying } })
    }

    /// Somebody, and every role that he has.
    fn roles_of<'a>(&'a self, who: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::from([who]);
        let mut waiting = vec![who];
        while let Some(next) = waiting.pop() {
            for role in self.roles.get(next).into_iter().flatten() {
                if found.insert(role) {
                    waiting.push(role);
                }
            }
        }
        found
    }
}

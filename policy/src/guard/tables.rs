//! Decision tables compiled from policy lines: what Casbin says, without walking every line.
//!
//! A row stands for a scope, an object and an operation, and holds one bit a role that some line names, and the lines
//! themselves. Roles and agencies are closed over inheritance when the tables are made, so that a question looks into
//! a handful of rows. What a table cannot say (a word that the policy does not have) is left to Casbin.

use rustc_hash::FxHashMap;

use super::line::{Line, LineKind, Permission};
use super::link::Links;
use super::question::{Question, Verdict};
use super::strength::Strength;
use super::window::Window;
use super::words::{AGENCY_PREFIX, ROLES_MAX, Vocabulary, parts_of};

/// Rows that hold for every scope: `all` and `none`.
const EVERYWHERE: u32 = 0;
/// Rows that hold for the asker's own agency.
const OWN: u32 = 1;
/// Rows of lines that deny one agency: a question about all of them meets each.
const SOMEWHERE: u32 = 2;
/// Agencies count from here.
const AGENCIES: u32 = 3;

/// The compiled tables.
#[derive(Debug)]
pub struct Tables {
    roles: FxHashMap<Box<str>, u64>,
    objects: FxHashMap<Box<str>, u32>,
    operations: FxHashMap<Box<str>, u32>,
    /// For each agency that has rows, or that is under one that has, those.
    agencies: FxHashMap<Box<str>, Box<[u32]>>,
    rows: FxHashMap<u64, Row>,
    entries: Vec<Entry>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// The roles that any line of the row names.
    roles: u64,
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    role: u64,
    /// Place in the list of lines.
    line: u32,
    /// Place in the list of conditions.
    condition: u32,
    denies: bool,
}

/// What must hold beside role, scope, object and operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Condition {
    purpose: Wanted,
    class: Wanted,
    basis: Wanted,
    time: Option<Window>,
    auth: Option<Strength>,
    grant: bool,
}

/// `any`, `stated` or one word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Wanted {
    Any,
    Stated,
    One(Box<str>),
}

impl Wanted {
    fn of(text: &str) -> Self {
        match text {
            "any" => Self::Any,
            "stated" => Self::Stated,
            one => Self::One(one.into()),
        }
    }

    fn holds(&self, said: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Stated => !said.is_empty(),
            Self::One(one) => **one == *said,
        }
    }
}

impl Condition {
    /// `None` for a line that the check of lines should not have let through.
    fn of(line: &Permission<'_>) -> Option<Self> {
        let time = if line.time == "any" { None } else { Some(Window::parse(line.time).ok()?) };
        let auth = if line.auth == "any" { None } else { Some(Strength::parse(line.auth)?) };
        Some(Self {
            purpose: Wanted::of(line.purpose),
            // A class has no `stated`: the word would be a class of that name.
            class: if line.class == "any" { Wanted::Any } else { Wanted::One(line.class.into()) },
            basis: Wanted::of(line.basis),
            time,
            auth,
            grant: line.grant != "any",
        })
    }

    fn holds(&self, question: &Question<'_>) -> bool {
        self.purpose.holds(question.purpose)
            && self.class.holds(question.class)
            && self.basis.holds(question.basis)
            && self.time.is_none_or(|window| window.holds(question.time))
            && self.auth.is_none_or(|least| question.strength >= least)
            && (!self.grant || !question.grant.is_empty())
    }
}

impl Tables {
    /// Compiles checked lines. `None` when they are beyond what tables hold: more than 64 roles.
    pub fn compile(lines: &[Line], words: &Vocabulary) -> Option<Self> {
        if words.roles.len() > ROLES_MAX {
            return None;
        }
        let number = |words: &std::collections::BTreeSet<String>| {
            let numbered = words.iter().zip(0_u32..);
            numbered.map(|(word, at)| (word.as_str().into(), at)).collect::<FxHashMap<Box<str>, u32>>()
        };
        let own_bits: FxHashMap<&str, u64> =
            words.roles.iter().map(String::as_str).zip(0_u32..).map(|(role, at)| (role, 1_u64 << at)).collect();
        let mut building = Building {
            roles: &own_bits,
            objects: number(&words.objects),
            operations: number(&words.operations),
            scopes: FxHashMap::default(),
            rows: FxHashMap::default(),
            numbers: FxHashMap::default(),
            conditions: Vec::new(),
        };
        for (at, line) in lines.iter().enumerate() {
            if let Some(permission) = line.permission() {
                building.add(&permission, u32::try_from(at).ok()?)?;
            }
        }
        let roles = close_roles(lines, &own_bits);
        let agencies = close_agencies(lines, &building.scopes);
        let Building { objects, operations, rows: built, conditions, .. } = building;
        let mut rows = FxHashMap::default();
        rows.reserve(built.len());
        let mut entries = Vec::with_capacity(built.values().map(Vec::len).sum());
        for (key, mut found) in built {
            let start = u32::try_from(entries.len()).ok()?;
            let roles = found.iter().fold(0, |bits, entry| bits | entry.role);
            entries.append(&mut found);
            rows.insert(key, Row { roles, start, end: u32::try_from(entries.len()).ok()? });
        }
        Some(Self { roles, objects, operations, agencies, rows, entries, conditions })
    }

    /// Answers what Casbin answers. `None` for a question with a word that the tables do not have.
    pub fn decide(&self, question: &Question<'_>) -> Option<Verdict> {
        let roles = *self.roles.get(question.who)?;
        let object = *self.objects.get(question.object)?;
        let operation = *self.operations.get(question.operation)?;
        let mut found = Found { tables: self, question, roles, object, operation, matched: Vec::new() };
        found.look(EVERYWHERE);
        if question.own {
            found.look(OWN);
        }
        if question.scope == "all" {
            found.look(SOMEWHERE);
        } else if question.scope.starts_with(AGENCY_PREFIX) {
            for &scope in self.agencies.get(question.scope).into_iter().flatten() {
                found.look(scope);
            }
        } else {
            return None;
        }
        Some(found.verdict())
    }
}

/// The lines that match one question.
struct Found<'t> {
    tables: &'t Tables,
    question: &'t Question<'t>,
    roles: u64,
    object: u32,
    operation: u32,
    /// Place in the list of lines, and whether it denies.
    matched: Vec<(u32, bool)>,
}

impl Found<'_> {
    fn look(&mut self, scope: u32) {
        let Some(row) = self.tables.rows.get(&key(scope, self.object, self.operation)) else { return };
        if row.roles & self.roles == 0 {
            return;
        }
        let entries = self.tables.entries.get(row.start as usize..row.end as usize).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.role & self.roles != 0) {
            let condition = self.tables.conditions.get(entry.condition as usize);
            if condition.is_some_and(|condition| condition.holds(self.question)) {
                self.matched.push((entry.line, entry.denies));
            }
        }
    }

    /// Casbin walks the lines in their order and stops at the first that denies.
    fn verdict(mut self) -> Verdict {
        self.matched.sort_unstable();
        self.matched.dedup();
        let denied = self.matched.iter().position(|(_, denies)| *denies);
        let seen = denied.map_or(self.matched.len(), |at| at + 1);
        let lines: Vec<usize> = self.matched.iter().take(seen).map(|(line, _)| *line as usize).collect();
        Verdict { allowed: denied.is_none() && !lines.is_empty(), lines }
    }
}

struct Building<'l> {
    roles: &'l FxHashMap<&'l str, u64>,
    objects: FxHashMap<Box<str>, u32>,
    operations: FxHashMap<Box<str>, u32>,
    scopes: FxHashMap<Box<str>, u32>,
    rows: FxHashMap<u64, Vec<Entry>>,
    numbers: FxHashMap<Condition, u32>,
    conditions: Vec<Condition>,
}

impl Building<'_> {
    fn add(&mut self, line: &Permission<'_>, at: u32) -> Option<()> {
        let role = *self.roles.get(line.role)?;
        let object = *self.objects.get(line.object)?;
        let condition = self.number(Condition::of(line)?)?;
        let entry = Entry { role, line: at, condition, denies: line.denies() };
        let scope = self.scope(line.scope)?;
        for operation in self.covered(line.operation)? {
            self.rows.entry(key(scope, object, operation)).or_default().push(entry);
            if entry.denies && scope >= AGENCIES {
                self.rows.entry(key(SOMEWHERE, object, operation)).or_default().push(entry);
            }
        }
        Some(())
    }

    fn number(&mut self, condition: Condition) -> Option<u32> {
        if let Some(known) = self.numbers.get(&condition) {
            return Some(*known);
        }
        let number = u32::try_from(self.conditions.len()).ok()?;
        self.conditions.push(condition.clone());
        self.numbers.insert(condition, number);
        Some(number)
    }

    fn scope(&mut self, scope: &str) -> Option<u32> {
        match scope {
            "all" | "none" => Some(EVERYWHERE),
            "own_agency" => Some(OWN),
            agency => {
                if let Some(known) = self.scopes.get(agency) {
                    return Some(*known);
                }
                let number = AGENCIES.checked_add(u32::try_from(self.scopes.len()).ok()?)?;
                self.scopes.insert(agency.into(), number);
                Some(number)
            }
        }
    }

    fn covered(&self, operation: &str) -> Option<Vec<u32>> {
        if operation == "any" {
            return Some(self.operations.values().copied().collect());
        }
        let mut covered = vec![*self.operations.get(operation)?];
        covered.extend(parts_of(operation).iter().filter_map(|part| self.operations.get(*part)));
        Some(covered)
    }
}

/// Every role with its own bit and those of the roles that it inherits from.
fn close_roles(lines: &[Line], own_bits: &FxHashMap<&str, u64>) -> FxHashMap<Box<str>, u64> {
    let links = Links::of(lines, LineKind::Role);
    let bits = |role: &str| own_bits.get(role).copied().unwrap_or(0);
    let closed = |role: &str| links.above(role).into_iter().fold(bits(role), |sum, above| sum | bits(above));
    own_bits.keys().map(|role| ((*role).into(), closed(role))).collect()
}

/// Every agency of the lines with the rows of itself and of what it belongs to.
fn close_agencies(lines: &[Line], scopes: &FxHashMap<Box<str>, u32>) -> FxHashMap<Box<str>, Box<[u32]>> {
    let links = Links::of(lines, LineKind::Agency);
    let mut closed = FxHashMap::default();
    for name in scopes.keys().map(|name| &**name).chain(links.heirs()) {
        if closed.contains_key(name) {
            continue;
        }
        let own = scopes.get(name).copied();
        let above = links.above(name).into_iter().filter_map(|above| scopes.get(above).copied());
        closed.insert(name.into(), own.into_iter().chain(above).collect());
    }
    closed
}

fn key(scope: u32, object: u32, operation: u32) -> u64 {
    (u64::from(scope) << 32) | (u64::from(object) << 16) | u64::from(operation)
}

#[cfg(test)]
mod tests;

//! The lines of `policy.csv`, each checked before the engine sees any: Casbin itself drops what it does not understand.

use std::fmt;

use event::AgencyId;
use rustc_hash::FxHashSet;

use super::link;
use super::strength::Strength;
use super::window::{Minute, Window};
use super::words::{AGENCY_PREFIX, OPERATOR, Vocabulary};
use crate::PolicyError;

/// Most lines of a policy.
const LINES_MAX: usize = 200_000;
/// Objects whose fields have classes.
const CLASSED: [&str; 2] = ["events", "alerts"];
/// What something can be done about: a plan is run, a glass is broken.
const RESPONDED: [&str; 2] = ["responses", "reveals"];
/// Objects that can be looked through and counted.
const SEARCHED: [&str; 3] = ["events", "alerts", "audit"];

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// `p`: something is allowed or denied.
    Permission,
    /// `g`: a role may whatever another may.
    Role,
    /// `g2`: a unit belongs to a department.
    Agency,
}

/// One line of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// What it says.
    pub kind: LineKind,
    /// As it was written, columns trimmed.
    pub text: String,
}

/// The columns of a `p` line; a condition that is not there is `any`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permission<'l> {
    /// Whose.
    pub role: &'l str,
    /// `all`, `own_agency`, `agency:ID` or `none`.
    pub scope: &'l str,
    /// To what.
    pub object: &'l str,
    /// What is done, or `any`.
    pub operation: &'l str,
    /// What for: `any`, `stated` or an id.
    pub purpose: &'l str,
    /// `allow` or `deny`.
    pub effect: &'l str,
    /// Which class of fields.
    pub class: &'l str,
    /// On which legal basis: `any`, `stated` or an id.
    pub basis: &'l str,
    /// When in the week.
    pub time: &'l str,
    /// How surely it must be known who asks.
    pub auth: &'l str,
    /// `any`, or `needed`.
    pub grant: &'l str,
}

impl<'l> Permission<'l> {
    fn parse(text: &'l str) -> Result<Self, String> {
        let mut columns = text.split(',').map(str::trim);
        let kind = columns.next();
        let mut next = || columns.next();
        let (Some("p"), Some(role), Some(scope), Some(object), Some(operation), Some(purpose), Some(effect)) =
            (kind, next(), next(), next(), next(), next(), next())
        else {
            let found = text.split(',').count() - 1;
            return Err(format!("has {found} columns behind `p`, six are needed (role to effect)"));
        };
        let any = "any";
        let mut line = Self {
            role,
            scope,
            object,
            operation,
            purpose,
            effect,
            class: any,
            basis: any,
            time: any,
            auth: any,
            grant: any,
        };
        for condition in columns {
            let Some((name, value)) = condition.split_once('=') else {
                return Err(format!("`{}` is no condition such as `auth=two-factor`", shorten(condition)));
            };
            let place = match name {
                "class" => &mut line.class,
                "basis" => &mut line.basis,
                "time" => &mut line.time,
                "auth" => &mut line.auth,
                "grant" => &mut line.grant,
                _ => return Err(format!("unknown condition `{}` (class, basis, time, auth, grant)", shorten(name))),
            };
            if *place != any {
                return Err(format!("condition `{name}` stands there twice"));
            }
            *place = value;
        }
        Ok(line)
    }

    /// Whether the line denies.
    pub fn denies(&self) -> bool {
        self.effect == "deny"
    }
}

impl Line {
    /// The columns of a `p` line; `None` for others.
    pub fn permission(&self) -> Option<Permission<'_>> {
        if self.kind != LineKind::Permission {
            return None;
        }
        Permission::parse(&self.text).ok()
    }

    /// The scope of a `p` line.
    pub(super) fn scope(&self) -> Option<&str> {
        self.text.split(", ").nth(2).filter(|_| self.kind == LineKind::Permission)
    }

    /// Who inherits from whom; `None` for `p` lines.
    pub fn link(&self) -> Option<(&str, &str)> {
        if self.kind == LineKind::Permission {
            return None;
        }
        let mut columns = self.text.split(',').map(str::trim);
        let _ = columns.next();
        Some((columns.next()?, columns.next()?))
    }

    /// The columns as the engine takes them, conditions filled in.
    pub(super) fn columns(&self) -> Vec<String> {
        let columns: Vec<&str> = match (self.permission(), self.link()) {
            (Some(p), _) => vec![
                p.role,
                p.scope,
                p.object,
                p.operation,
                p.purpose,
                p.class,
                p.basis,
                p.time,
                p.auth,
                p.grant,
                p.effect,
            ],
            (None, Some((one, other))) => vec![one, other],
            (None, None) => Vec::new(),
        };
        columns.into_iter().map(str::to_owned).collect()
    }
}

/// As explanations quote it: `policy.csv:12: p, auditor, all, audit, read, any, allow`.
impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "policy.csv:{}: {}", self.number, self.text)
    }
}

/// Reads lines made of the words of `words`.
///
/// # Errors
/// [`PolicyError::Line`] names the first line that is malformed, unknown, doubled, can never apply or closes a circle.
pub fn parse(text: &str, words: &Vocabulary) -> Result<Vec<Line>, PolicyError> {
    let mut lines: Vec<Line> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let number = at + 1;
        let fault = |reason: String| PolicyError::Line { line: number, reason };
        let raw = raw.trim();
        if raw.is_empty() || raw.starts_with('#') {
            continue;
        }
        if lines.len() >= LINES_MAX {
            return Err(fault(format!("more than {LINES_MAX} lines")));
        }
        let kind = match raw.split(',').next().map_or("", str::trim) {
            "p" => LineKind::Permission,
            "g" => LineKind::Role,
            "g2" => LineKind::Agency,
            other => return Err(fault(format!("`{}` is neither `p`, `g` nor `g2`", shorten(other)))),
        };
        let line = Line { number, kind, text: canonical(raw) };
        check(&line, words).map_err(fault)?;
        lines.push(line);
    }
    check_doubled(&lines)?;
    if lines.iter().all(|line| line.kind != LineKind::Permission) {
        return Err(PolicyError::Line { line: 1, reason: "the policy has no `p` line".to_owned() });
    }
    link::check_circles(&lines)?;
    Ok(lines)
}

/// Columns trimmed, one space behind each comma.
fn canonical(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for (at, column) in raw.split(',').enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(column.trim());
    }
    text
}

fn check(line: &Line, words: &Vocabulary) -> Result<(), String> {
    if line.kind == LineKind::Permission {
        return check_permission(&Permission::parse(&line.text)?, words);
    }
    let columns = line.text.split(',').count() - 1;
    let kind = if line.kind == LineKind::Role { "g" } else { "g2" };
    let Some((one, other)) = line.link().filter(|_| columns == 2) else {
        return Err(format!("has {columns} columns behind `{kind}`, two are needed"));
    };
    if line.kind == LineKind::Agency {
        check_agency(one)?;
        return check_agency(other);
    }
    check_role(one, words)?;
    check_role(other, words)?;
    if one == OPERATOR || other == OPERATOR {
        return Err("`operator` neither inherits nor is inherited".to_owned());
    }
    Ok(())
}

fn check_permission(line: &Permission<'_>, words: &Vocabulary) -> Result<(), String> {
    check_role(line.role, words)?;
    if !words.objects.contains(line.object) {
        return Err(format!("unknown object `{}`", shorten(line.object)));
    }
    if line.operation != "any" && !words.operations.contains(line.operation) {
        return Err(format!("unknown operation `{}`", shorten(line.operation)));
    }
    if !matches!(line.purpose, "any" | "stated") && !words.purposes.contains(line.purpose) {
        return Err(format!(
            "unknown purpose `{}` (neither `any`, `stated` nor in purposes.yml)",
            shorten(line.purpose)
        ));
    }
    match (line.scope, line.effect) {
        ("all" | "own_agency", "allow") | ("none", "deny") => {}
        ("none", "allow") => return Err("`allow` over `none` can never apply".to_owned()),
        ("all" | "own_agency", "deny") => return Err("`deny` goes with the scope `none` or one agency".to_owned()),
        (scope, "allow" | "deny") if scope.starts_with(AGENCY_PREFIX) => check_agency(scope)?,
        (_, "allow" | "deny") => {
            return Err(format!("unknown scope `{}` (all, own_agency, agency:ID, none)", shorten(line.scope)));
        }
        _ => return Err(format!("unknown effect `{}` (allow, deny)", shorten(line.effect))),
    }
    check_conditions(line, words)
}

fn check_conditions(line: &Permission<'_>, words: &Vocabulary) -> Result<(), String> {
    let Permission { object, operation, class, basis, time, auth, grant, .. } = *line;
    if class != "any" && !words.classes.contains(class) {
        return Err(format!("unknown class `{}` (see rules/privacy/)", shorten(class)));
    }
    if class != "any" && !CLASSED.contains(&object) {
        return Err(format!("`class` can never apply: `{object}` has no personal fields"));
    }
    // To reveal subjects is to read the events of restricted persons.
    let searching = matches!(operation, "search" | "aggregate") || (operation == "reveal" && object != "subjects");
    if searching && words.objects.contains("ingest") && !SEARCHED.contains(&object) {
        return Err(format!("`{operation}` can never apply to `{object}`"));
    }
    if operation == "respond" && words.objects.contains("ingest") && !RESPONDED.contains(&object) {
        return Err(format!("`respond` can never apply to `{object}`"));
    }
    if !matches!(basis, "any" | "stated") && !words.bases.contains(basis) {
        return Err(format!("unknown legal basis `{}` (neither `any`, `stated` nor in purposes.yml)", shorten(basis)));
    }
    if time != "any" {
        Window::parse(time)?;
    }
    if auth != "any" && Strength::parse(auth).is_none() {
        let known = Strength::ALL.map(Strength::as_str).join(", ");
        return Err(format!("unknown strength `{}` (any, {known})", shorten(auth)));
    }
    if !matches!(grant, "any" | "needed") {
        return Err(format!("`grant={}`: a grant is `any` or `needed`", shorten(grant)));
    }
    Ok(())
}

fn check_role(role: &str, words: &Vocabulary) -> Result<(), String> {
    if words.roles.contains(role) {
        return Ok(());
    }
    Err(format!("unknown role `{}`", shorten(role)))
}

fn check_agency(text: &str) -> Result<(), String> {
    let id = text.strip_prefix(AGENCY_PREFIX).filter(|id| AgencyId::new(*id).is_ok());
    id.map(|_| ()).ok_or_else(|| format!("`{}` is no agency; write `agency:ID`", shorten(text)))
}

/// A minute in which a line with a time applies.
pub(super) fn minute_inside(line: &Line) -> Option<Minute> {
    let time = line.permission()?.time;
    Window::parse(time).ok().map(Window::inside)
}

fn check_doubled(lines: &[Line]) -> Result<(), PolicyError> {
    let mut permissions = FxHashSet::default();
    let mut links = FxHashSet::default();
    permissions.reserve(lines.len());
    for line in lines {
        let fresh = match (line.permission(), line.link()) {
            (Some(permission), _) => permissions.insert(permission),
            (None, Some(link)) => links.insert(link),
            (None, None) => false,
        };
        if !fresh {
            return Err(PolicyError::Line { line: line.number, reason: "stands there twice".to_owned() });
        }
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().take(48).collect()
}

//! The lines of `policy.csv`, each checked before the engine sees any: Casbin itself drops what it does not understand.

use std::collections::BTreeSet;
use std::fmt;

use event::{Object, Operation, Role};

use crate::PolicyError;

/// Whoever speaks through the Unix socket of the server's own machine, as the policy calls it.
pub const OPERATOR: &str = "operator";
/// Most lines of a policy.
const LINES_MAX: usize = 200_000;
/// How far one role may lead to another; the engine follows no further than 10.
const INHERITANCE_MAX: usize = 8;

/// One line of the policy, as it was written and as the engine takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// Its columns without the leading `p` or `g`.
    pub columns: Vec<String>,
    /// Whether it is a `g` line.
    pub inherits: bool,
}

/// As explanations quote it: `policy.csv:12: p, auditor, all, audit, read, any, allow`.
impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.inherits { "g" } else { "p" };
        write!(formatter, "policy.csv:{}: {kind}, {}", self.number, self.columns.join(", "))
    }
}

/// Reads `policy.csv`. `purposes` are the ids of `purposes.yml`.
///
/// # Errors
/// [`PolicyError::Line`] names the first line that is malformed, unknown, doubled, can never apply or closes a circle.
pub(super) fn parse(text: &str, purposes: &BTreeSet<String>) -> Result<Vec<Line>, PolicyError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut seen = BTreeSet::new();
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
        let mut columns: Vec<String> = raw.split(',').map(|column| column.trim().to_owned()).collect();
        let kind = columns.remove(0);
        let inherits = match kind.as_str() {
            "p" => check_permission(&columns, purposes).map(|()| false),
            "g" => check_inheritance(&columns).map(|()| true),
            other => Err(format!("`{}` is neither `p` nor `g`", shorten(other))),
        }
        .map_err(fault)?;
        if !seen.insert((inherits, columns.clone())) {
            return Err(fault("stands there twice".to_owned()));
        }
        lines.push(Line { number, columns, inherits });
    }
    if !lines.iter().any(|line| !line.inherits) {
        return Err(PolicyError::Line { line: 1, reason: "the policy has no `p` line".to_owned() });
    }
    check_circles(&lines)?;
    Ok(lines)
}

fn check_permission(columns: &[String], purposes: &BTreeSet<String>) -> Result<(), String> {
    let [role, scope, object, operation, purpose, effect] = columns else {
        return Err(format!("has {} columns behind `p`, six are needed (role to effect)", columns.len()));
    };
    check_role(role)?;
    if Object::ALL.iter().all(|known| known.as_str() != object) {
        return Err(format!("unknown object `{}`", shorten(object)));
    }
    if operation != "any" && Operation::ALL.iter().all(|known| known.as_str() != operation) {
        return Err(format!("unknown operation `{}`", shorten(operation)));
    }
    if !matches!(purpose.as_str(), "any" | "stated") && !purposes.contains(purpose) {
        return Err(format!("unknown purpose `{}` (neither `any`, `stated` nor in purposes.yml)", shorten(purpose)));
    }
    match (scope.as_str(), effect.as_str()) {
        ("all" | "own_agency", "allow") | ("none", "deny") => Ok(()),
        ("none", "allow") => Err("`allow` over `none` can never apply".to_owned()),
        ("all" | "own_agency", "deny") => Err("`deny` goes with the scope `none`".to_owned()),
        (_, "allow" | "deny") => Err(format!("unknown scope `{}` (all, own_agency, none)", shorten(scope))),
        _ => Err(format!("unknown effect `{}` (allow, deny)", shorten(effect))),
    }
}

fn check_inheritance(columns: &[String]) -> Result<(), String> {
    let [role, other] = columns else {
        return Err(format!("has {} columns behind `g`, two are needed", columns.len()));
    };
    check_role(role)?;
    check_role(other)?;
    if role == OPERATOR || other == OPERATOR {
        return Err("`operator` neither inherits nor is inherited".to_owned());
    }
    Ok(())
}

fn check_role(role: &str) -> Result<(), String> {
    if role == OPERATOR || Role::parse(role).is_some() {
        return Ok(());
    }
    Err(format!("unknown role `{}`", shorten(role)))
}

/// Walks up from every role; whoever meets himself, or climbs too far, stands in a circle.
fn check_circles(lines: &[Line]) -> Result<(), PolicyError> {
    let links: Vec<(&Line, &str, &str)> = lines
        .iter()
        .filter(|line| line.inherits)
        .filter_map(|line| match line.columns.as_slice() {
            [role, other] => Some((line, role.as_str(), other.as_str())),
            _ => None,
        })
        .collect();
    for (line, role, other) in &links {
        let mut reached = BTreeSet::from([*other]);
        for step in 0.. {
            if reached.contains(role) {
                return Err(PolicyError::Line { line: line.number, reason: format!("`{role}` inherits from itself") });
            }
            let next: Vec<&str> = links.iter().filter(|link| reached.contains(link.1)).map(|link| link.2).collect();
            let before = reached.len();
            reached.extend(next);
            if reached.len() == before {
                break;
            }
            if step >= INHERITANCE_MAX {
                let reason = format!("`{role}` inherits over more than {INHERITANCE_MAX} steps");
                return Err(PolicyError::Line { line: line.number, reason });
            }
        }
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().take(48).collect()
}

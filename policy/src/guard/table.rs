//! The policy as a page of Markdown: asked of the engine itself, so that it cannot say anything else.

use std::fmt::Write;

use event::{Object, Operation, Role};

use super::policy::Policy;
use super::{OPERATOR, Question};
use crate::PolicyError;
use crate::mask::Kind;

const INTRODUCTION: &str = "# Who may do what

Generated from `rules/policy/` by asking the policy engine; a test keeps this page and the policy the same
(`METROSOC_UPDATE_DOCS=1 cargo test -p policy` writes it anew). What is not in the table is denied, and so is
everything when the policy is missing, broken or stale.

- **all**: the data of every agency and site. **own agency**: only what belongs to the account's agency.
- **†**: a purpose must be stated (see below); **(id)**: for that purpose only.
- `operator` is whoever speaks through the Unix socket on the server's own machine. Backup, verification of the ledger
  and configuration are `platform`. It can neither read nor release events, alerts or the audit record.
- The masks are those through which the role sees the fields of events and alerts.

| role | object | read | export | write | manage | masks |
| --- | --- | --- | --- | --- | --- | --- |
";

pub(super) fn markdown(policy: &Policy) -> Result<String, PolicyError> {
    let mut page = INTRODUCTION.to_owned();
    for role in Role::ALL.into_iter().map(Some).chain([None]) {
        for object in Object::ALL {
            row(&mut page, policy, role, object)?;
        }
    }
    inheritance(&mut page, policy);
    purposes(&mut page, policy);
    masks(&mut page, policy);
    Ok(page)
}

fn row(page: &mut String, policy: &Policy, role: Option<Role>, object: Object) -> Result<(), PolicyError> {
    let word = role.map_or(OPERATOR, Role::as_str);
    let mut cells = Vec::new();
    for operation in Operation::ALL {
        cells.push(cell(policy, word, object, operation)?);
    }
    if cells.iter().all(String::is_empty) {
        return Ok(());
    }
    let masked = matches!(object, Object::Events | Object::Alerts);
    let masks = role.filter(|_| masked).map_or_else(String::new, |role| policy.masks.of(role).name().to_owned());
    let _ = writeln!(page, "| {word} | {} | {} | {masks} |", object.as_str(), cells.join(" | "));
    Ok(())
}

/// The widest scope; with a mark when it takes a purpose.
fn cell(policy: &Policy, who: &str, object: Object, operation: Operation) -> Result<String, PolicyError> {
    for (scope, shown) in [("all", "all"), ("own_agency", "own agency")] {
        let ask = |purpose: &str| {
            let question = Question { who, scope, object: object.as_str(), operation: operation.as_str(), purpose };
            policy.decider.decide(question).map(|verdict| verdict.allowed)
        };
        if ask("")? {
            return Ok(shown.to_owned());
        }
        let mut allowed = Vec::new();
        for purpose in &policy.purposes {
            if ask(&purpose.id)? {
                allowed.push(purpose.id.as_str());
            }
        }
        if !allowed.is_empty() && allowed.len() == policy.purposes.len() {
            return Ok(format!("{shown} †"));
        }
        if !allowed.is_empty() {
            return Ok(format!("{shown} ({})", allowed.join(", ")));
        }
    }
    Ok(String::new())
}

fn inheritance(page: &mut String, policy: &Policy) {
    page.push_str("\n## Lines that deny or inherit\n\n");
    for line in &policy.lines {
        let denies = line.columns.last().is_some_and(|effect| effect == "deny");
        if line.inherits || denies {
            let kind = if line.inherits { "g" } else { "p" };
            let _ = writeln!(page, "- `{kind}, {}`", line.columns.join(", "));
        }
    }
}

fn purposes(page: &mut String, policy: &Policy) {
    page.push_str("\n## Purposes\n\n| id | Vietnamese | English |\n| --- | --- | --- |\n");
    for purpose in &policy.purposes {
        let _ = writeln!(page, "| {} | {} | {} |", purpose.id, purpose.title.vi, purpose.title.en);
    }
}

fn masks(page: &mut String, policy: &Policy) {
    page.push_str("\n## Masks\n\n");
    page.push_str("A field that is masked or hidden for somebody cannot be queried, sorted or aggregated by him.\n");
    for profile in policy.masks.profiles() {
        let roles: Vec<&str> = Role::ALL
            .into_iter()
            .filter(|&role| policy.masks.of(role).name() == profile.name)
            .map(Role::as_str)
            .collect();
        let _ = write!(page, "\n### `{}`\n\nFor {}. ", profile.name, roles.join(", "));
        if profile.otherwise == Kind::Clear {
            page.push_str("Every field as it is, text as a whole and bare-word search included.\n");
            continue;
        }
        page.push_str("Every field that is not named here is hidden; no bare-word search.\n\n");
        page.push_str("| mask | fields |\n| --- | --- |\n");
        let rows = [
            (Kind::KeepLast4.as_str(), &profile.keep_last_4),
            (Kind::Hide.as_str(), &profile.hide),
            ("hide (whole text)", &policy.masks.whole_text().to_vec()),
            (Kind::Clear.as_str(), &profile.clear),
        ];
        for (kind, fields) in rows {
            let quoted: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            let _ = writeln!(page, "| {kind} | {} |", quoted.join(" "));
        }
    }
    let without: Vec<&str> = Role::ALL
        .into_iter()
        .map(|role| (role, policy.masks.of(role)))
        .filter(|(_, table)| table.name() == "nothing")
        .map(|(role, _)| role.as_str())
        .collect();
    let _ = writeln!(page, "\n### Without a profile\n\n{}, {OPERATOR}: no field at all.", without.join(", "));
}

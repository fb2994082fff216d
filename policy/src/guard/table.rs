//! The policy as a page of Markdown: asked of the engine itself, so that it cannot say anything else.

use std::fmt::Write;

use event::{Object, Operation, Role};

use super::OPERATOR;
use super::policy::{Asked, Asker, Policy};
use super::strength::Strength;
use super::window::Minute;
use super::words::AGENCY_PREFIX;
use crate::PolicyError;
use crate::mask::Form;

/// The operations that have a column; the others are parts of these.
const COLUMNS: [Operation; 5] =
    [Operation::Read, Operation::Export, Operation::Write, Operation::Manage, Operation::Reveal];

const INTRODUCTION: &str = "# Who may do what

Generated from `rules/policy/` by asking the policy engine; a test keeps this page and the policy the same
(`METROSOC_UPDATE_DOCS=1 cargo test -p policy` writes it anew). What is not in the table is denied, and so is
everything when the policy is missing, broken or stale.

- **all**: the data of every agency and site. **own agency**: only what belongs to the account's agency.
- **†**: a purpose must be stated (see below); **(id)**: for that purpose only; **‡**: under conditions that the lines at the
  end name (legal basis, strength of sign-in, grant, hours).
- `read` covers searching and aggregating, unless a line says otherwise.
- `operator` is whoever speaks through the Unix socket on the server's own machine. Backup, verification of the ledger
  and configuration are `platform`. It can neither read nor release events, alerts or the audit record.
- The masks are those through which the role sees the fields of events and alerts.

| role | object | read | export | write | manage | reveal | masks |
| --- | --- | --- | --- | --- | --- | --- | --- |
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
    let asker = Asker { word, role, agency: None };
    for operation in COLUMNS {
        cells.push(cell(policy, &asker, object, operation)?);
    }
    if cells.iter().all(String::is_empty) {
        return Ok(());
    }
    let masked = matches!(object, Object::Events | Object::Alerts);
    let masks = role.filter(|_| masked).map_or_else(String::new, |role| policy.masks.of(role).name().to_owned());
    let _ = writeln!(page, "| {word} | {} | {} | {masks} |", object.as_str(), cells.join(" | "));
    Ok(())
}

/// The widest scope; with a mark when it takes a purpose, with another when it takes more.
fn cell(policy: &Policy, asker: &Asker<'_>, object: Object, operation: Operation) -> Result<String, PolicyError> {
    let plain = Asked {
        operation,
        object,
        purpose: "",
        basis: "",
        time: Minute::new(0),
        strength: Strength::Unknown,
        grant: "",
        class: None,
    };
    for (scope, own, shown) in [("all", false, "all"), (AGENCY_PREFIX, true, "own agency")] {
        let ask = |asked: &Asked<'_>| {
            let basis = policy.purposes.basis(asked.basis, asked.purpose);
            let asked = Asked { basis, ..*asked };
            policy.decider.decide(&asked.over(asker, scope, own)).map(|verdict| verdict.allowed)
        };
        if ask(&plain)? {
            return Ok(shown.to_owned());
        }
        for (asked, mark) in [(plain, ""), (Asked { strength: Strength::TwoFactor, grant: "needed", ..plain }, " ‡")]
        {
            let mut allowed = Vec::new();
            for purpose in &policy.purposes.purposes {
                if ask(&Asked { purpose: &purpose.id, ..asked })? {
                    allowed.push(purpose.id.as_str());
                }
            }
            if !allowed.is_empty() && allowed.len() == policy.purposes.purposes.len() {
                return Ok(format!("{shown} †{mark}"));
            }
            if !allowed.is_empty() {
                return Ok(format!("{shown} ({}){mark}", allowed.join(", ")));
            }
        }
    }
    Ok(String::new())
}

fn inheritance(page: &mut String, policy: &Policy) {
    page.push_str("\n## Lines that deny, inherit or have conditions\n\n");
    for line in policy.lines.iter() {
        let special = line.permission().is_none_or(|permission| {
            permission.denies() || permission.scope.starts_with(AGENCY_PREFIX) || line.text.contains('=')
        });
        if special {
            let _ = writeln!(page, "- `{}`", line.text);
        }
    }
}

fn purposes(page: &mut String, policy: &Policy) {
    page.push_str("\n## Purposes\n\n| id | Vietnamese | English | legal basis |\n| --- | --- | --- | --- |\n");
    for purpose in &policy.purposes.purposes {
        let basis = purpose.basis.as_deref().unwrap_or_default();
        let _ = writeln!(page, "| {} | {} | {} | {basis} |", purpose.id, purpose.title.vi, purpose.title.en);
    }
    page.push_str("\n## Legal bases\n\n| id | Vietnamese | English |\n| --- | --- | --- |\n");
    for basis in &policy.purposes.bases {
        let _ = writeln!(page, "| {} | {} | {} |", basis.id, basis.title.vi, basis.title.en);
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
        let whom = if roles.is_empty() { "choices below".to_owned() } else { roles.join(", ") };
        let _ = write!(page, "\n### `{}`\n\nFor {whom}. ", profile.name);
        if profile.otherwise == Form::Clear {
            page.push_str("Every field as it is, text as a whole and bare-word search included.\n");
            continue;
        }
        page.push_str(
            "Every field that is not named here is hidden, text that is scanned aside; no bare-word search.\n\n",
        );
        if profile.scan {
            page.push_str("Text is shown with every personal value masked as its class says, or covered.\n\n");
        }
        page.push_str("| mask | bounds | fields and classes |\n| --- | --- | --- |\n");
        let quoted = |fields: &[String]| {
            let quoted: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            quoted.join(" ")
        };
        let whole = if profile.scan { "scan" } else { "hide" };
        let _ = writeln!(page, "| {whole} (whole text) | | {} |", quoted(policy.masks.whole_text()));
        for (form, fields) in &profile.rows {
            let _ = writeln!(page, "| {} | {} | {} |", form.as_str(), form.bounds(), quoted(fields));
        }
    }
    choices(page, policy);
    let without: Vec<&str> = Role::ALL
        .into_iter()
        .map(|role| (role, policy.masks.of(role)))
        .filter(|(_, table)| table.name() == "nothing")
        .map(|(role, _)| role.as_str())
        .collect();
    let _ = writeln!(page, "\n### Without a profile\n\n{}, {OPERATOR}: no field at all.", without.join(", "));
}

fn choices(page: &mut String, policy: &Policy) {
    page.push_str("\n### Choices\n\nThe first that fits counts; where none does, the role's own profile.\n\n");
    page.push_str("| roles | datasets | purposes | profile | counts from | noise | single events |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    let words = |set: &std::collections::BTreeSet<String>| {
        if set.is_empty() { "any".to_owned() } else { set.iter().cloned().collect::<Vec<_>>().join(", ") }
    };
    for choice in policy.masks.choices() {
        let exact = choice.at_least <= 1 && choice.noise == 0;
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            words(&choice.roles),
            words(&choice.datasets),
            words(&choice.purposes),
            choice.profile.as_deref().unwrap_or("the role's own"),
            choice.at_least.max(1),
            choice.noise,
            if choice.rows.unwrap_or(exact) { "yes" } else { "no" },
        );
    }
}

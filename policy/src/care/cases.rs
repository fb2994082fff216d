//! Tests of a policy: `policy.test.yml` beside it says what must be allowed and what must not.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{AgencyId, Clock, Object, Operation, Reach, Role, Subject, Timestamp, UserName};
use serde::{Deserialize, Serialize};

use crate::PolicyError;
use crate::guard::{
    AccessGrant, Circumstances, Explanation, Guard, OPERATOR, PolicySource, PolicyText, Reason, Strength,
};
use crate::privacy::Class;

/// Most cases of one file.
const CASES_MAX: usize = 10_000;
/// Most bytes of the file.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The tests of the policy that MetroSOC comes with.
pub const EMBEDDED: &str = include_str!("../../../rules/policy/policy.test.yml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about, for people.
    name: String,
    /// Who asks: a role or `operator`.
    role: String,
    #[serde(default)]
    agency: Option<AgencyId>,
    operation: Operation,
    object: Object,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    basis: String,
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    auth: Strength,
    /// When; the start of a working Monday without.
    #[serde(default)]
    time: Option<Timestamp>,
    /// The agencies of a grant in force that the asker holds.
    #[serde(default)]
    grant: Option<BTreeSet<AgencyId>>,
    /// Whether the asker names the grant, so that it counts even where it is not needed.
    #[serde(default)]
    through_grant: bool,
    expect: Expected,
    /// `all`, or the agencies.
    #[serde(default)]
    scope: Option<ExpectedScope>,
    /// The reason of a denial.
    #[serde(default)]
    reason: Option<String>,
    /// The profile of `masks.yml`.
    #[serde(default)]
    masks: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum ExpectedScope {
    Word(String),
    Agencies(BTreeSet<AgencyId>),
}

/// How one case came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What was expected and found instead; `None` when it holds.
    pub fault: Option<String>,
    /// The lines that decided.
    pub because: Vec<String>,
}

/// Reads the cases.
///
/// # Errors
/// [`PolicyError::Cases`] when it is not such a file, or larger than its bounds.
pub fn parse(text: &str) -> Result<Vec<Case>, PolicyError> {
    let fault = |reason: String| PolicyError::Cases { reason };
    if text.len() > BYTES_MAX {
        return Err(fault(format!("{} bytes; at most {BYTES_MAX} are read", text.len())));
    }
    let file: File = serde_norway::from_str(text).map_err(|error| fault(error.to_string()))?;
    if file.version != 1 {
        return Err(fault(format!("version {} is not known; this program reads version 1", file.version)));
    }
    if file.cases.len() > CASES_MAX {
        return Err(fault(format!("{} cases; at most {CASES_MAX}", file.cases.len())));
    }
    for case in &file.cases {
        let known = case.role == OPERATOR || Role::parse(&case.role).is_some();
        if !known {
            return Err(fault(format!("case `{}`: unknown role `{}`", case.name, case.role)));
        }
        if let Some(class) = case.class.as_ref().filter(|class| Class::parse(class).is_none()) {
            return Err(fault(format!("case `{}`: unknown class `{class}`", case.name)));
        }
        if let Some(ExpectedScope::Word(word)) = case.scope.as_ref().filter(|scope| **scope != all()) {
            return Err(fault(format!("case `{}`: scope `{word}` is neither `all` nor a list of agencies", case.name)));
        }
    }
    Ok(file.cases)
}

fn all() -> ExpectedScope {
    ExpectedScope::Word("all".to_owned())
}

/// Puts every case to a policy.
///
/// # Errors
/// [`PolicyError`] when it is not a policy.
pub fn run(policy: &PolicyText, cases: &[Case], clock: Arc<dyn Clock>) -> Result<Vec<Outcome>, PolicyError> {
    let guard = Guard::open(PolicySource::Text(policy.clone()), clock)?;
    cases.iter().map(|case| put(&guard, case)).collect()
}

fn put(guard: &Guard, case: &Case) -> Result<Outcome, PolicyError> {
    // 3 November 2025 was a Monday; nine o'clock in the city.
    let time = case.time.unwrap_or_else(|| Timestamp::from_secs(1_762_135_200));
    let until = time.plus(std::time::Duration::from_secs(3_600));
    let grant = case.grant.as_ref().map(|agencies| {
        AccessGrant::over("grant-of-the-case", case.object, Reach::Only(agencies.clone()), time, until)
    });
    let circumstances = Circumstances {
        basis: case.basis.clone(),
        strength: case.auth,
        grant,
        through_grant: case.through_grant,
        class: case.class.as_deref().and_then(Class::parse),
        at: Some(time),
    };
    let name = if case.role == OPERATOR { "local:0" } else { "somebody" };
    let name = UserName::new(name).map_err(|error| PolicyError::Cases { reason: error.to_string() })?;
    let role = Role::parse(&case.role).unwrap_or(Role::Admin);
    let subject = Subject { name, role, agency: case.agency.clone() };
    let found = guard.explain_in(&subject, case.operation, case.object, &case.purpose, &circumstances);
    Ok(Outcome { name: case.name.clone(), fault: fault(case, &found), because: found.because })
}

fn fault(case: &Case, found: &Explanation) -> Option<String> {
    if found.allowed != (case.expect == Expected::Allow) {
        let said = if found.allowed { "allowed".to_owned() } else { format!("denied ({})", reason(found)) };
        let wanted = if found.allowed { "a denial" } else { "leave" };
        return Some(format!("{said}, expected {wanted}"));
    }
    if let Some(wanted) = case.reason.as_ref().filter(|wanted| **wanted != reason(found)) {
        return Some(format!("denied for `{}`, expected `{wanted}`", reason(found)));
    }
    if let Some(wanted) = case.masks.as_ref().filter(|wanted| **wanted != found.masks) {
        return Some(format!("seen through `{}`, expected `{wanted}`", found.masks));
    }
    let scope = match found.scope.as_ref().map(|scope| &scope.agencies) {
        Some(Reach::All) => all(),
        Some(Reach::Only(agencies)) => ExpectedScope::Agencies(agencies.clone()),
        None => return None,
    };
    let wanted = case.scope.as_ref().filter(|wanted| **wanted != scope)?;
    Some(format!("allowed over {}, expected {}", shown(&scope), shown(wanted)))
}

fn reason(found: &Explanation) -> &'static str {
    found.reason.map_or("", Reason::as_str)
}

fn shown(scope: &ExpectedScope) -> String {
    match scope {
        ExpectedScope::Word(word) => word.clone(),
        ExpectedScope::Agencies(agencies) => agencies.iter().map(AgencyId::as_str).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use event::SystemClock;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_policy_that_comes_with_the_program_passes_its_cases() {
        let cases = parse(EMBEDDED).unwrap();
        let outcomes = run(&PolicyText::embedded(), &cases, Arc::new(SystemClock)).unwrap();
        let faults: Vec<_> = outcomes.iter().filter(|outcome| outcome.fault.is_some()).collect();
        assert!(faults.is_empty() && outcomes.len() >= 20, "{faults:#?}");
    }

    #[test]
    fn a_case_that_does_not_hold_says_what_was_found() {
        let case = |rest: &str| {
            let text = format!(
                "version: 1\ncases:\n  - {{name: x, role: analyst-tier1, operation: read, object: events, {rest}}}"
            );
            let outcomes = run(&PolicyText::embedded(), &parse(&text).unwrap(), Arc::new(SystemClock)).unwrap();
            outcomes[0].fault.clone().unwrap_or_default()
        };
        assert_eq!(case("purpose: triage, expect: allow, scope: all, masks: masked"), "");
        assert_eq!(case("purpose: triage, expect: deny"), "allowed, expected a denial");
        assert_eq!(case("expect: allow"), "denied (purpose_missing), expected leave");
        assert_eq!(case("expect: deny, reason: no_line"), "denied for `purpose_missing`, expected `no_line`");
        assert_eq!(case("purpose: triage, expect: allow, masks: clear"), "seen through `masked`, expected `clear`");
        assert_eq!(case("purpose: triage, expect: allow, scope: [so-y-te]"), "allowed over all, expected so-y-te");
    }

    #[test]
    fn files_are_checked() {
        for (text, expected) in [
            ("version: 2\ncases: []", "version 2 is not known"),
            (
                "version: 1\ncases: [{name: x, role: boss, operation: read, object: events, expect: deny}]",
                "unknown role `boss`",
            ),
            ("version: 1\ncases: [{name: x, role: dpo, operation: read, object: events, expect: maybe}]", "expect"),
            (
                "version: 1\ncases: [{name: x, role: dpo, operation: read, object: events, expect: deny, colour: red}]",
                "colour",
            ),
            (
                "version: 1\ncases: [{name: x, role: dpo, operation: read, object: events, expect: deny, class: shoe}]",
                "`shoe`",
            ),
            (
                "version: 1\ncases: [{name: x, role: dpo, operation: read, object: events, expect: deny, scope: some}]",
                "`some`",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused(text in "\\PC{0,300}") {
            prop_assert!(parse(&text).is_err());
        }
    }
}

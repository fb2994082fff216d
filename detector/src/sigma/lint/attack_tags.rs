//! Tags: their namespaces' forms, and one of ATT&CK at least.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::suggest::suggestion;
use crate::sigma::yaml::Node;

/// Tactics of ATT&CK for enterprises, ICS and mobile devices, those that were renamed among them.
const TACTICS: [&str; 19] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "evasion",
    "inhibit-response-function",
    "impair-process-control",
];

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let tags = subject.node.get("tags").map(Node::texts).unwrap_or_default();
    if !tags.iter().any(|tag| tag.starts_with("attack.")) {
        let lint = subject.lint(Code::MissingAttackTag, &["tags"], "no tag names a tactic or technique of ATT&CK");
        found.push(lint.suggest("add such as `attack.discovery` and `attack.t1033`"));
    }
    for tag in &tags {
        if let Some(reason) = fault(tag) {
            found.push(subject.lint(Code::TagForm, &["tags"], format!("tag `{tag}` {reason}")));
        }
    }
}

/// What is wrong with a tag (Sigma's appendix "Tags").
fn fault(tag: &str) -> Option<String> {
    let Some((namespace, rest)) = tag.split_once('.') else {
        return Some("has no namespace such as `attack.`".to_owned());
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    if !tag.chars().all(is_plain) || rest.is_empty() {
        return Some(format!("is not in lower case without blanks (write `{}`)", tag.to_lowercase().replace(' ', "-")));
    }
    match namespace {
        "attack" => attack(rest),
        "cve" => (!is_cve(rest)).then(|| "is no CVE such as `cve.2021-44228`".to_owned()),
        "car" => (!is_car(rest)).then(|| "is no analytic such as `car.2016-04-005`".to_owned()),
        "tlp" => {
            let known = ["clear", "white", "green", "amber", "amber-strict", "amber+strict", "red"];
            (!known.contains(&rest)).then(|| format!("is no TLP colour{}", suggestion(rest, &known)))
        }
        "d3fend" | "detection" | "stp" | "misp" => None,
        // Anybody may have a namespace; a slip in a known one is told.
        other => {
            let near = suggestion(other, &["attack", "cve", "car", "tlp", "detection", "d3fend"]);
            (!near.is_empty()).then(|| format!("has an unknown namespace{near}"))
        }
    }
}

fn attack(rest: &str) -> Option<String> {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match rest.strip_prefix(['t', 'g', 's', 'c']) {
        Some(number) if rest.starts_with('t') => match number.split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(number, 4),
        },
        Some(number) => digits(number, 4),
        None => false,
    };
    let is_other = ["ta", "ds", "dc", "an"].iter().any(|kind| rest.strip_prefix(kind).is_some_and(|id| digits(id, 4)));
    if is_number || is_other || TACTICS.contains(&rest) {
        return None;
    }
    Some(format!("is neither a tactic nor a technique of ATT&CK{}", suggestion(rest, &TACTICS)))
}

/// `2021-44228`; the older `2021.44228` too.
fn is_cve(rest: &str) -> bool {
    let (year, number) = rest.split_once(['-', '.']).unwrap_or((rest, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4 && number.len() >= 4 && all_digits(year) && all_digits(number)
}

fn is_car(rest: &str) -> bool {
    let lengths: Vec<usize> = rest.split('-').map(str::len).collect();
    lengths == [4, 2, 3] && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_their_forms() {
        for good in [
            "attack.t1059",
            "attack.t1059.001",
            "attack.g0016",
            "attack.s0002",
            "attack.ds0009",
            "attack.stealth",
            "cve.2021-44228",
            "cve.2021.44228",
            "car.2016-04-005",
            "tlp.amber",
            "detection.threat-hunting",
            "stp.1u",
            "metrosoc.lgsp",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        let check = |tag: &str, part: &str| assert!(fault(tag).is_some_and(|told| told.contains(part)), "{tag}");
        check("attack", "no namespace");
        check("attack.T1059", "write `attack.t1059`");
        check("attack.t1059.1", "neither");
        check("attack.t105", "neither");
        check("attack.defense_evasion", "did you mean `defense-evasion`?");
        check("attck.t1059", "did you mean `attack`?");
        check("cve.44228", "no CVE");
        check("car.2016", "no analytic");
        check("tlp.yellow", "no TLP colour");
    }
}

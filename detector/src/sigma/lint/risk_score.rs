//! A risk score of the rule's own: a whole number from 0 to 100, else the level's counts.

use super::super::rule::{RISK_SCORE_MAX, own_risk_score};
use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let Some((keys, node)) = own_risk_score(subject.node) else { return };
    let is_good = node.scalar().is_some_and(|text| text.parse::<u8>().is_ok_and(|score| score <= RISK_SCORE_MAX));
    if !is_good {
        let told = node.scalar().map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"));
        let message = format!("`risk_score` is {told}, no whole number from 0 to {RISK_SCORE_MAX}; the level's counts");
        found.push(subject.lint(Code::RiskScore, keys, message));
    }
}

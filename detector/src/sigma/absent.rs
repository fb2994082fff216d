//! Whether a rule can hold at all where events have only some fields: which fields its condition cannot do without.
//!
//! It errs to one side: what is negated, keywords and what may be absent never stand in the way, so a rule that is called
//! impossible is.

use rustc_hash::FxHashSet;

use super::condition::Condition;
use super::detection::Detection;
use super::names::NameId;
use super::rule::Rule;
use super::value::{Item, Test};

/// The fields, in the rule's own names, for want of which the rule cannot hold on events that have no other fields than
/// `seen`; `None` when it can.
pub(crate) fn fields_wanting(rule: &Rule, seen: &FxHashSet<NameId>) -> Option<Vec<String>> {
    let mut wanting = Reading { rule, seen }.condition(rule.condition(), false)?;
    wanting.sort_unstable();
    wanting.dedup();
    Some(wanting.into_iter().map(str::to_owned).collect())
}

struct Reading<'r> {
    rule: &'r Rule,
    seen: &'r FxHashSet<NameId>,
}

/// What is wanting for a part to be true; `None` when it can be.
type Wanting<'r> = Option<Vec<&'r str>>;

impl<'r> Reading<'r> {
    fn condition(&self, part: &'r Condition, negated: bool) -> Wanting<'r> {
        match (part, negated) {
            (Condition::Selection(number), _) => self.detection(self.rule.selection(*number)?, negated),
            (Condition::Not(inner), _) => self.condition(inner, !negated),
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                one_of(parts.iter().map(|part| self.condition(part, negated)))
            }
            (Condition::Any(parts), false) | (Condition::All(parts), true) => {
                each(parts.iter().map(|part| self.condition(part, negated)))
            }
        }
    }

    fn detection(&self, part: &'r Detection, negated: bool) -> Wanting<'r> {
        match (part, negated) {
            (Detection::Item(item), _) => self.item(item, negated),
            (Detection::All(parts), false) | (Detection::Any(parts), true) => {
                one_of(parts.iter().map(|part| self.detection(part, negated)))
            }
            (Detection::Any(parts), false) | (Detection::All(parts), true) => {
                each(parts.iter().map(|part| self.detection(part, negated)))
            }
        }
    }

    fn item(&self, item: &'r Item, negated: bool) -> Wanting<'r> {
        let names = item.names()?;
        if negated != item.is_negated() || names.iter().any(|name| self.seen.contains(name)) {
            return None;
        }
        let needs = |test: &Test| !matches!(test, Test::Null | Test::Exists(false));
        let needed = if item.is_all() { item.tests().iter().any(needs) } else { item.tests().iter().all(needs) };
        needed.then(|| vec![item.label().field()])
    }
}

/// Of a conjunction one impossible part is enough.
fn one_of<'r>(parts: impl Iterator<Item = Wanting<'r>>) -> Wanting<'r> {
    let wanting: Vec<&str> = parts.flatten().flatten().collect();
    (!wanting.is_empty()).then_some(wanting)
}

/// A disjunction is impossible when each part is.
fn each<'r>(parts: impl Iterator<Item = Wanting<'r>>) -> Wanting<'r> {
    let wanting = parts.collect::<Option<Vec<_>>>()?.concat();
    (!wanting.is_empty()).then_some(wanting)
}

#[cfg(test)]
mod tests {
    use super::super::{FieldMap, RuleSet, RuleSource};
    use super::*;

    fn check(detection: &str, seen: &[&str], expected: Option<&[&str]>) {
        let yaml = format!("title: t\nlogsource: {{service: x}}\ndetection:\n  {}\n", detection.replace('\n', "\n  "));
        let set = RuleSet::load(&[RuleSource::Text { path: "t".to_owned(), yaml }], &FieldMap::default());
        assert!(set.rejected().is_empty(), "{:?}", set.rejected());
        let seen = seen.iter().filter_map(|name| set.names().id_of(name)).collect();
        let found = fields_wanting(&set.rules()[0], &seen);
        let expected = expected.map(|fields| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{detection} where {seen:?}");
    }

    #[test]
    fn only_what_a_rule_cannot_do_without_is_wanting() {
        check("s: {A: x, B|contains: y}\ncondition: s", &["A", "B"], None);
        check("s: {A: x, B|contains: y}\ncondition: s", &["A"], Some(&["B"]));
        check("s: {A: x, B|contains: y}\ncondition: s", &[], Some(&["A", "B"]));
        check("s:\n  - A: x\n  - B: y\ncondition: s", &["A"], None);
        check("s:\n  - A: x\n  - B: y\ncondition: s", &["C"], Some(&["A", "B"]));
        check("s: {A: x}\nf: {B: z}\ncondition: s and not f", &["A"], None);
        check("s: {A: x}\nf: {B: z}\ncondition: not s and f", &["A"], Some(&["B"]));
        check("s: {A: null}\ncondition: s", &[], None);
        check("s: {A: [null, x]}\ncondition: s", &[], None);
        check("s: {A|exists: false}\ncondition: s", &[], None);
        check("s: {A|exists: true}\ncondition: s", &[], Some(&["A"]));
        check("s: {A|neq: x}\ncondition: s", &[], None);
        check("s: {A|neq: x}\ncondition: not s", &[], Some(&["A"]));
        check("s: ['word']\ncondition: s", &[], None);
        check("s: {'A|contains|all': [x, y]}\ncondition: s", &[], Some(&["A"]));
        check("s: {ThreatName: x}\ncondition: s", &["Threat Name"], None);
    }
}

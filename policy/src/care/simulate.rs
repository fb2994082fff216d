//! What a change would have allowed or denied: the questions of the last weeks, put to the policy in force and to the
//! changed one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use event::{Clock, Object, Operation, Reach, Role};
use serde::{Deserialize, Serialize};

use super::change::{Change, changes};
use crate::PolicyError;
use crate::guard::{Circumstances, Counted, Decided, Explanation, Guard, Minute, PolicySource, PolicyText};
use crate::holiday::{Calendar, Holidays};

/// Most groups that are listed; the sums are of all.
const GROUPS_MAX: usize = 500;

/// What would have been different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Denied, and would be allowed.
    Allowed,
    /// Allowed, and would be denied.
    Denied,
    /// Allowed over other agencies.
    Scope,
    /// Allowed through other masks.
    Masks,
}

/// Decisions that would have been different in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How.
    pub difference: Difference,
    /// Of which agency's people; empty for those who speak for none.
    pub agency: String,
    /// As what, `operator` included.
    pub role: String,
    /// What was to be done.
    pub operation: Operation,
    /// To what.
    pub object: Object,
    /// What for.
    pub purpose: String,
    /// How often that was asked.
    pub times: u64,
    /// How many asked.
    pub people: usize,
    /// The lines of the changed policy that say so, or what they miss.
    pub because: Vec<String>,
}

/// The answer of a simulation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// The difference of the two policies.
    pub change: Change,
    /// Decisions that were put again.
    pub decisions: u64,
    /// Denied, and would be allowed.
    pub allowed: u64,
    /// Allowed, and would be denied.
    pub denied: u64,
    /// Allowed by both, over another scope or through other masks.
    pub different: u64,
    /// By agency and role, the most frequent first; at most 500.
    pub groups: Vec<Group>,
}

#[derive(Default)]
struct Sum {
    times: u64,
    people: BTreeSet<String>,
    because: Vec<String>,
}

type Key = (Difference, String, String, Operation, Object, String);

/// Puts every question to both policies. Each is asked for the hour in which it was asked; grants are not looked at.
///
/// # Errors
/// [`PolicyError`] when the changed policy is none.
pub fn simulate(
    before: &PolicyText,
    after: &PolicyText,
    counted: &[Counted],
    clock: &Arc<dyn Clock>,
    calendar: &Calendar,
) -> Result<Simulation, PolicyError> {
    let open = |text: &PolicyText| -> Result<Guard, PolicyError> {
        let guard = Guard::open(PolicySource::Text(text.clone()), Arc::clone(clock))?;
        Ok(guard.with_calendar(calendar.clone()))
    };
    let (old, new, holidays) = (open(before)?, open(after)?, calendar.load());
    let mut simulation = Simulation { change: changes(before, after), ..Simulation::default() };
    let mut groups: BTreeMap<Key, Sum> = BTreeMap::new();
    let mut asked: HashMap<Decided, Option<(Difference, Vec<String>)>> = HashMap::new();
    for Counted { decided, count } in counted {
        simulation.decisions += count;
        let found = asked.entry(alike(decided, &holidays)).or_insert_with(|| differs(&old, &new, decided));
        let Some((difference, because)) = found else { continue };
        match difference {
            Difference::Allowed => simulation.allowed += count,
            Difference::Denied => simulation.denied += count,
            Difference::Scope | Difference::Masks => simulation.different += count,
        }
        let agency = decided.agency.as_ref().map(ToString::to_string).unwrap_or_default();
        let key = (*difference, agency, role(decided), decided.operation, decided.object, decided.purpose.clone());
        let sum = groups.entry(key).or_default();
        sum.times += count;
        sum.people.insert(decided.name.to_string());
        sum.because.clone_from(because);
    }
    simulation.groups = groups.into_iter().map(|(key, sum)| group(key, sum)).collect();
    simulation.groups.sort_by_key(|group| std::cmp::Reverse(group.times));
    simulation.groups.truncate(GROUPS_MAX);
    Ok(simulation)
}

/// Questions that every policy answers alike: only the kind of name counts, and the minute of the week.
fn alike(decided: &Decided, holidays: &Holidays) -> Decided {
    let minute = i64::from(Minute::on(decided.hour, holidays).number());
    let hour = event::Timestamp::from_secs(minute * 60);
    let kind = match decided.name.as_str().split_once(':') {
        Some(_) => decided.name.clone(),
        None => event::UserName::new("somebody").unwrap_or_else(|_| decided.name.clone()),
    };
    Decided { hour, name: kind, allowed: false, ..decided.clone() }
}

fn differs(old: &Guard, new: &Guard, decided: &Decided) -> Option<(Difference, Vec<String>)> {
    let (before, after) = (put(old, decided), put(new, decided));
    let difference = match (before.allowed, after.allowed) {
        (false, true) => Difference::Allowed,
        (true, false) => Difference::Denied,
        (false, false) => return None,
        (true, true) if reach(&before) != reach(&after) => Difference::Scope,
        (true, true) if (&before.masks, &before.hidden_classes) != (&after.masks, &after.hidden_classes) => {
            Difference::Masks
        }
        (true, true) => return None,
    };
    Some((difference, after.because))
}

fn put(guard: &Guard, decided: &Decided) -> Explanation {
    let circumstances =
        Circumstances { basis: decided.basis.clone(), at: Some(decided.hour), ..Circumstances::of(decided.strength) };
    guard.explain_in(&decided.subject(), decided.operation, decided.object, &decided.purpose, &circumstances)
}

fn reach(explanation: &Explanation) -> Option<&Reach<event::AgencyId>> {
    explanation.scope.as_ref().map(|scope| &scope.agencies)
}

fn role(decided: &Decided) -> String {
    let word = match decided.name.as_str().split_once(':') {
        Some(("local", _)) => crate::guard::OPERATOR,
        Some(("site", _)) => Role::Machine.as_str(),
        _ => decided.role.as_str(),
    };
    word.to_owned()
}

fn group((difference, agency, role, operation, object, purpose): Key, sum: Sum) -> Group {
    let Sum { times, people, because } = sum;
    Group { difference, agency, role, operation, object, purpose, times, people: people.len(), because }
}

#[cfg(test)]
mod tests {
    use event::{AgencyId, ManualClock, Timestamp, UserName};

    use super::*;
    use crate::guard::Strength;

    fn asked(name: &str, role: Role, agency: Option<&str>, operation: Operation, count: u64) -> Counted {
        let decided = Decided {
            hour: Timestamp::from_secs(1_800_000_000),
            name: UserName::new(name).unwrap(),
            role,
            agency: agency.map(|agency| AgencyId::new(agency).unwrap()),
            operation,
            object: Object::Events,
            purpose: "triage".into(),
            basis: String::new(),
            strength: Strength::Password,
            allowed: true,
        };
        Counted { decided, count }
    }

    #[test]
    fn what_would_have_been_different_is_told_by_agency_and_role() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let before = PolicyText::embedded();
        let mut after = before.clone();
        let narrowed = after.policy.replace(
            "p, agency-officer, own_agency, events, read, stated, allow",
            "p, agency-officer, own_agency, events, read, agency-review, allow",
        );
        after.policy = narrowed + "p, analyst-tier1, all, events, export, stated, allow\n";
        let counted = [
            asked("lan", Role::AgencyOfficer, Some("so-y-te"), Operation::Read, 5),
            asked("minh", Role::AgencyOfficer, Some("so-y-te"), Operation::Read, 2),
            asked("an", Role::AgencyOfficer, Some("cong-an"), Operation::Read, 1),
            asked("tu", Role::AnalystTier1, None, Operation::Export, 4),
            asked("tu", Role::AnalystTier1, None, Operation::Read, 90),
            asked("local:0", Role::Admin, None, Operation::Read, 7),
        ];
        let found = simulate(&before, &after, &counted, &clock, &Calendar::default()).unwrap();
        assert_eq!((found.decisions, found.allowed, found.denied, found.different), (109, 4, 8, 0));
        let told: Vec<_> =
            found.groups.iter().map(|one| (one.difference, one.agency.as_str(), one.times, one.people)).collect();
        assert_eq!(
            told,
            [
                (Difference::Denied, "so-y-te", 7, 2),
                (Difference::Allowed, "", 4, 1),
                (Difference::Denied, "cong-an", 1, 1)
            ]
        );
        assert!(found.groups[1].because[0].contains("events, export, stated, allow"));
        assert_eq!(simulate(&before, &before, &counted, &clock, &Calendar::default()).unwrap().groups, []);
        after.policy.push_str("p, nobody\n");
        assert!(simulate(&before, &after, &counted, &clock, &Calendar::default()).is_err());
    }
}

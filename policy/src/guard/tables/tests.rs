//! The tables and Casbin over generated policies and questions: they must say the same, by the same lines.
//!
//! The generator knows the form of a policy file and nothing of either engine. `PROPTEST_CASES` is the number of small
//! questions (20,000 without), `METROSOC_LARGE_CASES` that of large ones (50 without); `make fuzz` asks more.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::decider::{CasbinDecider, Decider as _};
use super::super::engine::Engine;
use super::super::line;
use super::super::window::Minute;
use super::*;
use crate::guard::PolicyText;

const OBJECTS: [&str; 4] = ["events", "alerts", "audit", "sites"];
const OPERATIONS: [&str; 8] = ["read", "export", "write", "manage", "search", "aggregate", "reveal", "respond"];
const PURPOSES: [&str; 3] = ["triage", "review", "care"];
const BASES: [&str; 2] = ["law", "consent"];
const CLASSES: [&str; 2] = ["citizen_id", "phone"];
const TIMES: [&str; 4] = ["mon-fri/08:00-17:00", "22:00-06:00", "sat-sun", "fri-mon/12:00-13:00"];
const QUESTIONS_EACH: usize = 50;

/// A generator of our own: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.roll(words.len())]
    }
}

fn words(roles: usize) -> Vocabulary {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    Vocabulary {
        roles: (0..roles).map(|role| format!("role{role}")).collect(),
        objects: set(&OBJECTS),
        operations: set(&OPERATIONS),
        purposes: set(&PURPOSES),
        bases: set(&BASES),
        classes: set(&CLASSES),
    }
}

fn permission(dice: &mut Dice, roles: usize, agencies: usize) -> String {
    let role = dice.roll(roles);
    let agency = format!("agency:a{}", dice.roll(agencies));
    let (scope, effect) = match dice.roll(12) {
        0 => ("none".to_owned(), "deny"),
        1 => (agency, "deny"),
        2..=4 => ("all".to_owned(), "allow"),
        5..=7 => ("own_agency".to_owned(), "allow"),
        _ => (agency, "allow"),
    };
    let object = dice.pick(&OBJECTS);
    let operation = if dice.one_in(8) { "any" } else { dice.pick(&OPERATIONS) };
    let purpose = dice.pick(&["any", "any", "stated", "triage", "review", "care"]);
    let mut line = format!("p, role{role}, {scope}, {object}, {operation}, {purpose}, {effect}");
    if dice.one_in(5) && matches!(object, "events" | "alerts") {
        let _ = write!(line, ", class={}", dice.pick(&CLASSES));
    }
    if dice.one_in(6) {
        let _ = write!(line, ", basis={}", dice.pick(&["stated", "law", "consent"]));
    }
    if dice.one_in(6) {
        let _ = write!(line, ", time={}", dice.pick(&TIMES));
    }
    if dice.one_in(6) {
        let _ = write!(line, ", auth={}", Strength::ALL[dice.roll(6)].as_str());
    }
    if dice.one_in(8) {
        line.push_str(", grant=needed");
    }
    line
}

/// Lines of a policy without circles: who inherits has a smaller number than from whom.
fn policy(dice: &mut Dice, most: usize, roles: usize, agencies: usize) -> String {
    let mut lines = BTreeSet::new();
    for _ in 0..=dice.roll(most) {
        lines.insert(permission(dice, roles, agencies));
    }
    for (kind, name, count) in [("g", "role", roles), ("g2", "agency:a", agencies)] {
        for _ in 0..dice.roll(5) {
            let lower = dice.roll(count - 1);
            let upper = lower + 1 + dice.roll(count - lower - 1);
            lines.insert(format!("{kind}, {name}{lower}, {name}{upper}"));
        }
    }
    // In the order of dice, not of letters.
    let mut shuffled: Vec<String> = lines.into_iter().collect();
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, dice.roll(at + 1));
    }
    shuffled.join("\n")
}

struct Asked {
    who: String,
    scope: String,
    own: bool,
    words: [&'static str; 6],
    time: Minute,
    strength: Strength,
}

impl Asked {
    fn roll(dice: &mut Dice, roles: usize, agencies: usize) -> Self {
        let scope = match dice.roll(6) {
            0 | 1 => "all".to_owned(),
            // One more than there are: an agency that no line names.
            _ => format!("agency:a{}", dice.roll(agencies + 1)),
        };
        let words = [
            dice.pick(&OBJECTS),
            dice.pick(&OPERATIONS),
            dice.pick(&["", "triage", "review", "care", "unheard"]),
            dice.pick(&["", "law", "consent"]),
            dice.pick(&["", "", "citizen_id", "phone"]),
            dice.pick(&["", "grant-1"]),
        ];
        let time = Minute::new(u16::try_from(dice.roll(10_080)).unwrap());
        let (who, own) = (format!("role{}", dice.roll(roles)), dice.one_in(2));
        Self { who, scope, own, words, time, strength: Strength::ALL[dice.roll(6)] }
    }

    fn question(&self) -> Question<'_> {
        let [object, operation, purpose, basis, class, grant] = self.words;
        let Self { who, scope, own, time, strength, .. } = self;
        Question {
            who,
            scope,
            own: *own,
            object,
            class,
            operation,
            purpose,
            basis,
            time: *time,
            strength: *strength,
            grant,
        }
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Compares both on one policy and gives how many questions were allowed.
fn compare(text: &str, dice: &mut Dice, questions: usize, roles: usize, agencies: usize) -> usize {
    let words = words(roles);
    let lines = line::parse(text, &words).unwrap();
    let casbin = CasbinDecider::new(&PolicyText::embedded().model, &lines).unwrap();
    let tables = Tables::compile(&lines, &words).unwrap();
    let mut allowed = 0;
    for _ in 0..questions {
        let asked = Asked::roll(dice, roles, agencies);
        let question = asked.question();
        let expected = casbin.decide(&question).unwrap();
        let found = tables.decide(&question).unwrap();
        assert_eq!(found, expected, "{question:?} of\n{}", if text.len() < 50_000 { text } else { "a large policy" });
        allowed += usize::from(expected.allowed);
    }
    allowed
}

#[test]
fn tables_agree_with_casbin_on_small_policies() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut asked, mut allowed) = (0, 0);
    let questions = number("PROPTEST_CASES", 20_000);
    while asked < questions {
        let text = policy(&mut dice, 199, 6, 5);
        allowed += compare(&text, &mut dice, QUESTIONS_EACH, 6, 5);
        asked += QUESTIONS_EACH;
    }
    // Neither answer is so rare that the comparison says nothing about it.
    assert!(allowed * 20 > asked && allowed * 20 < asked * 19, "{allowed} of {asked} allowed");
}

#[test]
fn tables_agree_with_casbin_on_large_policies() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (roles, agencies) = (30, 807);
    let mut lines = BTreeSet::new();
    while lines.len() < 96_900 {
        lines.insert(permission(&mut dice, roles, agencies).replace(", none, ", ", agency:a0, "));
    }
    let mut text: String = lines.into_iter().map(|line| line + "\n").collect();
    for unit in 0..100 {
        let _ = writeln!(text, "g2, agency:a{unit}, agency:a{}", 700 + unit);
    }
    let questions = number("METROSOC_LARGE_CASES", 50);
    let allowed = compare(&text, &mut dice, questions, roles, agencies);
    assert!(allowed > 0 && allowed < questions, "{allowed} of {questions} allowed");
}

#[test]
fn what_tables_cannot_say_falls_through_to_casbin() {
    let model = PolicyText::embedded().model;
    let vocabulary = words(3);
    let text = "p, role0, all, events, any, any, allow\np, role1, agency:a1, events, read, any, allow";
    let lines: std::sync::Arc<[Line]> = line::parse(text, &vocabulary).unwrap().into();
    let engine = Engine::new(&model, std::sync::Arc::clone(&lines), &vocabulary).unwrap();
    assert!(engine.has_tables());
    let asked = Asked::roll(&mut Dice(1), 1, 1);
    // A word that no table has: `any` of the first line covers it all the same.
    let unknown = Question { who: "role0", operation: "paint", object: "events", ..asked.question() };
    assert!(engine.decide(&unknown).unwrap().allowed);
    let tables = Tables::compile(&lines, &vocabulary).unwrap();
    assert!(tables.decide(&unknown).is_none());
    assert!(tables.decide(&Question { scope: "somewhere", operation: "read", ..unknown }).is_none());

    // Another matcher means something else: nobody may anything but what the first role may.
    let other = model.replace("g(r.sub, p.sub)", "r.sub == \"role0\"");
    let engine = Engine::new(&other, lines, &vocabulary).unwrap();
    assert!(!engine.has_tables());
    let one = Question { who: "role1", scope: "agency:a1", object: "events", operation: "read", ..asked.question() };
    assert!(!engine.decide(&one).unwrap().allowed);
    assert!(engine.decide(&Question { who: "role0", ..one }).unwrap().allowed);
}

#[test]
fn more_roles_than_bits_are_left_to_casbin() {
    let vocabulary = words(65);
    let lines = line::parse("p, role64, all, events, read, any, allow", &vocabulary).unwrap();
    assert!(Tables::compile(&lines, &vocabulary).is_none());
}

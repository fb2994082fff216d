//! A generated policy with the city's numbers of agencies and roles, and questions to it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use policy::guard::{Minute, Question, Strength, Tables, Vocabulary};
use serde_json::json;

const OBJECTS: [&str; 4] = ["events", "alerts", "sites", "responses"];
const OPERATIONS: [&str; 4] = ["read", "export", "write", "manage"];
const PURPOSES: [&str; 3] = ["triage", "review", "operations"];

/// A generated policy; the product's own words have fewer roles.
pub(super) struct Sample {
    pub(super) words: Vocabulary,
    /// Lines as a policy file has them.
    pub(super) text: String,
    roles: Vec<String>,
    agencies: Vec<String>,
}

impl Sample {
    /// `role_count` roles, 4 to 64; `lines_each` lines for each role and agency.
    pub(super) fn new(role_count: usize, agency_count: usize, lines_each: usize) -> Self {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let roles: Vec<String> = (0..role_count).map(|role| format!("role{role}")).collect();
        let agencies: Vec<String> = (0..agency_count).map(|agency| format!("agency:a{agency}")).collect();
        let words = Vocabulary {
            roles: roles.iter().cloned().collect(),
            objects: set(&OBJECTS),
            operations: set(&OPERATIONS),
            purposes: set(&PURPOSES),
            ..Vocabulary::default()
        };
        let mut text = String::new();
        for (at, role) in roles.iter().enumerate() {
            for agency in &agencies {
                for line in 0..lines_each {
                    let object = pick(&OBJECTS, line);
                    let operation = pick(&OPERATIONS, line / OBJECTS.len() + at);
                    let purpose = if at % 3 == 0 { "stated" } else { "any" };
                    text.push_str(&format!("p, {role}, {agency}, {object}, {operation}, {purpose}, allow\n"));
                }
            }
        }
        // Units of departments, and roles that may what others may.
        for (at, agency) in agencies.iter().enumerate().skip(100) {
            text.push_str(&format!("g2, {agency}, agency:a{}\n", at % 100));
        }
        text.push_str("p, role3, none, responses, manage, any, deny\n");
        for at in (3..role_count).step_by(7) {
            text.push_str(&format!("g, role{}, role{at}\n", at - 1));
        }
        Self { words, text, roles, agencies }
    }

    /// Questions in an order without a pattern that caches like.
    pub(super) fn questions(&self, count: usize) -> Vec<Question<'_>> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut roll = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap_or(0)
        };
        let question = |_| Question {
            who: pick(&self.roles, roll()),
            scope: pick(&self.agencies, roll()),
            own: roll() % 4 == 0,
            object: pick(&OBJECTS, roll()),
            class: "",
            operation: pick(&OPERATIONS, roll()),
            purpose: pick(&["", "triage", "review"], roll()),
            basis: "",
            time: Minute::new(600),
            strength: Strength::Password,
            grant: "",
        };
        (0..count).map(question).collect()
    }

    /// Writes the policy and some questions with the tables' answers, so that other engines can be asked the same:
    /// `policy.csv` and `questions.ndjson`.
    pub(super) fn save(&self, folder: &Path, tables: &Tables, questions: &[Question<'_>]) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("folder `{}`", folder.display()))?;
        let mut asked = String::new();
        for question in questions {
            let Question { who, scope, object, operation, purpose, .. } = *question;
            let verdict = tables.decide(question).context("a question that tables do not know")?;
            let line = json!({
                "role": who, "scope": scope, "object": object, "operation": operation, "purpose": purpose,
                "allowed": verdict.allowed,
            });
            asked.push_str(&format!("{line}\n"));
        }
        for (name, text) in [("policy.csv", &self.text), ("questions.ndjson", &asked)] {
            let file = folder.join(name);
            std::fs::write(&file, text).with_context(|| format!("file `{}`", file.display()))?;
        }
        Ok(())
    }
}

fn pick<T: AsRef<str>>(words: &[T], at: usize) -> &str {
    words.get(at % words.len().max(1)).map_or("", AsRef::as_ref)
}

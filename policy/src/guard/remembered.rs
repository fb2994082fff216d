//! Remembers what the engine said, question by question: a decision table that fills itself.
//!
//! A policy in force never changes and the words of a question are few, so every question has a place of its own in
//! the table: nothing is hashed, nothing evicted, and the lines that decided are kept with the answer. Errors are not
//! remembered. A reload starts with an empty table.

use std::sync::OnceLock;

use event::{Object, Operation, Role};

use super::decider::{Decider, Question, Verdict};
use super::line::OPERATOR;
use crate::PolicyError;

const SCOPES: [&str; 2] = ["all", "own_agency"];

/// An engine with a table of its answers before it.
#[derive(Debug)]
pub struct Remembered<D> {
    engine: D,
    purposes: Vec<String>,
    verdicts: Vec<OnceLock<Verdict>>,
}

impl<D: Decider> Remembered<D> {
    /// `purposes` are the ids of `purposes.yml`, of which there are few.
    pub fn new(engine: D, purposes: Vec<String>) -> Self {
        let subjects = Role::ALL.len() + 1;
        let places = subjects * SCOPES.len() * Object::ALL.len() * Operation::ALL.len() * (purposes.len() + 1);
        let verdicts = std::iter::repeat_with(OnceLock::new).take(places).collect();
        Self { engine, purposes, verdicts }
    }

    /// The question's place; `None` for words that the table does not know, which only the engine can judge.
    fn place(&self, question: Question<'_>) -> Option<usize> {
        let who = match question.who {
            OPERATOR => Role::ALL.len(),
            word => Role::ALL.iter().position(|role| role.as_str() == word)?,
        };
        let scope = SCOPES.iter().position(|&scope| scope == question.scope)?;
        let object = Object::ALL.iter().position(|object| object.as_str() == question.object)?;
        let operation = Operation::ALL.iter().position(|operation| operation.as_str() == question.operation)?;
        let purpose = match question.purpose {
            "" => 0,
            stated => self.purposes.iter().position(|purpose| purpose == stated)? + 1,
        };
        let row = (who * SCOPES.len() + scope) * Object::ALL.len() + object;
        Some((row * Operation::ALL.len() + operation) * (self.purposes.len() + 1) + purpose)
    }
}

impl<D: Decider> Decider for Remembered<D> {
    fn decide(&self, question: Question<'_>) -> Result<Verdict, PolicyError> {
        let Some(place) = self.place(question).and_then(|place| self.verdicts.get(place)) else {
            return self.engine.decide(question);
        };
        if let Some(verdict) = place.get() {
            return Ok(verdict.clone());
        }
        let verdict = self.engine.decide(question)?;
        Ok(place.get_or_init(|| verdict).clone())
    }
}

//! The engine that decides: Casbin's own enforcer behind a small trait, so that compiled tables can stand before it.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use casbin::function_map::{OperatorFunction, dynamic_to_str};
use casbin::{
    CoreApi, DefaultEffector, DefaultModel, EffectKind, Effector, EffectorStream, Enforcer, MemoryAdapter, Model,
};
use futures::FutureExt;

use super::line::{Line, LineKind};
use super::question::{Question, Verdict};
use super::strength::{Strength, strong};
use super::window::{Minute, during};
use crate::PolicyError;

/// The columns of a request, in the order of `model.conf`.
const REQUEST: [&str; 11] =
    ["r_sub", "r_dom", "r_own", "r_obj", "r_class", "r_act", "r_purpose", "r_basis", "r_time", "r_auth", "r_grant"];
/// The columns of a policy line.
const POLICY: [&str; 11] =
    ["p_sub", "p_dom", "p_obj", "p_act", "p_purpose", "p_class", "p_basis", "p_time", "p_auth", "p_grant", "p_eft"];
/// Nothing is allowed unless a line says so, and a denying line overrides. The engine panics on effects that it does
/// not know and allows by default with one that it does, so no other is taken.
const EFFECT: &str = "some(where (p_eft == allow)) && !some(where (p_eft == deny))";
/// How deep parentheses may nest in the matcher; the engine parses recursively and without a bound of its own.
const NESTING_MAX: usize = 32;
/// Most operators of a model.
const SIGNS_MAX: usize = 256;
/// Most bytes of a model, comments not counted.
const BYTES_MAX: usize = 4096;

/// Decides. An error is a denial for whoever asks.
pub trait Decider: Send + Sync + fmt::Debug {
    /// Answers one question.
    ///
    /// # Errors
    /// [`PolicyError::Engine`] when the engine fails or what it says makes no sense.
    fn decide(&self, question: &Question<'_>) -> Result<Verdict, PolicyError>;
}

/// Casbin's enforcer over the checked lines.
pub struct CasbinDecider {
    enforcer: Enforcer,
    /// Where each `p` line of the engine stands in the list of lines; the engine keeps their order.
    places: Vec<usize>,
}

impl fmt::Debug for CasbinDecider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CasbinDecider({} lines)", self.places.len())
    }
}

impl CasbinDecider {
    /// Makes an enforcer of a model and checked lines.
    ///
    /// # Errors
    /// [`PolicyError::Model`] when the model is not of the fixed shape, [`PolicyError::Engine`] when Casbin refuses it.
    pub fn new(model: &str, lines: &[Line]) -> Result<Self, PolicyError> {
        guarded(|| Self::build(model, lines))
    }

    fn build(text: &str, lines: &[Line]) -> Result<Self, PolicyError> {
        check_nesting(text)?;
        let mut model = now(DefaultModel::from_str(text))?;
        check_shape(&model)?;
        for line in lines {
            let (section, name) = match line.kind {
                LineKind::Permission => ("p", "p"),
                LineKind::Role => ("g", "g"),
                LineKind::Agency => ("g", "g2"),
            };
            if !model.add_policy(section, name, line.columns()) {
                let reason = "the engine did not take it".to_owned();
                return Err(PolicyError::Line { line: line.number, reason });
            }
        }
        let mut enforcer = now(Enforcer::new_raw(model, MemoryAdapter::default()))?;
        // The engine keeps the links of `g` and of `g2` in one graph: agencies carry a prefix that no role has.
        enforcer.build_role_links().map_err(engine)?;
        enforcer.add_function(
            "during",
            OperatorFunction::Arg2(|time, window| during(&dynamic_to_str(&time), &dynamic_to_str(&window)).into()),
        );
        enforcer.add_function(
            "strong",
            OperatorFunction::Arg2(|have, need| strong(&dynamic_to_str(&have), &dynamic_to_str(&need)).into()),
        );
        enforcer.set_effector(Box::new(Recorder));
        let permission = |(_, line): &(usize, &Line)| line.kind == LineKind::Permission;
        let places = lines.iter().enumerate().filter(permission).map(|(at, _)| at).collect();
        let decider = Self { enforcer, places };
        // One decision now, so that a matcher which cannot be evaluated is refused here and not at the first request.
        decider.ask(&trial())?;
        Ok(decider)
    }

    fn ask(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        if !self.enforcer.is_enabled() {
            return Err(PolicyError::Engine { reason: "the engine is disabled".to_owned() });
        }
        let Question { who, scope, own, object, class, operation, purpose, basis, time, strength, grant } = *question;
        let own = if own { "yes" } else { "no" };
        let time = time.number().to_string();
        let auth = strength.as_str();
        MATCHED.with_borrow_mut(Vec::clear);
        let request = (who, scope, own, object, class, operation, purpose, basis, time, auth, grant);
        let allowed = self.enforcer.enforce(request).map_err(engine)?;
        let matched = MATCHED.take();
        let lines: Vec<usize> = matched.iter().filter_map(|&at| self.places.get(at).copied()).collect();
        if allowed && lines.is_empty() {
            return Err(PolicyError::Engine { reason: "allowed without naming a line".to_owned() });
        }
        Ok(Verdict { allowed, lines })
    }
}

fn trial() -> Question<'static> {
    Question {
        who: "auditor",
        scope: "all",
        own: false,
        object: "audit",
        class: "",
        operation: "read",
        purpose: "",
        basis: "",
        time: Minute::new(0),
        strength: Strength::Unknown,
        grant: "",
    }
}

impl Decider for CasbinDecider {
    fn decide(&self, question: &Question<'_>) -> Result<Verdict, PolicyError> {
        guarded(|| self.ask(question))
    }
}

thread_local! {
    /// The lines that matched in the decision that this thread is making; a decision never leaves its thread.
    static MATCHED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Casbin's own effector, with a note of the lines that matched. (Its `explain` feature needs a logger that prints
/// every decision.)
struct Recorder;

struct Recording {
    inner: Box<dyn EffectorStream>,
    at: usize,
}

impl Effector for Recorder {
    fn new_stream(&self, expr: &str, cap: usize) -> Box<dyn EffectorStream> {
        Box::new(Recording { inner: DefaultEffector.new_stream(expr, cap), at: 0 })
    }
}

impl EffectorStream for Recording {
    fn next(&self) -> bool {
        self.inner.next()
    }

    fn push_effect(&mut self, effect: EffectKind) -> bool {
        if effect != EffectKind::Indeterminate {
            MATCHED.with_borrow_mut(|matched| matched.push(self.at));
        }
        self.at += 1;
        self.inner.push_effect(effect)
    }
}

fn check_shape(model: &DefaultModel) -> Result<(), PolicyError> {
    let fault = |reason: String| Err(PolicyError::Model { reason });
    let sections = model.get_model();
    let assertion = |section: &str, name: &str| sections.get(section).and_then(|asts| asts.get(name));
    let tokens = |section: &str| assertion(section, section).map(|found| found.tokens.clone()).unwrap_or_default();
    if tokens("r") != REQUEST {
        return fault(format!("request_definition must be `r = {}`", plain(&REQUEST)));
    }
    if tokens("p") != POLICY {
        return fault(format!("policy_definition must be `p = {}`", plain(&POLICY)));
    }
    if assertion("e", "e").is_none_or(|found| found.value != EFFECT) {
        return fault(format!("policy_effect must be `{}`", EFFECT.replace("p_eft", "p.eft")));
    }
    if assertion("m", "m").is_none() {
        return fault("there is no matcher".to_owned());
    }
    for name in ["g", "g2"] {
        if assertion("g", name).is_none_or(|found| found.value.replace(' ', "") != "_,_") {
            return fault("role_definition must be `g = _, _` and `g2 = _, _`".to_owned());
        }
    }
    let more = |section: &str, most: usize| sections.get(section).is_some_and(|asts| asts.len() > most);
    if ["r", "p", "e", "m"].into_iter().any(|section| more(section, 1)) || more("g", 2) {
        return fault("a second definition (`r2`, `m2` …) would be ignored; remove it".to_owned());
    }
    Ok(())
}

/// Columns as `model.conf` writes them.
fn plain(columns: &[&str]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.get(2..).unwrap_or(column)).collect();
    names.join(", ")
}

/// The engine parses and evaluates recursively; what could exhaust the stack is not given to it.
fn check_nesting(text: &str) -> Result<(), PolicyError> {
    let fault = |reason: String| Err(PolicyError::Model { reason });
    let (mut depth, mut signs, mut bytes) = (0_usize, 0_usize, 0_usize);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        bytes += line.len();
        for found in line.chars() {
            match found {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '!' | '-' | '+' | '|' | '&' => signs += 1,
                _ => {}
            }
            if depth > NESTING_MAX {
                return fault(format!("nested deeper than {NESTING_MAX}"));
            }
        }
    }
    if signs > SIGNS_MAX || bytes > BYTES_MAX {
        return fault(format!("more than {SIGNS_MAX} operators or {BYTES_MAX} bytes without comments"));
    }
    if text.contains("eval(") {
        return fault("`eval` would run text of the policy; it is not taken".to_owned());
    }
    Ok(())
}

/// Casbin's functions are async for adapters that do I/O; ours does none, so they are ready at once.
fn now<T>(future: impl Future<Output = casbin::Result<T>>) -> Result<T, PolicyError> {
    future
        .now_or_never()
        .ok_or_else(|| PolicyError::Engine { reason: "the engine waits for something".to_owned() })?
        .map_err(engine)
}

/// A panic inside the engine is an error like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, PolicyError>) -> Result<T, PolicyError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(PolicyError::Engine { reason: "the engine panicked".to_owned() }))
}

fn engine(error: casbin::Error) -> PolicyError {
    PolicyError::Engine { reason: error.to_string() }
}

//! Personal values in a question: for who may know them they become the pseudonyms under which they are stored.
//!
//! The question itself then holds no value in clear, and neither does its record. Who may not know a class is refused a
//! question that names a value of it, whether anybody has that value or not.

use std::collections::BTreeSet;

use detector::query::{Condition, Joint, Node, Pattern, Test, parse};
use detector::search::{DefaultOperator, SearchRequest};
use event::{Masks, Object, Permit, Visibility};
use policy::privacy::{Class, FieldKind, PrivacyRules};
use policy::pseudonym::{Asked, Pseudonyms};

use super::App;
use super::problem::Problem;

/// The field whose rules bare words are read by.
const MESSAGE: &str = "message";

/// Puts tokens into the request's query where it names personal values; leaves it as it is where it names none, where
/// nothing is replaced, and where it cannot be read (search says why). Gives the query as it may be recorded: a value that
/// only the vault knows to be personal is searched for as it is too, and recorded as its tokens alone.
///
/// # Errors
/// 403 when a value is of a class that the permit masks, 503 when the vault cannot be asked.
pub async fn replace(app: &App, permit: &Permit, request: &mut SearchRequest) -> Result<String, Problem> {
    let as_it_is = request.query.clone();
    let events = permit.object() == Object::Events;
    let Some(pseudonyms) = app.pseudonyms.as_ref().filter(|_| events) else { return Ok(as_it_is) };
    let joint = match request.default_operator.unwrap_or_default() {
        DefaultOperator::Or => Joint::Or,
        DefaultOperator::And => Joint::And,
    };
    let Ok(tree) = parse(&request.query, joint) else { return Ok(as_it_is) };
    let masks = permit.masks();
    let known: BTreeSet<Class> = known_classes(pseudonyms.scanner().rules(), masks);
    let mut question = Question { pseudonyms, asked: Asked::new(std::sync::Arc::clone(pseudonyms)), masks, known };
    let (mut searched, mut recorded) = (Vec::new(), Vec::new());
    for condition in tree.conditions() {
        let meant = question.meant(condition).await?;
        recorded.push(meant.as_ref().map(|meant| meant.tokens.clone()));
        searched.push(meant.map(Meant::searched));
    }
    if searched.iter().all(Option::is_none) {
        return Ok(as_it_is);
    }
    request.query = rebuilt(&tree, &mut searched.into_iter()).to_string();
    Ok(rebuilt(&tree, &mut recorded.into_iter()).to_string())
}

/// A filter as a grant may keep it: read, written anew, with fields in full names and no personal value in it.
///
/// # Errors
/// 400 with the place and what was expected, or with the class of a personal value.
pub fn filter(app: &App, text: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let tree = parse(text, Joint::And).map_err(|error| Problem {
        position: Some(error.position),
        expected: Some(error.expected.to_owned()),
        ..Problem::bad_request(format!("filter: {error}"))
    })?;
    let mut asked = app.pseudonyms.as_ref().map(|pseudonyms| Asked::new(std::sync::Arc::clone(pseudonyms)));
    for condition in tree.conditions() {
        let name = match condition.field.as_ref().map(|field| field.as_literal()) {
            Some(Some(name)) => name,
            Some(None) => return Err(Problem::bad_request("filter: fields are named in full, without wildcards")),
            None => MESSAGE,
        };
        let (Some(asked), Some(value)) = (asked.as_mut(), literal(&condition.test)) else { continue };
        if let Some(class) = asked.classes(name, value).first() {
            let detail = format!("filter: it names a value of the class `{class}`; a request holds no personal value");
            return Err(Problem::bad_request(detail));
        }
    }
    Ok(tree.to_string())
}

/// The classes whose every field the masks leave clear.
fn known_classes(rules: &PrivacyRules, masks: &dyn Masks) -> BTreeSet<Class> {
    let mut known: BTreeSet<Class> = Class::ALL.into_iter().filter(|_| masks.free_text()).collect();
    for (field, kind) in rules.fields().rows() {
        // A pattern stands for fields such as this one.
        let field = field.replace('*', "any");
        if let FieldKind::Class(class) = kind
            && masks.visibility(&field) != Visibility::Clear
        {
            known.remove(&class);
        }
    }
    known
}

/// What stands for one condition; any of it is enough.
struct Meant {
    /// The condition itself, where its value may stand as it is too.
    clear: Option<Condition>,
    /// The same with tokens; never empty.
    tokens: Vec<Condition>,
}

impl Meant {
    fn searched(self) -> Vec<Condition> {
        self.clear.into_iter().chain(self.tokens).collect()
    }
}

struct Question<'a> {
    pseudonyms: &'a Pseudonyms,
    asked: Asked,
    masks: &'a dyn Masks,
    known: BTreeSet<Class>,
}

impl Question<'_> {
    /// What stands for a condition; `None` for the condition itself.
    async fn meant(&mut self, condition: &Condition) -> Result<Option<Meant>, Problem> {
        let Some(value) = literal(&condition.test).map(str::to_owned) else { return Ok(None) };
        let field = condition.field.as_ref().map(|field| field.as_literal().map(str::to_owned));
        let name = match &field {
            Some(Some(name)) if self.masks.visibility(name) != Visibility::Clear => return Ok(None), // search refuses it
            Some(Some(name)) => name.as_str(),
            // A bare word, or a field that is not told.
            Some(None) | None => MESSAGE,
        };
        let classes = self.asked.classes(name, &value);
        if let Some(class) = classes.iter().find(|class| !self.knows(name, **class)) {
            let detail = format!("the query names a value of the class `{class}`, which is masked for you");
            return Err(Problem::denied(detail, Vec::new()));
        }
        let replaced = self.asked.replaced(name, &value).await.map_err(unavailable)?;
        if self.asked.kind(name) != FieldKind::Text {
            return Ok(replaced.map(|text| Meant { clear: None, tokens: vec![with(condition, &text)] }));
        }
        // What it was taken for where it was met, the words around it said; the question says less.
        let known: Vec<Class> = self.known.iter().copied().collect();
        let others = self.asked.alternatives(&known, &value).await.map_err(unavailable)?;
        // Where no rule takes it for personal, the value itself may stand where it is nobody's.
        let clear = replaced.is_none().then(|| condition.clone());
        let mut tokens = Vec::new();
        for text in replaced.iter().chain(&others) {
            let token = with(condition, text);
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        Ok((!tokens.is_empty()).then_some(Meant { clear, tokens }))
    }

    /// Whether values of a class may be asked for: in a field of the class when the field is clear, else when all are.
    fn knows(&self, name: &str, class: Class) -> bool {
        self.pseudonyms.scanner().rules().field("", name) == FieldKind::Class(class) || self.known.contains(&class)
    }
}

fn unavailable(error: policy::VaultError) -> Problem {
    Problem::unavailable(super::problem::chain(&error))
}

/// The text that a condition compares with, when it is one.
fn literal(test: &Test) -> Option<&str> {
    match test {
        Test::Word(pattern) => pattern.as_literal(),
        Test::Phrase { text, .. } => Some(text),
        Test::Range { .. } | Test::Exists => None,
    }
}

fn with(condition: &Condition, text: &str) -> Condition {
    let test = match &condition.test {
        Test::Phrase { slop, .. } => Test::Phrase { text: text.to_owned(), slop: *slop },
        _ => Test::Word(Pattern::literal(text)),
    };
    Condition { test, ..condition.clone() }
}

/// The tree with what its conditions mean, which come in the order of [`Node::conditions`].
fn rebuilt(node: &Node, conditions: &mut impl Iterator<Item = Option<Vec<Condition>>>) -> Node {
    match node {
        Node::All => Node::All,
        Node::Match(condition) => match conditions.next().flatten() {
            None => Node::Match(condition.clone()),
            Some(mut any) if any.len() == 1 => any.pop().map_or(Node::All, Node::Match),
            Some(any) => Node::Or(any.into_iter().map(Node::Match).collect()),
        },
        Node::And(nodes) => Node::And(nodes.iter().map(|node| rebuilt(node, conditions)).collect()),
        Node::Or(nodes) => Node::Or(nodes.iter().map(|node| rebuilt(node, conditions)).collect()),
        Node::Not(node) => Node::Not(Box::new(rebuilt(node, conditions))),
    }
}

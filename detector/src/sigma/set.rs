//! The rule set: rules loaded from files and texts, found by log source, evaluated one by one.
//!
//! Straightforward on purpose: this is the reference that a compiled engine must agree with.

use std::collections::HashMap;
use std::fmt;

use event::Event;

use super::collection::Collection;
use super::fields::FieldMap;
use super::files::{self, RuleSource};
use super::logsource::{self, Source};
use super::rule::Rule;
use super::view::{Names, View};
use super::yaml::{self, Node};

/// A document that is no rule of ours, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file, as it was given.
    pub path: String,
    /// The line on which the document begins, from 1; `None` when the file as a whole is unreadable.
    pub line: Option<usize>,
    /// The rule's title, where it could be read.
    pub title: Option<String>,
    /// What is wrong, with a suggestion where there is one.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(title) = &self.title {
            write!(formatter, ": rule `{title}`")?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// One rule matched an event.
#[derive(Debug, Clone)]
pub struct Match<'s> {
    /// The rule.
    pub rule: &'s Rule,
    /// The search identifiers that were true, in the rule's own names.
    pub matched: Vec<String>,
}

/// Rules ready to be asked. Immutable: reload by making another.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    rejected: Vec<Rejected>,
    names: Names,
    routes: Routes,
}

impl RuleSet {
    /// Loads every rule that can be loaded; what cannot is listed in [`RuleSet::rejected`], and the rest still load.
    pub fn load(sources: &[RuleSource], map: &FieldMap) -> Self {
        let mut set = Self::default();
        let mut seen: HashMap<String, Vec<(Node, String)>> = HashMap::new();
        for file in files::read(sources) {
            match file.text {
                Ok(text) => set.add_file(&file.path, &text, map, &mut seen),
                Err(reason) => set.rejected.push(Rejected { path: file.path, line: None, title: None, reason }),
            }
        }
        set
    }

    /// The rules that loaded, in the order of their files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What did not load.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// The rule of this id, the first where several have it.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id().as_str() == id)
    }

    /// Every rule that matches, in the order of the rules.
    pub fn evaluate(&self, event: &Event) -> Vec<Match<'_>> {
        let sources = logsource::sources(event);
        let candidates = self.routes.candidates(&sources);
        if candidates.is_empty() {
            return Vec::new();
        }
        let view = View::new(event, &self.names);
        let rules = candidates.into_iter().filter_map(|number| self.rules.get(number as usize));
        rules.filter(|rule| rule.matches(&view)).map(|rule| Match { rule, matched: rule.holding(&view) }).collect()
    }

    fn add_file(&mut self, path: &str, text: &str, map: &FieldMap, seen: &mut HashMap<String, Vec<(Node, String)>>) {
        let mut collection = Collection::default();
        for document in yaml::documents(text) {
            let line = document.line;
            let reject = |title, reason| Rejected { path: path.to_owned(), line: Some(line), title, reason };
            let node = match document.node {
                Ok(node) => node,
                Err(reason) => {
                    self.rejected.push(reject(None, reason));
                    continue;
                }
            };
            let title = node.get("title").and_then(Node::scalar);
            let node = match collection.complete(node) {
                Ok(Some(node)) => node,
                Ok(None) => continue,
                Err(reason) => {
                    self.rejected.push(reject(title, reason));
                    continue;
                }
            };
            let title = node.get("title").and_then(Node::scalar);
            if let Some(first) = twin(&node, seen) {
                self.rejected.push(reject(title, format!("the same rule was loaded from `{first}`")));
                continue;
            }
            match Rule::compile(path, line, &node, map, &mut self.names) {
                Ok(rule) => {
                    let id = rule.id().as_str().to_owned();
                    seen.entry(id).or_default().push((node, path.to_owned()));
                    self.routes.add(&rule, self.rules.len());
                    self.rules.push(rule);
                }
                Err(reason) => self.rejected.push(reject(title, reason)),
            }
        }
    }
}

/// The path from which the very same document was loaded. Different rules with one id all load: nothing is lost.
fn twin(node: &Node, seen: &HashMap<String, Vec<(Node, String)>>) -> Option<String> {
    let id = node.get("id").and_then(Node::scalar)?;
    seen.get(&id)?.iter().find(|(other, _)| other == node).map(|(_, path)| path.clone())
}

/// Rules by the parts of their log source, so that rules of other sources cost nothing.
#[derive(Debug, Default)]
struct Routes {
    /// The words that rules use, numbered from 1; 0 is "not named".
    words: HashMap<String, u32>,
    rules: HashMap<[u32; 3], Vec<u32>>,
}

impl Routes {
    fn add(&mut self, rule: &Rule, number: usize) {
        let source = &rule.logsource;
        let key = [&source.product, &source.category, &source.service].map(|part| match part {
            None => 0,
            Some(word) => self.word(word),
        });
        self.rules.entry(key).or_default().push(u32::try_from(number).unwrap_or(u32::MAX));
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(number) = self.words.get(word) {
            return *number;
        }
        let number = u32::try_from(self.words.len() + 1).unwrap_or(u32::MAX);
        self.words.insert(word.to_owned(), number);
        number
    }

    /// The numbers of the rules whose log source one of `sources` fulfils, ascending.
    fn candidates(&self, sources: &[Source<'_>]) -> Vec<u32> {
        let mut asked: Vec<[u32; 3]> = Vec::new();
        let mut found = Vec::new();
        for source in sources {
            let parts = [&source.product, &source.category, &source.service];
            let known =
                parts.map(|part| part.as_ref().and_then(|word| self.words.get(word.as_ref())).copied().unwrap_or(0));
            for chosen in 1..8_u32 {
                let mut key = known;
                key.iter_mut().enumerate().filter(|(at, _)| chosen & (1 << at) == 0).for_each(|(_, part)| *part = 0);
                if asked.contains(&key) {
                    continue;
                }
                asked.push(key);
                found.extend(self.rules.get(&key).into_iter().flatten().copied());
            }
        }
        found.sort_unstable();
        found
    }
}

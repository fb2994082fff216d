//! The tree of a query.

use std::fmt;

use super::pattern::Pattern;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Everything.
    All,
    /// One condition on one field, or on the message.
    Match(Condition),
    /// All of them; at least two.
    And(Vec<Node>),
    /// Any of them; at least two.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
}

/// One condition.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The field, perhaps with wildcards; `None` is the message.
    pub field: Option<Pattern>,
    /// What is asked of its values.
    pub test: Test,
    /// Where it stands: character of the query, counted from 1. Not part of its identity.
    pub position: usize,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.test == other.test
    }
}

impl Eq for Condition {}

/// What is asked of a field's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A word, perhaps with wildcards.
    Word(Pattern),
    /// A text in quotes; on a message its words beside one another, with at most `slop` others between them.
    Phrase {
        /// The text.
        text: String,
        /// How many moves apart the words may be.
        slop: u32,
    },
    /// Between two bounds.
    Range {
        /// The lower one.
        low: Limit,
        /// The upper one.
        high: Limit,
    },
    /// That there is one.
    Exists,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// None.
    Open,
    /// This value and beyond.
    Included(String),
    /// Beyond this value.
    Excluded(String),
}

impl Node {
    /// Every condition in it, in order.
    pub fn conditions(&self) -> Vec<&Condition> {
        let mut found = Vec::new();
        self.collect(false, &mut |condition, _| found.push(condition));
        found
    }

    /// Every condition that makes an event match, those behind a `NOT` left out.
    pub fn positive(&self) -> Vec<&Condition> {
        let mut found = Vec::new();
        self.collect(false, &mut |condition, negated| {
            if !negated {
                found.push(condition);
            }
        });
        found
    }

    fn collect<'n>(&'n self, negated: bool, take: &mut dyn FnMut(&'n Condition, bool)) {
        match self {
            Self::All => {}
            Self::Match(condition) => take(condition, negated),
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().for_each(|node| node.collect(negated, take)),
            Self::Not(node) => node.collect(!negated, take),
        }
    }
}

/// A form that reads back as the same tree.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("*"),
            Self::Match(condition) => condition.fmt(formatter),
            Self::And(nodes) => join(nodes, " AND ", formatter),
            Self::Or(nodes) => join(nodes, " OR ", formatter),
            Self::Not(node) => write!(formatter, "(NOT {node})"),
        }
    }
}

fn join(nodes: &[Node], operator: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    formatter.write_str("(")?;
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            formatter.write_str(operator)?;
        }
        write!(formatter, "{node}")?;
    }
    formatter.write_str(")")
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(formatter, "{field}:")?;
        }
        match &self.test {
            Test::Word(pattern) => pattern.fmt(formatter),
            Test::Phrase { text, slop: 0 } => quote(text, formatter),
            Test::Phrase { text, slop } => {
                quote(text, formatter)?;
                write!(formatter, "~{slop}")
            }
            Test::Range { low, high } => {
                formatter.write_str(if matches!(low, Limit::Excluded(_)) { "{" } else { "[" })?;
                limit(low, formatter)?;
                formatter.write_str(" TO ")?;
                limit(high, formatter)?;
                formatter.write_str(if matches!(high, Limit::Excluded(_)) { "}" } else { "]" })
            }
            Test::Exists => formatter.write_str("*"),
        }
    }
}

fn limit(limit: &Limit, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match limit {
        Limit::Open => formatter.write_str("*"),
        Limit::Included(text) | Limit::Excluded(text) => quote(text, formatter),
    }
}

fn quote(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

//! From text to tree: recursive descent over characters, bounded in length, depth and number of clauses.

mod words;

use super::{Condition, Limit, Node, Pattern, QueryError, Test};

/// Longest query in bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of parentheses and negations.
pub const DEPTH_MAX: usize = 32;
/// Most clauses of one query.
pub const CLAUSES_MAX: usize = 1_024;

/// What two clauses with nothing between them are joined by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Joint {
    /// Either may match.
    #[default]
    Or,
    /// Both must match.
    And,
}

/// Reads a query; the empty query is everything.
///
/// # Errors
/// [`QueryError`] with the character where it goes wrong and what could stand there.
pub fn parse(query: &str, joint: Joint) -> Result<Node, QueryError> {
    let mut parser = Parser { chars: query.chars().collect(), at: 0, depth: 0, clauses: 0, joint };
    if query.len() > QUERY_BYTES_MAX {
        return Err(parser.error("a query of at most 16384 bytes"));
    }
    parser.skip_space();
    if parser.peek().is_none() {
        return Ok(Node::All);
    }
    let node = parser.sequence(None)?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("the end or another clause")),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    clauses: usize,
    joint: Joint,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Must,
    MustNot,
}

type Field<'f> = Option<&'f Pattern>;

/// One level of the descent.
type Step = fn(&mut Parser, Field<'_>) -> Result<(Sign, Node), QueryError>;

impl Parser {
    /// Clauses behind one another, up to a closing parenthesis or the end.
    fn sequence(&mut self, field: Field<'_>) -> Result<Node, QueryError> {
        let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let (sign, node) = self.either(field)?;
            match sign {
                Sign::Must => must.push(node),
                Sign::MustNot => must_not.push(Node::Not(Box::new(node))),
                Sign::None => should.push(node),
            }
            self.skip_space();
            if matches!(self.peek(), None | Some(')')) {
                break;
            }
        }
        let mut all = match (self.joint, must.is_empty()) {
            (Joint::And, _) => {
                must.extend(should);
                must
            }
            (Joint::Or, true) => one_or(should, Node::Or).into_iter().collect(),
            (Joint::Or, false) => must,
        };
        all.extend(must_not);
        one_or(all, Node::And).ok_or_else(|| self.error("a clause"))
    }

    fn either(&mut self, field: Field<'_>) -> Result<(Sign, Node), QueryError> {
        self.chain(field, &["OR", "||"], Node::Or, Self::both)
    }

    fn both(&mut self, field: Field<'_>) -> Result<(Sign, Node), QueryError> {
        self.chain(field, &["AND", "&&"], Node::And, Self::unary)
    }

    fn chain(
        &mut self,
        field: Field<'_>,
        operators: &[&str],
        join: fn(Vec<Node>) -> Node,
        inner: Step,
    ) -> Result<(Sign, Node), QueryError> {
        let (sign, first) = inner(self, field)?;
        if !self.take_operator(operators) {
            return Ok((sign, first));
        }
        let mut nodes = vec![signed(sign, first)];
        loop {
            let (sign, node) = inner(self, field)?;
            nodes.push(signed(sign, node));
            if !self.take_operator(operators) {
                return Ok((Sign::None, join(nodes)));
            }
        }
    }

    fn unary(&mut self, field: Field<'_>) -> Result<(Sign, Node), QueryError> {
        self.skip_space();
        let sign = match self.peek() {
            Some('+') => Sign::Must,
            Some('-' | '!') => Sign::MustNot,
            _ if self.keyword_ahead("NOT") => Sign::MustNot,
            _ => return Ok((Sign::None, self.primary(field)?)),
        };
        let word = matches!(self.peek(), Some('N'));
        self.at += if word { 3 } else { 1 };
        if word || self.chars.get(self.at - 1) == Some(&'!') {
            self.skip_space();
        }
        if self.peek().is_none_or(char::is_whitespace) {
            return Err(self.error("a clause right behind the sign"));
        }
        self.deeper()?;
        let (inner, node) = self.unary(field)?;
        self.depth -= 1;
        Ok((sign, if inner == Sign::MustNot { Node::Not(Box::new(node)) } else { node }))
    }

    fn primary(&mut self, field: Field<'_>) -> Result<Node, QueryError> {
        self.skip_space();
        let node = if self.peek() == Some('(') { self.group(field)? } else { self.clause(field)? };
        self.boost()?;
        Ok(node)
    }

    fn group(&mut self, field: Field<'_>) -> Result<Node, QueryError> {
        self.at += 1;
        self.deeper()?;
        let node = self.sequence(field)?;
        self.depth -= 1;
        if self.peek() != Some(')') {
            return Err(self.error("`)`"));
        }
        self.at += 1;
        Ok(node)
    }

    fn clause(&mut self, field: Field<'_>) -> Result<Node, QueryError> {
        self.clauses += 1;
        if self.clauses > CLAUSES_MAX {
            return Err(self.error("at most 1024 clauses"));
        }
        let position = self.at + 1;
        if let Some(name) = self.field_name()? {
            if name.as_literal() == Some("_exists_") {
                let field = self.word(&[])?;
                return Ok(Node::Match(Condition { field: Some(field), test: Test::Exists, position }));
            }
            if self.peek() == Some('(') {
                return self.group(Some(&name));
            }
            let test = self.value(true)?;
            return Ok(Node::Match(Condition { field: Some(name), test, position }));
        }
        match self.value(field.is_some())? {
            Test::Exists if field.is_none() => Ok(Node::All),
            test => Ok(Node::Match(Condition { field: field.cloned(), test, position })),
        }
    }

    /// The field's name when one stands here, with its colon; otherwise nothing is read.
    fn field_name(&mut self) -> Result<Option<Pattern>, QueryError> {
        let starts =
            self.peek().is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '@' | '*' | '?' | '\\'));
        if !starts || self.address_ahead() {
            return Ok(None);
        }
        let before = self.at;
        let name = self.word(&[':'])?;
        if self.peek() == Some(':') {
            self.at += 1;
            return Ok(Some(name));
        }
        self.at = before;
        Ok(None)
    }

    /// What stands behind the colon, or a bare word or phrase.
    fn value(&mut self, on_field: bool) -> Result<Test, QueryError> {
        match self.peek() {
            Some('"') => {
                let text = self.quoted()?;
                Ok(Test::Phrase { text, slop: self.slop()? })
            }
            Some('[' | '{') if on_field => self.range(),
            Some('<' | '>') if on_field => self.comparison(),
            Some(')') | None => Err(self.error("a value")),
            Some(found) if found.is_whitespace() => Err(self.error("a value")),
            Some('[' | '{') => Err(self.error("a field before the range, as in `field:[1 TO 5]`")),
            // Two colons begin an address (`::1`).
            Some(':') if !on_field && self.chars.get(self.at + 1) != Some(&':') => {
                Err(self.error("a field before `:`, as in `field:value`"))
            }
            Some(_) => {
                if self.keyword_ahead("AND") || self.keyword_ahead("OR") {
                    return Err(self.error("a clause"));
                }
                let word = self.word(&[])?;
                Ok(if word.is_any() { Test::Exists } else { Test::Word(word) })
            }
        }
    }

    fn range(&mut self) -> Result<Test, QueryError> {
        let low_excluded = self.peek() == Some('{');
        self.at += 1;
        let low = self.bound(low_excluded)?;
        self.skip_space();
        if !self.keyword_ahead("TO") {
            return Err(self.error("`TO`"));
        }
        self.at += 2;
        let (high, quoted) = self.bound_text()?;
        self.skip_space();
        let high_excluded = match self.peek() {
            Some(']') => false,
            Some('}') => true,
            _ => return Err(self.error("`]` or `}`")),
        };
        self.at += 1;
        let high = limit(high, quoted, high_excluded);
        if low == Limit::Open && high == Limit::Open {
            return Ok(Test::Exists);
        }
        Ok(Test::Range { low, high })
    }

    fn bound(&mut self, excluded: bool) -> Result<Limit, QueryError> {
        let (text, quoted) = self.bound_text()?;
        Ok(limit(text, quoted, excluded))
    }

    /// A bound's text, and whether it was quoted or escaped so that `*` means itself.
    fn bound_text(&mut self) -> Result<(String, bool), QueryError> {
        self.skip_space();
        if self.peek() == Some('"') {
            return Ok((self.quoted()?, true));
        }
        let mut text = String::new();
        let mut escaped = false;
        while let Some(found) = self.peek() {
            if found.is_whitespace() || matches!(found, ']' | '}' | '"') {
                break;
            }
            self.at += 1;
            if found == '\\' {
                escaped = true;
                text.push(self.escaped()?);
            } else {
                text.push(found);
            }
        }
        if text.is_empty() { Err(self.error("a value or `*`")) } else { Ok((text, escaped)) }
    }

    fn comparison(&mut self) -> Result<Test, QueryError> {
        let less = self.peek() == Some('<');
        self.at += 1;
        let included = self.peek() == Some('=');
        self.at += usize::from(included);
        let text = match self.peek() {
            Some('"') => self.quoted()?,
            _ => {
                let word = self.word(&[])?;
                word.as_literal().map(str::to_owned).ok_or_else(|| self.error("a value without wildcards"))?
            }
        };
        let limit = if included { Limit::Included(text) } else { Limit::Excluded(text) };
        Ok(if less {
            Test::Range { low: Limit::Open, high: limit }
        } else {
            Test::Range { low: limit, high: Limit::Open }
        })
    }

    fn deeper(&mut self) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.error("at most 32 levels of parentheses and negations")) } else { Ok(()) }
    }
}

fn signed(sign: Sign, node: Node) -> Node {
    if sign == Sign::MustNot { Node::Not(Box::new(node)) } else { node }
}

fn one_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Option<Node> {
    if nodes.len() > 1 { Some(join(nodes)) } else { nodes.pop() }
}

fn limit(text: String, quoted: bool, excluded: bool) -> Limit {
    match (text.as_str(), quoted, excluded) {
        ("*", false, _) => Limit::Open,
        (_, _, true) => Limit::Excluded(text),
        (_, _, false) => Limit::Included(text),
    }
}

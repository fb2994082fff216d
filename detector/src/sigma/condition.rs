//! A rule's condition: text to a tree over its search identifiers.
//!
//! Sigma 2.1, "Condition": `or` binds least, then `and`, `not`, `1 of`/`all of`, parentheses.

use super::suggest::suggestion;

/// Longest condition in bytes.
const BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of parentheses and `not`.
const DEPTH_MAX: usize = 64;

/// A condition over the search identifiers of one rule, which are numbered in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The search identifier of this number.
    Selection(usize),
    /// The opposite.
    Not(Box<Condition>),
    /// Every one.
    All(Vec<Condition>),
    /// At least one.
    Any(Vec<Condition>),
}

impl Condition {
    /// Reads a condition; `names` are the rule's search identifiers.
    ///
    /// # Errors
    /// A sentence that tells what is wrong and where.
    pub(crate) fn parse(text: &str, names: &[String]) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("condition of {} bytes is longer than {BYTES_MAX}", text.len()));
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, names };
        let condition = parser.any()?;
        match parser.next() {
            None => Ok(condition),
            Some(token) if token.text == "|" => {
                Err("condition uses an aggregation (`|`), which Sigma 2 replaced by correlation rules".to_owned())
            }
            Some(token) => Err(format!(
                "condition has `{}` at column {} where `and`, `or` or its end should be",
                token.text, token.column
            )),
        }
    }

    /// Its truth, when `truth` tells that of a search identifier; asks no further than needed.
    pub(crate) fn holds(&self, truth: &mut impl FnMut(usize) -> bool) -> bool {
        match self {
            Self::Selection(number) => truth(*number),
            Self::Not(inner) => !inner.holds(truth),
            Self::All(parts) => parts.iter().all(|part| part.holds(truth)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(truth)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    column: usize,
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let len = match first {
            '(' | ')' | '|' => 1,
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => {
                return Err(format!(
                    "condition has `{c}` at column {}, which means nothing there",
                    text.len() - rest.len() + 1
                ));
            }
        };
        let (token, after) = rest.split_at(len);
        found.push(Token { text: token, column: text.len() - rest.len() + 1 });
        rest = after;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '?' | ':')
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
    depth: usize,
    names: &'t [String],
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn not(&mut self) -> Result<Condition, String> {
        if !self.take("not") {
            return self.operand();
        }
        self.deeper(|parser| Ok(Condition::Not(Box::new(parser.not()?))))
    }

    fn operand(&mut self) -> Result<Condition, String> {
        let Some(token) = self.next() else {
            return Err("condition ends where a search identifier should be".to_owned());
        };
        let word = token.text.to_ascii_lowercase();
        let is_quantifier = matches!(word.as_str(), "1" | "all" | "any") || word.parse::<u32>().is_ok();
        if is_quantifier && self.take("of") {
            return self.quantified(&word);
        }
        match token.text {
            "(" => self.deeper(|parser| {
                let inner = parser.any()?;
                if parser.take(")") { Ok(inner) } else { Err(format!("`(` at column {} is not closed", token.column)) }
            }),
            ")" | "|" => Err(format!(
                "condition has `{}` at column {} where a search identifier should be",
                token.text, token.column
            )),
            name => match self.names.iter().position(|known| known == name) {
                Some(number) => Ok(Condition::Selection(number)),
                None => Err(format!(
                    "condition names `{name}`, which is no search identifier{}",
                    suggestion(name, self.names)
                )),
            },
        }
    }

    fn quantified(&mut self, quantifier: &str) -> Result<Condition, String> {
        let join = match quantifier {
            "1" | "any" => Condition::Any,
            "all" => Condition::All,
            other => return Err(format!("`{other} of` is not part of Sigma; only `1 of`, `any of` and `all of` are")),
        };
        let Some(pattern) = self.next() else {
            return Err(format!("`{quantifier} of` ends where `them` or a pattern should be"));
        };
        let parts: Vec<_> = self.chosen(pattern.text).map(Condition::Selection).collect();
        if parts.is_empty() {
            return Err(format!(
                "`{quantifier} of {}` fits no search identifier{}",
                pattern.text,
                suggestion(pattern.text, self.names)
            ));
        }
        Ok(one_or(parts, join))
    }

    fn chosen(&self, pattern: &'t str) -> impl Iterator<Item = usize> {
        let them = pattern.eq_ignore_ascii_case("them");
        let fits =
            move |name: &str| if them { !name.starts_with('_') } else { fits(pattern.as_bytes(), name.as_bytes()) };
        self.names.iter().enumerate().filter(move |(_, name)| fits(name)).map(|(number, _)| number)
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Result<Condition, String>) -> Result<Condition, String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("condition nests deeper than {DEPTH_MAX}"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

fn one_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any text; the last star alone is tried again.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, n));
            }
            Some(byte) if Some(byte) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, tried)) = retry else { return false };
                p = after_star;
                n = tried + 1;
                retry = Some((after_star, n));
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Vec<String> {
        ["sel_a", "sel_b", "filter_main", "_hidden", "keywords"].map(str::to_owned).to_vec()
    }

    fn check(text: &str, truths: &[usize], expected: bool) {
        let condition = Condition::parse(text, &names()).unwrap();
        assert_eq!(condition.holds(&mut |number| truths.contains(&number)), expected, "{text} with {truths:?}");
    }

    fn refused(text: &str, expected: &str) {
        assert_eq!(Condition::parse(text, &names()).unwrap_err(), expected);
    }

    #[test]
    fn precedence_and_quantifiers() {
        check("sel_a or sel_b and keywords", &[0], true);
        check("(sel_a or sel_b) and keywords", &[0], false);
        check("not sel_a and sel_b", &[1], true);
        check("not (sel_a and sel_b)", &[0, 1], false);
        check("not not sel_a", &[0], true);
        check("1 of sel_*", &[1], true);
        check("all of sel_*", &[1], false);
        check("all of them", &[0, 1, 2, 4], true);
        check("1 of them", &[3], false);
        check("1 of _*", &[3], true);
        check("sel_a and not 1 of filter_*", &[0, 2], false);
        check("SEL_A or sel_b".replace("SEL_A", "sel_a").as_str(), &[0], true);
        check("sel_a AND NOT sel_b", &[0], true);
    }

    #[test]
    fn faults_are_told() {
        refused("sel_a and", "condition ends where a search identifier should be");
        refused("sel_c", "condition names `sel_c`, which is no search identifier (did you mean `sel_a`?)");
        refused("1 of selx*", "`1 of selx*` fits no search identifier (did you mean `sel_a`?)");
        refused("(sel_a", "`(` at column 1 is not closed");
        refused("sel_a sel_b", "condition has `sel_b` at column 7 where `and`, `or` or its end should be");
        refused("2 of sel_*", "`2 of` is not part of Sigma; only `1 of`, `any of` and `all of` are");
        refused("sel_a | count() > 5", "condition has `>` at column 17, which means nothing there");
        refused(
            "sel_a | count() by x",
            "condition uses an aggregation (`|`), which Sigma 2 replaced by correlation rules",
        );
        assert!(Condition::parse(&"(".repeat(10_000), &names()).unwrap_err().contains("nests deeper"));
        assert!(Condition::parse(&"not ".repeat(4_000), &names()).unwrap_err().contains("nests deeper"));
        assert!(Condition::parse(&"sel_a or ".repeat(200_000), &names()).unwrap_err().contains("longer than"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|sel_a| and | or |not |\\(|\\)|1 of |them){0,40}") {
            let _ = Condition::parse(&text, &names());
        }
    }
}

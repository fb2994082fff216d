//! Extended conditions of temporal correlations (Sigma 2.1): rule names with `and`, `or`, `not` and parentheses.
//!
//! An expression becomes a list of terms, one of which must hold: rules that must occur and rules that must not. In
//! this form order can be asked of the rules that occur, and a `not` tells that the window must be complete first.

use crate::sigma::suggest::suggestion;

/// Longest condition in bytes.
const BYTES_MAX: usize = 4 * 1024;
/// Deepest nesting of parentheses and `not`.
const DEPTH_MAX: usize = 64;
/// Most terms, the alternatives of the condition written out.
const TERMS_MAX: usize = 256;

/// Rules, by their place in `rules`, that together make the condition true; both lists ascend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Term {
    /// Those that must occur.
    pub(super) present: Vec<u16>,
    /// Those that must not.
    pub(super) absent: Vec<u16>,
}

#[derive(Debug)]
enum Tree {
    Rule(u16),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// The rule names of a condition in their order, each once; nothing when it is too long.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in words(text.get(..BYTES_MAX.min(text.len())).unwrap_or_default()) {
        let is_name = !matches!(word.to_ascii_lowercase().as_str(), "(" | ")" | "and" | "or" | "not");
        if is_name && !names.iter().any(|known| known == word) {
            names.push(word.to_owned());
        }
    }
    names
}

/// Reads a condition over `rules` into terms.
///
/// # Errors
/// A sentence that tells what is wrong, also for a condition that nothing or everything fulfils.
pub(super) fn parse(text: &str, rules: &[String]) -> Result<Vec<Term>, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("condition of {} bytes is longer than {BYTES_MAX}", text.len()));
    }
    let mut parser = Parser { words: words(text), at: 0, depth: 0, rules };
    let tree = parser.any()?;
    if let Some(word) = parser.next() {
        return Err(format!("condition has `{word}` where `and`, `or` or its end should be"));
    }
    let mut terms = terms(&tree, false)?;
    terms.retain(|term| !term.present.iter().any(|rule| term.absent.contains(rule)));
    if terms.is_empty() {
        return Err("condition contradicts itself".to_owned());
    }
    if terms.iter().any(|term| term.present.is_empty()) {
        return Err("condition can hold without any event, which no event can make known".to_owned());
    }
    Ok(terms)
}

fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for part in text.split_whitespace() {
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let len = match first {
                '(' | ')' => 1,
                _ => rest.find(['(', ')']).unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(len);
            found.push(word);
            rest = after;
        }
    }
    found
}

struct Parser<'t> {
    words: Vec<&'t str>,
    at: usize,
    depth: usize,
    rules: &'t [String],
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Tree, String> {
        let mut parts = vec![self.all()?];
        while self.take("or") {
            parts.push(self.all()?);
        }
        Ok(Tree::Any(parts))
    }

    fn all(&mut self) -> Result<Tree, String> {
        let mut parts = vec![self.not()?];
        while self.take("and") {
            parts.push(self.not()?);
        }
        Ok(Tree::All(parts))
    }

    fn not(&mut self) -> Result<Tree, String> {
        if !self.take("not") {
            return self.operand();
        }
        self.deeper(|parser| Ok(Tree::Not(Box::new(parser.not()?))))
    }

    fn operand(&mut self) -> Result<Tree, String> {
        let Some(word) = self.next() else {
            return Err("condition ends where a rule's name should be".to_owned());
        };
        match word {
            "(" => self.deeper(|parser| {
                let inner = parser.any()?;
                if parser.take(")") { Ok(inner) } else { Err("condition has a `(` that is not closed".to_owned()) }
            }),
            ")" => Err("condition has `)` where a rule's name should be".to_owned()),
            name => match self.rules.iter().position(|rule| rule == name).map(u16::try_from) {
                Some(Ok(rule)) => Ok(Tree::Rule(rule)),
                _ => Err(format!("condition names `{name}`, which `rules` does not{}", suggestion(name, self.rules))),
            },
        }
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Result<Tree, String>) -> Result<Tree, String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("condition nests deeper than {DEPTH_MAX}"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

/// The tree, or its opposite, as alternatives of conjunctions.
fn terms(tree: &Tree, negated: bool) -> Result<Vec<Term>, String> {
    match (tree, negated) {
        (Tree::Rule(rule), false) => Ok(vec![Term { present: vec![*rule], absent: Vec::new() }]),
        (Tree::Rule(rule), true) => Ok(vec![Term { present: Vec::new(), absent: vec![*rule] }]),
        (Tree::Not(inner), _) => terms(inner, !negated),
        (Tree::Any(parts), false) | (Tree::All(parts), true) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(terms(part, negated)?);
                bounded(&all)?;
            }
            Ok(all)
        }
        (Tree::All(parts), false) | (Tree::Any(parts), true) => {
            let mut all = vec![Term::default()];
            for part in parts {
                let more = terms(part, negated)?;
                all = all.iter().flat_map(|left| more.iter().map(|right| joined(left, right))).collect();
                bounded(&all)?;
            }
            Ok(all)
        }
    }
}

fn bounded(terms: &[Term]) -> Result<(), String> {
    match terms.len() {
        0..=TERMS_MAX => Ok(()),
        _ => Err(format!("condition has more than {TERMS_MAX} alternatives; split it into several correlations")),
    }
}

fn joined(left: &Term, right: &Term) -> Term {
    let join = |one: &[u16], other: &[u16]| {
        let mut rules: Vec<u16> = one.iter().chain(other).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    };
    Term { present: join(&left.present, &right.present), absent: join(&left.absent, &right.absent) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    fn check(text: &str, expected: &[(&[u16], &[u16])]) {
        let found = parse(text, &rules()).unwrap();
        let found: Vec<_> = found.iter().map(|term| (term.present.as_slice(), term.absent.as_slice())).collect();
        assert_eq!(found, expected, "{text}");
    }

    fn refused(text: &str, expected: &str) {
        assert_eq!(parse(text, &rules()).unwrap_err(), expected);
    }

    #[test]
    fn expressions_become_terms() {
        check("a AND b AND c", &[(&[0, 1, 2], &[])]);
        check("a or b and c", &[(&[0], &[]), (&[1, 2], &[])]);
        check("(a or b) and not c", &[(&[0], &[2]), (&[1], &[2])]);
        check("c and not (a or b)", &[(&[2], &[0, 1])]);
        check("c and not (a and b)", &[(&[2], &[0]), (&[2], &[1])]);
        check("a and not not b and a", &[(&[0, 1], &[])]);
        assert_eq!(names("b and (a or not b)"), ["b", "a"]);
    }

    #[test]
    fn faults_are_told() {
        refused("a and", "condition ends where a rule's name should be");
        refused("aa and b", "condition names `aa`, which `rules` does not (did you mean `a`?)");
        refused("(a", "condition has a `(` that is not closed");
        refused("a b", "condition has `b` where `and`, `or` or its end should be");
        refused("a and not a", "condition contradicts itself");
        refused("not a", "condition can hold without any event, which no event can make known");
        assert!(parse(&"(".repeat(3_000), &rules()).unwrap_err().contains("nests deeper"));
        assert!(parse(&"a or ".repeat(3_000), &rules()).unwrap_err().contains("longer than"));
        let bomb = vec!["(a or b or c)"; 30].join(" and ");
        assert!(parse(&bomb, &rules()).unwrap_err().contains("more than 256 alternatives"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|a| and | or |not |\\(|\\)|b){0,40}") {
            let _ = (parse(&text, &rules()), names(&text));
        }
    }
}

//! Regular expressions that are dear: nothing to search for first, much memory, or no need of one at all.
//!
//! The engine runs in linear time, so none of them can hang it; they cost on every event of their log source.

use regex::RegexBuilder;

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::detection::Detection;
use crate::sigma::rule::Rule;

/// Memory from which an expression is called large, in bytes compiled.
const BYTES_MANY: usize = 1024 * 1024;
/// Shortest literal by which texts are sieved before the expression runs, in characters.
const LITERAL_CHARS_MIN: usize = 3;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    let is_sieved = subject.rule.is_none_or(is_sieved);
    for item in subject.items.iter().filter(|item| item.has("re")) {
        for text in item.texts() {
            let shape = Shape::of(text);
            let short: String = text.chars().take(60).collect();
            let mut tell = |code, said: &str, way: &str| {
                let message = format!("`{}`: expression `{short}` {said}", item.name());
                found.push(subject.lint(code, &item.place(), message).suggest(way));
            };
            if !is_sieved && !shape.anchored && shape.literal_chars < LITERAL_CHARS_MIN {
                let said = "has neither an anchor nor a text of three characters";
                tell(Code::RegexWithoutLiteral, said, "add `^`, or ask a `contains` in the same selection too");
            }
            if shape.nested {
                let said = "repeats a repetition, which other engines answer in exponential time";
                tell(Code::RegexNested, said, "keep one of the two");
            }
            if shape.plain {
                tell(Code::RegexPlain, "is plain text", "write `contains`, which ignores case and is cheaper");
            }
            if is_large(text, item.has("i")) {
                tell(Code::RegexLarge, "needs more than 1 MiB", "make its repetitions smaller");
            }
        }
    }
}

/// Whether the rule asks something cheap first, so that few events meet its expressions: without the search identifiers
/// that need a cheap item, the condition cannot hold.
fn is_sieved(rule: &Rule) -> bool {
    let is_dear = |number: usize| rule.selections().get(number).is_some_and(|(_, detection)| !needs_cheap(detection));
    !rule.condition().holds(&mut |number| is_dear(number))
}

fn needs_cheap(detection: &Detection) -> bool {
    match detection {
        Detection::All(parts) => parts.iter().any(needs_cheap),
        Detection::Any(parts) => parts.iter().all(needs_cheap),
        Detection::Item(item) => !item.label().modifiers().any(|modifier| modifier == "re"),
    }
}

fn is_large(text: &str, ignores_case: bool) -> bool {
    // Only counted repetitions and many alternatives make an expression large.
    if !text.contains('{') && text.len() < 256 {
        return false;
    }
    let built = RegexBuilder::new(text).case_insensitive(ignores_case).size_limit(BYTES_MANY).nest_limit(100).build();
    matches!(built, Err(regex::Error::CompiledTooBig(_)))
}

/// What an expression looks like, read without building it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// Characters of the longest text that stands in it.
    literal_chars: usize,
    /// Whether it holds `^`, `$` or `\A`.
    anchored: bool,
    /// Whether a group of one repeated thing is repeated.
    nested: bool,
    /// Whether it is plain text, `.*` at its ends aside.
    plain: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let middle = text.strip_prefix(".*").unwrap_or(text);
        let middle = middle.strip_suffix(".*").unwrap_or(middle);
        let is_meta =
            |c: char| matches!(c, '\\' | '.' | '^' | '$' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}');
        let plain = !middle.is_empty() && !middle.contains(is_meta);
        let mut reader = Reader {
            chars: text.chars().peekable(),
            shape: Self { plain, ..Self::default() },
            run: 0,
            groups: vec![Group::default()],
        };
        reader.read();
        reader.shape
    }
}

/// What stands in a group so far.
#[derive(Debug, Default, Clone, Copy)]
struct Group {
    atoms: usize,
    repeated: usize,
}

struct Reader<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    shape: Shape,
    run: usize,
    groups: Vec<Group>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escape(),
                '[' => self.class(),
                '(' => self.open(),
                ')' => self.close(),
                '^' | '$' => self.anchor(),
                '.' => self.thing(),
                '|' => {
                    self.run = 0;
                    if let Some(group) = self.groups.last_mut() {
                        group.atoms += 2;
                    }
                }
                c => self.literal(c),
            }
        }
    }

    fn escape(&mut self) {
        match self.chars.next() {
            Some('A' | 'z' | 'Z') => self.anchor(),
            Some('b' | 'B') => {}
            Some(c) if c.is_ascii_alphanumeric() => self.thing(),
            Some(c) => self.literal(c),
            None => {}
        }
    }

    /// A character that stands for itself.
    fn literal(&mut self, _c: char) {
        let (repeats, optional) = self.quantifier();
        self.atom(repeats);
        self.run = if optional { 0 } else { self.run + 1 };
        self.shape.literal_chars = self.shape.literal_chars.max(self.run);
        if repeats {
            self.run = 0;
        }
    }

    /// A class, a dot or a group: no text of its own.
    fn thing(&mut self) {
        self.run = 0;
        let (repeats, _) = self.quantifier();
        self.atom(repeats);
    }

    fn anchor(&mut self) {
        self.shape.anchored = true;
        self.run = 0;
    }

    fn class(&mut self) {
        let mut first = true;
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => {
                    self.chars.next();
                }
                ']' if !first => break,
                '^' if first => continue,
                _ => {}
            }
            first = false;
        }
        self.thing();
    }

    fn open(&mut self) {
        self.run = 0;
        // `?:`, `?i:`, `?P<name>`: what stands before the group's content.
        if self.chars.next_if_eq(&'?').is_some() {
            let is_named = |c: &char| matches!(c, 'P' | '<');
            let end = if self.chars.peek().is_some_and(is_named) { '>' } else { ':' };
            while let Some(c) = self.chars.next_if(|c| *c != ')') {
                if c == end {
                    break;
                }
            }
        }
        self.groups.push(Group::default());
    }

    fn close(&mut self) {
        self.run = 0;
        let inner = if self.groups.len() > 1 { self.groups.pop().unwrap_or_default() } else { Group::default() };
        let (repeats, _) = self.quantifier();
        self.shape.nested |= repeats && inner.atoms == 1 && inner.repeated == 1;
        self.atom(repeats);
    }

    fn atom(&mut self, repeats: bool) {
        if let Some(group) = self.groups.last_mut() {
            group.atoms += 1;
            group.repeated += usize::from(repeats);
        }
    }

    /// Whether what was read repeats without bound, and whether it may be absent.
    fn quantifier(&mut self) -> (bool, bool) {
        let found = match self.chars.peek() {
            Some('*') => (true, true),
            Some('+') => (true, false),
            Some('?') => (false, true),
            Some('{') => {
                let inside: String = self.chars.clone().skip(1).take_while(|c| *c != '}').take(12).collect();
                let is_count = inside.starts_with(|c: char| c.is_ascii_digit());
                if !is_count || !inside.chars().all(|c| c.is_ascii_digit() || c == ',') {
                    return (false, false);
                }
                self.chars.by_ref().take(inside.len() + 1).for_each(|_| ());
                (inside.ends_with(','), inside.starts_with("0") && inside != "0")
            }
            _ => return (false, false),
        };
        self.chars.next();
        self.chars.next_if(|c| matches!(c, '?' | '+'));
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes_are_read() {
        let check = |text: &str, literal_chars: usize, anchored: bool, nested: bool, plain: bool| {
            let expected = Shape { literal_chars, anchored, nested, plain };
            assert_eq!(Shape::of(text), expected, "{text}");
        };
        check("whoami", 6, false, false, true);
        check(".*whoami.*", 6, false, false, true);
        check(r"^\d+$", 0, true, false, false);
        check(r"\w{3,}\.\w{2}", 1, false, false, false);
        check(r"(a+)+", 1, false, true, false);
        check(r"(?:\w+)*x", 1, false, true, false);
        check(r"(?:\s+\w+)*", 0, false, false, false);
        check(r"(?i)net\s+user", 4, false, false, false);
        check(r"(?P<name>abc)d", 3, false, false, false);
        check(r"[^]abc]def", 3, false, false, false);
        check(r"ab?cd", 2, false, false, false);
        check(r"a{2}b", 2, false, false, false);
        check(r"\\\\pipe", 6, false, false, false);
        check("(", 0, false, false, false);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r"[ab.\\\[\](){}|?*+^$,0-9]{0,40}") {
            Shape::of(&text);
        }
    }
}

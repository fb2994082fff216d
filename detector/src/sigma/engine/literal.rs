//! Texts of which one must stand in whatever a regular expression matches.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// Shortest text worth looking for, in bytes.
const LITERAL_BYTES_MIN: usize = 3;
/// Most texts for one expression.
const LITERALS_MAX: usize = 64;

/// The texts, as the expression writes them; `None` when none can be told.
pub(super) fn required(pattern: &str) -> Option<Vec<String>> {
    let hir = ParserBuilder::new().utf8(true).build().parse(pattern).ok()?;
    let found = of(&hir)?;
    (!found.is_empty() && found.len() <= LITERALS_MAX).then_some(found)
}

fn of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            (text.len() >= LITERAL_BYTES_MIN).then(|| vec![text.to_owned()])
        }
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        // The part whose shortest text is longest is probably the rarest.
        HirKind::Concat(parts) => parts.iter().filter_map(of).max_by_key(|texts| shortest(texts)),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(of(part)?);
            }
            (all.len() <= LITERALS_MAX).then_some(all)
        }
        _ => None,
    }
}

fn shortest(texts: &[String]) -> usize {
    texts.iter().map(String::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&[&str]>) {
        let found = required(pattern);
        let found: Option<Vec<&str>> = found.as_ref().map(|texts| texts.iter().map(String::as_str).collect());
        assert_eq!(found.as_deref(), expected, "{pattern}");
    }

    #[test]
    fn what_must_stand_there_is_found() {
        check("abc", Some(&["abc"]));
        check(r"[a-z]+\.exe\s+powershell", Some(&["powershell"]));
        check("(foo|barbaz)x?", Some(&["foo", "barbaz"]));
        check("(foo|b)", None);
        check("(abc)?d", None);
        check("(abc){2,}", Some(&["abc"]));
        check("^a.c$", None);
        check("(", None);
    }
}

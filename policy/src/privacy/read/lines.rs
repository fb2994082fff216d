//! On which line of a YAML file something stands, so that a fault can say where to look.
//!
//! The reader of YAML forgets lines; they are looked for again when there is a fault. Block and flow style are
//! understood; where nothing is found the line of what is around it is told.

/// The line, counted from 1, on which `key:` stands, from line `from` on.
pub(super) fn of_key(text: &str, from: usize, key: &str) -> Option<usize> {
    rest(text, from).find(|(_, line)| has(line, key, true)).map(|(number, _)| number)
}

/// The line on which a word stands as an entry of its own, from line `from` on; the last of several when `last`.
pub(super) fn of_word(text: &str, from: usize, word: &str, last: bool) -> Option<usize> {
    let mut found = rest(text, from).filter(|(_, line)| has(line, word, false)).map(|(number, _)| number);
    if last { found.last() } else { found.next() }
}

/// The lines on which the entries of a block list begin, from line `from` on.
pub(super) fn of_items(text: &str, from: usize) -> Vec<usize> {
    let dashes: Vec<(usize, usize)> = rest(text, from)
        .filter(|(_, line)| line.trim_start().starts_with("- "))
        .map(|(number, line)| (number, line.len() - line.trim_start().len()))
        .collect();
    let indent = dashes.first().map(|(_, indent)| *indent);
    dashes.into_iter().filter(|(_, of)| Some(*of) == indent).map(|(number, _)| number).collect()
}

fn rest(text: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    numbered.skip(from.saturating_sub(1)).filter(|(_, line)| !line.trim_start().starts_with('#'))
}

/// Whether a word stands in a line, apart from its neighbours; with a colon behind it when it is a key.
fn has(line: &str, word: &str, key: bool) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + word.len()..).unwrap_or_default();
        let apart = before.is_none_or(|sign| " \t[{\"',".contains(sign));
        let behind = after.trim_start_matches(['"', '\'']);
        apart
            && if key {
                behind.starts_with(':')
            } else {
                after.is_empty() || after.starts_with([' ', ']', '}', '"', '\'', ',', ':'])
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again() {
        let text = "# phone: x\nclasses:\n  phone:\n    allow: [\"1\", a.phone]\nsources:\n  - dataset: a\n    off: [x]\n  - dataset: b\n";
        assert_eq!(of_key(text, 1, "phone"), Some(3));
        assert_eq!(of_key(text, 4, "phone"), None);
        assert_eq!(of_word(text, 1, "a.phone", false), Some(4));
        assert_eq!(of_word(text, 1, "1", false), Some(4));
        assert_eq!(of_word("a: [b-*]\n# *\nc: [\"*\"]", 1, "*", false), Some(3));
        assert_eq!(of_word(text, 1, "dataset", true), Some(8));
        assert_eq!(of_items(text, 5), [6, 8]);
        assert!(of_items(text, 99).is_empty());
    }
}

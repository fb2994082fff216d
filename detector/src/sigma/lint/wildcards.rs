//! Wildcards where a modifier says the same, and wildcards that the modifier implies.

use super::Around;
use super::report::{Code, Lint};
use super::subject::{ItemView, Subject};

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    for item in subject.items.iter().filter(|item| !item.has("re") && !item.has("cidr") && !item.has("fieldref")) {
        if let Some(value) = item.texts().find(|value| is_needless(item, value)) {
            let message = format!("`{}`: the wildcard at an end of `{value}` is what the modifier means", item.name());
            found.push(
                subject
                    .lint(Code::NeedlessWildcard, &item.place(), message)
                    .suggest(r"take it away, or write `\*` for a star"),
            );
        }
        if let Some(modifier) = modifier_for_all(item) {
            let message = format!("`{}`: its values use wildcards for `{modifier}`", item.name());
            let lint = subject.lint(Code::WildcardForModifier, &item.place(), message);
            found.push(lint.suggest(format!("write `{}|{modifier}` without them", item.key)));
        }
    }
}

fn is_needless(item: &ItemView<'_>, value: &str) -> bool {
    let (start, end, _) = ends(value);
    let has_text = value.chars().any(|c| c != '*');
    let keyword = item.field().is_empty();
    let open_start = keyword || item.has("contains") || item.has("endswith");
    let open_end = keyword || item.has("contains") || item.has("startswith");
    has_text && ((start && open_start) || (end && open_end))
}

/// The modifier that says what the wildcards of every value say.
fn modifier_for_all(item: &ItemView<'_>) -> Option<&'static str> {
    let is_bare = !item.field().is_empty() && item.modifiers().all(|modifier| modifier == "all");
    if !is_bare || item.values.is_empty() || item.texts().count() != item.values.len() {
        return None;
    }
    let mut modifiers = item.texts().map(|value| match ends(value) {
        (true, true, true) => Some("contains"),
        (true, false, true) => Some("endswith"),
        (false, true, true) => Some("startswith"),
        _ => None,
    });
    let first = modifiers.next().flatten()?;
    modifiers.all(|modifier| modifier == Some(first)).then_some(first)
}

/// Whether a star opens, whether one closes, and whether what is between is plain and not empty.
fn ends(value: &str) -> (bool, bool, bool) {
    let start = value.starts_with('*');
    let inner = value.strip_prefix('*').unwrap_or(value);
    let stripped = inner.strip_suffix('*');
    // `\*` is a star, `\\*` a backslash with a wildcard behind it.
    let escapes = stripped.map_or(0, |rest| rest.len() - rest.trim_end_matches('\\').len());
    let end = stripped.is_some() && escapes.is_multiple_of(2);
    let middle = if end { stripped.unwrap_or(inner) } else { inner };
    (start, end, !middle.is_empty() && !middle.contains(['*', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_with_their_escapes() {
        for (value, expected) in [
            ("*abc", (true, false, true)),
            ("abc*", (false, true, true)),
            ("*abc*", (true, true, true)),
            (r"abc\*", (false, false, false)),
            (r"abc\\*", (false, true, true)),
            ("a*b", (false, false, false)),
            ("*", (true, false, false)),
            ("", (false, false, false)),
        ] {
            assert_eq!(ends(value), expected, "{value}");
        }
    }
}

//! Empty texts that everything fits, and values that stand twice.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;
use crate::sigma::yaml::Node;

/// Longest list in which repetitions are looked for.
const VALUES_MAX: usize = 2_000;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    for item in &subject.items {
        let is_part = ["contains", "startswith", "endswith", "re"].iter().any(|modifier| item.has(modifier));
        if (is_part || item.field().is_empty()) && item.texts().any(str::is_empty) {
            let message = format!("`{}`: every value fits the empty text", item.name());
            found.push(subject.lint(Code::EmptyValue, &item.place(), message).suggest("take the empty text away"));
        }
        if let Some(value) = repeated(&item.values, item.has("cased") || item.has("re") || item.has("base64offset")) {
            let message = format!("`{}`: the value `{value}` stands twice", item.name());
            found.push(subject.lint(Code::RepeatedValue, &item.place(), message).suggest("take one away"));
        }
    }
}

/// A value that another one equals; in any case unless `cased`.
fn repeated(values: &[&Node], cased: bool) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    let texts = values.iter().take(VALUES_MAX).filter_map(|value| value.scalar());
    texts.into_iter().find(|text| !seen.insert(if cased { text.clone() } else { text.to_lowercase() }))
}

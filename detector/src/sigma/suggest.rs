//! "Did you mean": the nearest known word.

/// ` (did you mean `…`?)` with the nearest of `known`, or nothing when none is near.
pub(crate) fn suggestion<S: AsRef<str>>(word: &str, known: &[S]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate.as_ref()), candidate.as_ref()))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, candidate)) if distance <= 1 + word.chars().count() / 3 => {
            format!(" (did you mean `{candidate}`?)")
        }
        _ => String::new(),
    }
}

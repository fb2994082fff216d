//! What the deserializer says about a value that it refuses, in words of JSON and TOML instead of Rust's types.

const KINDS: [(&str, &str); 13] = [
    ("u8", "a whole number, not below zero"),
    ("u16", "a whole number, not below zero"),
    ("u32", "a whole number, not below zero"),
    ("u64", "a whole number, not below zero"),
    ("usize", "a whole number, not below zero"),
    ("i8", "a whole number"),
    ("i16", "a whole number"),
    ("i32", "a whole number"),
    ("i64", "a whole number"),
    ("isize", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("a sequence", "a list"),
];

/// The message in those words.
pub fn plain(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let (kind, place) = expected.split_once(" at line ").unwrap_or((expected, ""));
    let Some((_, word)) = KINDS.iter().find(|(known, _)| *known == kind) else { return message.to_owned() };
    let place = if place.is_empty() { String::new() } else { format!(" at line {place}") };
    format!("{found}, expected {word}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        assert_eq!(plain(message), expected);
    }

    #[test]
    fn types_become_words() {
        check(
            "invalid value: integer `-1`, expected usize at line 1 column 23",
            "invalid value: integer `-1`, expected a whole number, not below zero at line 1 column 23",
        );
        check("invalid type: string \"x\", expected f64", "invalid type: string \"x\", expected a number");
        check("invalid type: integer `3`, expected a sequence", "invalid type: integer `3`, expected a list");
        check(
            "unknown variant `eat`, expected `keep` or `refuse`",
            "unknown variant `eat`, expected `keep` or `refuse`",
        );
        check("EOF while parsing an object at line 1 column 1", "EOF while parsing an object at line 1 column 1");
    }
}

//! Messages of fixed wording with values between: `Denied ICMP type={icmp.type} from {source.ip} on {interface}`.

/// What a template found in a text: its names with their values, in the order of the template.
pub(crate) type Found<'t, 'a> = Vec<(&'t str, &'a str)>;

/// Reads `text` by `template` into `found`, which is emptied first; false, and nothing found, when the wording differs.
///
/// A value ends where the wording behind it first stands; one at the template's end takes the rest. Text behind the
/// template's last words is left alone.
pub(crate) fn read<'t, 'a>(template: &'t str, text: &'a str, found: &mut Found<'t, 'a>) -> bool {
    found.clear();
    let Some((head, mut pattern)) = template.split_once('{') else { return text.starts_with(template) };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    while let Some((name, behind)) = pattern.split_once('}') {
        let (words, next) = behind.split_once('{').map_or((behind, None), |(words, next)| (words, Some(next)));
        let (value, after) = match words {
            "" => (rest, ""),
            words => match rest.split_once(words) {
                Some(both) => both,
                None => break,
            },
        };
        found.push((name, value));
        let Some(next) = next else { return true };
        (rest, pattern) = (after, next);
    }
    found.clear();
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(template: &str, text: &str, expected: &[(&str, &str)]) {
        let mut found = vec![("left", "over")];
        let is_read = read(template, text, &mut found);
        assert_eq!((is_read, &found[..]), (!expected.is_empty(), expected), "{text}");
    }

    #[test]
    fn values_stand_between_words() {
        check("from {a} to {b}", "from x y to z to w", &[("a", "x y"), ("b", "z to w")]);
        check("from {a} to {b} end", "from x to y end.", &[("a", "x"), ("b", "y")]);
        check("from {a} to {b} end", "from x to y", &[]);
        check("{a}: {b}", "x: ", &[("a", "x"), ("b", "")]);
        check("from {a}", "to x", &[]);
        check("from {a", "from x", &[]);
        let mut found = Vec::new();
        assert!(read("plain", "plain words", &mut found));
    }

    proptest! {
        #[test]
        fn no_text_panics(template in "[a{} é]{0,20}", text in "[a{} é]{0,20}") {
            read(&template, &text, &mut Vec::new());
        }

        #[test]
        fn what_is_written_is_read(one in "[a-z0-9é]{0,9}", two in "[ -~]{0,20}") {
            let text = format!("from {one} to {two}");
            let mut found = Vec::new();
            let is_read = read("from {a} to {b}", &text, &mut found);
            prop_assert!(is_read);
            prop_assert_eq!(found, vec![("a", &*one), ("b", &*two)]);
        }
    }
}

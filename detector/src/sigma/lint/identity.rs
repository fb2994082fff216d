//! The id: there, and a UUID.

use super::Around;
use super::report::{Code, Lint};
use super::subject::Subject;

pub(super) fn check(subject: &Subject<'_>, _around: &Around<'_>, found: &mut Vec<Lint>) {
    match subject.id() {
        None => found.push(
            subject
                .lint(Code::MissingId, &[], "the rule has no `id`; alerts and exceptions would name its path and line")
                .suggest("add a random UUID (version 4)"),
        ),
        Some(id) if !is_uuid(&id) => found.push(
            subject
                .lint(Code::IdForm, &["id"], format!("id `{id}` is no UUID"))
                .suggest("write a random UUID (version 4)"),
        ),
        Some(_) => {}
    }
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(id: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = id.split('-');
    let fits = lengths.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    fits && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_form() {
        assert!(is_uuid("c498b6e7-3648-445e-9afa-3a387f006745"));
        for wrong in ["", "c498b6e7", "c498b6e7-3648-445e-9afa-3a387f00674g", "c498b6e7-3648-445e-9afa-3a387f006745-"] {
            assert!(!is_uuid(wrong), "{wrong}");
        }
    }
}

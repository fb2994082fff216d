//! A group's key: the correlation and the values of its fields, as bytes that are equal only for equal values.

use std::io::Write;

use event::Value;
use ring::digest::{SHA256, digest};

use super::lookup::Source;
use super::plan::Input;

/// Longest value that stands in a key as it is; a longer one is cut and its SHA-256 stands behind, so that two values
/// with the same beginning stay two.
const VALUE_BYTES_MAX: usize = 1_024;
const KEPT_BYTES: usize = 900;
/// Longest value that stands in a [`Distinct`] as it is.
const INLINE_BYTES_MAX: usize = 15;

/// A value as `value_count` keeps it, 16 bytes: up to 15 bytes of text and their number, else the first 15 bytes of
/// its SHA-256 and 255. Short values are exact; two long ones fall together with a chance of 2^-120 a pair, and making
/// such a pair on purpose takes some 2^60 tries and wins an attacker a count that is one less.
pub(super) type Distinct = u128;

/// Writes the key of the group that `source` belongs to; `false` when one of the fields is missing.
pub(super) fn write(key: &mut Vec<u8>, correlation: u32, input: &Input, count: usize, source: &Source<'_>) -> bool {
    key.clear();
    key.extend_from_slice(&correlation.to_le_bytes());
    input.lookups.iter().take(count).all(|lookup| match lookup.find(source) {
        Some(value) => push(key, value),
        None => false,
    })
}

/// The values in a key.
pub(super) fn values(key: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = key.get(4..).unwrap_or_default();
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*len) as usize;
        let Some((value, after)) = after.split_at_checked(len) else { break };
        values.push(String::from_utf8_lossy(value).into_owned());
        rest = after;
    }
    values
}

/// The value that `value_count` counts: the fields behind those of the group; nothing when one is missing.
pub(super) fn distinct(scratch: &mut Vec<u8>, input: &Input, skip: usize, source: &Source<'_>) -> Option<Distinct> {
    scratch.clear();
    let mut lookups = input.lookups.iter().skip(skip);
    let first = lookups.next()?.find(source)?;
    if lookups.len() == 0 {
        text(scratch, first);
        return Some(shortened(scratch));
    }
    let rest = lookups.all(|lookup| lookup.find(source).is_some_and(|value| push(scratch, value)));
    (rest && push(scratch, first)).then(|| shortened(scratch))
}

/// What [`distinct`] gives for a field with this text.
pub(super) fn distinct_of(text: &str) -> Distinct {
    shortened(text.as_bytes())
}

fn shortened(bytes: &[u8]) -> Distinct {
    let mut kept = [0_u8; 16];
    let hash;
    let (from, tag) = match u8::try_from(bytes.len()) {
        Ok(len) if usize::from(len) <= INLINE_BYTES_MAX => (bytes, len),
        _ => {
            hash = digest(&SHA256, bytes);
            (hash.as_ref(), u8::MAX)
        }
    };
    for (to, byte) in kept.iter_mut().take(INLINE_BYTES_MAX).zip(from) {
        *to = *byte;
    }
    if let Some(last) = kept.last_mut() {
        *last = tag;
    }
    u128::from_le_bytes(kept)
}

/// Appends length and text; `true` always, for use in a chain.
fn push(key: &mut Vec<u8>, value: Value<'_>) -> bool {
    let at = key.len();
    key.extend_from_slice(&[0; 4]);
    let start = key.len();
    text(key, value);
    if key.len() - start > VALUE_BYTES_MAX {
        cut(key, start);
    }
    let len = u32::try_from(key.len() - start).unwrap_or(u32::MAX).to_le_bytes();
    for (to, byte) in key.iter_mut().skip(at).zip(len) {
        *to = byte;
    }
    true
}

fn text(out: &mut Vec<u8>, value: Value<'_>) {
    // Writing into memory does not fail.
    let _ = match value {
        Value::Str(text) => out.write_all(text.as_bytes()),
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{number}"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Null => Ok(()),
    };
}

fn cut(key: &mut Vec<u8>, start: usize) {
    let whole = key.get(start..).unwrap_or_default();
    let hash = digest(&SHA256, whole);
    let is_inside = |byte: Option<&u8>| byte.is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    let mut end = start + KEPT_BYTES;
    while is_inside(key.get(end)) {
        end -= 1;
    }
    key.truncate(end);
    key.extend_from_slice("…sha256:".as_bytes());
    for byte in hash.as_ref() {
        let _ = write!(key, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(texts: &[Value<'_>]) -> Vec<u8> {
        let mut key = vec![1, 0, 0, 0];
        for text in texts {
            push(&mut key, *text);
        }
        key
    }

    #[test]
    fn keys_tell_values_apart_and_give_them_back() {
        let key = key_of(&[Value::Str("ab"), Value::Int(-7), Value::Str(""), Value::Bool(true), Value::Float(1.5)]);
        assert_eq!(values(&key), ["ab", "-7", "", "true", "1.5"]);
        assert_ne!(key_of(&[Value::Str("ab"), Value::Str("c")]), key_of(&[Value::Str("a"), Value::Str("bc")]));
        assert_eq!(key_of(&[Value::Int(5)]), key_of(&[Value::Str("5")]));
        let long = "é".repeat(5_000);
        let kept = values(&key_of(&[Value::Str(&long)])).remove(0);
        assert!(kept.len() < 1_000 && kept.starts_with("éé") && kept.contains("é…sha256:"), "{kept}");
        assert_ne!(key_of(&[Value::Str(&long)]), key_of(&[Value::Str(&(long.clone() + "x"))]));
    }

    #[test]
    fn distinct_values_stay_distinct() {
        let texts: Vec<String> = (0..40).map(|count| "x".repeat(count)).chain(["\0".into(), "\0\0".into()]).collect();
        let mut found: Vec<Distinct> = texts.iter().map(|text| shortened(text.as_bytes())).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), texts.len());
    }
}

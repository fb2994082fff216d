//! Covering a value but for its first or last characters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What stands for the part that is not shown, however long that is.
pub const COVER: &str = "••••";
/// Only so much of a value's end is looked at; longer values keep their last characters all the same.
const LOOK_BYTES: usize = 1024;

/// Covers a value and keeps its last four characters; see [`keep_last`].
pub fn keep_last_4(value: &str) -> String {
    keep_last(value, 4)
}

/// Covers a value and keeps its last `kept` characters; with fewer than twice as many letters and digits it is covered
/// whole, since of `root` or a house number four characters would be all.
///
/// Characters are counted composed (NFC), so that `ễ` counts once however it was typed; a combining mark never stays
/// without its letter, white space and invisible characters do not count. The length of the answer is bounded and tells
/// nothing of the length of the value.
pub fn keep_last(value: &str, kept: usize) -> String {
    let composed = composed(tail(value.trim()));
    if too_short(&composed, kept) {
        return COVER.to_owned();
    }
    let mut last: Vec<char> = composed.iter().rev().take(kept).copied().collect();
    while last.last().is_some_and(|&first| is_combining_mark(first)) {
        last.pop();
    }
    COVER.chars().chain(last.into_iter().rev()).collect()
}

/// Covers a value and keeps its first `kept` characters, by the rules of [`keep_last`].
pub fn keep_first(value: &str, kept: usize) -> String {
    let composed = composed(head(value.trim()));
    if too_short(&composed, kept) {
        return COVER.to_owned();
    }
    composed.into_iter().skip_while(|&found| is_combining_mark(found)).take(kept).chain(COVER.chars()).collect()
}

fn composed(text: &str) -> Vec<char> {
    text.nfc().filter(|&found| visible(found)).collect()
}

fn too_short(composed: &[char], kept: usize) -> bool {
    composed.iter().filter(|found| found.is_alphanumeric()).count() < kept.saturating_mul(2).max(1)
}

/// Letters, digits, marks and ASCII signs; not what takes no room, which would let a short value count as a long one.
fn visible(found: char) -> bool {
    found.is_alphanumeric() || is_combining_mark(found) || found.is_ascii_graphic()
}

fn tail(value: &str) -> &str {
    let mut start = value.len().saturating_sub(LOOK_BYTES);
    while !value.is_char_boundary(start) {
        start += 1;
    }
    value.get(start..).unwrap_or_default()
}

fn head(value: &str) -> &str {
    let mut end = value.len().min(LOOK_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default()
}

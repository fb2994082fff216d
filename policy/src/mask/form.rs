//! The forms of a masked value.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What stands for the part that is not shown, however long that is.
pub const COVER: &str = "••••";
/// Characters that stay at most.
const KEPT: usize = 4;
/// A value with fewer letters and digits is covered whole: of `root` or a house number four characters would be all.
const LEAST: usize = 8;
/// Only so much of a value's end is looked at; longer values keep their last characters all the same.
const LOOK_BYTES: usize = 1024;

/// Covers a value and keeps its last four characters; shorter than eight characters it is covered whole.
///
/// Characters are counted composed (NFC), so that `ễ` counts once however it was typed; a combining mark never stays
/// without its letter, white space and invisible characters do not count. The length of the answer is bounded and tells
/// nothing of the length of the value.
pub fn keep_last_4(value: &str) -> String {
    let tail = tail(value.trim());
    let composed: Vec<char> = tail.nfc().filter(|&found| visible(found)).collect();
    let letters = composed.iter().filter(|found| found.is_alphanumeric()).count();
    if letters < LEAST {
        return COVER.to_owned();
    }
    let mut kept: Vec<char> = composed.iter().rev().take(KEPT).copied().collect();
    while kept.last().is_some_and(|&first| is_combining_mark(first)) {
        kept.pop();
    }
    COVER.chars().chain(kept.into_iter().rev()).collect()
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

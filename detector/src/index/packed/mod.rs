//! The stored form of an event: its original text once, and every field that can be read off it as a place in it.
//!
//! | part | what |
//! | --- | --- |
//! | form | one byte, [`FORM`]; the older form is JSON and begins with `{` |
//! | names | how many, then each: its number in [`super::known`] plus one, or 0, how many bytes it shares with the last such name, the rest |
//! | values | each one of the kinds of [`Kind`] |
//! | base | the text of `event.original`, or of `message` where there is none; up to the end |
//!
//! Numbers are of variable length (seven bits a byte, the least first), signed ones in zigzag. A decoder's fields
//! mostly follow one another in the text, which is why a place is told as the gap behind the last one and by the byte
//! that ends it: for events of one format these are the same, and the block's compression finds them so.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use read::{read, read_into};
pub(crate) use write::write;

/// The first byte of the form.
pub(crate) const FORM: u8 = 1;
/// How a value is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Null,
    False,
    True,
    /// Eight bytes, the least first.
    Float,
    /// A signed number.
    Int,
    /// Length and bytes.
    Text,
    /// The base.
    Base,
    /// From a place in the base to its end.
    Tail,
    /// Gap behind the last value; up to the byte given.
    Next,
    /// As [`Kind::Next`], read as a whole number.
    NextInt,
    /// As [`Kind::NextLong`], read as the inside of a JSON string.
    NextEscaped,
    /// Gap behind the last value, length.
    NextLong,
    /// Place and length.
    Span,
    /// The text of the field so many before.
    Same,
    /// As [`Kind::Same`], read as a whole number.
    SameInt,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Null,
        Self::False,
        Self::True,
        Self::Float,
        Self::Int,
        Self::Text,
        Self::Base,
        Self::Tail,
        Self::Next,
        Self::NextInt,
        Self::NextEscaped,
        Self::NextLong,
        Self::Span,
        Self::Same,
        Self::SameInt,
    ];
}

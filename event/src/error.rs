//! What can be wrong with a noun.

use thiserror::Error;

/// An identifier that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Nothing stood where the identifier should.
    #[error("{noun} is empty")]
    Empty {
        /// Which identifier, as a person calls it.
        noun: &'static str,
    },
    /// Longer than any identifier of this kind may be.
    #[error("{noun} `{text}…` is longer than {max} bytes")]
    TooLong {
        /// Which identifier, as a person calls it.
        noun: &'static str,
        /// The first characters of what was given.
        text: String,
        /// The bound in bytes.
        max: usize,
    },
    /// A character that identifiers do not have.
    #[error("{noun} `{text}` contains `{found}`; letters, digits and `{extra}` are allowed", extra = "._-:@")]
    Character {
        /// Which identifier, as a person calls it.
        noun: &'static str,
        /// What was given.
        text: String,
        /// The character that does not belong.
        found: char,
    },
}

/// A time that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Neither RFC 3339 nor relative.
    #[error("time `{text}` is neither RFC 3339 (`2026-11-03T00:00:00Z`) nor relative (`now-15m`)")]
    Unreadable {
        /// What was given.
        text: String,
    },
    /// Outside 1677-09-21 to 2262-04-11, which nanoseconds in 64 bits can hold.
    #[error("time `{text}` lies outside the years 1678 to 2261")]
    OutOfRange {
        /// What was given.
        text: String,
    },
}

/// An event reached its bound; what was pushed last is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("event is full: at most {fields} fields and {bytes} bytes of text", fields = crate::FIELDS_MAX, bytes = crate::TEXT_BYTES_MAX)]
pub struct EventFull;

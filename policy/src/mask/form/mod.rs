//! The forms of a masked value, each a pure function of the value, the form's own bounds and key material.

mod general;
mod keep;
mod noise;
mod shift;

use std::borrow::Cow;

use super::key::RecipientKey;
use crate::vault::Token;

pub use general::{age_band, city, hour, network};
pub use keep::{COVER, keep_first, keep_last, keep_last_4};
use noise::noisy_number;
pub(super) use noise::offset;
pub use shift::shifted;

/// What happens to the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As it is.
    Clear,
    /// A date moved by days that are the same for every record of one person, at most so many.
    DateShift {
        /// Most days, earlier or later.
        days: u16,
    },
    /// A number with noise that is always the same for the same field and number.
    Noise {
        /// How far the noise reaches: its scale.
        spread: u16,
    },
    /// The hour of a time.
    Hour,
    /// A band of ages, or of years of birth.
    AgeBand {
        /// Years of a band.
        years: u8,
    },
    /// The network of an address.
    Network {
        /// Bits that stay of an IPv4 address.
        v4: u8,
        /// Bits that stay of an IPv6 address.
        v6: u8,
    },
    /// The city of a postal address.
    City,
    /// The first characters.
    KeepFirst(u8),
    /// The last characters.
    KeepLast(u8),
    /// Text in which every personal value that the scanner finds has the form of its class.
    Scan,
    /// A mark that is the same for equal values, and another one for every recipient.
    KeyedHash,
    /// The pseudonym under which it is stored; of a value in clear nothing.
    Pseudonym,
    /// `null`: that the field is there, and nothing else.
    Null,
    /// Nothing, not even that it is there.
    Hide,
}

impl Form {
    /// As `masks.yml` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::DateShift { .. } => "date_shift",
            Self::Noise { .. } => "noise",
            Self::Hour => "hour",
            Self::AgeBand { .. } => "age_band",
            Self::Network { .. } => "network",
            Self::City => "city",
            Self::KeepFirst(_) => "keep_first",
            Self::KeepLast(_) => "keep_last",
            Self::Scan => "scan",
            Self::KeyedHash => "keyed_hash",
            Self::Pseudonym => "pseudonym",
            Self::Null => "null",
            Self::Hide => "hide",
        }
    }

    /// How strict it is: of several patterns for one field the strictest counts.
    pub fn strictness(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::DateShift { .. } | Self::Noise { .. } => 1,
            Self::Hour | Self::AgeBand { .. } | Self::Network { .. } | Self::City => 2,
            Self::KeepFirst(_) | Self::KeepLast(_) => 3,
            Self::Scan => 4,
            Self::KeyedHash => 5,
            Self::Pseudonym => 6,
            Self::Null => 7,
            Self::Hide => 8,
        }
    }

    /// Its bounds, for people; empty for forms without.
    pub fn bounds(self) -> String {
        match self {
            Self::DateShift { days } => format!("{days} days"),
            Self::Noise { spread } => format!("spread {spread}"),
            Self::AgeBand { years } => format!("{years} years"),
            Self::Network { v4, v6 } => format!("/{v4}, /{v6}"),
            Self::KeepFirst(kept) | Self::KeepLast(kept) => format!("{kept} characters"),
            _ => String::new(),
        }
    }

    /// The form of `value` of `field`, in a record about `person`; `None` when nothing of it is shown.
    ///
    /// A value that the form does not fit (a date that is none, an address that is none) and one that needs a key where
    /// there is none is covered whole. [`Form::Scan`] needs the scanner and shows nothing here.
    pub fn of<'v>(
        self,
        field: &str,
        value: &'v str,
        key: Option<&RecipientKey>,
        person: Option<&str>,
    ) -> Option<Cow<'v, str>> {
        let owned = |text: Option<String>| Some(Cow::Owned(text.unwrap_or_else(|| COVER.to_owned())));
        match self {
            Self::Clear => Some(Cow::Borrowed(value)),
            Self::DateShift { days } => owned(key.and_then(|key| shifted(value, key.days(person, days)))),
            Self::Noise { spread } => owned(key.and_then(|key| noisy_number(field, value, spread, key))),
            Self::Hour => owned(hour(value)),
            Self::AgeBand { years } => owned(age_band(value, years)),
            Self::Network { v4, v6 } => owned(network(value, v4, v6)),
            Self::City => owned(city(value)),
            Self::KeepFirst(kept) => owned(Some(keep_first(value, usize::from(kept)))),
            Self::KeepLast(kept) => owned(Some(keep_last(value, usize::from(kept)))),
            Self::KeyedHash => owned(key.map(|key| key.hashed(value))),
            Self::Pseudonym if is_pseudonym(value) => Some(Cow::Borrowed(value)),
            Self::Pseudonym => owned(None),
            Self::Scan | Self::Null | Self::Hide => None,
        }
    }
}

/// Whether a value has the form of a pseudonym, as a word or as an address.
pub fn is_pseudonym(value: &str) -> bool {
    let address = || value.parse().ok().and_then(Token::of_address);
    Token::parse(value).or_else(address).is_some()
}

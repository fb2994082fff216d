//! How surely it is known who asks.

use serde::{Deserialize, Serialize};

/// How surely it is known who asks, from nothing to two factors. A line with `auth=X` asks for X or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Nothing is said about it.
    #[default]
    Unknown,
    /// An API token.
    Token,
    /// A password alone.
    Password,
    /// Another service signed the person in, with a single factor as far as is known.
    Federated,
    /// A client certificate, or the Unix socket of the server's own machine.
    Certificate,
    /// A password or a federated sign-in, and a fresh second factor.
    TwoFactor,
}

impl Strength {
    /// Every strength, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Token, Self::Password, Self::Federated, Self::Certificate, Self::TwoFactor];

    /// As policy lines write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Token => "token",
            Self::Password => "password",
            Self::Federated => "federated",
            Self::Certificate => "certificate",
            Self::TwoFactor => "two-factor",
        }
    }

    /// Reads what [`Strength::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strength| strength.as_str() == text)
    }
}

/// `strong(r.auth, p.auth)` of the model: whether what is there is at least what is needed. Unknown words are not.
pub(super) fn strong(have: &str, need: &str) -> bool {
    match (Strength::parse(have), Strength::parse(need)) {
        (Some(have), Some(need)) => have >= need,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_ordered_and_unknown_words_have_none() {
        for (at, weaker) in Strength::ALL.into_iter().enumerate() {
            assert_eq!(Strength::parse(weaker.as_str()), Some(weaker));
            for (above, stronger) in Strength::ALL.into_iter().enumerate() {
                assert_eq!(strong(stronger.as_str(), weaker.as_str()), above >= at);
            }
        }
        assert!(!strong("", "token") && !strong("two-factor", "") && !strong("two-factor", "three-factor"));
    }
}

//! How somebody proved who he is, and when: what a decision may ask for beside the role.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How far a clock may go back before a proof that seems to lie in the future counts for nothing.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What was shown, weakest first. Which of them an act asks for is the policy's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthStrength {
    /// A bearer's secret: an API token or an access token of the sign-on provider.
    Token,
    /// A password and nothing else.
    Password,
    /// The sign-on provider's word, without a word about a second factor.
    Federated,
    /// The kernel's word about the process at the Unix socket.
    Local,
    /// The private key of a client certificate.
    Certificate,
    /// Two factors: a password or the provider's word, and a second one beside it.
    TwoFactor,
}

impl AuthStrength {
    /// Every strength, weakest first.
    pub const ALL: [Self; 6] =
        [Self::Token, Self::Password, Self::Federated, Self::Local, Self::Certificate, Self::TwoFactor];

    /// As policies, the database and the API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::Federated => "federated",
            Self::Local => "local",
            Self::Certificate => "certificate",
            Self::TwoFactor => "two_factor",
        }
    }

    /// Reads what [`AuthStrength::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strength| strength.as_str() == text)
    }
}

/// A proof with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// What was shown.
    pub strength: AuthStrength,
    /// When somebody last proved who he is.
    pub authenticated_at: Timestamp,
    /// When a second factor was last shown; `None` for never.
    pub second_factor_at: Option<Timestamp>,
}

impl Authentication {
    /// A proof that was shown at `at`; two factors were then shown at once.
    pub fn new(strength: AuthStrength, at: Timestamp) -> Self {
        let second_factor_at = (strength == AuthStrength::TwoFactor).then_some(at);
        Self { strength, authenticated_at: at, second_factor_at }
    }

    /// Whether somebody proved who he is at most `age_max` ago.
    pub fn is_fresh(&self, now: Timestamp, age_max: Duration) -> bool {
        fresh(self.authenticated_at, now, age_max)
    }

    /// Whether a second factor was shown at most `age_max` ago: what a step-up asks for.
    pub fn has_fresh_second_factor(&self, now: Timestamp, age_max: Duration) -> bool {
        self.second_factor_at.is_some_and(|at| fresh(at, now, age_max))
    }
}

fn fresh(at: Timestamp, now: Timestamp, age_max: Duration) -> bool {
    at <= now.plus(CLOCK_SLACK) && now.since(at) <= age_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_read_back() {
        for strength in AuthStrength::ALL {
            assert_eq!(AuthStrength::parse(strength.as_str()), Some(strength));
            assert_eq!(serde_json::to_value(strength).unwrap(), strength.as_str());
        }
        assert_eq!(AuthStrength::parse("both"), None);
        assert!(AuthStrength::Password < AuthStrength::TwoFactor);
    }

    #[test]
    fn a_second_factor_grows_old() {
        let at = Timestamp::from_secs(1_000);
        let (five, shown) = (Duration::from_secs(300), Authentication::new(AuthStrength::TwoFactor, at));
        let check = |secs: i64, expected: bool| {
            assert_eq!(shown.has_fresh_second_factor(Timestamp::from_secs(secs), five), expected, "{secs}");
        };
        check(1_000, true);
        check(1_300, true);
        check(1_301, false);
        check(940, true);
        check(939, false);
        let password = Authentication::new(AuthStrength::Password, at);
        assert!(password.is_fresh(at, five) && !password.has_fresh_second_factor(at, five));
    }
}

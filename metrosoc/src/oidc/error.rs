//! Why the provider's word is not taken. For the log; whoever signs in learns only that it was not.

use keys::jose::JoseError;

/// What is wrong with a provider, its answer or its token.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// Nothing answers, or not in time.
    #[error("the sign-on provider does not answer at `{url}`")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the system said.
        #[source]
        source: reqwest::Error,
    },
    /// It refused.
    #[error("the sign-on provider refused `{url}` with status {status}{}", word(.error))]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its error code (RFC 6749 section 5.2).
        error: String,
    },
    /// Its answer cannot be read.
    #[error("the answer of the sign-on provider at `{url}` cannot be read: {reason}")]
    Answer {
        /// What was asked.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Form or signature of a token.
    #[error("a token of the sign-on provider is refused")]
    Token(#[from] JoseError),
    /// A token of another kind than is asked for.
    #[error("a token of the sign-on provider is of another kind than this needs")]
    Kind,
    /// What a token says is no JSON object.
    #[error("what a token of the sign-on provider says cannot be read")]
    Claims,
    /// A claim is missing or wrong.
    #[error("claim `{claim}` of the sign-on provider: {reason}")]
    Claim {
        /// Its name.
        claim: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// No group of the person's gives a role.
    #[error("no group of `{subject}` gives a role (`oidc.roles`)")]
    NoRole {
        /// The provider's name of the person.
        subject: String,
    },
}

fn word(error: &str) -> String {
    if error.is_empty() { String::new() } else { format!(" (`{error}`)") }
}

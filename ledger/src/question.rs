//! The text of a question: committed to in the ledger under a salt, kept in clear beside it, deletable.

use ring::rand::{SecureRandom, SystemRandom};

use crate::batch::Salt;
use crate::merkle::sha256;
use crate::side::{Attachment, Kind};
use crate::{Hash, LedgerError, LineFault};

/// Bytes of a question's text at most.
pub const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// The commitment to a question: SHA-256 of a zero byte, the salt and the text.
pub fn question_hash(salt: &Salt, text: &str) -> Hash {
    sha256(&[&[0], salt, text.as_bytes()])
}

/// A question as it lies beside the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// Its salt.
    pub salt: Salt,
    /// What was asked.
    pub text: String,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Question(REDACTED)")
    }
}

impl Question {
    /// Takes a text and draws its salt.
    pub(crate) fn new(text: &str) -> Result<Self, LedgerError> {
        if text.len() > QUESTION_BYTES_MAX {
            let reason = format!("its question has {} bytes, at most {QUESTION_BYTES_MAX} are kept", text.len());
            return Err(LedgerError::Refused { reason });
        }
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| LedgerError::Refused {
            reason: "the system gives no random bytes for its question's salt".to_owned(),
        })?;
        Ok(Self { salt, text: text.to_owned() })
    }

    /// What the ledger's entry says of it.
    pub fn hash(&self) -> Hash {
        question_hash(&self.salt, &self.text)
    }

    pub(crate) fn attachment(&self) -> Attachment {
        let body = [&self.salt[..], self.text.as_bytes()].concat();
        Attachment { kind: Kind::Questions, events: (0, 0), body }
    }

    /// Reads what lies beside the log. Takes any bytes.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, LineFault> {
        let (salt, text) = body.split_first_chunk().ok_or(LineFault::Shape("its question ends early"))?;
        let text = str::from_utf8(text).map_err(|_| LineFault::Shape("its question is not text"))?;
        Ok(Self { salt: *salt, text: text.to_owned() })
    }
}

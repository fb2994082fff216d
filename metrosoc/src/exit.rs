//! Exit codes as sysexits has them, and errors that carry one.

use std::fmt;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 64: the command line cannot be understood.
    Usage,
    /// 65: the data given is wrong.
    BadData,
    /// 69: something needed is not there, or not built yet.
    Unavailable,
    /// 70: a bug.
    Bug,
    /// 77: the policy says no.
    Denied,
    /// 78: the configuration is wrong.
    Config,
}

impl Status {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::BadData => 65,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Denied => 77,
            Self::Config => 78,
        }
    }
}

/// An error that knows its exit code.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub status: Status,
    /// What a person reads.
    pub message: String,
    /// The server's kind of problem (RFC 9457 `type`); empty when no server refused.
    pub kind: String,
}

impl Failure {
    /// A failure with its code.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: String::new() }
    }

    /// A command of the contract that this version does not have yet.
    pub fn not_built(what: &str) -> Self {
        Self::new(Status::Unavailable, format!("`{what}` is not built yet"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The code of any error: its own, or 78 for a master key that cannot be used, 65 for data that could not be read, else
/// 70.
pub fn status_of(error: &anyhow::Error) -> Status {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.status;
    }
    if error.chain().any(|cause| cause.is::<keys::KeyError>()) {
        return Status::Config;
    }
    if error.chain().any(|cause| cause.is::<std::io::Error>()) { Status::BadData } else { Status::Bug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_know_their_code() {
        let key = keys::KeyError::NotAFile { path: "/dev/null".into() };
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        for (error, expected) in [
            (anyhow::Error::new(key).context("the master key"), 78),
            (anyhow::Error::new(missing).context("`x.log`"), 65),
            (Failure::new(Status::Denied, "no").into(), 77),
            (anyhow::anyhow!("never"), 70),
        ] {
            assert_eq!(status_of(&error).code(), expected, "{error:#}");
        }
    }
}

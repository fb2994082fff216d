//! What can go wrong with certificates.

use std::path::PathBuf;

/// Why a certificate was not issued, read, revoked or served.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The permit is for something else, or has ended.
    #[error("the permit does not allow `{operation}` on certificates; ask the guard for one that does")]
    NotPermitted {
        /// What would have been needed.
        operation: &'static str,
    },
    /// A certificate signing request that cannot be used.
    #[error("certificate request: {reason}")]
    Request {
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot stand in a certificate.
    #[error("`{name}` cannot stand in a certificate: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate that we were about to sign breaks its profile.
    #[error("certificate for `{subject}` refused by the lint: {reason}")]
    Lint {
        /// Whom it was for.
        subject: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// There is no such certificate.
    #[error("no valid certificate of `{target}`; `pki list` shows what there is")]
    Unknown {
        /// The serial number or site.
        target: String,
    },
    /// A one-time token that does not enrol anybody; which of the reasons it is, is not told.
    #[error("the enrolment token is unknown, used or expired; `metrosoc pki token SITE` makes another")]
    Token,
    /// A serial number that is none.
    #[error("`{text}` is no serial number; it is 1 to 40 hexadecimal digits, colons allowed")]
    Serial {
        /// What was given.
        text: String,
    },
    /// A PEM file of the operator's that cannot be used.
    #[error("`{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or directory that cannot be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A stored certificate, key or row that cannot be read back.
    #[error("stored {what} is damaged: {reason}")]
    Damaged {
        /// What it is.
        what: &'static str,
        /// Where it fails.
        reason: String,
    },
    /// The X.509 library refused.
    #[error("certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused.
    #[error("TLS configuration could not be made")]
    Tls(#[from] rustls::Error),
    /// The verifier of client certificates could not be made.
    #[error("verifier of client certificates could not be made")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// Keys could not be made, sealed or opened.
    #[error(transparent)]
    Keys(#[from] keys::KeyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The database refused a statement.
    #[error("certificate register")]
    Sql(#[from] sqlx::Error),
    /// The ledger did not take the entry; what was asked for is not given out.
    #[error("ledger did not record it")]
    Ledger(#[from] ledger::LedgerError),
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random,
    /// A worker thread ended early.
    #[error("the work was cut short")]
    Interrupted,
}

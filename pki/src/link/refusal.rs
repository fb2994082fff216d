//! Refused client certificates: each is counted, some are logged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event::{Act, Acts};
use rustls::{CertificateError, Error};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::authority::serial;

/// At most one log line of each reason in this time.
const LOG_EVERY: Duration = Duration::from_secs(5);
const NAME_CHARS_MAX: usize = 128;

/// Counts refusals by reason; logs a sample of them and tells it to the ledger.
#[derive(Debug)]
pub(crate) struct Refusals {
    acts: Arc<dyn Acts>,
    last: Mutex<HashMap<&'static str, Sample>>,
}

#[derive(Debug)]
struct Sample {
    logged: Instant,
    silent: u64,
}

impl Refusals {
    pub(crate) fn new(acts: Arc<dyn Acts>) -> Self {
        Self { acts, last: Mutex::default() }
    }

    /// Counts one refusal of `certificate`.
    pub(crate) fn note(&self, reason: &'static str, certificate: &CertificateDer<'_>) {
        metrics::counter!("metrosoc_client_certificates_refused_total", "reason" => reason).increment(1);
        let Some(silent) = self.due(reason) else { return };
        let (subject, issuer, serial) = describe(certificate);
        tracing::warn!(reason, subject, issuer, serial, silent, "client certificate refused");
        let object = format!("certificate:{}", if serial.is_empty() { "unreadable" } else { &serial });
        let detail = serde_json::json!({
            "reason": reason, "subject": subject, "issuer": issuer, "serial": serial, "count": silent + 1,
        });
        let action = if reason == "revoked" { "revoked_certificate_used" } else { "certificate_refused" };
        self.acts.happened(Act { actor: "metrosoc".to_owned(), action, object, detail });
    }

    /// How many were not logged since the last line, when a line is due.
    fn due(&self, reason: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get_mut(reason) {
            Some(sample) if now.duration_since(sample.logged) < LOG_EVERY => {
                sample.silent += 1;
                None
            }
            Some(sample) => {
                sample.logged = now;
                Some(std::mem::take(&mut sample.silent))
            }
            None => {
                last.insert(reason, Sample { logged: now, silent: 0 });
                Some(0)
            }
        }
    }
}

/// The reason as a word, for the counter.
pub(crate) fn reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => "unknown_authority",
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not_valid_yet",
            CertificateError::Revoked => "revoked",
            CertificateError::BadSignature => "bad_signature",
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "wrong_purpose",
            CertificateError::BadEncoding => "unreadable",
            CertificateError::ApplicationVerificationFailure => "no_site",
            _ => "invalid",
        },
        _ => "invalid",
    }
}

/// Subject, issuer and serial number, shortened; the certificate is a stranger's.
fn describe(der: &[u8]) -> (String, String, String) {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => (
            shorten(&certificate.subject().to_string()),
            shorten(&certificate.issuer().to_string()),
            shorten(&serial::written(certificate.raw_serial())),
        ),
        Err(_) => ("unreadable".to_owned(), String::new(), String::new()),
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect()
}

//! The lint: a certificate is signed with a throw-away key first, read back and held against its profile. Only then does
//! the authority's key sign it.

use rcgen::{CertificateParams, Issuer, PublicKeyData};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::prelude::FromDer;

use super::ca::Ca;
use super::name::COMMON_NAME_CHARS_MAX;
use super::profile::{DAY, ISSUING_VALID, Profile, ROOT_VALID};
use crate::PkiError;

/// Most days that a certificate of a server or site may be valid, whatever the settings say.
pub(crate) const LEAF_DAYS_MAX: u32 = 2 * 366;
const SERIAL_BYTES_MIN: usize = 8;
const SERIAL_BYTES_MAX: usize = 20;

/// The throw-away issuer: our issuing certificate's name and key identifier, but a key of its own.
pub(crate) struct Bench(Issuer<'static, keys::CertificateKey>);

impl Bench {
    /// A bench for what `issuing` will sign.
    pub(crate) fn like(issuing: &Ca) -> Result<Self, PkiError> {
        Ok(Self(Issuer::from_ca_cert_der(&issuing.der, keys::CertificateKey::generate()?)?))
    }
}

/// Proof that a certificate fits its profile; it can be signed once.
pub(crate) struct Linted<'k, K: PublicKeyData> {
    params: CertificateParams,
    key: &'k K,
}

impl<'k, K: PublicKeyData> Linted<'k, K> {
    /// Signs on the bench and checks what came out.
    pub(crate) fn prove(
        profile: Profile,
        subject: &str,
        params: CertificateParams,
        key: &'k K,
        bench: &Bench,
    ) -> Result<Self, PkiError> {
        let certificate = params.signed_by(key, &bench.0)?;
        check(profile, certificate.der()).map_err(|reason| PkiError::Lint { subject: subject.to_owned(), reason })?;
        Ok(Self { params, key })
    }

    /// Signs with the authority's key.
    pub(crate) fn sign(self, issuer: &Issuer<'_, keys::CertificateKey>) -> Result<rcgen::Certificate, PkiError> {
        Ok(self.params.signed_by(self.key, issuer)?)
    }
}

/// Holds a certificate against its profile; the error says which rule it breaks.
pub(crate) fn check(profile: Profile, der: &[u8]) -> Result<(), String> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| format!("not readable: {error}"))?;
    ensure(rest.is_empty(), "bytes behind its end")?;
    ensure(certificate.version.0 == 2, "not X.509 version 3")?;
    ensure(
        certificate.signature_algorithm.algorithm == OID_SIG_ECDSA_WITH_SHA256,
        "not signed with ECDSA and SHA-256",
    )?;
    let serial = certificate.raw_serial();
    ensure(
        (SERIAL_BYTES_MIN..=SERIAL_BYTES_MAX).contains(&serial.len()),
        "serial number shorter than 8 or longer than 20 octets",
    )?;
    ensure(serial.first().is_some_and(|first| *first < 0x80), "serial number is negative")?;
    check_validity(profile, &certificate)?;
    for name in certificate.subject().iter_common_name() {
        let text = name.as_str().map_err(|error| format!("common name not readable: {error}"))?;
        ensure(text.chars().count() <= COMMON_NAME_CHARS_MAX, "common name longer than 64 characters")?;
    }
    ensure(certificate.subject().iter().next().is_some(), "no subject")?;
    ensure(certificate.issuer().iter().next().is_some(), "no issuer")?;
    check_extensions(profile, &certificate)
}

fn check_validity(profile: Profile, certificate: &X509Certificate<'_>) -> Result<(), String> {
    let validity = certificate.validity();
    let days_max = match profile {
        Profile::Root => ROOT_VALID.as_secs() / DAY.as_secs(),
        Profile::Issuing => ISSUING_VALID.as_secs() / DAY.as_secs(),
        Profile::Server | Profile::Site | Profile::Machine => u64::from(LEAF_DAYS_MAX),
    };
    let span = validity.not_after.timestamp() - validity.not_before.timestamp();
    ensure(span > 0, "ends before it begins")?;
    // One hour of grace covers the backdating.
    let span_max = i64::try_from(days_max * DAY.as_secs() + 3_600).unwrap_or(i64::MAX);
    ensure(span <= span_max, "valid for longer than its profile allows")
}

fn check_extensions(profile: Profile, certificate: &X509Certificate<'_>) -> Result<(), String> {
    let mut seen = Seen::default();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => {
                ensure(extension.critical, "basicConstraints not critical")?;
                ensure(constraints.ca == profile.path_length().is_some(), "wrong cA flag")?;
                let length = constraints.path_len_constraint;
                ensure(length == profile.path_length().map(u32::from), "wrong path length")?;
                seen.constraints = true;
            }
            ParsedExtension::KeyUsage(usage) => {
                ensure(extension.critical, "keyUsage not critical")?;
                let authority = profile.path_length().is_some();
                ensure(usage.key_cert_sign() == authority && usage.crl_sign() == authority, "wrong keyUsage")?;
                ensure(usage.digital_signature() != authority, "wrong keyUsage")?;
                ensure(
                    usage.flags.count_ones() == if authority { 2 } else { 1 },
                    "more keyUsage than the profile has",
                )?;
                seen.usage = true;
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                ensure(!extension.critical, "extKeyUsage critical")?;
                ensure(usage.server_auth == (profile == Profile::Server), "wrong extKeyUsage")?;
                let client = matches!(profile, Profile::Site | Profile::Machine);
                ensure(usage.client_auth == client, "wrong extKeyUsage")?;
                let more = usage.any
                    || usage.code_signing
                    || usage.email_protection
                    || usage.time_stamping
                    || usage.ocsp_signing;
                ensure(!more && usage.other.is_empty(), "more extKeyUsage than the profile has")?;
                seen.extended = true;
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                check_names(profile, &names.general_names)?;
                seen.names = true;
            }
            ParsedExtension::SubjectKeyIdentifier(_) => seen.subject_key = true,
            ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                ensure(identifier.key_identifier.is_some(), "authority key identifier without a key")?;
                seen.authority_key = true;
            }
            ParsedExtension::CRLDistributionPoints(_) => {}
            _ => return Err(format!("extension `{}` is not in the profile", extension.oid)),
        }
    }
    let leaf = profile.path_length().is_none();
    ensure(seen.constraints, "no basicConstraints")?;
    ensure(seen.usage, "no keyUsage")?;
    ensure(seen.extended == leaf, "extKeyUsage missing or out of place")?;
    ensure(seen.names == leaf, "subject alternative name missing or out of place")?;
    ensure(seen.subject_key, "no subject key identifier")?;
    ensure(seen.authority_key || profile == Profile::Root, "no authority key identifier")
}

#[derive(Default)]
struct Seen {
    constraints: bool,
    usage: bool,
    extended: bool,
    names: bool,
    subject_key: bool,
    authority_key: bool,
}

fn check_names(profile: Profile, names: &[GeneralName<'_>]) -> Result<(), String> {
    ensure(!names.is_empty(), "subject alternative name is empty")?;
    let uris = names.iter().filter(|name| matches!(name, GeneralName::URI(_))).count();
    let hosts = names.iter().filter(|name| matches!(name, GeneralName::DNSName(_))).count();
    let addresses = names.iter().filter(|name| matches!(name, GeneralName::IPAddress(_))).count();
    ensure(uris + hosts + addresses == names.len(), "a kind of name that the profile has not")?;
    match profile {
        Profile::Site => {
            ensure(uris == 1 && hosts <= 1 && addresses == 0, "a site has one URI and at most one host name")
        }
        Profile::Machine => ensure(uris == 1 && hosts + addresses == 0, "a machine has one URI and nothing else"),
        _ => ensure(uris == 0, "a server has no URI"),
    }
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

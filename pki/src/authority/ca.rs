//! The authority's own two certificates and their keys.

use event::Timestamp;
use keys::{CertificateKey, Sealer};
use rcgen::Issuer;
use ring::rand::SystemRandom;
use rustls_pki_types::CertificateDer;

use super::profile::{Draft, ISSUING_VALID, Profile, ROOT_VALID, Validity};
use super::register::{AuthorityRow, Register};
use super::{der_of, lint, serial};
use crate::PkiError;

/// Root and issuing certificate, just made.
pub(crate) struct Pair {
    pub(crate) root: Made,
    pub(crate) issuing: Made,
}

/// One of them.
pub(crate) struct Made {
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) key: CertificateKey,
    pub(crate) not_after: Timestamp,
}

/// Makes both and holds them against their profiles.
pub(crate) fn make(organisation: &str, now: Timestamp, random: &SystemRandom) -> Result<Pair, PkiError> {
    // Step 1: the root signs itself.
    let root_serial = serial::draw(random)?;
    let validity = Validity::starting(now, ROOT_VALID, Timestamp::MAX);
    let draft = |profile, serial| Draft { profile, serial, validity, organisation, crl_urls: &[] };
    let root_params = draft(Profile::Root, &root_serial).authority(&name("root", &root_serial))?;
    let root_key = CertificateKey::generate()?;
    let root = root_params.self_signed(&root_key)?;
    approve(Profile::Root, root.der())?;

    // Step 2: the root signs the issuing certificate.
    let issuing_serial = serial::draw(random)?;
    let issuing_validity = Validity::starting(now, ISSUING_VALID, validity.not_after);
    let issuing_draft = Draft { validity: issuing_validity, ..draft(Profile::Issuing, &issuing_serial) };
    let issuing_key = CertificateKey::generate()?;
    let issuer = Issuer::from_params(&root_params, &root_key);
    let issuing = issuing_draft.authority(&name("issuing", &issuing_serial))?.signed_by(&issuing_key, &issuer)?;
    approve(Profile::Issuing, issuing.der())?;

    let (root_pem, issuing_pem) = (root.pem(), issuing.pem());
    Ok(Pair {
        root: Made { serial: root_serial, pem: root_pem, key: root_key, not_after: validity.not_after },
        issuing: Made {
            serial: issuing_serial,
            pem: issuing_pem,
            key: issuing_key,
            not_after: issuing_validity.not_after,
        },
    })
}

/// A name that no other authority has: verifiers find issuers by name, and a strange one must not look like ours.
fn name(role: &str, serial: &str) -> String {
    format!("MetroSOC {role} {}", serial.get(..8).unwrap_or(serial))
}

fn approve(profile: Profile, der: &[u8]) -> Result<(), PkiError> {
    lint::check(profile, der).map_err(|reason| PkiError::Lint { subject: profile.as_str().to_owned(), reason })
}

/// A certificate of the authority with its key, ready to sign.
pub(crate) struct Ca {
    pub(crate) name: &'static str,
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    pub(crate) not_after: Timestamp,
    pub(crate) issuer: Issuer<'static, CertificateKey>,
}

impl Ca {
    /// Reads it back and opens its key.
    pub(crate) async fn load(register: &Register, sealer: &Sealer, name: &'static str) -> Result<Self, PkiError> {
        let missing = || PkiError::Damaged { what: "certificate authority", reason: format!("`{name}` is missing") };
        let AuthorityRow { serial, pem, key_sealed, not_after } =
            register.authority(name).await?.ok_or_else(missing)?;
        let key = open_key(sealer, name, &key_sealed)?;
        let der = der_of(&pem)?;
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { name, serial, pem, der, not_after, issuer })
    }
}

/// Seals a private key for the register; `bound_to` is what it belongs to.
pub(crate) fn seal_key(sealer: &Sealer, bound_to: &str, key: &CertificateKey) -> Result<String, PkiError> {
    Ok(hex::encode(key.seal(sealer, bound_to.as_bytes())?))
}

/// Seals a private key of the register anew; `None` when the newest generation sealed it.
pub(crate) fn reseal_key(sealer: &Sealer, bound_to: &str, sealed: &str) -> Result<Option<String>, PkiError> {
    let damaged = |_| PkiError::Damaged { what: "private key", reason: format!("of `{bound_to}` is not hexadecimal") };
    Ok(sealer.reseal(bound_to.as_bytes(), &hex::decode(sealed).map_err(damaged)?)?.map(hex::encode))
}

/// Opens a private key of the register.
pub(crate) fn open_key(sealer: &Sealer, bound_to: &str, sealed: &str) -> Result<CertificateKey, PkiError> {
    let damaged = |_| PkiError::Damaged { what: "private key", reason: format!("of `{bound_to}` is not hexadecimal") };
    Ok(CertificateKey::from_sealed(sealer, bound_to.as_bytes(), &hex::decode(sealed).map_err(damaged)?)?)
}

//! Issuing: intent, lint, signature, register, ledger, and only then the holder.

use std::sync::Arc;
use std::time::Duration;

use event::{Permit, SiteId, Timestamp, UserName};
use keys::{CertificateKey, Secret};
use rcgen::{PublicKeyData, SubjectPublicKeyInfo};
use ring::digest::{SHA256, digest};

use super::lint::Linted;
use super::name::{ServerNames, machine_uri, site_host, site_uri};
use super::profile::{DAY, Draft, Profile, Validity};
use super::register::{Intent, Signed};
use super::request::ProvenKey;
use super::{Authority, Certificate, CertificateStatus, Inner, KeyOrigin, Reason, serial};
use crate::PkiError;

/// Certificates in one entry of the ledger, whose size is bounded.
const LEDGER_GROUP_MAX: usize = 100;

/// Whose private key a site's certificate is for.
#[derive(Debug)]
pub enum SiteKey<'k> {
    /// The holder's own: a certificate signing request in PEM. Its names are ignored.
    Request(&'k str),
    /// One that we make, for a device that cannot.
    Made,
}

/// A certificate as its holder gets it.
#[derive(Debug)]
pub struct Issued {
    /// What the register says of it.
    pub certificate: Certificate,
    /// Its chain in PEM, its own certificate first.
    pub chain_pem: String,
    /// Its private key in PEM, when we made it. It is not kept: this is the only copy.
    pub key_pem: Option<Secret<String>>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    Site(SiteId),
    Machine(UserName),
    Server(ServerNames),
}

/// One certificate to be made.
pub(crate) struct Order {
    pub(crate) holder: Holder,
    pub(crate) key: SubjectPublicKeyInfo,
    pub(crate) key_origin: KeyOrigin,
    pub(crate) key_sealed: Option<String>,
}

/// An order with its serial number and time.
struct Numbered {
    order: Order,
    intent: Intent,
}

impl Authority {
    /// Issues a certificate for a site, from a request or with a key that we make.
    ///
    /// # Errors
    /// [`PkiError::NotPermitted`] unless the permit is for managing certificates; [`PkiError::Request`] when the request
    /// is not good or its key is another site's or known to have leaked; when register or ledger fail.
    pub async fn issue(&self, permit: &Permit, site: &SiteId, key: SiteKey<'_>) -> Result<Issued, PkiError> {
        let actor = self.manager(permit)?;
        let (order, key_pem) = match key {
            SiteKey::Request(pem) => {
                let proven = ProvenKey::from_pem(pem.as_bytes())?;
                self.check_unused(site.as_str(), proven.info()).await?;
                (Order::of_site(site, proven.into_info(), KeyOrigin::Agent), None)
            }
            SiteKey::Made => {
                let made = CertificateKey::generate()?;
                (Order::of_site(site, public_info(&made)?, KeyOrigin::Authority), Some(made.to_pem()))
            }
        };
        let mut done = self.sign(actor, vec![order]).await?;
        let (certificate, pem) = done.pop().ok_or(PkiError::Interrupted)?;
        Ok(Issued { certificate, chain_pem: self.chain_of(&pem), key_pem })
    }

    /// Issues a certificate for a program's account; the account itself is somebody else's affair.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub async fn issue_machine(&self, permit: &Permit, name: &UserName, key: SiteKey<'_>) -> Result<Issued, PkiError> {
        let actor = self.manager(permit)?;
        let holder = Holder::Machine(name.clone());
        let (key, key_origin, key_pem) = match key {
            SiteKey::Request(pem) => {
                let proven = ProvenKey::from_pem(pem.as_bytes())?;
                self.check_unused(&holder.written().0, proven.info()).await?;
                (proven.into_info(), KeyOrigin::Agent, None)
            }
            SiteKey::Made => {
                let made = CertificateKey::generate()?;
                (public_info(&made)?, KeyOrigin::Authority, Some(made.to_pem()))
            }
        };
        let mut done = self.sign(actor, vec![Order { holder, key, key_origin, key_sealed: None }]).await?;
        let (certificate, pem) = done.pop().ok_or(PkiError::Interrupted)?;
        Ok(Issued { certificate, chain_pem: self.chain_of(&pem), key_pem })
    }

    /// The way of every certificate but the authority's own. All orders go together, in two commits.
    pub(crate) async fn sign(&self, actor: &str, orders: Vec<Order>) -> Result<Vec<(Certificate, String)>, PkiError> {
        // Step 1: serial numbers and intents are stored.
        let now = self.now();
        let numbered = orders.into_iter().map(|order| self.0.number(order, now)).collect::<Result<Vec<_>, _>>()?;
        let intents: Vec<Intent> = numbered.iter().map(|one| one.intent.clone()).collect();
        self.0.register.intend(actor, now, &intents).await?;

        // Step 2: the lint, then the signature; off the runtime, since there may be many.
        let inner = Arc::clone(&self.0);
        let signed = tokio::task::spawn_blocking(move || inner.sign_all(numbered))
            .await
            .map_err(|_| PkiError::Interrupted)??;

        // Step 3: certificates are stored.
        self.0.register.keep(&signed).await?;

        // Step 4: the ledger knows of them.
        for group in intents.chunks(LEDGER_GROUP_MAX) {
            let listed: Vec<_> = group
                .iter()
                .map(|one| serde_json::json!({ "serial": one.serial, "subject": one.subject, "key_sha256": one.key_sha256 }))
                .collect();
            let object = match group {
                [one] => one.subject.clone(),
                many => format!("{} certificates", many.len()),
            };
            self.record(actor, "certificate_issued", &object, serde_json::json!({ "certificates": listed })).await?;
        }
        metrics::counter!("metrosoc_certificates_issued_total").increment(u64::try_from(signed.len()).unwrap_or(0));
        let of = |intent: Intent| intent.certificate(actor, now);
        Ok(intents.into_iter().map(of).zip(signed.into_iter().map(|one| one.pem)).collect())
    }

    /// No two holders share a key, and a key that leaked is never used again.
    pub(super) async fn check_unused(&self, own: &str, key: &SubjectPublicKeyInfo) -> Result<(), PkiError> {
        for (holder, reason) in self.0.register.holders_of_key(&fingerprint(key)).await? {
            if reason == Some(Reason::KeyCompromise) {
                return Err(PkiError::Request {
                    reason: "its key was revoked as compromised; make another".to_owned(),
                });
            }
            if holder != own {
                let reason = format!("its key is already used by `{holder}`; every site makes its own");
                return Err(PkiError::Request { reason });
            }
        }
        Ok(())
    }
}

impl Inner {
    fn number(&self, order: Order, now: Timestamp) -> Result<Numbered, PkiError> {
        let (profile, days) = match &order.holder {
            Holder::Site(_) => (Profile::Site, self.settings.site_days),
            Holder::Machine(_) => (Profile::Machine, self.settings.site_days),
            Holder::Server(_) => (Profile::Server, self.settings.server_days),
        };
        if let Holder::Site(site) = &order.holder
            && (*site == SiteId::unknown() || *site == SiteId::local())
        {
            let reason = "it is reserved for senders without a certificate";
            return Err(PkiError::Name { name: site.to_string(), reason });
        }
        let valid = DAY.checked_mul(days).unwrap_or(Duration::MAX);
        let (subject, names) = order.holder.written();
        let intent = Intent {
            serial: serial::draw(&self.random)?,
            profile,
            subject,
            names,
            key_origin: order.key_origin,
            key_sha256: fingerprint(&order.key),
            validity: Validity::starting(now, valid, self.issuing.not_after),
        };
        Ok(Numbered { order, intent })
    }

    fn sign_all(&self, numbered: Vec<Numbered>) -> Result<Vec<Signed>, PkiError> {
        let mut signed = Vec::with_capacity(numbered.len());
        for Numbered { order, intent } in numbered {
            let draft = Draft {
                profile: intent.profile,
                serial: &intent.serial,
                validity: intent.validity,
                organisation: &self.settings.organisation,
                crl_urls: &self.settings.crl_urls,
            };
            let params = match &order.holder {
                Holder::Site(site) => draft.site(site)?,
                Holder::Machine(machine) => draft.machine(machine)?,
                Holder::Server(names) => draft.server(names)?,
            };
            let linted = Linted::prove(intent.profile, &intent.subject, params, &order.key, &self.bench)?;
            let pem = linted.sign(&self.issuing.issuer)?.pem();
            signed.push(Signed { serial: intent.serial, pem, key_sealed: order.key_sealed });
        }
        Ok(signed)
    }
}

impl Holder {
    /// The subject and the names, as the register keeps them.
    fn written(&self) -> (String, Vec<String>) {
        match self {
            Self::Site(site) => {
                let mut names = vec![site_uri(site)];
                names.extend(site_host(site));
                (site.as_str().to_owned(), names)
            }
            Self::Machine(machine) => (format!("machine:{machine}"), vec![machine_uri(machine)]),
            Self::Server(names) => {
                let first = names.hosts.first().cloned();
                let first = first.or_else(|| names.addresses.first().map(ToString::to_string));
                (first.unwrap_or_else(|| "server".to_owned()), names.written())
            }
        }
    }
}

impl Order {
    pub(crate) fn of_site(site: &SiteId, key: SubjectPublicKeyInfo, key_origin: KeyOrigin) -> Self {
        Self { holder: Holder::Site(site.clone()), key, key_origin, key_sealed: None }
    }
}

impl Intent {
    fn certificate(self, actor: &str, now: Timestamp) -> Certificate {
        Certificate {
            serial: self.serial,
            profile: self.profile,
            subject: self.subject,
            names: self.names,
            key_origin: self.key_origin,
            key_sha256: self.key_sha256,
            status: CertificateStatus::Valid,
            created_by: actor.to_owned(),
            created: now,
            not_before: self.validity.not_before,
            not_after: self.validity.not_after,
            revoked: None,
            reason: None,
        }
    }
}

/// The public half of a key that we made.
pub(crate) fn public_info(key: &CertificateKey) -> Result<SubjectPublicKeyInfo, PkiError> {
    Ok(SubjectPublicKeyInfo::from_der(&key.subject_public_key_info())?)
}

/// SHA-256 of a public key, hexadecimal.
pub(crate) fn fingerprint(key: &SubjectPublicKeyInfo) -> String {
    hex::encode(digest(&SHA256, &key.subject_public_key_info()))
}

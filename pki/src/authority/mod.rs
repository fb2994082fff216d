//! The certificate authority: a root and an issuing certificate made at first start, and what the second signs.

mod bulk;
mod ca;
mod certificate;
mod crl;
mod enrol;
mod issue;
mod lint;
mod name;
mod profile;
mod register;
mod request;
mod revoke;
pub(crate) mod serial;
mod server;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use event::{Clock, Object, Operation, Permit, Timestamp};
use keys::{Keyring, Sealer};
use ledger::{Entry, Ledger};
use ring::rand::SystemRandom;
use rustls_pki_types::CertificateDer;
use store::Store;
use tokio::sync::{Mutex, watch};

pub use bulk::BulkReport;
pub use certificate::{Certificate, CertificateStatus, KeyOrigin, ListFilter, Reason};
pub use crl::Crl;
pub use enrol::EnrolmentToken;
pub use issue::{Issued, SiteKey};
pub use name::ServerNames;
pub(crate) use name::{machine_of_uri, site_of_uri};
pub use profile::Profile;
pub use request::ProvenKey;
pub use revoke::RevokeTarget;

use crate::PkiError;
use crate::link::{RevokedSerials, Trust};
use ca::Ca;
use lint::{Bench, LEAF_DAYS_MAX};
use register::{LIST_MAX, Register};

/// What the ledger calls us when nobody asked: renewals, first start.
const SELF: &str = "metrosoc";

/// What an operator may set of the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritySettings {
    /// The organisation in every certificate's subject.
    pub organisation: String,
    /// Days that a server certificate is valid; 1 to 732.
    pub server_days: u32,
    /// Days that a site certificate is valid; 1 to 732.
    pub site_days: u32,
    /// Hours after which a list of revoked certificates must be replaced by a newer one; 1 to 720.
    pub crl_hours: u32,
    /// Where verifiers can fetch the list, as URLs; written into certificates. None by default.
    pub crl_urls: Vec<String>,
}

impl Default for AuthoritySettings {
    fn default() -> Self {
        Self {
            organisation: "MetroSOC".to_owned(),
            server_days: 90,
            site_days: 365,
            crl_hours: 24,
            crl_urls: Vec::new(),
        }
    }
}

impl AuthoritySettings {
    /// The same with every number inside its bounds.
    fn bounded(mut self) -> Self {
        self.server_days = self.server_days.clamp(1, LEAF_DAYS_MAX);
        self.site_days = self.site_days.clamp(1, LEAF_DAYS_MAX);
        self.crl_hours = self.crl_hours.clamp(1, 720);
        self
    }
}

/// The certificate authority. Clones share one.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

struct Inner {
    register: Register,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    settings: AuthoritySettings,
    random: SystemRandom,
    sealer: Sealer,
    root: Ca,
    issuing: Ca,
    bench: Bench,
    revoked: watch::Sender<RevokedSerials>,
    crls: Mutex<HashMap<&'static str, Crl>>,
    /// One order at a time decides who has no certificate yet.
    bulk: Mutex<()>,
}

impl Authority {
    /// Opens the authority; at first start it makes root and issuing certificate and seals their keys.
    ///
    /// # Errors
    /// When database, ledger or keys fail, or what is stored cannot be read with this master key.
    pub async fn open(
        store: Store,
        keyring: &Keyring,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        settings: AuthoritySettings,
    ) -> Result<Self, PkiError> {
        let settings = settings.bounded();
        let register = Register::new(store);
        let sealer = keyring.sealer("pki certificate keys")?;
        let random = SystemRandom::new();
        let now = clock.now();
        if register.authority("root").await?.is_none() {
            let pair = ca::make(&settings.organisation, now, &random)?;
            register.add_authorities(&pair, &sealer, now).await?;
            let detail = serde_json::json!({ "root": pair.root.serial, "issuing": pair.issuing.serial });
            ledger.append(entry(SELF, "authority_created", "root", detail)).await?;
            tracing::info!(root = pair.root.serial, issuing = pair.issuing.serial, "certificate authority created");
        }
        let root = Ca::load(&register, &sealer, "root").await?;
        let issuing = Ca::load(&register, &sealer, "issuing").await?;
        let bench = Bench::like(&issuing)?;
        let revoked = watch::Sender::new(Arc::new(register.revoked_serials(now).await?));
        Ok(Self(Arc::new(Inner {
            register,
            ledger,
            clock,
            settings,
            random,
            sealer,
            root,
            issuing,
            bench,
            revoked,
            crls: Mutex::new(HashMap::new()),
            bulk: Mutex::new(()),
        })))
    }

    /// Seals private keys anew that an older generation of the sealing key sealed; gives how many.
    ///
    /// # Errors
    /// When the database fails or a key does not open.
    pub async fn reseal_keys(&self) -> Result<u64, PkiError> {
        self.0.register.reseal_keys(&self.0.sealer).await
    }

    /// Whom TLS listeners trust: certificates that this authority signed and has not revoked.
    pub fn trust(&self) -> Trust {
        // The issuing certificate as well: many senders send their own certificate alone.
        let anchors = vec![self.0.root.der.clone(), self.0.issuing.der.clone()];
        Trust::new(anchors, self.0.revoked.subscribe(), Arc::clone(&self.0.clock))
    }

    /// The revoked serial numbers as they change.
    pub fn revocations(&self) -> watch::Receiver<RevokedSerials> {
        self.0.revoked.subscribe()
    }

    /// The root certificate in PEM: what senders must trust to verify this server.
    pub fn roots_pem(&self) -> &str {
        &self.0.root.pem
    }

    /// The issuing certificate in PEM.
    pub fn issuing_pem(&self) -> &str {
        &self.0.issuing.pem
    }

    /// Certificates, newest first, within the permit's scope.
    ///
    /// # Errors
    /// [`PkiError::NotPermitted`] unless the permit is for reading certificates; when the database fails.
    pub async fn list(&self, permit: &Permit, filter: &ListFilter) -> Result<Vec<Certificate>, PkiError> {
        let now = self.now();
        if !permit.allows(Operation::Read, Object::Certificates, now) && !self.may_manage(permit) {
            return Err(PkiError::NotPermitted { operation: "read" });
        }
        let filter = ListFilter { limit: filter.limit.min(LIST_MAX), ..filter.clone() };
        let mut found = self.0.register.list(&filter, now).await?;
        found.retain(|certificate| permit.scope().holds(None, certificate.site().as_ref()));
        Ok(found)
    }

    /// The chain of a certificate in PEM, its own first; what its holder installs.
    ///
    /// # Errors
    /// [`PkiError::Unknown`] when there is none of that serial number.
    pub async fn chain_pem(&self, serial: &str) -> Result<String, PkiError> {
        let serial = serial::read(serial)?;
        let pem = self.0.register.certificate_pem(&serial).await?;
        pem.map(|pem| self.chain_of(&pem)).ok_or(PkiError::Unknown { target: serial })
    }

    fn chain_of(&self, pem: &str) -> String {
        format!("{pem}{}", self.0.issuing.pem)
    }

    /// Now, to the millisecond as the register keeps times.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.clock.now().millis())
    }

    fn may_manage(&self, permit: &Permit) -> bool {
        permit.allows(Operation::Manage, Object::Certificates, self.now())
    }

    /// The name of who asks, when the permit is for managing certificates.
    fn manager<'p>(&self, permit: &'p Permit) -> Result<&'p str, PkiError> {
        if !self.may_manage(permit) {
            return Err(PkiError::NotPermitted { operation: "manage" });
        }
        Ok(permit.subject().name.as_str())
    }

    async fn record(&self, actor: &str, action: &str, object: &str, detail: serde_json::Value) -> Result<(), PkiError> {
        self.0.ledger.append(entry(actor, action, object, detail)).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("issuing", &self.0.issuing.serial).finish_non_exhaustive()
    }
}

fn entry(actor: &str, action: &str, object: &str, detail: serde_json::Value) -> Entry {
    Entry::new(actor, action, object, detail)
}

/// Reads one certificate from PEM.
fn der_of(pem: &str) -> Result<CertificateDer<'static>, PkiError> {
    use rustls_pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| PkiError::Damaged { what: "certificate", reason: error.to_string() })
}

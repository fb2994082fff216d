//! The certificate authority of MetroSOC and every TLS configuration.
//!
//! [`Authority`] makes a root and an issuing certificate at first start, signs the server's and the sites' certificates,
//! revokes them and publishes lists; [`link`] turns them into TLS configurations that ask for them.
//!
//! [`holder`] is the other side: a site's own key, its request, and when its certificate wants to be renewed.
//!
//! Deliberately absent: name constraints (URI constraints make verifiers fail closed), cross-signing, and any way to get
//! a private key of a site back: it is written once, to the operator's directory, and not kept.

pub mod authority;
mod error;
pub mod holder;
pub mod link;

pub use authority::{
    Authority, AuthoritySettings, BulkReport, Certificate, CertificateStatus, Crl, EnrolmentToken, Issued, KeyOrigin,
    ListFilter, Profile, ProvenKey, Reason, RevokeTarget, ServerNames, SiteKey,
};
pub use error::PkiError;

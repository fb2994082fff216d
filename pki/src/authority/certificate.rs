//! A certificate as the register knows it.

use event::{SiteId, Timestamp};
use rcgen::RevocationReason;
use serde::{Deserialize, Serialize};

use super::Profile;

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// What kind it is.
    pub profile: Profile,
    /// The site's id, or the server's first name.
    pub subject: String,
    /// Host names, addresses and URIs in it.
    pub names: Vec<String>,
    /// Who made its private key.
    pub key_origin: KeyOrigin,
    /// SHA-256 of its public key (SubjectPublicKeyInfo), hexadecimal.
    pub key_sha256: String,
    /// Where it stands.
    pub status: CertificateStatus,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created: Timestamp,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// Why.
    pub reason: Option<Reason>,
}

impl Certificate {
    /// The site that it belongs to.
    pub fn site(&self) -> Option<SiteId> {
        if self.profile == Profile::Site { SiteId::new(&self.subject).ok() } else { None }
    }
}

/// Who made a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOrigin {
    /// The authority, for a device that cannot: the key was written to the operator's directory.
    Authority,
    /// Its holder, who proved to have it; it never left him.
    Agent,
}

impl KeyOrigin {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Agent => "agent",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Authority, Self::Agent].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// Where a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStatus {
    /// Its serial number was set aside; nothing was signed, or we died before it was stored.
    Intended,
    /// Good.
    Valid,
    /// Its time is over.
    Expired,
    /// Taken back.
    Revoked,
}

/// Why a certificate is taken back (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No reason given.
    Unspecified,
    /// The private key is, or may be, in other hands.
    KeyCompromise,
    /// The site belongs to another agency now.
    AffiliationChanged,
    /// Another one takes its place.
    Superseded,
    /// The site is closed.
    CessationOfOperation,
    /// The site may no longer send.
    PrivilegeWithdrawn,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// As it is stored and typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key_compromise",
            Self::AffiliationChanged => "affiliation_changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
        }
    }

    /// Reads what [`Reason::as_str`] writes and RFC 5280's own form, such as `keyCompromise`: case, `-` and `_` do not count.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
        Self::ALL.into_iter().find(|reason| letters(reason.as_str()) == letters(text))
    }

    pub(crate) fn code(self) -> RevocationReason {
        match self {
            Self::Unspecified => RevocationReason::Unspecified,
            Self::KeyCompromise => RevocationReason::KeyCompromise,
            Self::AffiliationChanged => RevocationReason::AffiliationChanged,
            Self::Superseded => RevocationReason::Superseded,
            Self::CessationOfOperation => RevocationReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
        }
    }
}

/// Which certificates to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only of this kind.
    pub profile: Option<Profile>,
    /// Only of this site.
    pub site: Option<SiteId>,
    /// Only those that are good now.
    pub valid_only: bool,
    /// At most so many; 0 means the most that are given, 10,000.
    pub limit: u32,
}

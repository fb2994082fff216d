//! Profiles: what each kind of certificate contains (RFC 5280). The request decides nothing but the public key.

use std::time::Duration;

use event::{SiteId, Timestamp, UserName};
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use serde::Serialize;

use super::name::{COMMON_NAME_CHARS_MAX, ServerNames, machine_uri, site_host, site_uri};
use super::serial;
use crate::PkiError;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// How long the root certificate is valid.
pub(crate) const ROOT_VALID: Duration = DAY.saturating_mul(20 * 365);
/// How long the issuing certificate is valid.
pub(crate) const ISSUING_VALID: Duration = DAY.saturating_mul(10 * 365);
/// Certificates are valid from a little before they are made: clocks of sites differ.
const BACKDATED: Duration = Duration::from_secs(300);

/// The kinds of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The root: signs the issuing certificate and nothing else.
    Root,
    /// The issuing certificate: signs sites and servers.
    Issuing,
    /// This server, to those who connect to it.
    Server,
    /// A site, to this server.
    Site,
    /// A program with an account of its own, to this server's HTTPS port.
    Machine,
}

impl Profile {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::Server => "server",
            Self::Site => "site",
            Self::Machine => "machine",
        }
    }

    /// Reads what [`Profile::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Root, Self::Issuing, Self::Server, Self::Site, Self::Machine];
        all.into_iter().find(|profile| profile.as_str() == text)
    }

    /// Most certificates that may follow below one of this profile; `None` when it may sign none.
    pub(crate) fn path_length(self) -> Option<u8> {
        match self {
            Self::Root => Some(1),
            Self::Issuing => Some(0),
            Self::Server | Self::Site | Self::Machine => None,
        }
    }

    /// What the key may be used for.
    pub(crate) fn key_usages(self) -> Vec<KeyUsagePurpose> {
        match self {
            Self::Root | Self::Issuing => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            Self::Server | Self::Site | Self::Machine => vec![KeyUsagePurpose::DigitalSignature],
        }
    }

    /// What the certificate proves, and to whom.
    pub(crate) fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Root | Self::Issuing => Vec::new(),
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Site | Self::Machine => vec![ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

/// From when to when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Validity {
    /// From a little before `now`, for `valid`, but never beyond `end`. Whole seconds, as certificates have them.
    pub(crate) fn starting(now: Timestamp, valid: Duration, end: Timestamp) -> Self {
        let not_after = now.plus(valid).min(end);
        Self {
            not_before: Timestamp::from_secs(now.minus(BACKDATED).secs()),
            not_after: Timestamp::from_secs(not_after.secs()),
        }
    }
}

/// Time since the epoch, for the X.509 library's dates; zero for times before it.
pub(crate) fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.secs()).unwrap_or(0))
}

/// The parameters of one certificate.
pub(crate) struct Draft<'d> {
    pub(crate) profile: Profile,
    pub(crate) serial: &'d str,
    pub(crate) validity: Validity,
    pub(crate) organisation: &'d str,
    pub(crate) crl_urls: &'d [String],
}

impl Draft<'_> {
    /// A certificate of the authority itself.
    pub(crate) fn authority(&self, common_name: &str) -> Result<CertificateParams, PkiError> {
        self.params(Some(common_name), Vec::new())
    }

    /// The server's certificate.
    pub(crate) fn server(&self, names: &ServerNames) -> Result<CertificateParams, PkiError> {
        let common_name = names.hosts.iter().find(|host| host.len() <= COMMON_NAME_CHARS_MAX);
        self.params(common_name.map(String::as_str), names.alternative()?)
    }

    /// A site's certificate: identity as URI, host name where the id can be one.
    pub(crate) fn site(&self, site: &SiteId) -> Result<CertificateParams, PkiError> {
        let mut names = vec![SanType::URI(site_uri(site).as_str().try_into()?)];
        if let Some(host) = site_host(site) {
            names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        let fits = site.as_str().chars().count() <= COMMON_NAME_CHARS_MAX;
        self.params(fits.then_some(site.as_str()), names)
    }

    /// The certificate of a program's account: its identity as URI, no host name.
    pub(crate) fn machine(&self, machine: &UserName) -> Result<CertificateParams, PkiError> {
        let names = vec![SanType::URI(machine_uri(machine).as_str().try_into()?)];
        let fits = machine.as_str().chars().count() <= COMMON_NAME_CHARS_MAX;
        self.params(fits.then_some(machine.as_str()), names)
    }

    fn params(&self, common_name: Option<&str>, names: Vec<SanType>) -> Result<CertificateParams, PkiError> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial::bytes(self.serial)?));
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(self.validity.not_before);
        params.not_after = epoch + since_epoch(self.validity.not_after);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, self.organisation);
        if let Some(common_name) = common_name {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        params.subject_alt_names = names;
        // `ExplicitNoCa` writes basicConstraints and the subject's key identifier as well.
        params.is_ca = match self.profile.path_length() {
            Some(length) => IsCa::Ca(BasicConstraints::Constrained(length)),
            None => IsCa::ExplicitNoCa,
        };
        params.key_usages = self.profile.key_usages();
        params.extended_key_usages = self.profile.extended_key_usages();
        params.use_authority_key_identifier_extension = true;
        if self.profile.path_length().is_none() && !self.crl_urls.is_empty() {
            params.crl_distribution_points = vec![CrlDistributionPoint { uris: self.crl_urls.to_vec() }];
        }
        Ok(params)
    }
}

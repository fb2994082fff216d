//! Who asks: a session, an API token, a site's certificate, or the operator at the Unix socket.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::event::{Object, Operation, Permit, Role, SiteId, Subject, UserName};
use ::policy::account::Session;
use ::policy::{AccountError, Guard};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::link::PeerSite;

use super::App;
use super::problem::Problem;

/// The session's cookie: bound to this host, never sent to another, never readable by scripts.
pub const COOKIE_NAME: &str = "__Host-metrosoc";
/// The header that every changing request with a cookie carries.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Where a connection comes from; one a connection, in every request's extensions.
#[derive(Debug, Clone)]
pub enum Remote {
    /// TLS, with the site of its client certificate where it showed one.
    Tls { address: SocketAddr, site: Option<PeerSite> },
    /// The Unix socket in the data directory.
    Local(LocalPeer),
}

/// The process at the other end of the Unix socket.
#[derive(Debug, Clone, Copy)]
pub struct LocalPeer {
    /// Its user, as the kernel says.
    pub uid: u32,
}

impl Remote {
    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tls { address, .. } => address.ip().to_canonical().is_loopback(),
            Self::Local(_) => true,
        }
    }

    /// Its address; loopback for the Unix socket.
    pub fn address(&self) -> IpAddr {
        match self {
            Self::Tls { address, .. } => address.ip().to_canonical(),
            Self::Local(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        }
    }
}

impl Connected<Remote> for Remote {
    fn connect_info(remote: Remote) -> Self {
        remote
    }
}

/// How it is known who asks.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A cookie.
    Session(Session),
    /// An API token.
    Token,
    /// A client certificate of ours.
    Certificate(SiteId),
    /// The Unix socket.
    Local,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// To the guard.
    pub subject: Subject,
    /// How that is known.
    pub proof: Proof,
    /// From where.
    pub address: IpAddr,
}

impl Caller {
    /// Asks the guard. The one way from a request to a permit.
    ///
    /// # Errors
    /// 403 with the policy lines that said no.
    pub fn permit(&self, app: &App, operation: Operation, object: Object, purpose: &str) -> Result<Permit, Problem> {
        app.guard
            .permit(&self.subject, operation, object, purpose)
            .map_err(|denied| Problem::denied(denied.to_string(), denied.because))
    }

    async fn find(app: &App, parts: &Parts) -> Result<Option<Self>, Problem> {
        let Some(ConnectInfo(remote)) = parts.extensions.get::<ConnectInfo<Remote>>() else {
            return Ok(None);
        };
        let address = remote.address();
        if let Some(token) = token_of(&parts.headers)? {
            let subject = app.accounts.authenticate_token(&token).await.map_err(|error| account_problem(&error))?;
            return Ok(Some(Self { subject, proof: Proof::Token, address }));
        }
        if let Some(token) = cookie_of(&parts.headers) {
            let session = match app.accounts.session(token).await {
                Ok(session) => session,
                Err(AccountError::NotSignedIn) => return Ok(None),
                Err(error) => return Err(account_problem(&error)),
            };
            check_csrf(&session, parts)?;
            return Ok(Some(Self { subject: session.subject.clone(), proof: Proof::Session(session), address }));
        }
        match remote {
            Remote::Local(peer) => {
                let subject =
                    Guard::operator(peer.uid).map_err(|denied| Problem::denied(denied.to_string(), Vec::new()))?;
                Ok(Some(Self { subject, proof: Proof::Local, address }))
            }
            Remote::Tls { site: Some(peer), .. } => {
                app.attribution.certificate_shown(&peer.site, &peer.serial, address);
                Ok(Some(of_site(app, peer, address)?))
            }
            Remote::Tls { site: None, .. } => Ok(None),
        }
    }
}

fn of_site(app: &App, peer: &PeerSite, address: IpAddr) -> Result<Caller, Problem> {
    let name = UserName::new(format!("site:{}", peer.site)).map_err(|error| Problem::bad_request(error.to_string()))?;
    let agency = app.sites.by_id(&peer.site).map(|site| site.agency.clone());
    let subject = Subject { name, role: Role::Machine, agency };
    Ok(Caller { subject, proof: Proof::Certificate(peer.site.clone()), address })
}

fn check_csrf(session: &Session, parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let sent = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if session.csrf_matches(sent) {
        Ok(())
    } else {
        Err(Problem::denied(format!("header `{CSRF_HEADER}` is missing or not this session's"), Vec::new()))
    }
}

/// `Bearer TOKEN`, `ApiKey BASE64(id:TOKEN)`, `ApiKey TOKEN` or `Basic BASE64(name:TOKEN)`.
fn token_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let unreadable =
        || Problem::unauthenticated("header `Authorization` is not `Bearer`, `ApiKey` or `Basic` with a token");
    let text = value.to_str().map_err(|_| unreadable())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(unreadable)?;
    let rest = rest.trim();
    let pair = || {
        let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.and_then(|pair| pair.split_once(':').map(|(_, secret)| secret.to_owned()))
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Ok(Some(rest.to_owned())),
        "apikey" => Ok(Some(pair().unwrap_or_else(|| rest.to_owned()))),
        "basic" => pair().map(Some).ok_or_else(unreadable),
        _ => Err(unreadable()),
    }
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

/// What an account's error is to HTTP.
pub fn account_problem(error: &AccountError) -> Problem {
    match error {
        AccountError::Refused | AccountError::NotSignedIn => Problem::unauthenticated(error.to_string()),
        AccountError::CodeRefused | AccountError::NotPermitted => Problem::denied(error.to_string(), Vec::new()),
        AccountError::Locked { wait } => Problem::too_many(error.to_string(), wait.as_secs()),
        AccountError::Unknown { .. } | AccountError::UnknownToken { .. } => Problem::not_found(error.to_string()),
        AccountError::Exists { .. } | AccountError::AlreadySetUp | AccountError::LastAdministrator { .. } => {
            Problem::conflict(error.to_string())
        }
        AccountError::WeakPassword { .. }
        | AccountError::BadName { .. }
        | AccountError::AgencyNeeded { .. }
        | AccountError::MachinePassword => Problem::bad_request(error.to_string()),
        _ => Problem::fault("accounts", error),
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let found = Self::find(app, parts).await?;
        found.ok_or_else(|| Problem::unauthenticated("sign in, or send an API token as `Authorization: Bearer TOKEN`"))
    }
}

/// Who asks, when somebody does.
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<Arc<App>> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Caller::find(app, parts).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        assert_eq!(token_of(&headers).ok().flatten().as_deref(), expected, "{header}");
    }

    #[test]
    fn tokens_are_found_in_every_scheme() {
        check("Bearer abc", Some("abc"));
        check("ApiKey aWQ6YWJj", Some("abc"));
        check("ApiKey abc-def", Some("abc-def"));
        check("Basic bmFtZTphYmM=", Some("abc"));
        check("Basic !!", None);
        check("Digest abc", None);
        check("Bearer", None);
    }

    #[test]
    fn only_our_cookie_counts() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=1; metrosoc=x; __Host-metrosoc=tok; b=2".parse().unwrap());
        assert_eq!(cookie_of(&headers), Some("tok"));
    }
}

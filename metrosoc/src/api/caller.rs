//! Who asks: a session, an API token, a site's certificate, or the operator at the Unix socket.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::event::{AuthStrength, Authentication, Object, Operation, Permit, Role, SiteId, Subject, UserName};
use ::policy::account::{Session, Visitor};
use ::policy::guard::{Circumstances, Denied, Reason, Strength};
use ::policy::{AccountError, Guard};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keys::Secret;
use pki::link::{PeerMachine, PeerSite};

use super::App;
use super::problem::{Problem, chain};

/// The session's cookie: bound to this host, never sent to another, never readable by scripts.
pub const COOKIE_NAME: &str = "__Host-metrosoc";
/// The header that every changing request with a cookie carries.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// The header that names the grant through which events are asked for.
pub const GRANT_HEADER: &str = "metrosoc-grant";

/// The header in which a code of the account's second factor comes with an API token, for one request.
pub const CODE_HEADER: &str = "metrosoc-code";
/// Longest code: a recovery code with its dashes.
const CODE_BYTES_MAX: usize = 64;

/// Where a connection comes from; one a connection, in every request's extensions.
#[derive(Debug, Clone)]
pub enum Remote {
    /// TLS, with the site or the program's account of its client certificate where it showed one.
    Tls { address: SocketAddr, site: Option<PeerSite>, machine: Option<PeerMachine> },
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

    /// From where somebody signs in: the connection's address, whatever headers say, and the browser's own name.
    pub fn visitor(&self, headers: &HeaderMap) -> Visitor {
        let user_agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Visitor::new(self.address(), &user_agent.unwrap_or_default())
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
    /// A site's client certificate of ours.
    Certificate(SiteId),
    /// The client certificate of a program's account.
    Machine,
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
    /// How strong that is, and since when.
    pub authentication: Authentication,
    /// From where.
    pub address: IpAddr,
    /// The grant that is named: events are seen through it alone.
    pub grant: Option<String>,
}

impl Caller {
    /// Asks the guard. The one way from a request to a permit.
    ///
    /// # Errors
    /// 403 with the policy lines that said no.
    pub fn permit(&self, app: &App, operation: Operation, object: Object, purpose: &str) -> Result<Permit, Problem> {
        if let Proof::Session(session) = &self.proof
            && session.second_factor_due
        {
            return Err(Problem::second_factor_due());
        }
        self.circumstances(app, object)
            .and_then(|circumstances| app.guard.permit_in(&self.subject, operation, object, purpose, &circumstances))
            .map_err(|denied| self.denied(app, denied))
    }

    /// What surrounds the question: how surely it is known who asks, and the grant that is named.
    fn circumstances(&self, app: &App, object: Object) -> Result<Circumstances, Denied> {
        let plain = Circumstances::of(self.strength(app));
        match self.grant.as_deref().filter(|_| object == Object::Events) {
            None => Ok(plain),
            Some(id) => {
                let grant = Some(app.guard.granted(&self.subject, id)?);
                Ok(Circumstances { grant, through_grant: true, ..plain })
            }
        }
    }

    /// What the grant that is named was given for.
    pub fn granted_purpose(&self, app: &App) -> Option<String> {
        let grant = app.guard.granted(&self.subject, self.grant.as_deref()?).ok()?;
        Some(grant.purpose)
    }

    fn naming(self, headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(GRANT_HEADER) else { return Ok(self) };
        let id = value.to_str().ok().filter(|id| !id.is_empty() && id.len() <= 64);
        let id = id.ok_or_else(|| Problem::bad_request(format!("header `{GRANT_HEADER}` is no id of a grant")))?;
        Ok(Self { grant: Some(id.to_owned()), ..self })
    }

    /// With the second factor, where its code came beside an API token. The code is used up by this request.
    async fn proving(self, app: &App, parts: &Parts) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(CODE_HEADER) else { return Ok(self) };
        let Some(ConnectInfo(remote)) = parts.extensions.get::<ConnectInfo<Remote>>() else { return Ok(self) };
        if !matches!(self.proof, Proof::Token) {
            let detail = format!("header `{CODE_HEADER}` comes with an API token; whoever signed in steps up");
            return Err(Problem::bad_request(detail));
        }
        let code = value.to_str().ok().filter(|code| !code.is_empty() && code.len() <= CODE_BYTES_MAX);
        let code = code.ok_or_else(|| Problem::bad_request(format!("header `{CODE_HEADER}` is no code")))?;
        let code = Secret::new(code.to_owned());
        let shown = app.accounts.show_second_factor(&self.subject.name, &code, &remote.visitor(&parts.headers)).await;
        let authentication = shown.map_err(|error| account_problem(&error))?;
        Ok(Self { authentication, ..self })
    }

    /// How surely it is known who asks, in the policy's words. Two factors count while they are fresh.
    pub fn strength(&self, app: &App) -> Strength {
        let fresh = self.authentication.has_fresh_second_factor(app.clock.now(), app.accounts.step_up_age_max());
        match (self.authentication.strength, &self.proof) {
            (AuthStrength::Token, _) => Strength::Token,
            (AuthStrength::Certificate | AuthStrength::Local, _) => Strength::Certificate,
            (AuthStrength::TwoFactor, _) if fresh => Strength::TwoFactor,
            (AuthStrength::Federated, _) => Strength::Federated,
            (AuthStrength::TwoFactor, Proof::Session(session)) if session.federated => Strength::Federated,
            (AuthStrength::TwoFactor | AuthStrength::Password, _) => Strength::Password,
        }
    }

    /// What a denial is to HTTP: whoever signed in on the page may show the second factor where nothing else is missing.
    pub fn denied(&self, app: &App, denied: Denied) -> Problem {
        match (denied.reason, &self.proof) {
            (Reason::StrengthMissing, Proof::Session(_)) => Problem::step_up(app.accounts.step_up_age_max()),
            (Reason::StrengthMissing, Proof::Token) => {
                let detail = format!("{denied}: send a code of the second factor in the header `{CODE_HEADER}`");
                Problem::denied(detail, denied.because)
            }
            _ => Problem::denied(denied.to_string(), denied.because),
        }
    }

    /// The browser's session; tokens, certificates and the socket have none.
    ///
    /// # Errors
    /// 403 for every other proof.
    pub fn session(&self) -> Result<&Session, Problem> {
        match &self.proof {
            Proof::Session(session) => Ok(session),
            _ => Err(Problem::denied("this is for whoever signed in on the page, not for tokens", Vec::new())),
        }
    }

    /// Asks for a second factor that was shown within the last minutes: what reveals and the like begin with.
    ///
    /// # Errors
    /// 403 of the kind `step-up`: `POST /api/v1/session/step-up` first.
    pub fn fresh_second_factor(&self, app: &App) -> Result<(), Problem> {
        let age_max = app.accounts.step_up_age_max();
        if self.authentication.has_fresh_second_factor(app.clock.now(), age_max) {
            return Ok(());
        }
        Err(Problem::step_up(age_max))
    }

    /// The same where the account has a second factor: for acts on accounts, which somebody must do first of all.
    ///
    /// # Errors
    /// As [`Caller::fresh_second_factor`].
    pub fn fresh_where_enrolled(&self, app: &App) -> Result<(), Problem> {
        match &self.proof {
            Proof::Session(session) if session.second_factor => self.fresh_second_factor(app),
            _ => Ok(()),
        }
    }

    async fn find(app: &App, parts: &Parts) -> Result<Option<Self>, Problem> {
        let Some(ConnectInfo(remote)) = parts.extensions.get::<ConnectInfo<Remote>>() else {
            return Ok(None);
        };
        let address = remote.address();
        let now = |strength| Authentication::new(strength, app.clock.now());
        if let Some(token) = token_of(&parts.headers)? {
            let subject = of_token(app, &token).await?;
            return Ok(Some(Self {
                subject,
                proof: Proof::Token,
                authentication: now(AuthStrength::Token),
                address,
                grant: None,
            }));
        }
        if let Some(token) = cookie_of(&parts.headers) {
            let session = match app.accounts.session(token).await {
                Ok(session) => session,
                Err(AccountError::NotSignedIn) => return Ok(None),
                Err(error) => return Err(account_problem(&error)),
            };
            check_csrf(&session, parts)?;
            let (subject, authentication) = (session.subject.clone(), session.authentication);
            return Ok(Some(Self { subject, proof: Proof::Session(session), authentication, address, grant: None }));
        }
        match remote {
            Remote::Local(peer) => {
                let subject =
                    Guard::operator(peer.uid).map_err(|denied| Problem::denied(denied.to_string(), Vec::new()))?;
                Ok(Some(Self {
                    subject,
                    proof: Proof::Local,
                    authentication: now(AuthStrength::Local),
                    address,
                    grant: None,
                }))
            }
            Remote::Tls { site: Some(peer), .. } => {
                app.attribution.certificate_shown(&peer.site, &peer.serial, address);
                Ok(Some(of_site(app, peer, address)?))
            }
            Remote::Tls { machine: Some(peer), .. } => {
                let subject = app.accounts.machine(&peer.machine).await.map_err(|error| account_problem(&error))?;
                let authentication = now(AuthStrength::Certificate);
                Ok(Some(Self { subject, proof: Proof::Machine, authentication, address, grant: None }))
            }
            Remote::Tls { site: None, machine: None, .. } => Ok(None),
        }
    }
}

/// One of our tokens, or an access token of the sign-on provider where those are taken.
async fn of_token(app: &App, token: &str) -> Result<Subject, Problem> {
    let Some(sign_on) = app.sign_on.as_ref().filter(|sign_on| sign_on.takes(token)) else {
        return app.accounts.authenticate_token(token).await.map_err(|error| account_problem(&error));
    };
    let identity = sign_on.bearer(token).await.map_err(|error| {
        tracing::debug!(error = %chain(&error), "access token refused");
        Problem::unauthenticated("the access token is not valid here")
    })?;
    app.accounts.federated_subject(&identity).await.map_err(|error| account_problem(&error))
}

fn of_site(app: &App, peer: &PeerSite, address: IpAddr) -> Result<Caller, Problem> {
    let name = UserName::new(format!("site:{}", peer.site)).map_err(|error| Problem::bad_request(error.to_string()))?;
    let agency = app.sites.by_id(&peer.site).map(|site| site.agency.clone());
    let subject = Subject { name, role: Role::Machine, agency };
    let authentication = Authentication::new(AuthStrength::Certificate, app.clock.now());
    Ok(Caller { subject, proof: Proof::Certificate(peer.site.clone()), authentication, address, grant: None })
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
    headers.get_all(COOKIE).iter().find_map(|value| named_cookie(value, COOKIE_NAME))
}

/// The value of a cookie in one header.
pub fn named_cookie<'h>(header: &'h HeaderValue, name: &str) -> Option<&'h str> {
    let mut pairs = header.to_str().ok()?.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// What an account's error is to HTTP.
pub fn account_problem(error: &AccountError) -> Problem {
    match error {
        AccountError::Refused | AccountError::NotSignedIn | AccountError::ChallengeEnded => {
            Problem::unauthenticated(error.to_string())
        }
        AccountError::CodeRefused | AccountError::NotPermitted | AccountError::FederationRefused { .. } => {
            Problem::denied(error.to_string(), Vec::new())
        }
        AccountError::StepUpNeeded => Problem::step_up_for(error.to_string()),
        AccountError::Locked { wait } => Problem::too_many(error.to_string(), wait.as_secs()),
        AccountError::Unknown { .. } | AccountError::UnknownToken { .. } | AccountError::UnknownSession { .. } => {
            Problem::not_found(error.to_string())
        }
        AccountError::Exists { .. }
        | AccountError::AlreadySetUp
        | AccountError::LastAdministrator { .. }
        | AccountError::SecondFactorExists => Problem::conflict(error.to_string()),
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
        let found = Self::find(app, parts).await?.map(|caller| caller.naming(&parts.headers)).transpose()?;
        let none = || Problem::unauthenticated("sign in, or send an API token as `Authorization: Bearer TOKEN`");
        found.ok_or_else(none)?.proving(app, parts).await
    }
}

/// Who asks, when somebody does.
pub struct MaybeCaller(pub Option<Caller>);

impl FromRequestParts<Arc<App>> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let found = Caller::find(app, parts).await?;
        found.map(|caller| caller.naming(&parts.headers)).transpose().map(Self)
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

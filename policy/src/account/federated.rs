//! Accounts of the sign-on provider: found and made by issuer and subject, with the role that the provider's groups give.
//!
//! Whoever checks the provider's word (signature, audience, times) is `metrosoc/src/oidc`; what comes in here is taken
//! as proven. An e-mail address links nobody to anything.

use event::{AgencyId, AuthStrength, Authentication, Role, Subject, Timestamp, UserName};
use keys::Secret;
use serde_json::json;
use store::Tx;
use store::sqlx;
use tracing::info;

use super::session::{Beginning, end_sessions};
use super::sign_in::sign_in_counter;
use super::user::check_role;
use super::{Accounts, SignedIn, Visitor, account_name, record, storing};
use crate::AccountError;

/// Sign-ins that may be on their way through the provider at once; whoever comes then waits.
const FLOWS_MAX: i64 = 100_000;
/// How long a sign-in may take at the provider, in seconds.
const FLOW_SECS: u64 = 10 * 60;
/// Longest text of the provider's that is stored.
const TEXT_BYTES_MAX: usize = 255;
/// What stands for the session of a provider that names none.
const UNNAMED: &str = "-";
/// In whose name the ledger has what the provider's groups change.
const PROVIDER: &str = "sign-on";

/// What the provider says of somebody, already verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// The provider.
    pub issuer: String,
    /// Its own, lasting name for the person.
    pub subject: String,
    /// What the person would like to be called; used when the account is made, and only where it is free.
    pub name: String,
    /// The role that the person's groups give.
    pub role: Role,
    /// The agency that the provider's claims give.
    pub agency: Option<AgencyId>,
    /// Whether the provider saw two factors.
    pub two_factors: bool,
    /// When the person proved himself to the provider.
    pub authenticated: Option<Timestamp>,
    /// The provider's name of the session; empty for none.
    pub session: String,
}

/// A sign-in on its way through the provider. State, nonce and verifier are derived from one secret that only the
/// browser's cookie holds, so that a copied database is of no use.
#[derive(Debug)]
pub struct Flow(Secret<String>);

impl Flow {
    /// For the browser's cookie.
    pub fn token(&self) -> &Secret<String> {
        &self.0
    }

    /// What the provider must give back (RFC 6749, section 10.12).
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// What the identity token must name (OpenID Connect Core, section 3.1.2.1).
    pub fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What proves to the provider that the code is redeemed by who asked for it: 64 characters (RFC 7636).
    pub fn verifier(&self) -> Secret<String> {
        Secret::new(self.derived("verifier"))
    }

    fn derived(&self, purpose: &str) -> String {
        keys::token::digest(&format!("flow-{purpose}:{}", self.0.expose()))
    }
}

impl Accounts {
    /// Begins a sign-in at the provider.
    ///
    /// # Errors
    /// [`AccountError::Locked`] when too many are on their way, or when the store fails.
    pub async fn begin_flow(&self) -> Result<Flow, AccountError> {
        let flow = Flow(keys::token::random("mof_"));
        let mut tx = self.store.begin().await.map_err(storing)?;
        self.sweep(&mut tx).await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM account_federated_flow");
        if count.fetch_one(&mut *tx).await.map_err(storing)? >= FLOWS_MAX {
            return Err(AccountError::Locked { wait: std::time::Duration::from_secs(60) });
        }
        let ends = self.now().plus(std::time::Duration::from_secs(FLOW_SECS));
        let insert = sqlx::query("INSERT INTO account_federated_flow (digest, ends_ns) VALUES ($1, $2)");
        let insert = insert.bind(keys::token::digest(flow.0.expose())).bind(ends.nanos());
        insert.execute(&mut *tx).await.map_err(storing)?;
        tx.commit().await.map_err(storing)?;
        Ok(flow)
    }

    /// Takes a sign-in up again with the provider's answer: once, and only in the browser that began it.
    ///
    /// # Errors
    /// [`AccountError::ChallengeEnded`] when the state is not this cookie's, or the sign-in is unknown, used or too old.
    pub async fn take_flow(&self, cookie: &str, state: &str) -> Result<Flow, AccountError> {
        let flow = Flow(Secret::new(cookie.chars().take(TEXT_BYTES_MAX).collect()));
        if !keys::token::equal(&flow.state(), state) {
            return Err(AccountError::ChallengeEnded);
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let delete = sqlx::query("DELETE FROM account_federated_flow WHERE digest = $1 AND ends_ns > $2");
        let delete = delete.bind(keys::token::digest(flow.0.expose())).bind(self.now().nanos());
        if delete.execute(&mut *tx).await.map_err(storing)?.rows_affected() == 0 {
            return Err(AccountError::ChallengeEnded);
        }
        tx.commit().await.map_err(storing)?;
        Ok(flow)
    }

    /// Signs in whom the provider vouches for. The account is made at the first time; its role follows the groups.
    ///
    /// # Errors
    /// [`AccountError::Refused`] for a disabled account; [`AccountError::FederationRefused`] for a role that no person
    /// has, or that lacks its agency; when store or journal fail.
    pub async fn sign_in_federated(
        &self,
        identity: &FederatedIdentity,
        visitor: impl Into<Visitor>,
    ) -> Result<SignedIn, AccountError> {
        let visitor = visitor.into();
        if identity.role == Role::Machine {
            return Err(AccountError::FederationRefused { reason: "role `machine` signs in by token or certificate" });
        }
        let subject = self.federated_subject(identity).await.inspect_err(|_| sign_in_counter("refused"))?;
        let name = &subject.name;
        let strength = if identity.two_factors { AuthStrength::TwoFactor } else { AuthStrength::Federated };
        let at = identity.authenticated.unwrap_or_else(|| self.now()).min(self.now());
        let session = if identity.session.is_empty() { UNNAMED } else { identity.session.as_str() };
        let mut tx = self.store.begin().await.map_err(storing)?;
        let mut shown = Authentication::new(strength, at);
        // A provider that does not say when it saw two factors may have seen them long ago: no step-up.
        shown.second_factor_at = shown.second_factor_at.filter(|_| identity.authenticated.is_some());
        let beginning = Beginning::new(name, shown, &visitor).federated(session);
        let signed_in = self.begin_session_in(&mut tx, beginning).await?;
        let detail = json!({ "address": visitor.address.to_string(), "with": "sign-on provider" });
        self.commit(tx, name.as_str(), "sign_in", name.as_str(), detail).await?;
        sign_in_counter("accepted");
        info!(user = %name, address = %visitor.address, way = "sign-on provider", "signed in");
        Ok(signed_in)
    }

    /// The account of whom the provider vouches for, as the guard knows it: made where there is none, its role and agency
    /// brought up to date.
    ///
    /// # Errors
    /// [`AccountError::Refused`] for a disabled account, [`AccountError::FederationRefused`] for an unusable identity;
    /// when store or journal fail.
    pub async fn federated_subject(&self, identity: &FederatedIdentity) -> Result<Subject, AccountError> {
        let unusable = |text: &str| text.is_empty() || text.len() > TEXT_BYTES_MAX;
        if unusable(&identity.issuer) || unusable(&identity.subject) || identity.session.len() > TEXT_BYTES_MAX {
            return Err(AccountError::FederationRefused { reason: "the provider's name for it is empty or too long" });
        }
        if check_role(identity.role, identity.agency.as_ref()).is_err() {
            return Err(AccountError::FederationRefused { reason: "its role needs an agency, and no claim gives one" });
        }
        let mut found = self.store.pool().acquire().await.map_err(storing)?;
        let linked = linked(&mut found, identity).await?;
        drop(found);
        let Some(name) = linked else { return self.make_federated(identity).await };
        let stored = record::find(self.store.pool(), &name).await?.ok_or(AccountError::Refused)?;
        if stored.account.disabled {
            self.refused(&name).await?;
            return Err(AccountError::Refused);
        }
        let subject = Subject { name, role: identity.role, agency: identity.agency.clone() };
        if stored.account.subject() != subject {
            self.follow_groups(&subject).await?;
        }
        Ok(subject)
    }

    /// Ends sessions at the provider's word: of one person, or one session by the provider's own name; gives their number.
    ///
    /// # Errors
    /// When the store or the journal fails.
    pub async fn end_federated(
        &self,
        issuer: &str,
        subject: Option<&str>,
        session: Option<&str>,
    ) -> Result<u64, AccountError> {
        let statement = "DELETE FROM account_session WHERE provider_session <> '' \
                         AND ($1 = '' OR provider_session = $2) AND account IN (SELECT account FROM account_federated \
                         WHERE issuer = $3 AND ($4 = '' OR subject = $5))";
        let (subject, session) = (subject.unwrap_or_default(), session.unwrap_or_default());
        if subject.is_empty() && session.is_empty() {
            return Ok(0);
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let delete = sqlx::query(statement).bind(session).bind(session).bind(issuer).bind(subject).bind(subject);
        let ended = delete.execute(&mut *tx).await.map_err(storing)?.rows_affected();
        self.commit(tx, PROVIDER, "provider_sign_out", PROVIDER, json!({ "sessions": ended })).await?;
        Ok(ended)
    }

    /// Records that the provider's word was not enough.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn refused_federated(&self, visitor: &Visitor) -> Result<(), AccountError> {
        sign_in_counter("refused");
        let detail = json!({ "address": visitor.address.to_string(), "with": "sign-on provider" });
        let append = self.journal.append("unknown", "sign_in_refused", "unknown", detail);
        append.await.map(|_| ()).map_err(AccountError::Ledger)
    }

    async fn refused(&self, name: &UserName) -> Result<(), AccountError> {
        let detail = json!({ "with": "sign-on provider" });
        let append = self.journal.append(name.as_str(), "sign_in_refused", name.as_str(), detail);
        append.await.map(|_| ()).map_err(AccountError::Ledger)
    }

    async fn make_federated(&self, identity: &FederatedIdentity) -> Result<Subject, AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        // Two first sign-ins at the same time make one account.
        if let Some(name) = linked(&mut tx, identity).await? {
            let stored = record::find(&mut *tx, &name).await?.filter(|stored| !stored.account.disabled);
            return stored.map(|stored| stored.account.subject()).ok_or(AccountError::Refused);
        }
        let name = free_name(&mut tx, identity).await?;
        self.insert(&mut tx, &name, identity.role, identity.agency.as_ref(), "").await?;
        let statement = "INSERT INTO account_federated (issuer, subject, account, created_ns, used_ns) \
                         VALUES ($1, $2, $3, $4, $5)";
        let now = self.now().nanos();
        let insert = sqlx::query(statement).bind(&identity.issuer).bind(&identity.subject).bind(name.as_str());
        insert.bind(now).bind(now).execute(&mut *tx).await.map_err(storing)?;
        let detail = json!({ "role": identity.role, "agency": identity.agency, "issuer": identity.issuer });
        self.commit(tx, PROVIDER, "user_created", name.as_str(), detail).await?;
        info!(user = %name, role = identity.role.as_str(), "account made at the sign-on provider's word");
        Ok(Subject { name, role: identity.role, agency: identity.agency.clone() })
    }

    /// Gives an account the role and agency that its groups give now; sessions that had another end.
    async fn follow_groups(&self, subject: &Subject) -> Result<(), AccountError> {
        let mut tx = self.store.begin().await.map_err(storing)?;
        let before = record::find(&mut *tx, &subject.name).await?.ok_or(AccountError::Refused)?.account;
        let update = sqlx::query("UPDATE account SET role = $1, agency = $2, updated_ns = $3 WHERE name = $4");
        let update = update.bind(subject.role.as_str()).bind(subject.agency.as_ref().map_or("", AgencyId::as_str));
        let update = update.bind(self.now().nanos()).bind(subject.name.as_str());
        update.execute(&mut *tx).await.map_err(storing)?;
        end_sessions(&mut tx, &subject.name).await?;
        let detail = json!({
            "role": subject.role, "agency": subject.agency, "role_before": before.role, "agency_before": before.agency,
        });
        self.commit(tx, PROVIDER, "user_role_changed", subject.name.as_str(), detail).await
    }
}

async fn linked(
    connection: &mut sqlx::AnyConnection,
    identity: &FederatedIdentity,
) -> Result<Option<UserName>, AccountError> {
    let select = "SELECT account FROM account_federated WHERE issuer = $1 AND subject = $2";
    let select = sqlx::query_scalar::<_, String>(select).bind(&identity.issuer).bind(&identity.subject);
    select.fetch_optional(connection).await.map_err(storing)?.map(|name| account_name(&name)).transpose()
}

/// The wished name where it is usable and free; otherwise one that tells it apart for ever. Nobody gets an account that
/// is there already by calling himself like it.
async fn free_name(tx: &mut Tx, identity: &FederatedIdentity) -> Result<UserName, AccountError> {
    let mark = keys::token::digest(&format!("federated:{}:{}", identity.issuer, identity.subject));
    let mark: String = mark.chars().take(8).collect();
    for wish in [identity.name.clone(), format!("{}-{mark}", identity.name), format!("sso-{mark}")] {
        let Ok(name) = account_name(&wish) else { continue };
        if record::find(&mut **tx, &name).await?.is_none() {
            return Ok(name);
        }
    }
    Err(AccountError::FederationRefused { reason: "no name is free for it" })
}

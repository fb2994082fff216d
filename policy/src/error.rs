//! What can go wrong with a policy, with accounts and with the audit record.

use std::path::PathBuf;
use std::time::Duration;

use event::Role;

/// A policy that cannot be used. The one in force before stays.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file could not be read.
    #[error("policy file `{}` could not be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than any policy needs to be.
    #[error("policy file `{file}` has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// The file.
        file: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// `model.conf` is not a model that the guard can trust.
    #[error("model.conf: {reason}")]
    Model {
        /// Why not.
        reason: String,
    },
    /// A line of `policy.csv` is wrong.
    #[error("policy.csv:{line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// `purposes.yml` is wrong.
    #[error("purposes.yml: {reason}")]
    Purposes {
        /// What is wrong with it.
        reason: String,
    },
    /// `masks.yml` is wrong.
    #[error("masks.yml: {reason}")]
    Masks {
        /// What is wrong with it.
        reason: String,
    },
    /// `reveals.yml` is wrong.
    #[error("reveals.yml: {reason}")]
    Reveals {
        /// What is wrong with it.
        reason: String,
    },
    /// `applications.csv` is wrong; line 0 is the file as a whole.
    #[error("applications.csv:{line}: {reason}")]
    Application {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The tests beside a policy cannot be read.
    #[error("policy.test.yml: {reason}")]
    Cases {
        /// What is wrong with them.
        reason: String,
    },
    /// A stored policy is not what was stored.
    #[error("the stored policy: {reason}")]
    Stored {
        /// What differs.
        reason: String,
    },
    /// The engine refused or failed.
    #[error("the policy engine failed: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
}

/// Why something about accounts was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Name, password, code or token are wrong, or the account may not sign in. Deliberately not said which.
    #[error("name or password is wrong, or the account is disabled")]
    Refused,
    /// The one-time code is wrong, used or too old.
    #[error("the code is wrong, used or too old")]
    CodeRefused,
    /// The first step of the sign-in is unknown, used, too old, or had too many wrong codes.
    #[error("the sign-in took too long or had too many wrong codes; begin again")]
    ChallengeEnded,
    /// Something that asks for a fresh proof of who is there.
    #[error("show the second factor again, or sign in again, for this")]
    StepUpNeeded,
    /// The account has a second factor already.
    #[error("the account has a second factor; remove it first to enrol another")]
    SecondFactorExists,
    /// There is no such session.
    #[error("there is no session `{id}`")]
    UnknownSession {
        /// Its id.
        id: String,
    },
    /// The secret of a second factor could not be sealed or opened.
    #[error("the second factor's secret could not be sealed or opened")]
    Seal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The sign-on provider's word gives no access here.
    #[error("the sign-on account gives no access to MetroSOC: {reason}")]
    FederationRefused {
        /// Why, for the person to tell an administrator.
        reason: &'static str,
    },
    /// Too many failed attempts; the same for accounts that exist and those that do not.
    #[error("too many attempts; try again in {} s", wait.as_secs().max(1))]
    Locked {
        /// How long to wait.
        wait: Duration,
    },
    /// The session or token is unknown, ended or revoked.
    #[error("not signed in")]
    NotSignedIn,
    /// The permit does not cover this.
    #[error("the permit does not allow this")]
    NotPermitted,
    /// The password does not meet the rules.
    #[error("password refused: {reason}")]
    WeakPassword {
        /// Which rule.
        reason: &'static str,
    },
    /// The name cannot be used.
    #[error("name `{name}` cannot be used: {reason}")]
    BadName {
        /// The name, shortened.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Somebody has that name.
    #[error("an account named `{name}` exists already")]
    Exists {
        /// The name.
        name: String,
    },
    /// Nobody has that name.
    #[error("there is no account named `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// There is no such token.
    #[error("there is no token `{id}`")]
    UnknownToken {
        /// Its id.
        id: String,
    },
    /// The role only makes sense with an agency.
    #[error("role `{}` needs an agency (`--agency ID`)", role.as_str())]
    AgencyNeeded {
        /// The role.
        role: Role,
    },
    /// A program has no password, a person needs one.
    #[error("role `machine` has no password; give it a token (`--token`)")]
    MachinePassword,
    /// The platform would be left without an administrator.
    #[error("`{name}` is the last administrator who can sign in; make another one first")]
    LastAdministrator {
        /// The name.
        name: String,
    },
    /// An administrator exists, so the set-up is over.
    #[error("an administrator exists already; sign in, or ask the operator of the machine for a recovery code")]
    AlreadySetUp,
    /// The state could not be read or written.
    #[error("accounts could not be read or written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The change could not be recorded and was therefore not made.
    #[error("the change could not be recorded in the ledger and was not made")]
    Ledger(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hash,
    /// A row holds something that this version does not know; whoever it is about is refused.
    #[error("stored account `{name}` cannot be understood: {reason}")]
    Corrupt {
        /// Whose row.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why something in the care of a policy was not done.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The permit does not cover this.
    #[error("the permit does not allow this")]
    NotPermitted,
    /// What was sent is not a policy.
    #[error(transparent)]
    Policy(PolicyError),
    /// What was sent cannot be used.
    #[error("{reason}")]
    Invalid {
        /// Why not.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    Unknown {
        /// What.
        what: String,
    },
    /// Its state does not allow this.
    #[error("{reason}")]
    Conflict {
        /// Why not.
        reason: String,
    },
    /// It takes somebody else.
    #[error("{reason}")]
    SamePerson {
        /// Who must not do it.
        reason: String,
    },
    /// Pseudonyms of a person whose data is not processed further.
    #[error(
        "`{token}` and {others} more of these pseudonyms are of persons whose data is not processed further, and are not \
         revealed for the purpose `{purpose}`; the data-protection officer can say more"
    )]
    Restricted {
        /// The first of them.
        token: String,
        /// How many more.
        others: usize,
        /// What they were wanted for.
        purpose: String,
    },
    /// The state could not be read or written.
    #[error("the policy's records could not be read or written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The change could not be recorded and was therefore not made.
    #[error("the change could not be recorded in the ledger and was not made")]
    Ledger(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A list of holidays that cannot be used. The one in force before stays.
#[derive(Debug, thiserror::Error)]
pub enum HolidayError {
    /// The file could not be read.
    #[error("list of holidays `{}` could not be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A row is wrong.
    #[error("holidays.csv, line {line}: {reason}")]
    Line {
        /// Counted from 1; 0 for the whole.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Why the audit record was not given.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The permit does not cover the audit record.
    #[error("the permit does not cover the audit record")]
    NotPermitted,
    /// The ledger could not be read, or the reading could not be recorded.
    #[error("the ledger could not be read or written")]
    Ledger(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the vault cannot do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Its data keys are not there, or of another vault.
    #[error("the vault is locked: {reason}")]
    Lost {
        /// Why, and what to do.
        reason: String,
    },
    /// The file of the data keys cannot be looked at.
    #[error("the vault's data keys `{}` cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A row or a key was changed by somebody else.
    #[error("what the vault holds of `{token}` was changed, or is of another master key; restore it from a backup")]
    Damaged {
        /// Whose.
        token: crate::vault::Token,
    },
    /// Others bring in the same values all the time.
    #[error("the vault is contended by another writer; try again")]
    Contended,
    /// A key cannot be made or derived.
    #[error("the vault's keys failed")]
    Keys(#[from] keys::KeyError),
    /// A database refused.
    #[error("the vault's database refused")]
    Store(#[from] store::StoreError),
}

//! Passwords: the rules for new ones, and hashing that cannot exhaust the machine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keys::Secret;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::AccountError;

/// Fewest characters of a new password. Length is the only rule of composition there is (NIST SP 800-63B).
pub const CHARACTERS_MIN: usize = 12;
/// Most bytes of a password.
pub const BYTES_MAX: usize = 1024;
/// Hashes computed at one time; each takes tens of megabytes.
const AT_ONCE: usize = 2;
/// Attempts waiting for their turn; more are refused.
const WAITING_MAX: usize = 64;

/// Hashes and verifies. `Argon2id` is the one in use; tests bring a cheaper one.
pub trait Hasher: Send + Sync + fmt::Debug {
    /// The text to store.
    ///
    /// # Errors
    /// When it cannot be computed.
    fn hash(&self, password: &Secret<String>) -> Result<String, AccountError>;
    /// Whether the password is the one that was hashed; `false` for anything unreadable.
    fn verify(&self, password: &Secret<String>, stored: &str) -> bool;
}

/// Argon2id with the parameters of `keys::password`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Argon2id;

impl Hasher for Argon2id {
    fn hash(&self, password: &Secret<String>) -> Result<String, AccountError> {
        keys::password::hash(password).map_err(|_| AccountError::Hash)
    }

    fn verify(&self, password: &Secret<String>, stored: &str) -> bool {
        keys::password::verify(password, stored)
    }
}

/// Hashes off the threads that serve, few at a time.
#[derive(Debug, Clone)]
pub(super) struct Bench {
    hasher: Arc<dyn Hasher>,
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// The hash of a password that nobody has: what an unknown name is verified against, so that it takes as long.
    nobody: Arc<str>,
}

impl Bench {
    pub(super) async fn new(hasher: Arc<dyn Hasher>) -> Result<Self, AccountError> {
        let first = Arc::clone(&hasher);
        let nobody = tokio::task::spawn_blocking(move || first.hash(&keys::token::random("nobody_")))
            .await
            .map_err(|_| AccountError::Hash)??;
        Ok(Self {
            hasher,
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody: Arc::from(nobody),
        })
    }

    pub(super) async fn hash(&self, password: Secret<String>) -> Result<String, AccountError> {
        self.work(move |hasher| hasher.hash(&password)).await?
    }

    /// Verifies against `stored`, or against nobody's password and then says no.
    pub(super) async fn verify(&self, password: Secret<String>, stored: Option<String>) -> Result<bool, AccountError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.to_string());
        Ok(self.work(move |hasher| hasher.verify(&password, &stored)).await? && known)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Hasher) -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let busy = |_| AccountError::Locked { wait: Duration::from_secs(1) };
        let _place = Arc::clone(&self.waiting).try_acquire_owned().map_err(busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| AccountError::Hash)?;
        let hasher = Arc::clone(&self.hasher);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&*hasher);
            drop(turn); // held until here even when nobody waits for the answer any more
            done
        });
        done.await.map_err(|_| AccountError::Hash)
    }
}

/// Whether a new password may be used by that account: long enough, and not its name.
///
/// # Errors
/// [`AccountError::WeakPassword`] says which rule.
pub fn check(name: &str, password: &Secret<String>) -> Result<(), AccountError> {
    let weak = |reason: &'static str| Err(AccountError::WeakPassword { reason });
    let text = password.expose();
    if text.len() > BYTES_MAX {
        return weak("longer than 1024 bytes");
    }
    if text.nfc().count() < CHARACTERS_MIN {
        return weak("shorter than 12 characters; a few words are better than a few signs");
    }
    let plain =
        |text: &str| text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect::<String>();
    let (password, name) = (plain(text), plain(name));
    if !name.is_empty() && password.replace(&name, "").is_empty() && !password.is_empty() {
        return weak("it is the name of the account");
    }
    let mut letters = text.chars();
    if let Some(first) = letters.next()
        && letters.all(|letter| letter == first)
    {
        return weak("it is one character repeated");
    }
    Ok(())
}

//! A value that is never printed and is wiped from memory when dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

/// What every secret prints as.
const REDACTED: &str = "REDACTED";

/// Holds a secret: `Debug`, `Display` and `Serialize` give `REDACTED`, dropping it overwrites the bytes.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Each call is a place where a secret can leak: keep them few.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self::new(value.to_owned())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

/// Compares in a time that depends on the lengths only.
impl PartialEq for Secret<String> {
    fn eq(&self, other: &Self) -> bool {
        crate::token::equal(self.expose(), other.expose())
    }
}

impl Eq for Secret<String> {}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

/// Writes `REDACTED`, so that a printed configuration shows that a secret is set and no more.
impl<T: Zeroize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from("open sesame");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "REDACTED REDACTED Some(REDACTED)");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"REDACTED\"");
        let read: Secret<String> = serde_json::from_str("\"open sesame\"").unwrap();
        assert_eq!(read, secret);
        assert_eq!(read.expose(), "open sesame");
        assert_ne!(read, Secret::from("open sesamf"));
    }
}

//! Identifiers as types: bounded text, checked once, cheap to clone.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{IdError, Transport};

/// Longest identifier in bytes.
const ID_BYTES_MAX: usize = 128;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads the identifier: 1 to 128 bytes of letters, digits and `._-:@`.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                check($noun, text.as_ref()).map(|()| Self(Arc::from(text.as_ref())))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// One of the MetroNet connection points, such as `hcm-q1-p-bennghe`; `unknown` and `local` are reserved.
    SiteId,
    "site id"
);
text_id!(
    /// An organisation that owns sites and data; the *domain* of a Casbin decision.
    AgencyId,
    "agency id"
);
text_id!(
    /// One stream of logs from a site: transport and sender, such as `syslog-tls:hcm-q1-p-bennghe`.
    SourceId,
    "source id"
);
text_id!(
    /// A Sigma rule's `id`; a rule without one gets an id derived from its path.
    RuleId,
    "rule id"
);
text_id!(
    /// One alert.
    AlertId,
    "alert id"
);
text_id!(
    /// One exception: a decision to hide findings.
    ExceptionId,
    "exception id"
);
text_id!(
    /// One case.
    CaseId,
    "case id"
);
text_id!(
    /// One response plan.
    PlanId,
    "plan id"
);
text_id!(
    /// A user's or a machine's account name.
    UserName,
    "user name"
);

impl SiteId {
    /// The site of senders that nobody registered.
    pub fn unknown() -> Self {
        Self(Arc::from("unknown"))
    }

    /// The machine that MetroSOC itself runs on.
    pub fn local() -> Self {
        Self(Arc::from("local"))
    }
}

impl SourceId {
    /// `TRANSPORT:SENDER`; characters that identifiers do not have become `_`, and what is too long is cut.
    pub fn of(transport: Transport, sender: &str) -> Self {
        let mut text = format!("{}:", transport.as_str());
        for found in sender.chars() {
            if text.len() + found.len_utf8() > ID_BYTES_MAX {
                break;
            }
            text.push(if allowed(found) { found } else { '_' });
        }
        Self(Arc::from(text))
    }
}

/// One stored event: its position in the spool, 0 first. Unique for ever, in the order of receipt.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn check(noun: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { noun });
    }
    if text.len() > ID_BYTES_MAX {
        let text = text.chars().take(24).collect();
        return Err(IdError::TooLong { noun, text, max: ID_BYTES_MAX });
    }
    match text.chars().find(|&found| !allowed(found)) {
        Some(found) => Err(IdError::Character { noun, text: text.to_owned(), found }),
        None => Ok(()),
    }
}

fn allowed(found: char) -> bool {
    found.is_alphanumeric() || matches!(found, '.' | '_' | '-' | ':' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_once() {
        assert_eq!(SiteId::new("hcm-q1-p-bennghe").unwrap().as_str(), "hcm-q1-p-bennghe");
        assert_eq!(SiteId::new("").unwrap_err().to_string(), "site id is empty");
        assert!(SiteId::new("a b").unwrap_err().to_string().contains("` `"));
        assert!(RuleId::new("x".repeat(129)).unwrap_err().to_string().contains("longer than 128"));
        assert!(serde_json::from_str::<AgencyId>("\"a/b\"").is_err());
        assert_eq!(SourceId::of(Transport::Local, "auth log").as_str(), "local:auth_log");
        let long = SourceId::of(Transport::Http, &"é".repeat(200));
        assert_eq!(SourceId::new(long.as_str()).unwrap(), long);
    }
}

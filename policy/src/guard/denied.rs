//! A denial: why, and the policy lines that said so.

use std::fmt;

use serde::Serialize;

/// Why the guard said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No line allows it.
    NoLine,
    /// A line denies it.
    DenyLine,
    /// It needs a purpose and none was stated.
    PurposeMissing,
    /// The purpose stated is not one of `purposes.yml`.
    PurposeUnknown,
    /// The purpose stated is known but not one that this may be done for.
    PurposeNotAllowed,
    /// It is allowed over the own agency only, and the account has none.
    AgencyMissing,
    /// It needs a legal basis.
    BasisMissing,
    /// It must be known more surely who asks.
    StrengthMissing,
    /// It needs a grant that is in force.
    GrantMissing,
    /// It is allowed at other times.
    TimeNotAllowed,
    /// It is allowed under several conditions, of which more than one is missing.
    ConditionsMissing,
    /// What the role asks of a person (training, appointment, confidentiality) has ended.
    PersonnelMissing,
    /// The subject cannot be a subject: a reserved name with a role that does not go with it.
    SubjectInvalid,
    /// There is no policy in force.
    PolicyMissing,
    /// The policy has not been confirmed for too long.
    PolicyStale,
    /// The policy engine failed.
    EngineFailed,
}

impl Reason {
    /// As metrics and answers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLine => "no_line",
            Self::DenyLine => "deny_line",
            Self::PurposeMissing => "purpose_missing",
            Self::PurposeUnknown => "purpose_unknown",
            Self::PurposeNotAllowed => "purpose_not_allowed",
            Self::AgencyMissing => "agency_missing",
            Self::BasisMissing => "basis_missing",
            Self::StrengthMissing => "strength_missing",
            Self::GrantMissing => "grant_missing",
            Self::TimeNotAllowed => "time_not_allowed",
            Self::ConditionsMissing => "conditions_missing",
            Self::PersonnelMissing => "personnel_missing",
            Self::SubjectInvalid => "subject_invalid",
            Self::PolicyMissing => "policy_missing",
            Self::PolicyStale => "policy_stale",
            Self::EngineFailed => "engine_failed",
        }
    }

    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoLine => "no line of the policy allows this",
            Self::DenyLine => "a line of the policy denies this",
            Self::PurposeMissing => "a purpose must be stated",
            Self::PurposeUnknown => "the purpose is not known",
            Self::PurposeNotAllowed => "this may not be done for the purpose stated",
            Self::AgencyMissing => "this covers the own agency only, and the account has none",
            Self::BasisMissing => "a legal basis must be stated",
            Self::StrengthMissing => "a stronger sign-in is needed",
            Self::GrantMissing => "a grant that is in force is needed",
            Self::TimeNotAllowed => "this is not allowed at this time",
            Self::ConditionsMissing => "several conditions are missing",
            Self::PersonnelMissing => "what the role asks of a person has ended",
            Self::SubjectInvalid => "the name and the role of the account do not go together",
            Self::PolicyMissing => "no policy is in force, so everything is denied",
            Self::PolicyStale => "the policy has not been confirmed for too long, so everything is denied",
            Self::EngineFailed => "the policy engine failed, so everything is denied",
        }
    }
}

/// The guard said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// Why.
    pub reason: Reason,
    /// The policy lines that said so, or the condition that was missing.
    pub because: Vec<String>,
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "denied: {}", self.reason.sentence())
    }
}

impl std::error::Error for Denied {}

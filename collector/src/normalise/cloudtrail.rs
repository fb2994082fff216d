//! Calls to AWS.

use event::{Event, EventFull};

use super::{address, classify, copies};

/// Adds who, from where, what, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    copies(
        &[
            ("aws.cloudtrail.eventName", "event.action"),
            ("aws.cloudtrail.eventSource", "event.provider"),
            ("aws.cloudtrail.eventID", "event.id"),
            ("aws.cloudtrail.awsRegion", "cloud.region"),
            ("aws.cloudtrail.recipientAccountId", "cloud.account.id"),
            ("aws.cloudtrail.userIdentity.accountId", "cloud.account.id"),
            ("aws.cloudtrail.userIdentity.userName", "user.name"),
            ("aws.cloudtrail.userIdentity.sessionContext.sessionIssuer.userName", "user.name"),
            ("aws.cloudtrail.userIdentity.principalId", "user.id"),
            ("aws.cloudtrail.userAgent", "user_agent.original"),
            ("aws.cloudtrail.errorCode", "error.code"),
            ("aws.cloudtrail.errorMessage", "error.message"),
        ],
        event,
    )?;
    event.set_default("cloud.provider", "aws")?;
    address("aws.cloudtrail.sourceIPAddress", "source.ip", "source.domain", event)?;
    let refused = event.get_str("aws.cloudtrail.responseElements.ConsoleLogin") == Some("Failure");
    let failed = refused || event.get_str("aws.cloudtrail.errorCode").is_some();
    event.set_default("event.outcome", if failed { "failure" } else { "success" })?;
    match event.get_str("event.action") {
        Some("ConsoleLogin" | "GetSessionToken" | "AssumeRole" | "AssumeRoleWithSAML") => {
            classify("authentication", &["start"], event)
        }
        _ if event.get_str("event.provider") == Some("iam.amazonaws.com") => classify("iam", &["info"], event),
        _ => classify("configuration", &["info"], event),
    }
}

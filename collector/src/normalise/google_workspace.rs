//! Google Workspace's activities.

use event::{Event, EventFull};

use super::{address, copies};

/// Settings of an administrator's act that Sigma has names for, by the parameter's name.
const PARAMETERS: [(&str, &str); 3] = [
    ("SETTING_NAME", "google_workspace.admin.setting.name"),
    ("NEW_VALUE", "google_workspace.admin.new_value"),
    ("OLD_VALUE", "google_workspace.admin.old_value"),
];

/// Adds who, from where, what, and the service that Sigma names.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    let application = event.get_str("id.applicationName").unwrap_or_default().to_owned();
    let is_name = !application.is_empty() && application.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let application = if is_name { application.as_str() } else { "reports" };
    event.set_default("event.dataset", format!("google_workspace.{application}").as_str())?;
    event.set_default("event.module", "google_workspace")?;
    event.set_default("service.name", format!("{application}.googleapis.com").as_str())?;
    copies(
        &[
            ("events.name", "event.action"),
            ("actor.email", "user.name"),
            ("actor.profileId", "user.id"),
            ("id.uniqueQualifier", "event.id"),
        ],
        event,
    )?;
    parameters("events.parameters", event)?;
    address("ipAddress", "source.ip", "source.domain", event)
}

/// Gives the parameters in the list under `name` the names that Sigma has for them; only where each has one value, since
/// a flat list does not say which value is whose otherwise.
pub(crate) fn parameters(name: &str, event: &mut Event) -> Result<(), EventFull> {
    let all = |part: &str| -> Vec<String> {
        event.get_all(&format!("{name}.{part}")).map(|value| value.text().into_owned()).collect()
    };
    let (names, values) = (all("name"), all("value"));
    if names.len() != values.len() {
        return Ok(());
    }
    for (name, value) in names.iter().zip(&values) {
        if let Some((_, to)) = PARAMETERS.iter().find(|(known, _)| *known == name) {
            event.set_default(to, value.as_str())?;
        }
    }
    Ok(())
}

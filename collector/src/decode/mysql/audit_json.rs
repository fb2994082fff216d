//! Audit records as JSON: MySQL Enterprise's (`class`, `event`, `account`) and Percona's (`audit_record`).

use event::{Event, EventFull, Mark, Value};

use super::super::{Dates, JsonShape, Shaped};
use super::{client, outcome};

/// The registry's line.
pub(crate) const SHAPE: JsonShape =
    JsonShape { name: "mysql.audit", strict: true, fits, shape, normalise: crate::normalise::mysql::to_ecs };

fn fits(event: &Event) -> bool {
    let enterprise = event.has("class") && event.has("event") && event.has("connection_id");
    let percona = event.has("audit_record.name") && event.has("audit_record.record");
    enterprise && (event.has("account.user") || event.has("login.user") || event.has("timestamp")) || percona
}

/// Names of one thing in both products, and the field that it becomes.
const NAMES: [(&str, &str); 10] = [
    ("login.user", "user.name"),
    ("account.user", "user.name"),
    ("general_data.query", "mysql.audit.statement"),
    ("sqltext", "mysql.audit.statement"),
    ("connection_data.db", "mysql.audit.database"),
    ("table_access_data.db", "mysql.audit.database"),
    ("db", "mysql.audit.database"),
    ("table_access_data.query", "mysql.audit.statement"),
    ("general_data.sql_command", "mysql.audit.command"),
    ("command_class", "mysql.audit.command"),
];

fn shape(mark: Mark, dates: &Dates<'_>, event: &mut Event) -> Result<Shaped, EventFull> {
    event.rename_since(mark, |old, new| {
        new.push_str("mysql.audit.");
        new.push_str(old.strip_prefix("audit_record.").unwrap_or(old));
        true
    })?;
    let own = |event: &Event, name: &str| event.get_str(&format!("mysql.audit.{name}")).map(str::to_owned);
    for (from, to) in NAMES {
        if let Some(value) = own(event, from).filter(|value| !value.is_empty()) {
            event.set_default(to, value.as_str())?;
        }
    }
    // `root[root] @ localhost []` is Percona's account.
    if let Some(user) = own(event, "user")
        && let Some(name) = user.split(['[', ' ']).next().filter(|name| !name.is_empty())
    {
        event.set_default("user.name", name)?;
    }
    for name in ["login.ip", "ip", "account.host", "host"] {
        if let Some(address) = own(event, name).filter(|address| !address.is_empty()) {
            event.set_default("mysql.audit.user_host", address.as_str())?;
            client(&address, event)?;
        }
    }
    let statuses = ["mysql.audit.general_data.status", "mysql.audit.connection_data.status", "mysql.audit.status"];
    let number = |value: Value<'_>| value.text().parse::<i64>().ok();
    if let Some(status) = statuses.into_iter().find_map(|name| event.get(name).and_then(number)) {
        event.set_default("event.outcome", outcome(status))?;
    }
    let said = own(event, "event").or_else(|| own(event, "name")).unwrap_or_default();
    event.set_default("event.action", action(&said))?;
    let time = own(event, "timestamp").and_then(|text| {
        let plain = text.trim_end_matches("UTC").trim_ascii_end();
        dates.iso_utc(plain)
    });
    Ok(Shaped { time, inner: None })
}

fn action(said: &str) -> &'static str {
    match said.to_ascii_lowercase().as_str() {
        "connect" | "connection" => "login",
        "disconnect" | "quit" => "logout",
        "insert" | "delete" | "update" | "read" => "table_access",
        "audit" | "startup" | "noaudit" | "shutdown" => "audit_changed",
        _ => "query",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[track_caller]
    fn check(text: &str, expected: [&str; 5]) {
        let event = testing::shaped(&SHAPE, text).unwrap();
        let names = ["user.name", "source.ip", "mysql.audit.statement", "event.action", "event.outcome"];
        let found = names.map(|name| event.get_str(name).unwrap_or_default());
        assert_eq!(found, expected, "{event:?}");
    }

    #[test]
    fn both_products_are_read() {
        check(
            r#"{"timestamp":"2026-11-03 00:00:00","id":1,"class":"general","event":"status","connection_id":12,"account":{"user":"hung","host":"10.1.20.6"},"login":{"user":"hung","os":"","ip":"10.1.20.6","proxy":""},"general_data":{"command":"Query","sql_command":"select","query":"SELECT 1","status":0}}"#,
            ["hung", "10.1.20.6", "SELECT 1", "query", "success"],
        );
        check(
            r#"{"audit_record":{"name":"Connect","record":"1_2","timestamp":"2026-11-03T00:00:00 UTC","connection_id":"12","status":1045,"user":"root[root] @ localhost []","host":"","ip":"203.0.113.9","db":""}}"#,
            ["root", "203.0.113.9", "", "login", "failure"],
        );
        assert!(testing::shaped(&SHAPE, r#"{"event":"x","class":"y"}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_document_panics(user in ".{0,20}", status in any::<i64>(), said in ".{0,12}") {
            let document = serde_json::json!({"audit_record": {"name": said, "record": "1", "user": user, "status": status, "ip": user}});
            testing::shaped(&SHAPE, &document.to_string());
        }
    }
}

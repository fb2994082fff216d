//! MariaDB's `server_audit`: `20261103 07:00:00,db-01,root,10.1.1.5,12,345,QUERY,dancu,'SELECT 1',0`, by syslog without the
//! time and under the program name `mysql-server_auditing` (MariaDB documentation, "Audit Plugin Log Format").

use std::borrow::Cow;

use event::{Event, EventFull, Timestamp};

use super::super::columns::{self, Quotes};
use super::super::{Dates, Fit, Line, TextFormat};
use super::{client, outcome};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "mysql.audit", strict: true, decode, normalise: crate::normalise::mysql::to_ecs };

/// The program under which it writes to syslog, unless the setting says otherwise.
const PROGRAM: &str = "mysql-server_auditing";
/// What happened, in its words.
const OPERATIONS: [&str; 10] =
    ["CONNECT", "DISCONNECT", "FAILED_CONNECT", "QUERY", "READ", "WRITE", "CREATE", "ALTER", "RENAME", "DROP"];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let text = line.text.trim_ascii();
    let dated = text.split_once(',').and_then(|(first, rest)| Some((time(first, dates)?, rest)));
    let own = line.app == Some(PROGRAM);
    let (time, text) = match dated {
        Some((time, rest)) => (Some(time), rest),
        None if own => (None, text),
        None => return Ok(Fit::No),
    };
    let Some(columns) = columns::read(text, Quotes::Single) else { return Ok(Fit::No) };
    let at = |number: usize| columns.get(number).map(Cow::as_ref).unwrap_or_default();
    if !(8..=12).contains(&columns.len()) || !OPERATIONS.contains(&at(5)) {
        return Ok(Fit::No);
    }
    let names =
        ["host.name", "user.name", "mysql.audit.user_host", "mysql.audit.connection_id", "mysql.audit.query_id"];
    for (name, value) in names.into_iter().zip(&columns).filter(|(_, value)| !value.is_empty()) {
        event.push(name, &**value)?;
    }
    client(at(2), event)?;
    event.push("mysql.audit.operation", at(5))?;
    if !at(6).is_empty() {
        event.push("mysql.audit.database", at(6))?;
    }
    let object = match at(5) {
        "QUERY" => "mysql.audit.statement",
        _ => "mysql.audit.object",
    };
    if !at(7).is_empty() {
        event.push(object, at(7))?;
    }
    if let Ok(status) = at(8).parse::<i64>() {
        event.push("mysql.audit.status", status)?;
        event.push("event.outcome", outcome(status))?;
    }
    event.push("event.action", action(at(5)))?;
    Ok(time.map_or(Fit::Yes, |time| Fit::At(Some(time))))
}

fn action(operation: &str) -> &'static str {
    match operation {
        "CONNECT" | "FAILED_CONNECT" => "login",
        "DISCONNECT" => "logout",
        "QUERY" => "query",
        _ => "table_access",
    }
}

/// `20261103 07:00:00`, in the source's zone.
fn time(text: &str, dates: &Dates<'_>) -> Option<Timestamp> {
    let (date, clock) = text.split_once(' ').filter(|(date, clock)| date.len() == 8 && clock.len() == 8)?;
    let (year, rest) = date.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    dates.iso(&format!("{year}-{month}-{day}T{clock}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn records_are_read() {
        let rest = "host.name=db-01 user.name=hung mysql.audit.user_host=10.1.20.6 mysql.audit.connection_id=12 \
                    mysql.audit.query_id=345 source.ip=10.1.20.6 mysql.audit.operation=QUERY \
                    mysql.audit.database=doanhnghiep mysql.audit.statement=SELECT 'a', b mysql.audit.status=0 \
                    event.outcome=success event.action=query";
        let columns = "db-01,hung,10.1.20.6,12,345,QUERY,doanhnghiep,'SELECT \\'a\\', b',0";
        assert_eq!(testing::listed(&FORMAT, "", &format!("20261103 07:00:00,{columns}")), rest);
        assert_eq!(testing::listed(&FORMAT, PROGRAM, columns), rest);
        assert_eq!(testing::listed(&FORMAT, "", columns), "no");
        assert_eq!(testing::listed(&FORMAT, "", "20261103 07:00:00,a,b,c,1,2,THING,d,e,0"), "no");
        assert_eq!(
            testing::listed(&FORMAT, PROGRAM, "db-01,root,localhost,12,0,FAILED_CONNECT,,,1045"),
            "host.name=db-01 user.name=root mysql.audit.user_host=localhost mysql.audit.connection_id=12 \
             mysql.audit.query_id=0 mysql.audit.operation=FAILED_CONNECT mysql.audit.status=1045 \
             event.outcome=failure event.action=login",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(20261103 07:00:00,a,b,c,1,2,QUERY,)?['a,\\\\é]{0,60}") {
            testing::listed(&FORMAT, "", &text);
        }
    }
}

//! pgaudit's records: `SESSION,1,1,READ,SELECT,TABLE,public.citizens,"SELECT …",<not logged>[,rows]` (pgaudit, "Format").

use event::{Event, EventFull};

use super::super::columns::{self, Quotes};

/// The columns that become fields, in their order.
const COLUMNS: [&str; 9] = [
    "postgresql.audit.type",
    "postgresql.audit.statement_id",
    "postgresql.audit.substatement_id",
    "postgresql.audit.class",
    "postgresql.audit.command",
    "postgresql.audit.object_type",
    "postgresql.audit.object",
    "postgresql.audit.statement",
    "postgresql.audit.parameter",
];

/// Adds a record, under the dataset `postgresql.audit`. pgaudit writes when the permission has been given: `success`.
///
/// A statement over several lines loses its end at the line's end; what is there is kept.
pub(super) fn read(record: &str, event: &mut Event) -> Result<(), EventFull> {
    let whole = columns::read(record, Quotes::Double);
    let columns = match whole {
        Some(columns) => columns,
        // The quote that was not closed begins the statement.
        None => match record.split_once(",\"") {
            Some((head, statement)) => {
                let mut columns: Vec<_> = head.split(',').take(COLUMNS.len() - 2).map(Into::into).collect();
                columns.push(statement.replace("\"\"", "\"").into());
                columns
            }
            None => return Ok(()),
        },
    };
    event.push("event.dataset", "postgresql.audit")?;
    event.set_default("event.module", "postgresql")?;
    event.push("event.action", "statement")?;
    event.push("event.outcome", "success")?;
    for (name, value) in COLUMNS.iter().zip(&columns).filter(|(_, value)| !value.is_empty()) {
        if !matches!(&**value, "<none>" | "<not logged>") {
            event.push(name, &**value)?;
        }
    }
    let rows = columns.get(COLUMNS.len()).and_then(|rows| rows.parse::<i64>().ok());
    rows.map_or(Ok(()), |rows| event.push("postgresql.audit.rows", rows))
}

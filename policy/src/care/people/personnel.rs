//! What a sensitive role asks of a person: training, appointment and a confidentiality agreement, with their dates.

use std::collections::{BTreeMap, BTreeSet};

use event::{Operation, Permit, Timestamp, UserName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Tx;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Row};

use super::{People, is_sensitive, sentence, storing};
use crate::CareError;
use crate::account::Account;

/// What is recorded of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trained in the protection of personal data.
    Training,
    /// Appointed to the task in writing.
    Appointment,
    /// Bound to confidentiality.
    Confidentiality,
}

impl Kind {
    /// Every kind; a sensitive role asks for all.
    pub const ALL: [Self; 3] = [Self::Training, Self::Appointment, Self::Confidentiality];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Appointment => "appointment",
            Self::Confidentiality => "confidentiality",
        }
    }

    /// Reads what [`Kind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Of whom; the account need not exist yet.
    pub account: UserName,
    /// Of what.
    pub kind: Kind,
    /// From when on.
    pub begins: Timestamp,
    /// Until when.
    pub ends: Timestamp,
    /// What proves it: number or title of the document.
    pub document: String,
}

impl People {
    /// Records, or replaces, one. Nobody records his own.
    ///
    /// # Errors
    /// [`CareError::NotPermitted`], [`CareError::SamePerson`], [`CareError::Invalid`]; when storing or recording fails.
    pub async fn record_personnel(&self, permit: &Permit, record: &Record) -> Result<(), CareError> {
        self.check(permit, Operation::Write)?;
        let by = permit.subject().name.as_str();
        if record.account.as_str() == by {
            return Err(CareError::SamePerson { reason: "nobody records his own training or appointment".to_owned() });
        }
        let document = sentence(&record.document, 200);
        if document.is_empty() || record.ends <= record.begins {
            let reason = "a record names a document, and ends after it begins".to_owned();
            return Err(CareError::Invalid { reason });
        }
        let mut tx = self.store.begin().await.map_err(storing)?;
        let upsert = sqlx::query(
            "INSERT INTO personnel (account, kind, begins_ns, ends_ns, document, recorded_by, recorded_ns) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, kind) DO UPDATE SET \
             begins_ns = excluded.begins_ns, ends_ns = excluded.ends_ns, document = excluded.document, \
             recorded_by = excluded.recorded_by, recorded_ns = excluded.recorded_ns",
        );
        let upsert = upsert.bind(record.account.as_str()).bind(record.kind.as_str()).bind(record.begins.nanos());
        let upsert = upsert.bind(record.ends.nanos()).bind(&document).bind(by).bind(self.clock.now().nanos());
        upsert.execute(&mut *tx).await.map_err(storing)?;
        let detail = json!({
            "kind": record.kind, "begins": record.begins, "ends": record.ends, "document": document,
        });
        let appended = self.journal.append(by, "personnel_recorded", record.account.as_str(), detail).await;
        appended.map_err(CareError::Ledger)?;
        tx.commit().await.map_err(storing)
    }

    /// Every record, by account.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn personnel(&self) -> Result<Vec<Record>, CareError> {
        let query = sqlx::query("SELECT * FROM personnel ORDER BY account, kind LIMIT 100000");
        let rows = query.fetch_all(self.store.pool()).await.map_err(storing)?;
        rows.iter().map(read).collect()
    }

    /// Who has a sensitive role and a record that has ended, and why that suspends the role. Accounts of which nothing
    /// was ever recorded come from before the records; reviews name them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn suspended(&self, accounts: &[Account]) -> Result<BTreeMap<UserName, String>, CareError> {
        let now = self.clock.now();
        let sensitive: BTreeSet<&UserName> =
            accounts.iter().filter(|account| is_sensitive(account.role)).map(|account| &account.name).collect();
        let mut suspended = BTreeMap::new();
        for record in self.personnel().await? {
            if sensitive.contains(&record.account) && record.ends <= now {
                let why = format!("`{}` of `{}` ended at {}", record.kind.as_str(), record.account, record.ends);
                suspended.insert(record.account, why);
            }
        }
        Ok(suspended)
    }
}

/// What a person lacks for a sensitive role.
pub(super) async fn missing(tx: &mut Tx, account: &UserName, now: Timestamp) -> Result<Vec<Kind>, CareError> {
    let query = sqlx::query("SELECT * FROM personnel WHERE account = $1").bind(account.as_str());
    let rows = query.fetch_all(&mut **tx).await.map_err(storing)?;
    let records = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let in_force =
        |kind: Kind| records.iter().any(|record| record.kind == kind && record.begins <= now && now < record.ends);
    Ok(Kind::ALL.into_iter().filter(|kind| !in_force(*kind)).collect())
}

fn read(row: &AnyRow) -> Result<Record, CareError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    let corrupt =
        |what: &str| CareError::Conflict { reason: format!("a stored personnel record has an unknown {what}") };
    Ok(Record {
        account: UserName::new(text("account")?).map_err(|_| corrupt("account"))?,
        kind: Kind::parse(&text("kind")?).ok_or_else(|| corrupt("kind"))?,
        begins: Timestamp::from_nanos(number("begins_ns")?),
        ends: Timestamp::from_nanos(number("ends_ns")?),
        document: text("document")?,
    })
}

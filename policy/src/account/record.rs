//! An account's row, read and checked.

use event::{AgencyId, Role, Subject, Timestamp, UserName};
use serde::Serialize;
use store::sqlx::any::AnyRow;
use store::sqlx::{self, Any, Executor, Row};

use super::storing;
use crate::AccountError;

/// An account as others may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its name.
    pub name: UserName,
    /// Its role.
    pub role: Role,
    /// The agency it speaks for.
    pub agency: Option<AgencyId>,
    /// Whether it may not sign in, with anything.
    pub disabled: bool,
    /// Whether it can sign in with a password.
    pub has_password: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

impl Account {
    /// Who it is to the guard.
    pub fn subject(&self) -> Subject {
        Subject { name: self.name.clone(), role: self.role, agency: self.agency.clone() }
    }
}

/// An account with what only sign-in may see.
pub(super) struct Stored {
    pub(super) account: Account,
    pub(super) password: String,
}

/// Reads one account by its name.
pub(super) async fn find<'e>(
    executor: impl Executor<'e, Database = Any>,
    name: &UserName,
) -> Result<Option<Stored>, AccountError> {
    let statement = "SELECT name, role, agency, password, disabled, created_ns, updated_ns, password_changed_ns \
                     FROM account WHERE name = $1";
    let row = sqlx::query(statement).bind(name.as_str()).fetch_optional(executor).await.map_err(storing)?;
    row.as_ref().map(read).transpose()
}

/// Reads a row that has the columns of `account`. What this version does not know is an error: an account with an
/// unknown role is nobody.
pub(super) fn read(row: &AnyRow) -> Result<Stored, AccountError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(storing);
    let number = |column: &str| row.try_get::<i64, _>(column).map_err(storing);
    let name = text("name")?;
    let corrupt = |reason: String| AccountError::Corrupt { name: name.clone(), reason };
    let role = text("role")?;
    let role = Role::parse(&role).ok_or_else(|| corrupt(format!("unknown role `{role}`")))?;
    let agency = Some(text("agency")?).filter(|agency| !agency.is_empty());
    let agency = agency.map(AgencyId::new).transpose().map_err(|error| corrupt(error.to_string()))?;
    let password = text("password")?;
    let account = Account {
        name: UserName::new(&name).map_err(|error| corrupt(error.to_string()))?,
        role,
        agency,
        disabled: number("disabled")? != 0,
        has_password: !password.is_empty(),
        created: Timestamp::from_nanos(number("created_ns")?),
        updated: Timestamp::from_nanos(number("updated_ns")?),
    };
    Ok(Stored { account, password })
}

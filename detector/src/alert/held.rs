//! What in an alert reads like a pseudonym: kept beside it, so that alerts on restricted persons are withheld by an index.
//!
//! A look-alike is kept too: it is nobody's token, so that it withholds nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use event::{Alert, AlertId, Permit};
use store::many::{parts, places};
use store::sqlx::{self, AssertSqlSafe};
use store::{Kind, Tx};

use super::{Alerts, row};
use crate::DetectorError;

/// Characters of a pseudonym: `p`, then small letters and digits.
const CHARS: usize = 19;
/// So many are kept apart of one alert.
const KEPT_MAX: usize = 256;
/// Stands for more than that: whatever is withheld may be among them.
pub(super) const TOO_MANY: &str = "*";
/// The meta that says that alerts of older versions were looked through.
const LOOKED_THROUGH: &str = "alert_tokens";
/// Alerts that are looked through in one transaction.
const BATCH: i64 = 500;

/// What in the entities and the compared texts of an alert reads like a pseudonym, in ascending order.
pub(super) fn of(alert: &Alert) -> BTreeSet<String> {
    let entities = &alert.entities;
    let addresses = [entities.source_ip, entities.destination_ip].into_iter().flatten();
    let mut found: BTreeSet<String> = addresses.filter_map(standing_for_one).collect();
    let texts = [entities.host.as_deref(), entities.user.as_deref()].into_iter().flatten();
    let compared = alert.atoms.iter().flat_map(|atom| [atom.pattern.as_deref(), atom.value.as_deref()]);
    for text in texts.chain(compared.flatten()) {
        found.extend(text.trim().parse().ok().and_then(standing_for_one));
        found.extend(text.as_bytes().windows(CHARS).filter_map(read));
        if found.len() > KEPT_MAX {
            return [TOO_MANY.to_owned()].into();
        }
    }
    found
}

/// Whether something that the permit withholds stands in an alert.
pub(super) fn is_withheld(permit: &Permit, alert: &Alert) -> bool {
    let Some(tokens) = permit.withheld() else { return false };
    of(alert).iter().any(|held| held == TOO_MANY || tokens.contains(held))
}

/// Tokens of addresses are unique local addresses (RFC 4193).
fn standing_for_one(address: IpAddr) -> Option<String> {
    matches!(address, IpAddr::V6(six) if six.is_unique_local()).then(|| address.to_string())
}

fn read(window: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let reads_so = window.first() == Some(&b'p') && window.iter().all(plain);
    reads_so.then(|| String::from_utf8_lossy(window).into_owned())
}

/// Keeps them beside stored alerts.
pub(super) async fn keep(tx: &mut Tx, kind: Kind, alerts: &[&Alert]) -> Result<(), DetectorError> {
    let held = alerts.iter().flat_map(|alert| of(alert).into_iter().map(|token| (token, alert.id.as_str())));
    let rows: Vec<(String, &str)> = held.collect();
    for part in parts(&rows, 2) {
        let places = places(kind, part.len(), 2);
        let sql =
            format!("INSERT INTO alert_token (token, alert) VALUES {places} ON CONFLICT (token, alert) DO NOTHING");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (token, alert) in part {
            query = query.bind(token.as_str()).bind(*alert);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

impl Alerts {
    /// Looks once through the alerts of versions that did not keep what reads like a pseudonym beside them. To be called
    /// before alerts are shown.
    ///
    /// # Errors
    /// When the store refuses; what was looked through before stays.
    pub async fn look_through(&self) -> Result<(), DetectorError> {
        if self.store.meta(LOOKED_THROUGH).await?.is_some() {
            return Ok(());
        }
        let mut last = String::new();
        loop {
            let mut tx = self.store.begin().await?;
            let query = sqlx::query("SELECT * FROM alert WHERE id > $1 ORDER BY id LIMIT $2").bind(last).bind(BATCH);
            let rows = query.fetch_all(&mut *tx).await?;
            let alerts = rows.iter().map(row::read).collect::<Result<Vec<Alert>, _>>()?;
            keep(&mut tx, self.store.kind(), &alerts.iter().collect::<Vec<_>>()).await?;
            let next = alerts.last().map(|alert| AlertId::as_str(&alert.id).to_owned());
            if next.is_none() {
                tx.set_meta(LOOKED_THROUGH, "1").await?;
            }
            tx.commit().await?;
            let Some(next) = next else { return Ok(()) };
            last = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pseudonyms_are_found_wherever_they_stand() {
        let token = "punaaaaaaaaaaaaaaaa";
        for (text, expected) in [
            (token.to_owned(), vec![token]),
            (format!("user={token};"), vec![token]),
            (format!("người dùng {token}đã vào"), vec![token]),
            (format!("x9{token}9"), vec![token]),
            (token.to_uppercase(), vec![]),
            ("punaaaaaaaaaaaaaaa".to_owned(), vec![]),
            (String::new(), vec![]),
        ] {
            let found: Vec<String> = text.as_bytes().windows(CHARS).filter_map(read).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(standing_for_one("10.0.0.1".parse().unwrap()), None);
        assert_eq!(standing_for_one("2001:db8::1".parse().unwrap()), None);
        let own = "fd70:7365:7564:1:2:3:4:5";
        assert_eq!(standing_for_one(own.parse().unwrap()).as_deref(), Some(own));
    }

    proptest! {
        #[test]
        fn a_token_in_any_text_is_found(before in "\\PC{0,40}", token in "p[a-z0-9]{18}", after in "\\PC{0,40}") {
            let text = format!("{before}{token}{after}");
            prop_assert!(text.as_bytes().windows(CHARS).filter_map(read).any(|found| found == token));
        }
    }
}

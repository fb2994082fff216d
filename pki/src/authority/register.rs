//! The register: every certificate in SQL, the intent before the signature, the certificate before it is given out.

use std::collections::HashSet;
use std::time::Duration;

use event::{SiteId, Timestamp};
use keys::Sealer;
use sqlx::Row;
use sqlx::any::AnyRow;
use store::Store;

use super::ca::{Made, Pair, reseal_key, seal_key};
use super::profile::{DAY, Validity};
use super::{Certificate, CertificateStatus, KeyOrigin, ListFilter, Profile, Reason};
use crate::PkiError;

/// Most certificates that a list gives to somebody who asks.
pub(crate) const LIST_MAX: u32 = 10_000;
/// Revoked certificates stay listed for a while after they expired (RFC 5280, section 3.3).
const LISTED_AFTER_END: Duration = DAY.saturating_mul(7);

/// The tables of the authority.
pub(crate) struct Register {
    store: Store,
}

/// A row of the authority's own certificates.
pub(crate) struct AuthorityRow {
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) key_sealed: String,
    pub(crate) not_after: Timestamp,
}

/// A certificate that is about to be signed.
#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) serial: String,
    pub(crate) profile: Profile,
    pub(crate) subject: String,
    pub(crate) names: Vec<String>,
    pub(crate) key_origin: KeyOrigin,
    pub(crate) key_sha256: String,
    pub(crate) validity: Validity,
}

/// What was signed.
pub(crate) struct Signed {
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) key_sealed: Option<String>,
}

/// A certificate that was revoked, as lists need it.
pub(crate) struct Revoked {
    pub(crate) serial: String,
    pub(crate) time: Timestamp,
    pub(crate) reason: Reason,
}

impl Register {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) async fn authority(&self, name: &str) -> Result<Option<AuthorityRow>, PkiError> {
        let row =
            sqlx::query("SELECT serial, certificate_pem, key_sealed, not_after_ms FROM pki_authority WHERE name = $1")
                .bind(name)
                .fetch_optional(self.store.pool())
                .await?;
        row.map(|row| {
            Ok(AuthorityRow {
                serial: row.try_get("serial")?,
                pem: row.try_get("certificate_pem")?,
                key_sealed: row.try_get("key_sealed")?,
                not_after: Timestamp::from_millis(row.try_get("not_after_ms")?),
            })
        })
        .transpose()
    }

    /// Both certificates of the authority, or none.
    pub(crate) async fn add_authorities(&self, pair: &Pair, sealer: &Sealer, now: Timestamp) -> Result<(), PkiError> {
        let mut tx = self.store.begin().await?;
        for (name, made) in [("root", &pair.root), ("issuing", &pair.issuing)] {
            let Made { serial, pem, key, not_after } = made;
            sqlx::query(
                "INSERT INTO pki_authority (name, serial, certificate_pem, key_sealed, created_ms, not_after_ms, crl_number)
                 VALUES ($1, $2, $3, $4, $5, $6, 0)",
            )
            .bind(name)
            .bind(serial)
            .bind(pem)
            .bind(seal_key(sealer, name, key)?)
            .bind(now.millis())
            .bind(not_after.millis())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Takes the next number for a list of revoked certificates.
    pub(crate) async fn next_crl_number(&self, name: &str) -> Result<u64, PkiError> {
        let mut tx = self.store.begin().await?;
        sqlx::query("UPDATE pki_authority SET crl_number = crl_number + 1 WHERE name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        let row =
            sqlx::query("SELECT crl_number FROM pki_authority WHERE name = $1").bind(name).fetch_one(&mut *tx).await?;
        let number: i64 = row.try_get("crl_number")?;
        tx.commit().await?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// Writes serial numbers and intents, all or none.
    pub(crate) async fn intend(&self, actor: &str, now: Timestamp, intents: &[Intent]) -> Result<(), PkiError> {
        let mut tx = self.store.begin().await?;
        for intent in intents {
            sqlx::query(
                "INSERT INTO pki_certificate (serial, profile, subject, key_origin, key_sha256, status, created_by, created_ms,
                 not_before_ms, not_after_ms, names) VALUES ($1, $2, $3, $4, $5, 'intent', $6, $7, $8, $9, $10)",
            )
            .bind(&intent.serial)
            .bind(intent.profile.as_str())
            .bind(&intent.subject)
            .bind(intent.key_origin.as_str())
            .bind(&intent.key_sha256)
            .bind(actor)
            .bind(now.millis())
            .bind(intent.validity.not_before.millis())
            .bind(intent.validity.not_after.millis())
            .bind(intent.names.join(" "))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Writes what was signed for intents, all or none.
    pub(crate) async fn keep(&self, signed: &[Signed]) -> Result<(), PkiError> {
        let mut tx = self.store.begin().await?;
        for one in signed {
            let done = sqlx::query(
                "UPDATE pki_certificate SET status = 'issued', certificate_pem = $1, key_sealed = $2
                 WHERE serial = $3 AND status = 'intent'",
            )
            .bind(&one.pem)
            .bind(&one.key_sealed)
            .bind(&one.serial)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() != 1 {
                let reason = format!("no intent of serial number `{}`", one.serial);
                return Err(PkiError::Damaged { what: "certificate register", reason });
            }
        }
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn certificate_pem(&self, serial: &str) -> Result<Option<String>, PkiError> {
        let row = sqlx::query(
            "SELECT certificate_pem FROM pki_certificate WHERE serial = $1 AND certificate_pem IS NOT NULL",
        )
        .bind(serial)
        .fetch_optional(self.store.pool())
        .await?;
        Ok(row.map(|row| row.try_get("certificate_pem")).transpose()?)
    }

    /// The sealed key and certificate of a server's certificate.
    pub(crate) async fn server_key(&self, serial: &str) -> Result<Option<(String, String)>, PkiError> {
        let row = sqlx::query(
            "SELECT certificate_pem, key_sealed FROM pki_certificate
             WHERE serial = $1 AND status = 'issued' AND key_sealed IS NOT NULL",
        )
        .bind(serial)
        .fetch_optional(self.store.pool())
        .await?;
        row.map(|row| Ok((row.try_get("certificate_pem")?, row.try_get("key_sealed")?))).transpose()
    }

    /// Seals private keys anew that an older generation of the sealing key sealed; gives how many.
    pub(crate) async fn reseal_keys(&self, sealer: &Sealer) -> Result<u64, PkiError> {
        // What a key is bound to, and which row it is.
        let tables = [
            (
                "SELECT name AS bound_to, name AS id, key_sealed FROM pki_authority ORDER BY name",
                "UPDATE pki_authority SET key_sealed = $1 WHERE name = $2 AND key_sealed = $3",
            ),
            (
                "SELECT key_sha256 AS bound_to, serial AS id, key_sealed FROM pki_certificate
                 WHERE key_sealed IS NOT NULL ORDER BY serial",
                "UPDATE pki_certificate SET key_sealed = $1 WHERE serial = $2 AND key_sealed = $3",
            ),
        ];
        let mut changed = 0;
        for (select, update) in tables {
            let mut anew = Vec::new();
            for row in sqlx::query(select).fetch_all(self.store.pool()).await? {
                let (bound_to, id): (String, String) = (row.try_get("bound_to")?, row.try_get("id")?);
                let before: String = row.try_get("key_sealed")?;
                anew.extend(reseal_key(sealer, &bound_to, &before)?.map(|after| (id, before, after)));
            }
            if anew.is_empty() {
                continue;
            }
            let mut tx = self.store.begin().await?;
            for (id, before, after) in &anew {
                sqlx::query(update).bind(after).bind(id).bind(before).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            changed += anew.len() as u64;
        }
        Ok(changed)
    }

    /// Whose key this is already, and whether one of its certificates was revoked because the key leaked.
    pub(crate) async fn holders_of_key(&self, key_sha256: &str) -> Result<Vec<(String, Option<Reason>)>, PkiError> {
        let rows = sqlx::query(
            "SELECT subject, reason FROM pki_certificate WHERE key_sha256 = $1 AND status <> 'intent' LIMIT 100",
        )
        .bind(key_sha256)
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let reason: Option<String> = row.try_get("reason")?;
                Ok((row.try_get("subject")?, reason.as_deref().and_then(Reason::parse)))
            })
            .collect()
    }

    pub(crate) async fn list(&self, filter: &ListFilter, now: Timestamp) -> Result<Vec<Certificate>, PkiError> {
        let limit = if filter.limit == 0 { LIST_MAX } else { filter.limit };
        let rows = sqlx::query(
            "SELECT serial, profile, subject, key_origin, key_sha256, status, created_by, created_ms, not_before_ms,
                    not_after_ms, names, revoked_ms, reason
             FROM pki_certificate
             WHERE ($1 = '' OR profile = $1) AND ($2 = '' OR subject = $2)
               AND ($3 = 0 OR (status = 'issued' AND not_after_ms >= $4))
             ORDER BY created_ms DESC, subject, serial LIMIT $5",
        )
        .bind(filter.profile.map_or("", Profile::as_str))
        .bind(filter.site.as_ref().map_or("", |site| site.as_str()))
        .bind(i64::from(filter.valid_only))
        .bind(now.millis())
        .bind(i64::from(limit))
        .fetch_all(self.store.pool())
        .await?;
        rows.iter().map(|row| certificate_of(row, now)).collect()
    }

    /// The certificate of a serial number; none or one.
    pub(crate) async fn find(&self, serial: &str, now: Timestamp) -> Result<Vec<Certificate>, PkiError> {
        let rows = sqlx::query(
            "SELECT serial, profile, subject, key_origin, key_sha256, status, created_by, created_ms, not_before_ms,
                    not_after_ms, names, revoked_ms, reason
             FROM pki_certificate WHERE serial = $1",
        )
        .bind(serial)
        .fetch_all(self.store.pool())
        .await?;
        rows.iter().map(|row| certificate_of(row, now)).collect()
    }

    /// Keeps a one-time token's digest; used and expired ones are cleared away.
    pub(crate) async fn add_token(
        &self,
        digest: &str,
        site: &SiteId,
        actor: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), PkiError> {
        let mut tx = self.store.begin().await?;
        sqlx::query("DELETE FROM pki_token WHERE expires_ms < $1").bind(now.millis()).execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO pki_token (token_sha256, site, created_by, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(digest)
        .bind(site.as_str())
        .bind(actor)
        .bind(now.millis())
        .bind(expires.millis())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The site of a token that may still be used.
    pub(crate) async fn token_site(&self, digest: &str, now: Timestamp) -> Result<Option<SiteId>, PkiError> {
        let row =
            sqlx::query("SELECT site FROM pki_token WHERE token_sha256 = $1 AND used_ms IS NULL AND expires_ms >= $2")
                .bind(digest)
                .bind(now.millis())
                .fetch_optional(self.store.pool())
                .await?;
        let Some(row) = row else { return Ok(None) };
        let site: String = row.try_get("site")?;
        let damaged = |error: event::IdError| PkiError::Damaged { what: "enrolment token", reason: error.to_string() };
        SiteId::new(site).map(Some).map_err(damaged)
    }

    /// Uses a token; `false` when somebody was faster or its time is over.
    pub(crate) async fn spend_token(&self, digest: &str, now: Timestamp) -> Result<bool, PkiError> {
        let mut tx = self.store.begin().await?;
        let done = sqlx::query(
            "UPDATE pki_token SET used_ms = $1 WHERE token_sha256 = $2 AND used_ms IS NULL AND expires_ms >= $1",
        )
        .bind(now.millis())
        .bind(digest)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes certificates back, all or none.
    pub(crate) async fn revoke(
        &self,
        serials: &[String],
        actor: &str,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), PkiError> {
        let mut tx = self.store.begin().await?;
        for serial in serials {
            sqlx::query(
                "UPDATE pki_certificate SET status = 'revoked', revoked_ms = $1, revoked_by = $2, reason = $3
                 WHERE serial = $4 AND status = 'issued'",
            )
            .bind(now.millis())
            .bind(actor)
            .bind(reason.as_str())
            .bind(serial)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub(crate) async fn revoked_serials(&self, now: Timestamp) -> Result<HashSet<String>, PkiError> {
        Ok(self.revoked(now).await?.into_iter().map(|revoked| revoked.serial).collect())
    }

    /// Revoked certificates that still belong on a list.
    pub(crate) async fn revoked(&self, now: Timestamp) -> Result<Vec<Revoked>, PkiError> {
        let rows = sqlx::query(
            "SELECT serial, revoked_ms, reason FROM pki_certificate WHERE status = 'revoked' AND not_after_ms >= $1
             ORDER BY revoked_ms, serial",
        )
        .bind(now.minus(LISTED_AFTER_END).millis())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let reason: Option<String> = row.try_get("reason")?;
                Ok(Revoked {
                    serial: row.try_get("serial")?,
                    time: Timestamp::from_millis(row.try_get::<Option<i64>, _>("revoked_ms")?.unwrap_or(0)),
                    reason: reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Unspecified),
                })
            })
            .collect()
    }
}

fn certificate_of(row: &AnyRow, now: Timestamp) -> Result<Certificate, PkiError> {
    let damaged = |field: &str, text: &str| PkiError::Damaged {
        what: "certificate register",
        reason: format!("{field} `{text}` is not known"),
    };
    let (profile, origin): (String, String) = (row.try_get("profile")?, row.try_get("key_origin")?);
    let (status, names): (String, String) = (row.try_get("status")?, row.try_get("names")?);
    let not_after = Timestamp::from_millis(row.try_get("not_after_ms")?);
    let reason: Option<String> = row.try_get("reason")?;
    let revoked: Option<i64> = row.try_get("revoked_ms")?;
    Ok(Certificate {
        serial: row.try_get("serial")?,
        profile: Profile::parse(&profile).ok_or_else(|| damaged("profile", &profile))?,
        subject: row.try_get("subject")?,
        names: names.split_whitespace().map(str::to_owned).collect(),
        key_origin: KeyOrigin::parse(&origin).ok_or_else(|| damaged("key origin", &origin))?,
        key_sha256: row.try_get("key_sha256")?,
        status: match status.as_str() {
            "intent" => CertificateStatus::Intended,
            "revoked" => CertificateStatus::Revoked,
            "issued" if not_after < now => CertificateStatus::Expired,
            "issued" => CertificateStatus::Valid,
            _ => return Err(damaged("status", &status)),
        },
        created_by: row.try_get("created_by")?,
        created: Timestamp::from_millis(row.try_get("created_ms")?),
        not_before: Timestamp::from_millis(row.try_get("not_before_ms")?),
        not_after,
        revoked: revoked.map(Timestamp::from_millis),
        reason: reason.as_deref().and_then(Reason::parse),
    })
}

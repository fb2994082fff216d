//! Findings that time gave: which of them were taken before.

use std::collections::HashSet;
use std::time::Duration;

use event::{Finding, Timestamp};
use ring::digest::{Context, SHA256};
use store::many::{parts, places};
use store::sqlx::{self, AssertSqlSafe};
use store::{Kind, Tx};

use super::key_of;
use crate::DetectorError;

/// How long a finding is remembered. Correlations give one again after a crash, from a state that is seconds old, or from
/// what the spool still holds: three days at most.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// Those of `findings` that were not taken before; notes them in the same transaction.
pub(super) async fn new_ones<'f>(
    tx: &mut Tx,
    kind: Kind,
    findings: &'f [Finding],
    now: Timestamp,
) -> Result<Vec<&'f Finding>, DetectorError> {
    sqlx::query("DELETE FROM detector_overdue WHERE taken_ns < $1")
        .bind(now.minus(REMEMBERED).nanos())
        .execute(&mut **tx)
        .await?;
    let digests: Vec<String> = findings.iter().map(digest_of).collect();
    let mut noted = HashSet::with_capacity(digests.len());
    for part in parts(&digests, 2) {
        let sql = format!(
            "INSERT INTO detector_overdue (finding, taken_ns) VALUES {} ON CONFLICT DO NOTHING RETURNING finding",
            places(kind, part.len(), 2)
        );
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
        for digest in part {
            query = query.bind(digest.as_str()).bind(now.nanos());
        }
        let new: Vec<String> = query.fetch_all(&mut **tx).await?;
        noted.extend(new);
    }
    // Of two that are the same only the first is new.
    Ok(findings.iter().zip(&digests).filter(|(_, digest)| noted.remove(*digest)).map(|(finding, _)| finding).collect())
}

/// Neither its time nor the event at which it was decided counts: both depend on when the clock was read.
fn digest_of(finding: &Finding) -> String {
    let mut context = Context::new(&SHA256);
    context.update(key_of(finding).as_bytes());
    for event in finding.events() {
        context.update(&event.0.to_be_bytes());
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

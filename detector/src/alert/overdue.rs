//! Findings that time gave: which of them were taken before.

use std::time::Duration;

use event::{Finding, Timestamp};
use ring::digest::{Context, SHA256};
use store::Tx;

use super::key_of;
use crate::DetectorError;

/// How long a finding is remembered. Correlations give one again after a crash, from a state that is seconds old, or from
/// what the spool still holds: three days at most.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// Those of `findings` that were not taken before; notes them in the same transaction.
pub(super) async fn new_ones<'f>(
    tx: &mut Tx,
    findings: &'f [Finding],
    now: Timestamp,
) -> Result<Vec<&'f Finding>, DetectorError> {
    store::sqlx::query("DELETE FROM detector_overdue WHERE taken_ns < $1")
        .bind(now.minus(REMEMBERED).nanos())
        .execute(&mut **tx)
        .await?;
    let mut new = Vec::new();
    for finding in findings {
        let noted = store::sqlx::query(
            "INSERT INTO detector_overdue (finding, taken_ns) VALUES ($1, $2) ON CONFLICT (finding) DO NOTHING",
        )
        .bind(digest_of(finding))
        .bind(now.nanos())
        .execute(&mut **tx)
        .await?;
        if noted.rows_affected() > 0 {
            new.push(finding);
        }
    }
    Ok(new)
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

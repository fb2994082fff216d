//! Logs over HTTPS: lines and NDJSON. Answered when the records are durable; what all ingest over HTTP shares is here.
//!
//! With `Idempotency-Key` a request is stored once: sent again it is answered as the first time, and nothing is added.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use collector::sites::Share;
use collector::source::identity::{Claim, Entry, Identity, Verdict, check, note};
use collector::source::{FrameLimits, body};
use collector::{Format, IntakeError, Record};
use event::{KnownBy, Object, Operation, Origin, SiteId, Transport};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::caller::{Caller, Proof};
use super::problem::Problem;

/// Seconds after which refused records may be sent again.
const RETRY_AFTER_SECS: u64 = 5;
/// The header that names a request.
const KEY_HEADER: &str = "idempotency-key";
/// Most bytes of a request's name.
const KEY_BYTES_MAX: usize = 255;
/// The header of an answer that was given before.
const REPLAYED: (&str, &str) = ("idempotency-replayed", "true");

/// What stands behind `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IngestQuery {
    site: Option<SiteId>,
}

impl IngestQuery {
    /// The site that the records are said to come from.
    pub fn site(&self) -> Option<&SiteId> {
        self.site.as_ref()
    }
}

/// `POST /api/v1/ingest`: NDJSON when the content type says JSON, lines otherwise.
pub async fn ingest(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let origin = origin(&app, &caller, query.site(), Transport::Http)?;
    let key = key(&headers)?;
    let json =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| kind.contains("json"));
    let received = app.clock.now();
    let limits = FrameLimits { frame_bytes_max: app.loaded.config.syslog.line_bytes_max, ..FrameLimits::default() };
    let lines = if json { body::ndjson(&bytes, limits) } else { body::lines(&bytes, limits) };
    let lines = lines.ok_or_else(|| Problem::too_large("the body has too many lines; send it in parts"))?;
    let mut records: Vec<Record> = lines
        .into_frames()
        .map(|(line, truncated)| {
            let record = Record::new(Arc::clone(&origin), received, line);
            Record { format: json.then_some(Format::Json), truncated, ..record }
        })
        .collect();
    let accepted = json!({ "accepted": records.len() });
    let claim = match key {
        Some(key) => {
            let whose = [caller.subject.name.as_str().as_bytes(), origin.site.as_str().as_bytes()];
            let request = Identity::of(&[b"request", whose[0], whose[1], key.as_bytes()]);
            match once(&app, request, check(&bytes), &mut records)? {
                Some(claim) => Some(claim),
                None => return Ok(([REPLAYED], Json(accepted)).into_response()),
            }
        }
        None => None,
    };
    store(&app, &origin, records).await?;
    if let Some(claim) = claim {
        claim.stored();
    }
    Ok(Json(accepted).into_response())
}

/// The name that the sender gives to its request.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    let fits = |key: &&str| (1..=KEY_BYTES_MAX).contains(&key.len());
    value.to_str().ok().filter(fits).map(Some).ok_or_else(|| {
        Problem::bad_request(format!("header `{KEY_HEADER}` has 1 to {KEY_BYTES_MAX} printable ASCII characters"))
    })
}

/// Marks the records of a named request; `None` when it was stored before. What an earlier try left in the spool when the
/// server ended is taken out: the last record alone says that the request is whole.
fn once(app: &App, request: Identity, body: u64, records: &mut Vec<Record>) -> Result<Option<Claim>, Problem> {
    let mut entries = vec![Entry::new(request, body)];
    entries.extend(records.iter().zip(0u64..).map(|(record, number)| Entry {
        identity: request.part(number),
        check: check(&record.bytes),
        lasting: false,
    }));
    let (verdicts, claim) = app.identities.claim(entries.clone());
    match verdicts.first() {
        Some(Verdict::Fresh) | None => {}
        Some(Verdict::Same) => return Ok(None),
        Some(Verdict::Other(_)) => {
            return Err(Problem::unprocessable(format!("another body was sent under this `{KEY_HEADER}` before")));
        }
        Some(Verdict::Busy) => {
            let detail = format!("the first request under this `{KEY_HEADER}` is not answered yet; send it again");
            return Err(Problem { retry_after_secs: Some(1), ..Problem::conflict(detail) });
        }
    }
    let last = records.len();
    let marked = std::mem::take(records).into_iter().zip(1..).zip(entries.iter().skip(1)).zip(verdicts.iter().skip(1));
    for (((record, place), part), verdict) in marked {
        let whole = entries.first().filter(|_| place == last);
        // The last record was not stored either, or the request would be known.
        if *verdict == Verdict::Fresh || whole.is_some() {
            let said: Vec<Entry> = [*part].into_iter().chain(whole.copied()).collect();
            records.push(Record { dedupe: Some(note(&said)), ..record });
        }
    }
    Ok(Some(claim))
}

/// The site is the certificate's; with a token, the one named, if the account may speak for it.
///
/// # Errors
/// When the caller may not send, or not for that site.
pub fn origin(
    app: &App,
    caller: &Caller,
    named: Option<&SiteId>,
    transport: Transport,
) -> Result<Arc<Origin>, Problem> {
    caller.permit(app, Operation::Write, Object::Ingest, "")?;
    let (site, known_by) = match (&caller.proof, named) {
        (Proof::Certificate(site), None) => (site.clone(), KnownBy::Certificate),
        (Proof::Certificate(site), Some(named)) if named == site => (site.clone(), KnownBy::Certificate),
        (Proof::Certificate(site), Some(named)) => {
            let detail = format!("the certificate is of site `{site}`, not of `{named}`");
            return Err(Problem::denied(detail, Vec::new()));
        }
        (Proof::Local, Some(named)) => (named.clone(), KnownBy::Operator),
        (Proof::Local, None) => (SiteId::local(), KnownBy::Operator),
        (_, Some(named)) => (named.clone(), KnownBy::Token),
        (_, None) => (SiteId::unknown(), KnownBy::Unknown),
    };
    if known_by != KnownBy::Unknown && site != SiteId::local() {
        let entry = app.sites.by_id(&site);
        let entry =
            entry.ok_or_else(|| Problem::not_found(format!("no site `{site}`; `metrosoc site list` shows them")))?;
        if known_by == KnownBy::Token && caller.subject.agency.as_ref().is_some_and(|agency| *agency != entry.agency) {
            let detail = format!("account `{}` speaks for another agency than site `{site}`", caller.subject.name);
            return Err(Problem::denied(detail, Vec::new()));
        }
    }
    Ok(app.attribution.origin_for_site(&site, known_by, transport, Some(caller.address)))
}

/// Stores records of one origin and counts them.
///
/// # Errors
/// When they are not taken; nothing of them is acknowledged then.
pub async fn store(app: &App, origin: &Origin, records: Vec<Record>) -> Result<(), Problem> {
    if records.is_empty() {
        return Ok(());
    }
    let (count, bytes) = (records.len(), records.iter().map(|record| record.bytes.len()).sum());
    let share = within_quota(app, &origin.site)?;
    let _place = share.place(bytes).await;
    app.intake.submit(records).await.map_err(|error| refused(&error))?;
    app.attribution.stored(origin, count, bytes);
    share.charge(count, bytes, app.clock.now());
    Ok(())
}

/// The share of a site that is within its quota.
///
/// # Errors
/// 429 with the seconds to wait when it is not.
pub fn within_quota(app: &App, site: &SiteId) -> Result<Arc<Share>, Problem> {
    let share = app.attribution.share(site);
    match share.wait(app.clock.now()) {
        wait if wait.is_zero() => Ok(share),
        wait => Err(Problem::over_quota(site, wait.as_secs().saturating_add(1))),
    }
}

/// What an intake that does not take records is to HTTP: nothing was kept; sending again helps where room can come.
pub fn refused(error: &IntakeError) -> Problem {
    tracing::warn!(%error, "records refused");
    match error {
        IntakeError::Full | IntakeError::Busy => {
            Problem::spool_full(format!("{error}; send the same again later"), RETRY_AFTER_SECS)
        }
        IntakeError::TooLarge { .. } => Problem::too_large(format!("{error}; send it in parts")),
        IntakeError::Storage { .. } | IntakeError::Closed => Problem {
            retry_after_secs: Some(RETRY_AFTER_SECS),
            ..Problem::unavailable(format!("{error}; the server's log says why"))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        let too_large = IntakeError::TooLarge { records: 2, bytes: 9, bytes_max: 8 };
        let storage = IntakeError::Storage { reason: "no space left on device".to_owned() };
        for (error, status, kind, again) in [
            (IntakeError::Full, 503, "/problems/spool-full", true),
            (IntakeError::Busy, 503, "/problems/spool-full", true),
            (too_large, 413, "/problems/too-large", false),
            (storage, 503, "/problems/unavailable", true),
            (IntakeError::Closed, 503, "/problems/unavailable", true),
        ] {
            let problem = refused(&error);
            assert_eq!((problem.status, problem.kind.as_str()), (status, kind), "{error}");
            assert_eq!(problem.retry_after_secs.is_some(), again, "{error}");
        }
    }
}

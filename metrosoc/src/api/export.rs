//! Events taken out for somebody: through the exporter's masks, with tokens of the recipient's own.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use ::policy::pseudonym::Retokenised;
use axum::body::{Body as Bytes, Bytes as Part};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use detector::search::{Hit, SearchError, SearchRequest};
use event::{CaseId, Object, Operation, Permit};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::caller::Caller;
use super::mask::form::Form;
use super::mask::write::Writer;
use super::problem::Problem;
use super::search::problem_of;
use super::{App, Body};

/// Most events of one export.
const EVENTS_MAX: u64 = 1_000_000;
/// Most fields that are named.
const FIELDS_MAX: usize = 200;
/// Longest name of a recipient.
const RECIPIENT_CHARS_MAX: usize = 64;
/// So much is written before it is handed on.
const PART_BYTES: usize = 64 * 1024;
/// Parts that wait for a slow reader.
const WAITING_MAX: usize = 4;
/// The header that tells the ledger's entry of an answer.
const LEDGER_HEADER: HeaderName = HeaderName::from_static("metrosoc-ledger");

/// Which events, of them which fields, for whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportForm {
    /// As in searches.
    #[serde(default)]
    query: String,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    purpose: String,
    #[serde(default)]
    case: Option<CaseId>,
    /// Who gets it: an agency or another name; the same name gets the same tokens.
    recipient: String,
    /// Full names; every field that is seen without. CSV needs them.
    #[serde(default)]
    fields: BTreeSet<String>,
}

/// `POST /api/v1/events/export`: NDJSON, or CSV where `Accept` says so.
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(form): Body<ExportForm>,
) -> Result<Response, Problem> {
    let permit = caller.permit(&app, Operation::Export, Object::Events, &form.purpose)?;
    let written = answer_form(&headers)?;
    check(&form, written)?;
    let tokens = app.guard.retokenised(&form.recipient);
    let tokens = tokens.ok_or_else(|| Problem::unavailable("there is no key for the recipient's tokens"))?;
    let Ok(place) = Arc::clone(&app.masking_now).try_acquire_owned() else {
        return Err(Problem::too_many("as many exports are being made as may be at once", 1));
    };
    let mut request = SearchRequest { query: form.query, from: form.from, to: form.to, ..SearchRequest::default() };
    let recorded = super::asked::replace(&app, &permit, &mut request).await?;
    let question = json!({ "query": recorded }).to_string();
    let detail = json!({
        "from": request.from, "to": request.to, "purpose": form.purpose, "case": form.case,
        "recipient": form.recipient, "fields": form.fields, "because": permit.because(),
    });
    let ledger = app.record_question(&caller, "export_begun", "events", detail, &question).await?;
    let about = json!({ "of": ledger, "purpose": form.purpose, "case": form.case, "recipient": form.recipient });
    let export =
        Export { app, caller, permit, request, written, tokens, fields: form.fields, purpose: form.purpose, about };
    let mut response = export.answer(place).await?;
    response.headers_mut().insert(LEDGER_HEADER, ledger.into());
    Ok(response)
}

fn answer_form(headers: &HeaderMap) -> Result<Form, Problem> {
    match Form::of_answer(headers, Form::Lines)? {
        // One array would have to be whole before anybody could read it.
        Form::Json if headers.contains_key(ACCEPT) => Ok(Form::Lines),
        form => Ok(form),
    }
}

fn check(form: &ExportForm, written: Form) -> Result<(), Problem> {
    let known = |found: char| found.is_ascii_alphanumeric() || "._-@:".contains(found);
    let length = form.recipient.chars().count();
    if !(1..=RECIPIENT_CHARS_MAX).contains(&length) || !form.recipient.chars().all(known) {
        let detail = format!("`recipient` names who gets it: 1 to {RECIPIENT_CHARS_MAX} letters, digits and `._-@:`");
        return Err(Problem::bad_request(detail));
    }
    if form.fields.len() > FIELDS_MAX {
        return Err(Problem::bad_request(format!("at most {FIELDS_MAX} fields")));
    }
    if written == Form::Csv && form.fields.is_empty() {
        return Err(Problem::bad_request("CSV needs `fields`: the columns"));
    }
    Ok(())
}

struct Export {
    app: Arc<App>,
    caller: Caller,
    permit: Permit,
    request: SearchRequest,
    written: Form,
    tokens: Retokenised,
    fields: BTreeSet<String>,
    purpose: String,
    /// What the record says of it at its end.
    about: Value,
}

/// How an export ended: what is still to be sent, how many events went out, and what was wrong.
struct Ended {
    rest: Vec<u8>,
    events: u64,
    fault: Option<String>,
}

type Parts = mpsc::Sender<Result<Part, io::Error>>;

impl Export {
    /// Begins; what is wrong with the question comes back as a problem.
    async fn answer(self, place: OwnedSemaphorePermit) -> Result<Response, Problem> {
        let (begun, begins) = oneshot::channel();
        let (to, from) = mpsc::channel(WAITING_MAX);
        let media_type = self.written.media_type();
        tokio::spawn(self.run(place, begun, to));
        match begins.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(problem_of(error)),
            Err(_) => return Err(Problem::unavailable("the export ended before it began")),
        }
        let rest = futures::stream::unfold(from, |mut from| async move { from.recv().await.map(|part| (part, from)) });
        let mut response = Response::new(Bytes::from_stream(rest));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Ok(response)
    }

    async fn run(self, place: OwnedSemaphorePermit, begun: oneshot::Sender<Result<(), SearchError>>, to: Parts) {
        let (app, caller, about) = (Arc::clone(&self.app), self.caller.clone(), self.about.clone());
        let parts = to.clone();
        let work = tokio::task::spawn_blocking(move || self.work(begun, &parts));
        let Ok(Some(ended)) = work.await else { return };
        let mut detail = about;
        if let Some(map) = detail.as_object_mut() {
            map.insert("count".to_owned(), ended.events.into());
            map.insert("state".to_owned(), json!(if ended.fault.is_some() { "broken_off" } else { "complete" }));
        }
        // The last part goes out once the record of the whole is written.
        let recorded = app.record(&caller, "export_events", "events", detail).await;
        let whole = recorded.is_ok() && ended.fault.is_none();
        let _ = to.send(Ok(Part::from(ended.rest))).await; // nobody who reads any more is no fault
        if !whole {
            let _ = to.send(Err(io::Error::other("the export was broken off"))).await;
        }
        drop(place);
    }

    /// Reads, masks and writes; `None` when it did not begin.
    fn work(self, begun: oneshot::Sender<Result<(), SearchError>>, parts: &Parts) -> Option<Ended> {
        let renew = || self.caller.permit(&self.app, Operation::Export, Object::Events, &self.purpose).ok();
        let hits = match self.app.search.export_renewing(&self.permit, &self.request, renew) {
            Ok(hits) => hits,
            Err(error) => {
                let _ = begun.send(Err(error)); // who asked may be gone
                return None;
            }
        };
        let _ = begun.send(Ok(()));
        let (mut writer, mut out, mut events, mut fault) = (Writer::new(self.written), Vec::new(), 0, None);
        writer.head(self.fields.iter().cloned().collect(), &mut out);
        for hit in hits {
            if events >= EVENTS_MAX {
                fault = Some(format!("more than {EVENTS_MAX} events; take a shorter time"));
                break;
            }
            let written = hit.map_err(|error| error.to_string());
            if let Err(detail) = written.and_then(|hit| writer.record(self.shown(hit), &mut out)) {
                fault = Some(detail);
                break;
            }
            events += 1;
            if out.len() >= PART_BYTES && parts.blocking_send(Ok(Part::from(std::mem::take(&mut out)))).is_err() {
                fault = Some("nobody reads the answer".to_owned());
                break;
            }
        }
        match &fault {
            Some(detail) => writer.broken(events + 1, detail, &mut out),
            None => writer.end(&mut out),
        }
        Some(Ended { rest: out, events, fault })
    }

    /// One event for its recipient: its time and the fields that were asked for. Its number here stays here.
    fn shown(&self, hit: Hit) -> Map<String, Value> {
        let mut fields = hit.fields;
        fields.entry("@timestamp").or_insert_with(|| json!(hit.time));
        if !self.fields.is_empty() {
            fields.retain(|name, _| self.fields.contains(name));
        }
        self.tokens.fields(fields)
    }
}

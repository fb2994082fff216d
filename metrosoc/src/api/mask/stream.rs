//! Masking a body as it comes: little is held, and the answer begins before the body ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::event::{Object, Operation, Subject, Timestamp, Visibility};
use ::policy::mask::RoleMasks;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::form::Form;
use super::read::{Fault, Reader};
use super::write::Writer;
use super::{App, Caller, MaskQuery, Problem, masks_of};

/// So much of the answer is held back at first, so that a fault found by then is answered as a problem.
const HELD_BYTES_MAX: usize = 256 * 1024;
/// Parts of an answer that wait for a slow reader.
const WAITING_MAX: usize = 4;
/// How long one look at the policy is good for.
const LOOK: Duration = Duration::from_secs(30);

/// Cuts, masks and writes.
pub(super) struct Masker {
    reader: Reader,
    writer: Writer,
    form: Form,
    answer: Form,
    masks: Arc<RoleMasks>,
    records: u64,
    bytes: u64,
}

impl Masker {
    pub(super) fn new(form: Form, answer: Form, masks: Arc<RoleMasks>) -> Self {
        let (reader, writer) = (Reader::new(form), Writer::new(answer));
        Self { reader, writer, form, answer, masks, records: 0, bytes: 0 }
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.bytes += chunk.len() as u64;
        self.reader.push(chunk);
        self.work(out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.reader.end();
        self.work(out)?;
        self.writer.end(out);
        Ok(())
    }

    fn work(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let record = self.reader.next()?;
            if let Some(columns) = self.reader.columns() {
                let seen = |name: &&String| event::visibility(&*self.masks, name) != Visibility::Hidden;
                self.writer.head(columns.iter().filter(seen).cloned().collect(), out);
            }
            let Some(record) = record else { return Ok(()) };
            self.records += 1;
            let record = self.shown(record);
            let written = self.writer.record(record, out);
            written.map_err(|detail| Fault { record: self.records, detail })?;
        }
    }

    fn shown(&self, record: Map<String, Value>) -> Map<String, Value> {
        match self.form {
            Form::Csv => event::shown(&*self.masks, record),
            Form::Json | Form::Lines => event::shown_nested(&*self.masks, record),
        }
    }
}

/// What an answer needs until its end.
pub(super) struct Streaming {
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
    pub(super) query: MaskQuery,
    pub(super) subject: Subject,
    pub(super) ledger: u64,
    /// The place among the batches that are masked at once.
    pub(super) _place: OwnedSemaphorePermit,
}

/// What ended a batch early.
enum Ended {
    /// A record is wrong.
    Fault(Fault),
    /// The body broke off, or nothing came for too long.
    Broken(&'static str),
    /// Whoever asked may not any more.
    Denied,
}

impl Ended {
    fn fault(&self, next: u64) -> (u64, String) {
        match self {
            Self::Fault(fault) => (fault.record, fault.detail.clone()),
            Self::Broken(detail) => (next, (*detail).to_owned()),
            Self::Denied => (next, "the policy does not allow this any more".to_owned()),
        }
    }
}

type Parts = axum::body::BodyDataStream;

impl Streaming {
    /// Masks the beginning; what follows is masked as it is read by the other side.
    pub(super) async fn answer(self, mut masker: Masker, body: Body) -> Result<Response, Problem> {
        let media_type = masker.answer.media_type();
        let mut parts = body.into_data_stream();
        let mut out = Vec::new();
        while out.len() < HELD_BYTES_MAX {
            let step = match self.next(&mut parts).await {
                Ok(Some(chunk)) => masker.take(&chunk, &mut out).map(|()| false).map_err(Ended::Fault),
                Ok(None) => masker.end(&mut out).map(|()| true).map_err(Ended::Fault),
                Err(ended) => Err(ended),
            };
            match step {
                Ok(false) => {}
                Ok(true) => {
                    self.close(&masker, "complete").await?;
                    return Ok(response(media_type, Body::from(out)));
                }
                Err(ended) => {
                    self.close(&masker, "refused").await?;
                    let (record, detail) = ended.fault(masker.records + 1);
                    let which = if record == 0 { detail } else { format!("record {record} {detail}") };
                    return Err(Problem::bad_request(which));
                }
            }
        }
        let (to, from) = mpsc::channel(WAITING_MAX);
        tokio::spawn(self.go_on(masker, parts, out, to));
        let rest = futures::stream::unfold(from, |mut from| async move { from.recv().await.map(|part| (part, from)) });
        Ok(response(media_type, Body::from_stream(rest)))
    }

    async fn go_on(
        self,
        mut masker: Masker,
        mut parts: Parts,
        mut out: Vec<u8>,
        to: mpsc::Sender<Result<Bytes, io::Error>>,
    ) {
        let patience = self.patience();
        let mut looked = self.app.clock.now();
        let ended = loop {
            // Who sends all before reading anything would wait for us as we for him.
            let sent = tokio::time::timeout(patience, to.send(Ok(Bytes::from(std::mem::take(&mut out))))).await;
            if !matches!(sent, Ok(Ok(()))) {
                break Err(Ended::Broken("nobody reads the answer"));
            }
            if let Err(ended) = self.look(&mut masker, &mut looked) {
                break Err(ended);
            }
            match self.next(&mut parts).await {
                Ok(Some(chunk)) => match masker.take(&chunk, &mut out) {
                    Ok(()) => tokio::task::yield_now().await,
                    Err(fault) => break Err(Ended::Fault(fault)),
                },
                Ok(None) => break masker.end(&mut out).map_err(Ended::Fault),
                Err(ended) => break Err(ended),
            }
        };
        let state = if ended.is_ok() { "complete" } else { "broken_off" };
        // The last part goes out once the record of the whole is written.
        let closed = self.close(&masker, state).await;
        if let Err(ended) = &ended {
            let (record, detail) = ended.fault(masker.records + 1);
            masker.writer.broken(record, &detail, &mut out);
        }
        // Nobody who reads any more is no fault: what was masked is recorded.
        let mut last = Vec::new();
        if closed.is_ok() {
            last.push(Ok(Bytes::from(out)));
        }
        if ended.is_err() || closed.is_err() {
            last.push(Err(io::Error::other("the batch was broken off")));
        }
        for part in last {
            if !matches!(tokio::time::timeout(patience, to.send(part)).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Asks the policy again, now and then: a right that was withdrawn ends what goes on under it.
    fn look(&self, masker: &mut Masker, looked: &mut Timestamp) -> Result<(), Ended> {
        let now = self.app.clock.now();
        if now.since(*looked) < LOOK && now >= *looked {
            return Ok(());
        }
        let allowed = self.caller.permit(&self.app, Operation::Export, Object::Decisions, &self.query.purpose);
        allowed.map_err(|_| Ended::Denied)?;
        masker.masks =
            masks_of(&self.app, &self.caller.subject.name, &self.subject, &self.query).map_err(|_| Ended::Denied)?;
        *looked = now;
        Ok(())
    }

    /// How long is waited for more of the body, and for somebody to read the answer.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.app.loaded.config.https.request_timeout_secs)
    }

    async fn next(&self, parts: &mut Parts) -> Result<Option<Bytes>, Ended> {
        match tokio::time::timeout(self.patience(), parts.next()).await {
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(Some(Err(_))) => Err(Ended::Broken("the body broke off")),
            Ok(None) => Ok(None),
            Err(_) => Err(Ended::Broken("nothing more of the body came in time")),
        }
    }

    /// Records how many were masked.
    async fn close(&self, masker: &Masker, state: &str) -> Result<(), Problem> {
        let object = format!("records:{}", self.query.dataset);
        let detail = json!({
            "of": self.ledger, "records": masker.records, "bytes": masker.bytes, "state": state,
        });
        self.app.record(&self.caller, "mask_ended", &object, detail).await.map(drop)
    }
}

fn response(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

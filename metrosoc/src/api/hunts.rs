//! Backtests: a rule, saved or not, or a draft of an exception, over stored history. They run as jobs of who asked.

mod jobs;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use detector::alert::WINDOW_DEFAULT;
use detector::exception::{Draft, Exception, Exceptions, Target};
use detector::hunt::{HuntError, HuntRequest, SAMPLES_DEFAULT};
use detector::rulebook::{Asked, Dialect, PickError, Picked};
use detector::search::SearchError;
use event::{Object, Operation, Permit, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::Problem;
use super::search::purpose_of;
use super::{App, Body, no_content};
use crate::serve::rules;

use jobs::Job;
pub use jobs::Jobs;

/// How far back a backtest goes when nobody says.
const BACK_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How far back the preview of an exception goes.
const PREVIEW_BACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Most rules that the ledger names of one hunt; the digest stands for all.
const NAMED_MAX: usize = 20;

/// What is to be run: `rule` (id or name) or `yaml`, not both.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BacktestForm {
    rule: Option<String>,
    yaml: Option<String>,
    from: Option<String>,
    to: Option<String>,
    purpose: Option<String>,
    samples: Option<usize>,
}

/// `POST /api/v1/rules/backtest`: starts one; the answer names the job.
pub async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<BacktestForm>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (purpose, permit) = may_hunt(&app, &caller, form.purpose.as_deref())?;
    let asked = match (form.rule, form.yaml) {
        (Some(rule), None) => Asked::Saved(vec![rule]),
        (None, Some(yaml)) => Asked::Yaml(yaml),
        _ => return Err(Problem::bad_request("either `rule` (an id) or `yaml` is needed")),
    };
    let now = app.clock.now();
    let (from, to) = (time(form.from.as_deref(), "from", now)?, time(form.to.as_deref(), "to", now)?);
    let picked = pick(&app, asked, |_, _| {}).await?;
    let exceptions = in_force(&app, &picked).await?;
    let to = to.unwrap_or(now);
    let request = HuntRequest {
        picked: Arc::new(picked),
        from: from.unwrap_or_else(|| to.minus(BACK_DEFAULT)),
        to,
        samples: form.samples.unwrap_or(SAMPLES_DEFAULT),
        exceptions: Some(Arc::new(exceptions)),
        window: WINDOW_DEFAULT,
    };
    begin(app, caller, permit, &purpose, "backtest", request).await
}

/// A draft of an exception, and what its preview needs beside it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewForm {
    exception: Draft,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    samples: Option<usize>,
}

/// `POST /api/v1/exceptions/preview`: what a draft would have hidden in the last 30 days; a job as a backtest is.
pub async fn preview(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(form): Body<PreviewForm>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (purpose, permit) = may_hunt(&app, &caller, form.purpose.as_deref())?;
    let write = caller.permit(&app, form.exception.operation(), Object::Rules, "")?;
    let accepted = app.exception_register.accept(&write, form.exception);
    let accepted = accepted.map_err(|error| super::exceptions::problem_of(&error))?;
    let exception = accepted.exception().clone();
    let asked = match &exception.target {
        Target::Rules(ids) => Asked::Saved(ids.iter().map(|id| id.as_str().to_owned()).collect()),
        Target::Level(level) => Asked::Level(*level),
    };
    let draft = exception.clone();
    let picked = pick(&app, asked, move |picked, dialect| add_reads(picked, &draft, dialect)).await?;
    let now = app.clock.now();
    let exceptions = compile(&[exception], &picked, now)?;
    if let Some((_, reason)) = exceptions.faults().first() {
        return Err(Problem::bad_request(format!("exception: {reason}")));
    }
    let request = HuntRequest {
        picked: Arc::new(picked),
        from: now.minus(PREVIEW_BACK),
        to: now,
        samples: form.samples.unwrap_or(SAMPLES_DEFAULT),
        exceptions: Some(Arc::new(exceptions)),
        window: WINDOW_DEFAULT,
    };
    begin(app, caller, permit, &purpose, "exception_preview", request).await
}

/// `GET /api/v1/rules/backtest/{id}`: how far it is; when it is done, what it found.
pub async fn look(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    may_hunt(&app, &caller, None)?;
    let job = app.hunts.find(&id, &caller.subject)?;
    caller.permit(&app, Operation::Read, Object::Events, &job.purpose)?;
    let mut answer = json!({ "id": job.id, "started": job.started, "progress": job.watch.progress() });
    let (state, part) = match job.outcome() {
        None => ("running", None),
        Some(Err(problem)) if job.watch.is_cancelled() => ("cancelled", Some(("problem", json!(problem)))),
        Some(Err(problem)) => ("failed", Some(("problem", json!(problem)))),
        Some(Ok(found)) => {
            if !job.is_told.load(Ordering::Acquire) {
                let detail = json!({
                    "seen": found.seen.total, "hidden": found.hidden.total, "purpose": job.purpose,
                    "shown": found.seen.samples.len() + found.hidden.samples.len(),
                });
                app.record(&caller, "backtest_read", &format!("backtest:{}", job.id), detail).await?;
                job.is_told.store(true, Ordering::Release);
            }
            ("done", Some(("result", json!(*found))))
        }
    };
    if let Some(map) = answer.as_object_mut() {
        map.insert("state".to_owned(), state.into());
        if let Some((name, part)) = part {
            map.insert(name.to_owned(), part);
        }
    }
    Ok(Json(answer))
}

/// `DELETE /api/v1/rules/backtest/{id}`: ends it and forgets it.
pub async fn cancel(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    may_hunt(&app, &caller, None)?;
    let job = app.hunts.find(&id, &caller.subject)?;
    app.hunts.remove(&job.id);
    Ok(no_content())
}

/// Who reads rules and events may run the ones over the others: the purpose, and the permit to read events.
fn may_hunt(app: &App, caller: &Caller, stated: Option<&str>) -> Result<(String, Permit), Problem> {
    let purpose = purpose_of(app, caller, stated);
    let permit = caller.permit(app, Operation::Read, Object::Events, &purpose)?;
    caller.permit(app, Operation::Read, Object::Rules, "")?;
    Ok((purpose, permit))
}

/// Checks, records and starts a hunt.
async fn begin(
    app: Arc<App>,
    caller: Caller,
    permit: Permit,
    purpose: &str,
    action: &'static str,
    request: HuntRequest,
) -> Result<(StatusCode, Json<Value>), Problem> {
    app.hunter.check(&permit, &request).map_err(problem_of)?;
    let job = app.hunts.begin(&caller.subject, purpose, app.clock.now())?;
    let mut rules: Vec<&str> = request.picked.rules.iter().map(|id| id.as_str()).collect();
    rules.sort_unstable();
    let detail = json!({
        "rules_total": rules.len(), "rules": rules.iter().take(NAMED_MAX).collect::<Vec<_>>(),
        "sha256": request.picked.sha256, "from": request.from, "to": request.to, "purpose": purpose,
    });
    let recorded = app.record(&caller, action, &format!("backtest:{}", job.id), detail).await;
    let ledger = recorded.inspect_err(|_| app.hunts.remove(&job.id))?;
    let answer = json!({
        "id": job.id, "state": "running", "from": request.from, "to": request.to, "sha256": request.picked.sha256,
        "explanation": permit.because(), "ledger": ledger,
    });
    spawn(&app, job, permit, request).inspect_err(|_| tracing::error!("backtest not started"))?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// A thread of its own: a hunt may take minutes, and the server does not wait for it at its end.
fn spawn(app: &Arc<App>, job: Arc<Job>, permit: Permit, request: HuntRequest) -> Result<(), Problem> {
    let (running, id) = (Arc::clone(app), job.id.clone());
    let work = move || {
        let app = running;
        let renew = || app.guard.permit(&job.subject, Operation::Read, Object::Events, &job.purpose).ok();
        let outcome = app.hunter.run(&permit, &renew, &request, &job.watch);
        job.end(app.clock.now(), outcome.map(Arc::new).map_err(problem_of));
    };
    match std::thread::Builder::new().name("hunt".to_owned()).spawn(work) {
        Ok(_) => Ok(()),
        Err(error) => {
            app.hunts.remove(&id);
            Err(Problem::fault("backtest", &error))
        }
    }
}

/// Reads the rules anew: what is asked about may not be in force.
async fn pick(
    app: &App,
    asked: Asked,
    complete: impl FnOnce(&mut Picked, &Dialect) + Send + 'static,
) -> Result<Picked, Problem> {
    let config = app.loaded.config.clone();
    let work = move || -> Result<Picked, Problem> {
        let (sources, _) = rules::sources(&config);
        let pipelines: Vec<PathBuf> = config.rules.pipelines.iter().map(PathBuf::from).collect();
        let dialect = rules::dialect(&pipelines).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "pipelines not read");
            Problem::unavailable("the pipelines cannot be read; the server's log says why")
        })?;
        let mut picked = Picked::of(&sources, &asked, &dialect).map_err(|error| match error {
            PickError::Unknown { .. } => Problem::not_found(error.to_string()),
            error => Problem::bad_request(error.to_string()),
        })?;
        complete(&mut picked, &dialect);
        Ok(picked)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::fault("backtest", &error))?
}

/// The exceptions in force, for these rules.
async fn in_force(app: &App, picked: &Picked) -> Result<Exceptions, Problem> {
    let stored = app.exception_register.in_force().await;
    let stored = stored.map_err(|error| super::exceptions::problem_of(&error))?;
    compile(&stored, picked, app.exception_register.now())
}

fn compile(stored: &[Exception], picked: &Picked, now: Timestamp) -> Result<Exceptions, Problem> {
    let map = super::exceptions::field_map()?;
    Ok(Exceptions::compile(stored, picked.book.rules(), &map, now))
}

/// Who may not see a field may not ask by an exception what it holds.
fn add_reads(picked: &mut Picked, exception: &Exception, dialect: &Dialect) {
    let mut fields: Vec<String> = Vec::new();
    for (key, value) in &exception.fields {
        let mut words = key.split('|');
        fields.extend(words.next().map(str::to_owned));
        if words.any(|word| word == "fieldref") {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            fields.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    for rule in picked.book.rules().rules() {
        picked.reads.extend(fields.iter().flat_map(|field| dialect.map.candidates(&rule.logsource, field)));
    }
    picked.reads.extend(fields);
}

fn time(text: Option<&str>, part: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let read =
        |text: &str| Timestamp::parse(text, now).map_err(|error| Problem::bad_request(format!("`{part}`: {error}")));
    text.map(str::trim).filter(|text| !text.is_empty()).map(read).transpose()
}

fn problem_of(error: HuntError) -> Problem {
    match error {
        HuntError::Search(SearchError::Denied { .. } | SearchError::FieldMasked { .. } | SearchError::RowsWithheld)
        | HuntError::Changed => Problem::denied(error.to_string(), Vec::new()),
        HuntError::Request { .. } => Problem::bad_request(error.to_string()),
        HuntError::Cancelled => Problem::conflict("the backtest was cancelled"),
        error => Problem::fault("backtest", &error),
    }
}

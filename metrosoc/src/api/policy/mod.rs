//! The policy: its table, why it says what it says, its versions, and its care.

mod people;
mod review;
mod simulate;
mod versions;

pub use people::{acknowledge, approve, ask_second_person, notices, personnel, record_personnel, refuse, requests};
pub use review::review;
pub use simulate::simulate;
pub use versions::{diff, export, import, list};

use std::sync::Arc;

use ::policy::CareError;
use ::policy::guard::{AccessGrant, Circumstances, OPERATOR, Strength};
use ::policy::privacy::Class;
use axum::Json;
use axum::extract::State;
use event::{AgencyId, Object, Operation, Reach, Role, Subject, Timestamp, UserName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::{Problem, chain};
use super::{App, Body};

/// How long the grant of a question lasts: a question about grants is about one in force.
const QUESTION_GRANT: std::time::Duration = std::time::Duration::from_secs(3_600);

/// `GET /api/v1/policy`: the table of who may do what, as Markdown.
pub async fn table(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let table = app.guard.table_markdown().map_err(|error| Problem::fault("the policy", &error))?;
    let number = app.policy_versions.newest().await.map_err(|error| problem_of(&error))?.map(|(number, _)| number);
    Ok(Json(json!({ "version": app.guard.version(), "number": number, "table": table })))
}

/// A question to the policy: about a role, or about an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// A role or `operator`.
    #[serde(default)]
    role: Option<String>,
    /// An account, with its role and agency.
    #[serde(default)]
    user: Option<String>,
    operation: Operation,
    object: Object,
    #[serde(default)]
    agency: Option<AgencyId>,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    basis: String,
    #[serde(default)]
    auth: Strength,
    #[serde(default)]
    class: Option<String>,
    #[serde(default)]
    time: Option<Timestamp>,
    /// As if a grant over the agency (over all without one) were in force.
    #[serde(default)]
    grant: bool,
}

/// `POST /api/v1/policy/explain`
pub async fn explain(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Json<Value>, Problem> {
    caller.permit(&app, Operation::Read, Object::Policy, "")?;
    let subject = subject(&app, &caller, &question).await?;
    let class = question.class.as_deref().map(|class| {
        Class::parse(class).ok_or_else(|| Problem::bad_request(format!("unknown class `{class}`; see rules/privacy/")))
    });
    let now = question.time.unwrap_or_else(|| app.clock.now());
    let agencies = question.agency.clone().map_or(Reach::All, |agency| Reach::Only([agency].into()));
    let grant =
        question.grant.then(|| AccessGrant::over("as-if", question.object, agencies, now, now.plus(QUESTION_GRANT)));
    let circumstances = Circumstances {
        basis: question.basis.clone(),
        strength: question.auth,
        grant,
        through_grant: false,
        class: class.transpose()?,
        at: question.time,
    };
    let explanation =
        app.guard.explain_in(&subject, question.operation, question.object, &question.purpose, &circumstances);
    let mut answer = serde_json::to_value(explanation).map_err(|error| Problem::fault("the policy", &error))?;
    if let Some(map) = answer.as_object_mut() {
        map.insert("role".to_owned(), json!(subject.role));
        map.insert("agency".to_owned(), json!(subject.agency));
    }
    Ok(Json(answer))
}

async fn subject(app: &App, caller: &Caller, question: &Question) -> Result<Subject, Problem> {
    if let Some(user) = &question.user {
        // Whether there is such an account is for those who may read accounts.
        caller.permit(app, Operation::Read, Object::Users, "")?;
        let found = app.accounts.subject_of(user).await.map_err(|error| Problem::fault("accounts", &error))?;
        return found.ok_or_else(|| Problem::not_found(format!("there is no account named `{user}`")));
    }
    let word = question.role.as_deref().unwrap_or_default();
    let (name, role) = match Role::parse(word) {
        Some(role) => ("somebody", role),
        None if word == OPERATOR => ("local:0", Role::Admin),
        None => {
            return Err(Problem::bad_request(format!("`{word}`: neither a role nor `{OPERATOR}`; or name a `user`")));
        }
    };
    let name = UserName::new(name).map_err(|error| Problem::fault("the policy", &error))?;
    Ok(Subject { name, role, agency: question.agency.clone() })
}

/// What an error in the care of the policy is to HTTP.
pub fn problem_of(error: &CareError) -> Problem {
    match error {
        CareError::NotPermitted | CareError::SamePerson { .. } | CareError::Restricted { .. } => {
            Problem::denied(error.to_string(), Vec::new())
        }
        CareError::Policy(error) => Problem::bad_request(chain(error)),
        CareError::Invalid { .. } => Problem::bad_request(error.to_string()),
        CareError::Unknown { .. } => Problem::not_found(error.to_string()),
        CareError::Conflict { .. } => Problem::conflict(error.to_string()),
        CareError::Store(_) | CareError::Ledger(_) => Problem::fault("the policy's records", error),
    }
}

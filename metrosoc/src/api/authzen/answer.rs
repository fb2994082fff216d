//! A decision as AuthZEN has it, with the obligations that go with it.

use std::collections::BTreeMap;

use ::event::{AgencyId, Masks, Object, Operation, Reach, Scope, SiteId, Subject, UserName};
use ::policy::application;
use ::policy::guard::Circumstances;
use ::policy::mask::RoleMasks;
use serde_json::{Map, Value, json};

use super::map::{self, Asked, Who};
use super::{App, Failed, Malformed, Problem};

/// A decision and what the record says of it.
pub(super) struct Decided {
    pub(super) allowed: bool,
    pub(super) answer: Value,
    pub(super) about: Value,
}

impl Decided {
    fn deny(about: Value, reason: &str, because: &[String], version: &str) -> Self {
        let context = json!({ "reason": reason, "because": because, "policy_version": version });
        Self { allowed: false, answer: json!({ "decision": false, "context": context }), about }
    }

    /// Says what for and on which legal basis it was decided, where either was stated or follows.
    fn on(mut self, purpose: &str, basis: &str) -> Self {
        if let Some(context) = self.answer.get_mut("context").and_then(Value::as_object_mut) {
            for (name, word) in [("purpose", purpose), ("legal_basis", basis)] {
                if !word.is_empty() {
                    context.insert(name.to_owned(), word.into());
                }
            }
        }
        self
    }

    /// One of several evaluations that cannot be read.
    pub(super) fn malformed(malformed: &Malformed) -> Self {
        Self::error(400, &malformed.0)
    }

    /// One of several evaluations that failed.
    pub(super) fn failed(failed: &Failed) -> Self {
        match failed {
            Failed::Malformed(malformed) => Self::malformed(malformed),
            Failed::Problem(problem) => Self::error(problem.status, &problem.detail),
        }
    }

    fn error(status: u16, message: &str) -> Self {
        let context = json!({ "error": { "status": status, "message": message } });
        let answer = json!({ "decision": false, "context": context });
        Self { allowed: false, answer, about: json!({ "error": status }) }
    }
}

/// Decides one evaluation.
///
/// # Errors
/// 400 when it is none, 503 when accounts cannot be read.
pub(super) async fn decide(app: &App, request: &Map<String, Value>) -> Result<Decided, Failed> {
    let asked = map::asked(request)?;
    if asked.object.is_err()
        && let Some(decision) = app.applications.load().decide(&asked.words)
    {
        return Ok(of_application(&asked.words, decision));
    }
    let about = about(&asked);
    let version = app.guard.version().unwrap_or_default();
    let deny = |reason: &str| Ok(Decided::deny(about.clone(), reason, &[], &version));
    let (operation, object) = match (&asked.operation, &asked.object) {
        (Ok(operation), Ok(object)) => (*operation, *object),
        (Err(why), _) | (_, Err(why)) => return deny(why),
    };
    let subject = match subject(app, &asked.subject).await? {
        Ok(subject) => subject,
        Err(why) => return deny(&why),
    };
    let circumstances = Circumstances { basis: asked.legal_basis.clone(), ..Circumstances::default() };
    let explained = app.guard.explain_in(&subject, operation, object, &asked.purpose, &circumstances);
    let deny = |reason: &str| {
        let denied = Decided::deny(about.clone(), reason, &explained.because, &version);
        Ok(denied.on(&asked.purpose, &explained.basis))
    };
    let Some(scope) = explained.scope.as_ref().filter(|_| explained.allowed) else {
        return deny(explained.reason.map_or("the policy does not allow this", |reason| reason.sentence()));
    };
    let filter = match within(app, &asked, object, scope) {
        Ok(filter) => filter,
        Err(why) => return deny(&why),
    };
    let mut obligations = filter.into_iter().collect::<Vec<Value>>();
    if is_seen(operation) && matches!(object, Object::Events | Object::Alerts) {
        let masks = app.guard.object_masks(&subject, object, &asked.purpose, None);
        obligations.push(mask_obligation(&masks, &asked.resource.fields));
    }
    let context = json!({
        "obligations": obligations, "because": explained.because, "policy_version": version,
    });
    let answer = json!({ "decision": true, "context": context });
    Ok(Decided { allowed: true, answer, about: about.clone() }.on(&asked.purpose, &explained.basis))
}

/// A decision by an application's own policy.
fn of_application(asked: &application::Asked, decision: application::Decision) -> Decided {
    let application::Decision { allowed, because } = decision;
    let reason = if because.is_empty() { "no line allows this" } else { "a line denies this" };
    let mut context = json!({ "because": because });
    if let Some(context) = context.as_object_mut().filter(|_| !allowed) {
        context.insert("reason".to_owned(), reason.into());
    }
    let about = json!({ "subject": { "id": asked.subject }, "operation": asked.action, "object": asked.kind });
    Decided { allowed, answer: json!({ "decision": allowed, "context": context }), about }
}

/// What is written down of an evaluation: who, what, what for; never the id of what it was about.
fn about(asked: &Asked) -> Value {
    let subject = match &asked.subject {
        Who::Account(name) => json!({ "account": name }),
        Who::Role(role, agency) => json!({ "role": role, "agency": agency }),
        Who::Unknown(_) => Value::Null,
    };
    json!({
        "subject": subject,
        "operation": asked.operation.as_ref().ok().map(|operation| operation.as_str()),
        "object": asked.object.as_ref().ok().map(|object| object.as_str()),
        "purpose": asked.purpose,
    })
}

async fn subject(app: &App, who: &Who) -> Result<Result<Subject, String>, Problem> {
    match who {
        Who::Unknown(why) => Ok(Err(why.clone())),
        Who::Role(role, agency) => {
            let name = UserName::new("anybody").map_err(|error| Problem::bad_request(error.to_string()))?;
            Ok(Ok(Subject { name, role: *role, agency: agency.clone() }))
        }
        Who::Account(name) => {
            let found = app.accounts.active_subject(name).await;
            let found = found.map_err(|error| crate::api::caller::account_problem(&error))?;
            Ok(found.ok_or_else(|| "there is no such account, or it is disabled".to_owned()))
        }
    }
}

/// Whether the resource lies in the scope: `None` when it does, an obligation to filter by where it is many, the reason when
/// it does not or cannot be known to.
fn within(app: &App, asked: &Asked, object: Object, scope: &Scope) -> Result<Option<Value>, String> {
    let resource = &asked.resource;
    let of_site = |site: &SiteId| app.sites.by_id(site).map(|found| found.agency.clone());
    let site = match (object, &resource.site) {
        (_, Some(site)) => Some(site.clone()),
        (Object::Sites, None) if resource.id != "*" => {
            Some(resource.id.parse::<SiteId>().map_err(|_| "the resource's id is no site".to_owned())?)
        }
        (_, None) => None,
    };
    let agency: Option<AgencyId> = match (&resource.agency, site.as_ref()) {
        (Some(stated), Some(site)) if of_site(site).as_ref() != Some(stated) => {
            return Err(format!("the site is not one of `{stated}`"));
        }
        (Some(stated), _) => Some(stated.clone()),
        (None, Some(site)) => Some(of_site(site).ok_or_else(|| "there is no such site".to_owned())?),
        (None, None) => None,
    };
    if scope.agencies == Reach::All && scope.sites == Reach::All {
        return Ok(None);
    }
    if agency.is_some() || site.is_some() {
        let inside = scope.holds(agency.as_ref(), site.as_ref());
        return inside.then_some(None).ok_or_else(|| "the resource lies outside of what the policy opens".to_owned());
    }
    if resource.id == "*" {
        return Ok(Some(json!({ "type": "filter", "agencies": scope.agencies, "sites": scope.sites })));
    }
    Err("whose the resource is cannot be known: state `resource.properties.agency` or `site`".to_owned())
}

fn is_seen(operation: Operation) -> bool {
    !matches!(operation, Operation::Write | Operation::Manage)
}

/// What whoever enforces the decision must do to fields; the whole profile where no fields are named.
fn mask_obligation(masks: &RoleMasks, fields: &[String]) -> Value {
    let counts = masks.counts();
    let forms: BTreeMap<&str, Value> = fields.iter().map(|field| (field.as_str(), form_of(masks, field))).collect();
    json!({
        "type": "mask", "profile": masks.name(), "fields": forms, "otherwise": form_of(masks, "\0"),
        "free_text": masks.free_text(),
        "counts": { "at_least": counts.at_least.max(1), "noise": counts.noise.is_some(), "rows": counts.rows },
    })
}

fn form_of(masks: &RoleMasks, field: &str) -> Value {
    let form = masks.form(field);
    let bounds = form.bounds();
    if bounds.is_empty() {
        json!({ "form": form.as_str() })
    } else {
        json!({ "form": form.as_str(), "bounds": bounds })
    }
}

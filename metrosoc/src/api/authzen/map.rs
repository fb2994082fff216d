//! From an evaluation's words to the policy's.

use std::collections::BTreeSet;

use ::event::{AgencyId, Object, Operation, Role, SiteId};
use ::policy::application::{self, Words};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::Malformed;

/// Longest word of a request.
const WORD_BYTES_MAX: usize = 256;
/// Most fields whose masks are asked for.
const FIELDS_MAX: usize = 500;

/// An evaluation in the policy's words. `Err` in a part is the reason why it has none there: a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) subject: Who,
    pub(super) operation: Result<Operation, String>,
    pub(super) object: Result<Object, String>,
    pub(super) resource: Resource,
    /// From the context; empty when none is stated.
    pub(super) purpose: String,
    /// From the context; empty for the purpose's own.
    pub(super) legal_basis: String,
    /// The same as an application's policy has it, by the words alone.
    pub(super) words: application::Asked,
}

/// Who it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// An account of that name.
    Account(String),
    /// Anybody of a role, of an agency or of none.
    Role(Role, Option<AgencyId>),
    /// Nobody the policy knows; why.
    Unknown(String),
}

/// What it is about, beside the object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) agency: Option<AgencyId>,
    pub(super) site: Option<SiteId>,
    /// The fields whose masks are asked for.
    pub(super) fields: Vec<String>,
}

/// Reads a body as an object; it must be said to be JSON (AuthZEN 1.0, section 10.1).
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let stated = headers.get(header::CONTENT_TYPE).and_then(|stated| stated.to_str().ok()).unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Malformed("`Content-Type` is not `application/json`".to_owned()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(request)) => Ok(request),
        Ok(_) => Err(Malformed("the body is no JSON object".to_owned())),
        Err(error) => Err(Malformed(format!("the body is no JSON (line {}, column {})", error.line(), error.column()))),
    }
}

/// One of several evaluations with what the request says for all of them. What the evaluation has itself stands instead of it;
/// only a `type` or `id` that it leaves out is taken from there.
pub(super) fn with_defaults(request: &Map<String, Value>, item: &Value) -> Result<Map<String, Value>, Malformed> {
    let Value::Object(item) = item else { return Err(Malformed("an evaluation is no object".to_owned())) };
    let mut whole = Map::new();
    for key in ["subject", "action", "resource", "context"] {
        let default = request.get(key);
        let Some(mut value) = item.get(key).or(default).cloned() else { continue };
        if let (Value::Object(own), Some(Value::Object(default)), false) = (&mut value, default, key == "context") {
            for required in ["type", "id"] {
                if let (false, Some(word)) = (own.contains_key(required), default.get(required)) {
                    own.insert(required.to_owned(), word.clone());
                }
            }
        }
        whole.insert(key.to_owned(), value);
    }
    Ok(whole)
}

/// Reads an evaluation.
///
/// # Errors
/// [`Malformed`] where AuthZEN 1.0 does not allow it (sections 5.1 to 5.4); what it allows and the policy does not know is
/// a denial.
pub(super) fn asked(request: &Map<String, Value>) -> Result<Asked, Malformed> {
    let (subject, action, resource) = (part(request, "subject")?, part(request, "action")?, part(request, "resource")?);
    let context = match request.get("context") {
        None => Map::new(),
        Some(Value::Object(context)) => context.clone(),
        Some(_) => return Err(Malformed("`context` is no object".to_owned())),
    };
    let name = word(action, "action", "name")?;
    let operation = Operation::ALL.into_iter().find(|operation| operation.as_str() == name);
    let kind = word(resource, "resource", "type")?;
    let object = Object::ALL.into_iter().find(|object| object.as_str() == kind);
    let stated = |name: &str| match context.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) if text.len() <= WORD_BYTES_MAX => Ok(text.clone()),
        Some(_) => Err(Malformed(format!("`context.{name}` is no short text"))),
    };
    Ok(Asked {
        words: application::Asked {
            subject: word(subject, "subject", "id")?.to_owned(),
            action: name.to_owned(),
            kind: kind.to_owned(),
            owner: owner(resource)?,
            words: if object.is_none() { words(request)? } else { Words::new() },
        },
        subject: who(subject)?,
        operation: operation.ok_or_else(|| format!("the policy has no action `{name}`")),
        object: object.ok_or_else(|| format!("the policy has no resource of the type `{kind}`")),
        resource: resource_of(resource, object.is_some())?,
        purpose: stated("purpose")?,
        legal_basis: stated("legal_basis")?,
    })
}

/// What an application's conditions may ask for.
fn words(request: &Map<String, Value>) -> Result<Words, Malformed> {
    let mut words = Words::new();
    let parts: [(&str, &[&str]); 4] =
        [("subject", &["type", "id"]), ("action", &["name"]), ("resource", &["type", "id"]), ("context", &[])];
    for (part, required) in parts {
        let Some(Value::Object(whole)) = request.get(part) else { continue };
        for (name, value) in &attributes(whole, part)? {
            let stated: BTreeSet<String> = match value {
                Value::Array(list) => list.iter().filter_map(plain).collect(),
                one => plain(one).into_iter().collect(),
            };
            words.insert(format!("{part}.{name}"), stated);
        }
        // What says who and what it is cannot be overridden by a property of that name.
        for name in required {
            words.insert(format!("{part}.{name}"), whole.get(*name).and_then(plain).into_iter().collect());
        }
    }
    Ok(words)
}

/// What a part says beside what it is: its properties and, as drafts before AuthZEN 1.0 had it, members of its own.
fn attributes(part: &Map<String, Value>, of: &str) -> Result<Map<String, Value>, Malformed> {
    let mut all = part.clone();
    if of != "context" {
        all.remove("properties");
        all.extend(properties(part, of)?);
    }
    Ok(all)
}

/// A text, number or truth value as a word.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whose a resource of another application is.
fn owner(resource: &Map<String, Value>) -> Result<Option<String>, Malformed> {
    let attributes = attributes(resource, "resource")?;
    let found = ["ownerID", "owner"].iter().find_map(|name| attributes.get(*name)).and_then(Value::as_str);
    Ok(found.filter(|owner| owner.len() <= WORD_BYTES_MAX).map(str::to_owned))
}

fn who(subject: &Map<String, Value>) -> Result<Who, Malformed> {
    let (kind, id) = (word(subject, "subject", "type")?, word(subject, "subject", "id")?);
    let properties = properties(subject, "subject")?;
    let agency = match id_in::<AgencyId>(&properties, "agency") {
        Ok(agency) => agency,
        Err(why) => return Ok(Who::Unknown(why)),
    };
    Ok(match kind {
        "user" | "account" | "machine" => Who::Account(id.to_owned()),
        "role" => match Role::parse(id) {
            Some(role) => Who::Role(role, agency),
            None => Who::Unknown(format!("the policy has no role `{id}`")),
        },
        other => Who::Unknown(format!("the policy has no subject of the type `{other}` (`user` and `role` are known)")),
    })
}

fn resource_of(resource: &Map<String, Value>, is_ours: bool) -> Result<Resource, Malformed> {
    let id = word(resource, "resource", "id")?.to_owned();
    let properties = properties(resource, "resource")?;
    if !is_ours {
        return Ok(Resource { id, ..Resource::default() }); // what its properties mean is the application's own
    }
    let wrong = Malformed;
    let fields = match properties.get("fields") {
        None => Vec::new(),
        Some(Value::Array(list)) if list.len() <= FIELDS_MAX => {
            let text = |field: &Value| field.as_str().filter(|field| field.len() <= WORD_BYTES_MAX).map(str::to_owned);
            let fields: Option<Vec<String>> = list.iter().map(text).collect();
            fields.ok_or_else(|| Malformed("`resource.properties.fields` holds what is no field's name".to_owned()))?
        }
        Some(_) => {
            return Err(Malformed(format!("`resource.properties.fields` is no array of at most {FIELDS_MAX} names")));
        }
    };
    Ok(Resource {
        id,
        agency: id_in(&properties, "agency").map_err(wrong)?,
        site: id_in(&properties, "site").map_err(wrong)?,
        fields,
    })
}

fn part<'r>(request: &'r Map<String, Value>, name: &str) -> Result<&'r Map<String, Value>, Malformed> {
    match request.get(name) {
        Some(Value::Object(part)) => Ok(part),
        Some(_) => Err(Malformed(format!("`{name}` is no object"))),
        None => Err(Malformed(format!("`{name}` is missing"))),
    }
}

fn word<'p>(part: &'p Map<String, Value>, of: &str, name: &str) -> Result<&'p str, Malformed> {
    match part.get(name) {
        Some(Value::String(word)) if word.is_empty() => Err(Malformed(format!("`{of}.{name}` is empty"))),
        Some(Value::String(word)) if word.len() > WORD_BYTES_MAX || word.chars().any(char::is_control) => {
            Err(Malformed(format!("`{of}.{name}` is longer than {WORD_BYTES_MAX} bytes, or has control characters")))
        }
        Some(Value::String(word)) => Ok(word),
        Some(_) => Err(Malformed(format!("`{of}.{name}` is no text"))),
        None => Err(Malformed(format!("`{of}.{name}` is missing"))),
    }
}

fn properties(part: &Map<String, Value>, of: &str) -> Result<Map<String, Value>, Malformed> {
    match part.get("properties") {
        None => Ok(Map::new()),
        Some(Value::Object(properties)) => Ok(properties.clone()),
        Some(_) => Err(Malformed(format!("`{of}.properties` is no object"))),
    }
}

fn id_in<T: std::str::FromStr>(properties: &Map<String, Value>, name: &str) -> Result<Option<T>, String> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(format!("`properties.{name}` is no id")),
        },
        Some(_) => Err(format!("`properties.{name}` is no id")),
    }
}

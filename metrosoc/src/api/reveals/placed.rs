//! Where the pseudonyms of a reveal stand: told by the spans of stored events, never by what a text looks like.

use std::collections::{BTreeMap, BTreeSet};

use ::policy::pseudonym::{writings_in, writings_of};
use ::policy::reveal::Place;
use ::policy::vault::{Kind, Token};
use detector::search::{Hit, SearchRequest};
use event::{AgencyId, Event, EventId, Object, Operation, Permit};
use serde_json::Value;

use crate::api::App;
use crate::api::caller::Caller;
use crate::api::problem::Problem;
use crate::api::search::blocking;

/// Most events that a reveal names.
const EVENTS_MAX: usize = 100;
/// Most fields that a reveal names.
const FIELDS_MAX: usize = 20;
/// Most pseudonyms that are looked for in the index, one by one.
const TOKENS_MAX: usize = 1_000;
/// Newest events in which a pseudonym is looked for.
const NEWEST_MAX: usize = 50;

/// What somebody named.
pub struct Named<'f> {
    /// Whose data.
    pub agency: &'f AgencyId,
    /// What for.
    pub purpose: &'f str,
    /// Pseudonyms.
    pub tokens: BTreeSet<String>,
    /// Events by their ids.
    pub events: &'f [u64],
    /// Fields of those events.
    pub fields: &'f BTreeSet<String>,
}

/// What is to be turned back, and where it stands as far as events were named.
pub struct Found {
    /// Every pseudonym that is meant.
    pub tokens: BTreeSet<String>,
    /// The fields that are read as they came.
    pub places: BTreeSet<Place>,
}

/// The pseudonyms that are meant: those in the named fields of the named events, and those that were named themselves and
/// stand in some event of the agency. All of it within what the caller may read.
///
/// # Errors
/// 400 for what stands nowhere or elsewhere, 403 for who may not read events.
pub async fn found(app: &App, caller: &Caller, named: Named<'_>) -> Result<Found, Problem> {
    if named.events.len() > EVENTS_MAX || named.fields.len() > FIELDS_MAX || named.tokens.len() > TOKENS_MAX {
        let most = format!("{EVENTS_MAX} events, {FIELDS_MAX} fields and {TOKENS_MAX} pseudonyms");
        return Err(Problem::bad_request(format!("a reveal names {most} at most")));
    }
    if named.events.is_empty() != named.fields.is_empty() {
        return Err(Problem::bad_request("`events` and `fields` go together: which fields of which events"));
    }
    let mut wanted = BTreeSet::new();
    for text in &named.tokens {
        let shown: String = text.chars().take(24).collect();
        wanted.insert(Token::parse(text).ok_or_else(|| Problem::bad_request(format!("`{shown}` is no pseudonym")))?);
    }
    let mut found = Found { tokens: named.tokens.clone(), places: BTreeSet::new() };
    if named.events.is_empty() && wanted.is_empty() {
        return Ok(found);
    }
    let permit = caller.permit(app, Operation::Read, Object::Events, named.purpose)?;
    let ids: BTreeSet<EventId> = named.events.iter().copied().map(EventId).collect();
    let placed = placed(app, &permit, ids.iter().copied().collect()).await?;
    for id in &ids {
        let (hit, event) =
            placed.get(id).ok_or_else(|| Problem::bad_request(format!("no event `{id}` that you may see")))?;
        if !is_of(hit, named.agency) {
            return Err(Problem::bad_request(format!("event `{id}` is no data of `{}`", named.agency)));
        }
        for field in named.fields {
            let here: Vec<Token> = writings_in(event, field).iter().map(|writing| writing.token).collect();
            if !here.is_empty() {
                found.places.insert(Place { event: *id, field: field.clone() });
            }
            for token in here {
                wanted.remove(&token);
                found.tokens.insert(token.to_string());
            }
        }
        for writing in writings_of(event) {
            wanted.remove(&writing.token);
        }
    }
    if !ids.is_empty() && found.places.is_empty() {
        return Err(Problem::bad_request("no field that was named holds a pseudonym in those events, as you see them"));
    }
    for token in wanted {
        if !stands(app, &permit, named.agency, token).await? {
            let detail = format!(
                "`{token}` stands in none of the newest events of `{}` that you may read; name `events` and `fields`",
                named.agency
            );
            return Err(Problem::bad_request(detail));
        }
    }
    Ok(found)
}

/// The events with their fields in place, as far as the permit shows them as they are stored.
pub async fn placed(app: &App, permit: &Permit, ids: Vec<EventId>) -> Result<BTreeMap<EventId, (Hit, Event)>, Problem> {
    let (engine, permit) = (app.search.clone(), permit.clone());
    blocking(move || {
        let mut found = BTreeMap::new();
        for id in ids {
            found.extend(engine.placed(&permit, id)?.map(|one| (id, one)));
        }
        Ok(found)
    })
    .await
}

/// Whether a pseudonym stands in an event of the agency. The index finds whatever reads like it; spans decide.
async fn stands(app: &App, permit: &Permit, agency: &AgencyId, token: Token) -> Result<bool, Problem> {
    let address = match token.kind() {
        Kind::Value(::policy::privacy::Class::IpAddress) => format!(" OR *:\"{}\"", token.as_address()),
        _ => String::new(),
    };
    let query = format!("metrosoc.agency.id:\"{agency}\" AND (message:\"{token}\" OR *:\"{token}\"{address})");
    let request = SearchRequest { query, limit: Some(NEWEST_MAX), ..SearchRequest::default() };
    let (engine, of) = (app.search.clone(), permit.clone());
    let answer = blocking(move || engine.search(&of, &request)).await?;
    let ids = answer.hits.iter().filter(|hit| is_of(hit, agency)).map(|hit| hit.id).collect();
    let placed = placed(app, permit, ids).await?;
    Ok(placed.values().any(|(_, event)| writings_of(event).iter().any(|writing| writing.token == token)))
}

fn is_of(hit: &Hit, agency: &AgencyId) -> bool {
    hit.fields.get("metrosoc.agency.id").and_then(Value::as_str) == Some(agency.as_str())
}

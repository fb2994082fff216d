//! From an entry of the ledger to the events that rules watch, under the names that the rules use.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use event::{OwnEvent, OwnRecord, Site, SiteId, Subject, Timestamp};
use ledger::StoredEntry;
use serde_json::{Map, Value, json};

/// What the feed knows beside the ledger.
pub(super) struct Known<'k> {
    /// The accounts of actors.
    pub(super) subjects: &'k BTreeMap<String, Subject>,
    /// The register of sites.
    pub(super) site: &'k (dyn Fn(&SiteId) -> Option<Arc<Site>> + Sync),
}

/// What an action of the ledger becomes.
struct Kind {
    /// The ledger's word.
    entry: &'static str,
    /// `event.action` in the audit record; `None` for what strangers cause, which is no act of a user.
    audit: Option<&'static str>,
    /// `event.action` in another record.
    other: Option<(OwnRecord, &'static str)>,
}

const fn audit(entry: &'static str, action: &'static str) -> Kind {
    Kind { entry, audit: Some(action), other: None }
}

const fn both(entry: &'static str, record: OwnRecord, action: &'static str) -> Kind {
    Kind { entry, audit: Some(entry), other: Some((record, action)) }
}

const fn only(entry: &'static str, record: OwnRecord) -> Kind {
    Kind { entry, audit: None, other: Some((record, entry)) }
}

/// Actions whose events have other names, or stand in other records. Any other action of somebody is an event of the
/// audit record under its own name; what the platform records of itself is none unless it stands here.
const KINDS: &[Kind] = &[
    audit("disk_full", "disk_full"),
    audit("disk_low", "disk_low"),
    audit("disk_recovered", "disk_recovered"),
    audit("exception_add", "rule_exception_added"),
    audit("exception_withdraw", "rule_exception_withdrawn"),
    audit("grant_ending", "grant_ending"),
    audit("index_slice_lost", "index_slice_lost"),
    audit("key_rotation_ended", "key_rotation_ended"),
    audit("ledger_repair", "ledger_repair"),
    audit("policy_change", "policy_change"),
    audit("request_due", "request_due"),
    audit("request_expired", "request_expired"),
    audit("response_expired", "response_expired"),
    audit("response_planned", "response_planned"),
    audit("response_restored", "response_restored"),
    audit("response_run", "response_run"),
    audit("response_undone", "response_undone"),
    audit("reveal_ended", "reveal_ended"),
    audit("review_overdue", "review_overdue"),
    audit("spool_damaged", "spool_damaged"),
    audit("subject_request_due", "subject_request_due"),
    audit("subject_request_overdue", "subject_request_overdue"),
    both("authority_created", OwnRecord::Pki, "authority_created"),
    both("certificate_issued", OwnRecord::Pki, "certificate_issued"),
    both("certificate_request_refused", OwnRecord::Pki, "certificate_refused"),
    both("certificate_revoked", OwnRecord::Pki, "certificate_revoked"),
    both("import_sites", OwnRecord::Site, "attribution_changed"),
    only("certificate_from_unusual_address", OwnRecord::Pki),
    only("certificate_refused", OwnRecord::Pki),
    only("certificate_used", OwnRecord::Pki),
    only("revoked_certificate_used", OwnRecord::Pki),
    only("unknown_sender", OwnRecord::Site),
    only("site_silent", OwnRecord::Site),
    only("site_back", OwnRecord::Site),
    only("source_silent", OwnRecord::Site),
    only("source_back", OwnRecord::Site),
    only("source_volume_dropped", OwnRecord::Site),
    only("source_volume_surged", OwnRecord::Site),
    only("source_volume_back", OwnRecord::Site),
    only("clock_skew", OwnRecord::Site),
    only("clock_set", OwnRecord::Site),
    only("many_sites_silent", OwnRecord::Site),
    only("many_sites_back", OwnRecord::Site),
    only("many_sources_silent", OwnRecord::Site),
    only("many_sources_back", OwnRecord::Site),
    only("many_volumes_dropped", OwnRecord::Site),
    only("many_volumes_surged", OwnRecord::Site),
    only("many_volumes_back", OwnRecord::Site),
    only("many_clocks_skewed", OwnRecord::Site),
    only("many_clocks_set", OwnRecord::Site),
    only("site_over_quota", OwnRecord::Site),
    only("site_within_quota", OwnRecord::Site),
];

/// What the ledger calls the platform itself.
const PLATFORM: &str = "metrosoc";
/// What an entry says of a site's or a source's health, and of its quota.
const MEASURED: [(&str, &str); 17] = [
    ("state", "site.state"),
    ("silent_secs", "site.silent_secs"),
    ("usual_interval_secs", "site.usual_interval_secs"),
    ("intervals_missed", "site.intervals_missed"),
    ("events_per_hour", "site.events_per_hour"),
    ("expected_per_hour", "site.expected_per_hour"),
    ("clock_skew_secs", "site.clock_skew_secs"),
    ("others_active", "site.other_sources_active"),
    ("last_seen", "site.last_seen"),
    ("sites", "site.ids"),
    ("sites_count", "site.sites_count"),
    ("agencies", "site.agencies"),
    ("data_centers", "site.data_centers"),
    ("events_per_sec_max", "site.quota.events_per_sec"),
    ("bytes_per_sec_max", "site.quota.bytes_per_sec"),
    ("held_secs", "site.quota.held_secs"),
    ("dropped", "site.quota.dropped"),
];
/// Certificates of one entry that become events of their own; the ledger groups no more.
const CERTIFICATES_MAX: usize = 500;

fn kind(entry: &StoredEntry) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.entry == entry.entry.action)
}

/// Whether an entry becomes no event: what the platform records of itself in passing, above all of batches.
pub(super) fn is_left_out(entry: &StoredEntry) -> bool {
    kind(entry).is_none() && entry.entry.actor == PLATFORM
}

/// The events of an entry.
pub(super) fn events(stored: &StoredEntry, known: &Known<'_>) -> Vec<OwnEvent> {
    if is_left_out(stored) {
        return Vec::new();
    }
    let kind = kind(stored);
    let mut events = Vec::new();
    if let Some(action) = kind.map_or(Some(stored.entry.action.as_str()), |kind| kind.audit) {
        let mut event = Draft::new(stored, OwnRecord::Audit, action, known);
        event.audit(stored);
        events.push(event.done(format!("ledger:{}", stored.index)));
    }
    match kind.and_then(|kind| kind.other) {
        Some((OwnRecord::Pki, action)) => {
            for (number, part) in certificates(&stored.entry.detail).into_iter().enumerate() {
                let mut event = Draft::new(stored, OwnRecord::Pki, action, known);
                event.certificate(&part, &stored.entry.detail, known);
                events.push(event.done(format!("ledger:{}:pki:{number}", stored.index)));
            }
        }
        Some((record, action)) => {
            let mut event = Draft::new(stored, record, action, known);
            event.site(&stored.entry.detail, known);
            events.push(event.done(format!("ledger:{}:{}", stored.index, record.as_str())));
        }
        None => {}
    }
    events
}

/// The event of an entry that was changed in the ledger's files.
pub(super) fn damaged(index: u64, now: Timestamp) -> OwnEvent {
    let mut fields = Map::new();
    for (name, value) in [
        ("event.id", json!(format!("ledger:{index}"))),
        ("event.action", json!("ledger_check")),
        ("event.outcome", json!("failure")),
        ("metrosoc.audit.object", json!(format!("entry:{index}"))),
        ("message", json!(format!("entry {index} of the ledger was changed"))),
    ] {
        fields.insert(name.to_owned(), value);
    }
    OwnEvent { record: OwnRecord::Audit, time: now, fields }
}

/// One certificate of an entry.
struct Certificate<'d> {
    serial: Option<&'d str>,
    subject: Option<&'d str>,
}

/// The certificates that an entry tells of: a list, serial numbers, or the entry's own.
fn certificates(detail: &Value) -> Vec<Certificate<'_>> {
    let list = |name: &str| detail.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let listed = list("certificates").iter().map(|one| Certificate {
        serial: one.get("serial").and_then(Value::as_str),
        subject: one.get("subject").and_then(Value::as_str),
    });
    let serials = list("serials").iter().map(|one| Certificate { serial: one.as_str(), subject: None });
    let mut found: Vec<_> = listed.chain(serials).take(CERTIFICATES_MAX).collect();
    if found.is_empty() {
        let own = |name: &str| detail.get(name).and_then(Value::as_str);
        found.push(Certificate { serial: own("serial"), subject: own("subject").or_else(|| own("site")) });
    }
    found
}

/// An event that is being made.
struct Draft {
    event: OwnEvent,
}

impl Draft {
    /// What every event says: when, what, how it ended, who, from where.
    fn new(stored: &StoredEntry, record: OwnRecord, action: &str, known: &Known<'_>) -> Self {
        let entry = &stored.entry;
        let mut draft = Self { event: OwnEvent { record, time: stored.time, fields: Map::new() } };
        draft.set("event.action", action);
        draft.set("event.outcome", outcome(action, &entry.detail));
        if let Some(category) = category(action) {
            draft.set("event.category", category);
        }
        draft.set("metrosoc.audit.entry", stored.index);
        draft.set("message", format!("{} {action} {}", entry.actor, entry.object));
        draft.copy(&entry.detail, "address", "source.ip");
        draft.copy(&entry.detail, "reason", "event.reason");
        if entry.actor != PLATFORM {
            draft.set("user.name", entry.actor.as_str());
            draft.set_some("user.roles", role(&entry.actor, known));
            let agency = known.subjects.get(&entry.actor).and_then(|subject| subject.agency.as_ref());
            draft.set_some("metrosoc.audit.agency", agency.map(|agency| agency.as_str()));
        }
        draft
    }

    /// What was read or changed: object, purpose, case, how much.
    fn audit(&mut self, stored: &StoredEntry) {
        let (entry, detail) = (&stored.entry, &stored.entry.detail);
        let mut objects = vec![entry.object.clone()];
        let about = detail.get("about").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        objects.extend(about.iter().filter_map(Value::as_str).map(|class| format!("{class}:{}", entry.object)));
        if let Some(role) = detail.get("role").and_then(Value::as_str) {
            objects.push(format!("role:{role}"));
        }
        self.set("metrosoc.audit.object", if objects.len() == 1 { json!(entry.object) } else { json!(objects) });
        self.copy(detail, "purpose", "metrosoc.audit.purpose");
        self.copy(detail, "case", "metrosoc.audit.case");
        self.copy(detail, "datasets", "metrosoc.audit.dataset");
        let length = |name: &str| detail.get(name).and_then(Value::as_array).map(|list| json!(list.len()));
        let number = |name: &str| detail.get(name).filter(|value| value.is_u64()).cloned();
        let counts = ["count", "shown", "records", "sessions"].into_iter().find_map(number);
        self.set_some("metrosoc.audit.count", counts.or_else(|| length("serials")).or_else(|| length("certificates")));
    }

    fn certificate(&mut self, part: &Certificate<'_>, detail: &Value, known: &Known<'_>) {
        self.set_some("x509.serial_number", part.serial.filter(|serial| !serial.is_empty()));
        self.set_some("x509.subject.common_name", part.subject.filter(|subject| !subject.is_empty()));
        self.copy(detail, "issuer", "x509.issuer.common_name");
        self.copy(detail, "reason", "pki.reason");
        self.copy(detail, "count", "pki.count");
        let told = detail.get("site").and_then(Value::as_str);
        let id = told.or(part.subject).and_then(|id| SiteId::new(id).ok());
        let site = id.as_ref().and_then(|id| (known.site)(id));
        let registered = site.as_ref().map(|site| site.id.as_str());
        self.set_some("pki.site", registered.or(told));
        let address = detail.get("address").and_then(Value::as_str);
        if let Some(addresses) = site.and_then(|site| addresses(&site, address)) {
            self.set("pki.site_addresses", addresses);
        }
    }

    fn site(&mut self, detail: &Value, known: &Known<'_>) {
        self.copy(detail, "source", "site.source");
        self.copy(detail, "transport", "site.transport");
        self.copy(detail, "count", "site.count");
        self.copy(detail, "site", "site.id");
        for (from, to) in MEASURED {
            self.copy(detail, from, to);
        }
        let secs = detail.get("silent_secs").and_then(Value::as_u64);
        self.set_some("site.silent_minutes", secs.map(|secs| secs / 60));
        let id = detail.get("site").and_then(Value::as_str).and_then(|id| SiteId::new(id).ok());
        let site = id.and_then(|id| (known.site)(&id));
        self.set_some("site.agency", site.map(|site| site.agency.to_string()));
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.event.fields.insert(name.to_owned(), value.into());
    }

    fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn copy(&mut self, detail: &Value, from: &str, to: &str) {
        let value = detail.get(from).filter(|value| !matches!(value, Value::Null | Value::Object(_)));
        let is_empty = value.is_some_and(|value| value.as_str() == Some(""));
        self.set_some(to, value.filter(|_| !is_empty).cloned());
    }

    fn done(mut self, id: String) -> OwnEvent {
        self.set("event.id", id);
        self.event
    }
}

/// How it ended, by the entry's own word or by the action's name.
fn outcome(action: &str, detail: &Value) -> &'static str {
    let is_sound = detail.get("sound").and_then(Value::as_bool).unwrap_or(true);
    match action {
        "revoked_certificate_used" => "failure",
        _ if action.ends_with("_refused") || !is_sound => "failure",
        _ => "success",
    }
}

/// ECS's word for what kind of act it is.
fn category(action: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 13] = [
        ("sign_", "authentication"),
        ("sessions_", "session"),
        ("user_", "iam"),
        ("token_", "iam"),
        ("password_", "iam"),
        ("recovery_", "iam"),
        ("first_administrator", "iam"),
        ("setup_", "iam"),
        ("policy_", "configuration"),
        ("rule_", "configuration"),
        ("reload", "configuration"),
        ("attribution_", "configuration"),
        ("authority_", "configuration"),
    ];
    WORDS.iter().find(|(start, _)| action.starts_with(start)).map(|(_, category)| *category)
}

/// The role of an actor: an account's now, or what its form says.
fn role(actor: &str, known: &Known<'_>) -> Option<&'static str> {
    match actor.split_once(':') {
        Some(("local", _)) => Some("operator"),
        Some(("site", _)) => Some("machine"),
        _ => known.subjects.get(actor).map(|subject| subject.role.as_str()),
    }
}

/// The addresses of a site: single ones as they are, and the one that was used when it lies in a network of the site.
fn addresses(site: &Site, used: Option<&str>) -> Option<Value> {
    if site.addresses.is_empty() {
        return None;
    }
    let single = site.addresses.iter().filter(|net| net.prefix_len() == net.max_prefix_len());
    let mut list: Vec<String> = single.map(|net| net.addr().to_string()).collect();
    let used = used.and_then(|text| text.parse::<IpAddr>().ok()).filter(|address| site.holds(*address).is_some());
    let used = used.map(|address| address.to_string()).filter(|text| !list.contains(text));
    list.extend(used);
    list.extend(site.addresses.iter().filter(|net| net.prefix_len() < net.max_prefix_len()).map(ToString::to_string));
    Some(json!(list))
}

#[cfg(test)]
mod tests;

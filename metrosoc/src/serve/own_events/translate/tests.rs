//! Entries as the ledger has them, the events they become, and which words of our rules are produced by now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use event::{AgencyId, Role, UserName};
use ledger::Entry;

use super::*;

fn entry(actor: &str, action: &str, object: &str, detail: Value) -> StoredEntry {
    let time = Timestamp::from_secs(1_793_664_000);
    let entry = Entry::new(actor, action, object, detail);
    StoredEntry { index: 7, time, entry, hash: [0; 32], previous: [0; 32] }
}

fn site() -> Site {
    Site {
        id: SiteId::new("hcm-a").unwrap(),
        name: "A".to_owned(),
        agency: AgencyId::new("agency-a").unwrap(),
        data_center: "dc1".to_owned(),
        addresses: vec!["10.20.4.1/32".parse().unwrap(), "fd00:20:4::/64".parse().unwrap()],
        latitude_deg: None,
        longitude_deg: None,
        ward_code: None,
    }
}

fn events_of(stored: &StoredEntry) -> Vec<OwnEvent> {
    let agency = Some(AgencyId::new("agency-a").unwrap());
    let lan = Subject { name: UserName::new("lan").unwrap(), role: Role::AnalystTier2, agency };
    let subjects = BTreeMap::from([("lan".to_owned(), lan)]);
    let of = |id: &SiteId| (id.as_str() == "hcm-a").then(|| Arc::new(site()));
    events(stored, &Known { subjects: &subjects, site: &of })
}

#[track_caller]
fn check(stored: &StoredEntry, expected: Value) {
    let found: Vec<Value> = events_of(stored)
        .into_iter()
        .map(|event| {
            let mut fields = event.fields;
            for name in ["message", "metrosoc.audit.entry"] {
                assert!(fields.remove(name).is_some(), "{name}");
            }
            json!([event.record.as_str(), fields])
        })
        .collect();
    assert_eq!(json!(found), expected);
}

#[test]
fn a_reading_says_who_what_and_why() {
    let detail = json!({
        "query": "user.name:x", "purpose": "triage", "case": null, "shown": 3, "total": 40, "address": "10.0.9.4",
        "datasets": ["lgsp.gateway"], "about": ["citizen"],
    });
    check(
        &entry("lan", "search", "events", detail),
        json!([["audit", {
            "event.id": "ledger:7", "event.action": "search", "event.outcome": "success", "user.name": "lan",
            "user.roles": "analyst-tier2", "metrosoc.audit.agency": "agency-a", "source.ip": "10.0.9.4",
            "metrosoc.audit.object": ["events", "citizen:events"], "metrosoc.audit.purpose": "triage",
            "metrosoc.audit.count": 3, "metrosoc.audit.dataset": ["lgsp.gateway"],
        }]]),
    );
}

#[test]
fn accounts_and_rules_are_named_as_the_rules_name_them() {
    check(
        &entry("lan", "sign_in_refused", "lan", json!({ "address": "2001:db8::7" })),
        json!([["audit", {
            "event.id": "ledger:7", "event.action": "sign_in_refused", "event.outcome": "failure", "user.name": "lan",
            "event.category": "authentication", "user.roles": "analyst-tier2", "metrosoc.audit.agency": "agency-a",
            "source.ip": "2001:db8::7", "metrosoc.audit.object": "lan",
        }]]),
    );
    check(
        &entry("local:0", "user_created", "mai", json!({ "role": "dpo", "agency": null })),
        json!([["audit", {
            "event.id": "ledger:7", "event.action": "user_created", "event.outcome": "success", "user.name": "local:0",
            "event.category": "iam", "user.roles": "operator", "metrosoc.audit.object": ["mai", "role:dpo"],
        }]]),
    );
    check(
        &entry("mai", "exception_add", "exception:1", json!({ "reason": "known scanner" })),
        json!([["audit", {
            "event.id": "ledger:7", "event.action": "rule_exception_added", "event.outcome": "success",
            "user.name": "mai", "event.category": "configuration", "metrosoc.audit.object": "exception:1",
            "event.reason": "known scanner",
        }]]),
    );
}

#[test]
fn each_certificate_is_an_event() {
    let listed =
        json!({ "certificates": [{ "serial": "1", "subject": "hcm-a" }, { "serial": "2", "subject": "hcm-z" }] });
    let found = events_of(&entry("lan", "certificate_issued", "2 certificates", listed));
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].fields["metrosoc.audit.count"], 2);
    assert_eq!(
        (&found[1].fields["pki.site"], &found[1].fields["event.id"]),
        (&json!("hcm-a"), &json!("ledger:7:pki:0"))
    );
    assert_eq!(found[1].fields["pki.site_addresses"], json!(["10.20.4.1", "fd00:20:4::/64"]));
    assert!(!found[2].fields.contains_key("pki.site"));
    check(
        &entry(
            "site:hcm-a",
            "certificate_used",
            "certificate:1",
            json!({
                "address": "fd00:20:4::9", "serial": "1", "site": "hcm-a",
            }),
        ),
        json!([["pki", {
            "event.id": "ledger:7:pki:0", "event.action": "certificate_used", "event.outcome": "success",
            "user.name": "site:hcm-a", "user.roles": "machine", "source.ip": "fd00:20:4::9", "x509.serial_number": "1",
            "x509.subject.common_name": "hcm-a", "pki.site": "hcm-a",
            "pki.site_addresses": ["10.20.4.1", "fd00:20:4::9", "fd00:20:4::/64"],
        }]]),
    );
    let refused = json!({ "site": "hcm-q99", "reason": "unknown_site", "address": "::1" });
    let found = events_of(&entry("lan", "certificate_request_refused", "site:hcm-q99", refused));
    assert_eq!(found[1].fields["event.action"], "certificate_refused");
    assert_eq!(
        (&found[1].fields["pki.reason"], &found[1].fields["pki.site"]),
        (&json!("unknown_site"), &json!("hcm-q99"))
    );
}

#[test]
fn what_the_platform_records_in_passing_is_no_event() {
    assert_eq!(events_of(&entry("metrosoc", "batch_indexed", "events:0-9", json!({ "count": 10 }))), []);
    assert_eq!(events_of(&entry("metrosoc", "something_new", "x", json!({}))), []);
    assert_eq!(events_of(&entry("lan", "something_new", "x", json!({}))).len(), 1);
    let unknown = json!({ "address": "203.0.113.9", "source": "syslog-udp:203.0.113.9", "count": 1 });
    let found = events_of(&entry("metrosoc", "unknown_sender", "source:syslog-udp:203.0.113.9", unknown));
    assert_eq!((found.len(), found[0].record), (1, OwnRecord::Site));
    assert_eq!(damaged(3, Timestamp::from_secs(1)).fields["event.outcome"], "failure");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name.ends_with(".yml") && !name.ends_with(".test.yml") {
            found.push(path);
        }
    }
}

/// Actions that are recorded as they are called; the code that records them stands beside each.
const RECORDED: &[&str] = &[
    "alert_update",                 // metrosoc/src/api/alerts.rs
    "audit_exported",               // policy/src/audit.rs
    "audit_read",                   // policy/src/audit.rs
    "audit_search",                 // metrosoc/src/api/audit.rs
    "backtest",                     // metrosoc/src/api/hunts.rs
    "backtest_read",                // metrosoc/src/api/hunts.rs
    "backup_begun",                 // metrosoc/src/backup/make.rs
    "backup_made",                  // metrosoc/src/backup/make.rs
    "backup_refused",               // metrosoc/src/backup/make.rs
    "break_glass",                  // policy/src/reveal/register.rs
    "break_glass_reviewed",         // policy/src/reveal/state.rs
    "break_glass_unjustified",      // policy/src/reveal/state.rs
    "decisions_asked",              // metrosoc/src/api/authzen/mod.rs
    "exception_preview",            // metrosoc/src/api/hunts.rs
    "export_begun",                 // metrosoc/src/api/export.rs
    "export_events",                // metrosoc/src/api/export.rs
    "first_administrator",          // policy/src/account/code.rs
    "grant_changed",                // policy/src/request/register.rs
    "import",                       // metrosoc/src/api/import.rs
    "key_rotation_begun",           // metrosoc/src/api/keys.rs
    "ledger_check",                 // metrosoc/src/serve/own_events/mod.rs
    "ledger_verify",                // metrosoc/src/api/ledger.rs
    "mask",                         // metrosoc/src/api/mask/mod.rs
    "mask_ended",                   // metrosoc/src/api/mask/stream.rs
    "notice_acknowledged",          // policy/src/care/notice.rs
    "password_changed",             // policy/src/account/user.rs
    "password_recovered",           // policy/src/account/code.rs
    "personnel_recorded",           // policy/src/care/people/personnel.rs
    "platform_restored",            // metrosoc/src/backup/restore.rs
    "policy_changed",               // policy/src/care/versions.rs
    "policy_reviewed",              // metrosoc/src/api/policy/review.rs
    "policy_simulated",             // metrosoc/src/api/policy/simulate.rs
    "provider_sign_out",            // policy/src/account/federated.rs
    "read_agreement",               // metrosoc/src/api/requests.rs
    "read_alert",                   // metrosoc/src/api/alerts.rs
    "read_alerts",                  // metrosoc/src/api/alerts.rs
    "read_certificates",            // metrosoc/src/api/certificates.rs
    "read_event",                   // metrosoc/src/api/search.rs
    "read_exceptions",              // metrosoc/src/api/exceptions.rs
    "read_notices",                 // metrosoc/src/api/policy/people.rs
    "read_personnel",               // metrosoc/src/api/policy/people.rs
    "read_request",                 // metrosoc/src/api/requests.rs
    "read_requests",                // metrosoc/src/api/requests.rs
    "read_responses",               // metrosoc/src/api/responses.rs
    "read_reveals",                 // metrosoc/src/api/reveals.rs
    "read_sites",                   // metrosoc/src/api/sites.rs
    "read_users",                   // metrosoc/src/api/users.rs
    "reconcile_responses",          // metrosoc/src/api/responses.rs
    "recovery_code_made",           // policy/src/account/code.rs
    "recovery_codes_made",          // policy/src/account/second_factor.rs
    "reload",                       // metrosoc/src/api/platform.rs
    "request_approved",             // policy/src/request/state.rs
    "request_asked",                // policy/src/request/register.rs
    "request_delegated",            // policy/src/request/state.rs
    "request_narrowed",             // policy/src/request/state.rs
    "request_refused",              // policy/src/request/state.rs
    "request_renewed",              // policy/src/request/state.rs
    "request_withdrawn",            // policy/src/request/state.rs
    "reveal",                       // policy/src/reveal/register.rs
    "reveal_approved",              // policy/src/reveal/state.rs
    "reveal_asked",                 // policy/src/reveal/register.rs
    "reveal_refused",               // metrosoc/src/api/reveals.rs
    "reveal_request_refused",       // policy/src/reveal/state.rs
    "reveal_withdrawn",             // policy/src/reveal/state.rs
    "role_request_approved",        // policy/src/care/people.rs
    "role_request_refused",         // policy/src/care/people.rs
    "role_requested",               // policy/src/care/people.rs
    "search",                       // metrosoc/src/api/search.rs
    "second_factor_enrolled",       // policy/src/account/second_factor.rs
    "second_factor_removed",        // policy/src/account/second_factor.rs
    "second_factor_reset",          // policy/src/account/second_factor.rs
    "session_ended",                // policy/src/account/sessions.rs
    "sessions_ended",               // policy/src/account/sessions.rs
    "setup_code_made",              // policy/src/account/code.rs
    "shred",                        // metrosoc/src/api/subjects.rs
    "shred_asked",                  // metrosoc/src/api/subjects.rs
    "shred_certificate_read",       // metrosoc/src/api/subjects.rs
    "shred_refused",                // metrosoc/src/api/subjects.rs
    "sign_in",                      // policy/src/account/sign_in.rs
    "sign_in_refused",              // policy/src/account/sign_in.rs
    "sign_out",                     // policy/src/account/session.rs
    "sign_out_everywhere",          // policy/src/account/sessions.rs
    "step_up",                      // policy/src/account/second_factor.rs
    "step_up_refused",              // policy/src/account/second_factor.rs
    "subject_exported",             // metrosoc/src/api/subjects/export.rs
    "subject_find",                 // metrosoc/src/api/subjects.rs
    "subject_form_read",            // metrosoc/src/api/subjects/requests.rs
    "subject_request_acknowledged", // policy/src/subject/register.rs
    "subject_request_extended",     // policy/src/subject/register.rs
    "subject_request_fulfilled",    // policy/src/subject/register.rs
    "subject_request_received",     // policy/src/subject/register.rs
    "subject_request_refused",      // policy/src/subject/register.rs
    "subject_request_withdrawn",    // policy/src/subject/register.rs
    "subject_restricted",           // policy/src/subject/restriction.rs
    "subject_restriction_lifted",   // policy/src/subject/restriction.rs
    "token_created",                // policy/src/account/token.rs
    "token_revoked",                // policy/src/account/token.rs
    "user_created",                 // policy/src/account/user.rs
    "user_disabled",                // policy/src/account/user.rs
    "user_enabled",                 // policy/src/account/user.rs
    "user_role_changed",            // policy/src/account/user.rs
];

/// The page of which words of our rules are produced.
fn page() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    files(&root.join("rules/sigma"), &mut found);
    let mut asked: BTreeSet<(String, String, String)> = BTreeSet::new();
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for document in text.split("\n---") {
            let service = |name: &str| document.contains(&format!("service: {name}\n"));
            if !document.contains("product: metrosoc\n") {
                continue;
            }
            let record = OwnRecord::ALL.into_iter().find(|record| service(record.as_str())).unwrap();
            for action in actions(document) {
                let rule = path.file_stem().unwrap().to_string_lossy().into_owned();
                asked.insert((record.as_str().to_owned(), action, rule));
            }
        }
    }
    let produced: BTreeSet<(&str, &str)> = KINDS
        .iter()
        .flat_map(|kind| {
            let audit = kind.audit.map(|action| ("audit", action));
            audit.into_iter().chain(kind.other.map(|(record, action)| (record.as_str(), action)))
        })
        .chain(RECORDED.iter().map(|action| ("audit", *action)))
        .collect();
    let mut page = String::from(
        "# What the product's own record gives to detection\n\n\
         Written by a test (`METROSOC_UPDATE_DOCS=1 cargo test -p metrosoc`). The first table names the actions that our rules \
         for the log sources `metrosoc/audit`, `metrosoc/pki` and `metrosoc/site` ask for, and whether the platform produces them \
         by now; a rule of which no action is produced cannot fire yet. The second names what is produced and no rule asks for.\n\n\
         Events come at least once, with an `event.id` that stays (`ledger:ENTRY`); they are searched through \
         `POST /api/v1/audit/search` by who may read the audit record, and by nobody else.\n\n\
         | record | `event.action` | produced | rules |\n| --- | --- | --- | --- |\n",
    );
    let words: BTreeSet<(String, String)> =
        asked.iter().map(|(record, action, _)| (record.clone(), action.clone())).collect();
    for (record, action) in &words {
        let rules: Vec<&str> = asked
            .iter()
            .filter(|(one, other, _)| one == record && other == action)
            .map(|(.., rule)| rule.as_str())
            .collect();
        let is_produced = produced.contains(&(record.as_str(), action.as_str()));
        let mark = if is_produced { "yes" } else { "not yet" };
        page.push_str(&format!("| {record} | `{action}` | {mark} | {} |\n", rules.join(", ")));
    }
    page.push_str("\n| record | `event.action` without a rule |\n| --- | --- |\n");
    for (record, action) in &produced {
        if !words.contains(&((*record).to_owned(), (*action).to_owned())) {
            page.push_str(&format!("| {record} | `{action}` |\n"));
        }
    }
    page
}

/// The values of `event.action` in a rule's detection, read line by line.
fn actions(document: &str) -> Vec<String> {
    let mut actions = Vec::new();
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(value) = line.trim().strip_prefix("event.action:") else { continue };
        if !value.trim().is_empty() {
            actions.push(value.trim().to_owned());
            continue;
        }
        while let Some(item) = lines.peek().and_then(|next| next.trim().strip_prefix("- ")) {
            actions.push(item.trim().to_owned());
            lines.next();
        }
    }
    actions
}

#[test]
fn the_page_says_which_rules_have_events() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../OWN_EVENTS.md");
    let page = page();
    if std::env::var_os("METROSOC_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "METROSOC_UPDATE_DOCS=1 writes it anew");
}

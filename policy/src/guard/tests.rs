//! The guard against the expectations of the documentation, and against broken policies.

use event::{AgencyId, ManualClock, Masks, Reach, Visibility};
use proptest::prelude::*;

use super::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)))
}

fn guard() -> Guard {
    Guard::open(PolicySource::Embedded, clock()).unwrap()
}

fn with(change: impl FnOnce(&mut PolicyText)) -> Result<Guard, PolicyError> {
    let mut text = PolicyText::embedded();
    change(&mut text);
    Guard::open(PolicySource::Text(text), clock())
}

fn who(role: Role) -> Subject {
    let agency = (role == Role::AgencyOfficer || role == Role::DataOwner).then(|| AgencyId::new("so-y-te").unwrap());
    Subject { name: UserName::new("lan").unwrap(), role, agency }
}

/// What the documentation promises: role, object, and a letter an operation (read, export, write, manage).
/// `A` all, `O` own agency, lower case with a purpose only, `-` nothing. What is missing here is `----`.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("analyst-tier1", "events", "a---"),
    ("analyst-tier1", "alerts", "A-A-"),
    ("analyst-tier1", "rules", "A---"),
    ("analyst-tier1", "sites", "A---"),
    ("analyst-tier1", "responses", "A---"),
    ("analyst-tier2", "events", "a---"),
    ("analyst-tier2", "alerts", "A-A-"),
    ("analyst-tier2", "rules", "A-A-"),
    ("analyst-tier2", "sites", "A---"),
    ("analyst-tier2", "responses", "A---"),
    ("soc-lead", "events", "aa--"),
    ("soc-lead", "alerts", "AaA-"),
    ("soc-lead", "rules", "A-AA"),
    ("soc-lead", "sites", "A---"),
    ("soc-lead", "responses", "A-AA"),
    ("agency-officer", "events", "o---"),
    ("agency-officer", "alerts", "O---"),
    ("agency-officer", "sites", "O---"),
    ("data-owner", "sites", "O---"),
    ("auditor", "audit", "AA--"),
    ("auditor", "users", "A---"),
    ("dpo", "audit", "A---"),
    ("dpo", "policy", "A---"),
    ("dpo", "users", "A-A-"),
    ("dpo", "decisions", "A---"),
    ("admin", "rules", "A-AA"),
    ("admin", "sites", "A--A"),
    ("admin", "users", "A-AA"),
    ("admin", "certificates", "A--A"),
    ("admin", "responses", "A-AA"),
    ("admin", "policy", "A--A"),
    ("admin", "ingest", "--A-"),
    ("admin", "platform", "A--A"),
    ("admin", "decisions", "A---"),
    ("machine", "ingest", "--A-"),
    ("machine", "decisions", "Aa--"),
    ("operator", "rules", "A-AA"),
    ("operator", "sites", "A--A"),
    ("operator", "users", "A--A"),
    ("operator", "certificates", "A--A"),
    ("operator", "policy", "A---"),
    ("operator", "ingest", "--A-"),
    ("operator", "platform", "A--A"),
    ("soc-lead", "reveals", "A-A-"),
    ("data-owner", "reveals", "O--O"),
    ("auditor", "reveals", "A---"),
    ("dpo", "reveals", "A--A"),
    ("agency-officer", "requests", "O-O-"),
    ("data-owner", "requests", "O--O"),
    ("auditor", "requests", "A---"),
    ("dpo", "requests", "A--A"),
];

fn letter(guard: &Guard, subject: &Subject, operation: Operation, object: Object) -> char {
    let shown = |permit: &Permit| if permit.scope().agencies == Reach::All { 'A' } else { 'O' };
    match guard.permit(subject, operation, object, "") {
        Ok(permit) => shown(&permit),
        Err(denied) => match guard.permit(subject, operation, object, "triage") {
            Ok(permit) => {
                assert_eq!(denied.reason, Reason::PurposeMissing);
                shown(&permit).to_ascii_lowercase()
            }
            Err(_) => '-',
        },
    }
}

#[test]
fn every_role_may_what_the_documentation_says() {
    let guard = guard();
    let operator = Guard::operator(0).unwrap();
    let subjects = Role::ALL.into_iter().map(|role| (role.as_str(), who(role))).chain([(OPERATOR, operator)]);
    for (word, subject) in subjects {
        for object in Object::ALL {
            let asked = [Operation::Read, Operation::Export, Operation::Write, Operation::Manage];
            let found: String =
                asked.into_iter().map(|operation| letter(&guard, &subject, operation, object)).collect();
            let expected = EXPECTED.iter().find(|row| row.0 == word && row.1 == object.as_str());
            assert_eq!(found, expected.map_or("----", |row| row.2), "{word} on {}", object.as_str());
        }
    }
}

#[test]
fn the_page_is_the_policy() {
    let page = guard().table_markdown().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../POLICY.md");
    if std::env::var_os("METROSOC_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "POLICY.md differs from rules/policy/; run METROSOC_UPDATE_DOCS=1 cargo test -p policy");
}

#[test]
fn a_permit_carries_what_was_decided_and_ends_soon() {
    let clock = clock();
    let guard = Guard::open(PolicySource::Embedded, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let permit = guard.permit(&who(Role::AgencyOfficer), Operation::Read, Object::Events, "agency-review").unwrap();
    assert_eq!(permit.purpose(), "agency-review");
    assert_eq!(permit.scope().agencies, Reach::Only([AgencyId::new("so-y-te").unwrap()].into()));
    assert_eq!(permit.masks().visibility("user.name"), Visibility::Masked);
    assert!(!permit.masks().free_text());
    assert!(permit.because()[0].contains("p, agency-officer, own_agency, events, read, stated, allow"));
    assert!(permit.because()[0].starts_with("policy.csv:"));
    assert!(permit.allows(Operation::Read, Object::Events, clock.now()));
    assert!(!permit.allows(Operation::Export, Object::Events, clock.now()));
    clock.advance(PERMIT_LIFE + Duration::from_secs(1));
    assert!(!permit.allows(Operation::Read, Object::Events, clock.now()));
}

#[track_caller]
fn check_denied(subject: &Subject, operation: Operation, object: Object, purpose: &str, reason: Reason, line: &str) {
    let denied = guard().permit(subject, operation, object, purpose).unwrap_err();
    assert_eq!(denied.reason, reason);
    assert!(denied.because.iter().any(|because| because.contains(line)), "{:?}", denied.because);
}

#[test]
fn denials_name_their_lines() {
    use Object::{Alerts, Audit, Events, Rules};
    use Operation::{Export, Manage, Read, Write};
    let tier1 = who(Role::AnalystTier1);
    check_denied(&tier1, Read, Events, "", Reason::PurposeMissing, "p, analyst-tier1, all, events, read, stated");
    check_denied(&tier1, Read, Events, "curiosity", Reason::PurposeUnknown, "`curiosity`");
    check_denied(&tier1, Export, Events, "triage", Reason::NoLine, "no line allows `analyst-tier1` to export `events`");
    check_denied(
        &who(Role::Auditor),
        Read,
        Events,
        "triage",
        Reason::DenyLine,
        "p, auditor, none, events, any, any, deny",
    );
    check_denied(&who(Role::Admin), Read, Audit, "", Reason::DenyLine, "p, admin, none, audit");
    check_denied(&who(Role::Machine), Write, Rules, "", Reason::NoLine, "`machine`");
    let homeless = Subject { agency: None, ..who(Role::AgencyOfficer) };
    check_denied(&homeless, Read, Alerts, "", Reason::AgencyMissing, "own_agency, alerts");
    check_denied(&who(Role::Admin), Read, Events, "triage", Reason::DenyLine, "p, admin, none, events");
    check_denied(&Guard::operator(0).unwrap(), Read, Events, "triage", Reason::DenyLine, "p, operator, none, events");
    check_denied(&Guard::operator(0).unwrap(), Manage, Object::Policy, "", Reason::NoLine, "`operator`");
}

#[test]
fn explanations_agree_with_permits() {
    let guard = guard();
    let allowed = guard.explain(&who(Role::SocLead), Operation::Read, Object::Events, "triage");
    assert!(allowed.allowed && allowed.masks == "clear" && allowed.reason.is_none());
    assert!(allowed.because[0].contains("p, analyst-tier2"), "{:?}", allowed.because);
    let denied = guard.explain(&who(Role::Dpo), Operation::Read, Object::Events, "triage");
    assert!(!denied.allowed && denied.scope.is_none() && denied.reason == Some(Reason::DenyLine));
    assert_eq!(denied.policy_version.len(), 16);
}

#[test]
fn reserved_names_do_not_borrow_roles() {
    let guard = guard();
    let named = |name: &str, role| Subject { name: UserName::new(name).unwrap(), role, agency: None };
    for role in Role::ALL {
        // Whatever role it is said to have, it is the operator: no events.
        let local = named("local:1000", role);
        assert!(guard.permit(&local, Operation::Read, Object::Events, "triage").is_err());
        assert!(guard.permit(&local, Operation::Read, Object::Audit, "").is_err());
        assert!(guard.permit(&local, Operation::Manage, Object::Sites, "").is_ok());
        assert_eq!(guard.masks(&local).visibility("source.ip"), Visibility::Hidden);
        let site = guard.permit(&named("site:hcm-q1", role), Operation::Write, Object::Ingest, "");
        assert_eq!(site.is_ok(), role == Role::Machine);
        let odd = guard.permit(&named("root:x", role), Operation::Write, Object::Ingest, "");
        assert!(odd.is_err());
    }
    assert!(guard.local(0, Operation::Manage, Object::Platform).is_ok());
    assert!(guard.local(0, Operation::Write, Object::Ingest).is_ok());
    for object in [Object::Events, Object::Alerts, Object::Audit] {
        for operation in Operation::ALL {
            assert_eq!(guard.local(0, operation, object).unwrap_err().reason, Reason::DenyLine);
        }
    }
}

#[test]
fn what_a_page_asks() {
    let guard = guard();
    let tier1 = who(Role::AnalystTier1);
    let can = guard.can(&tier1);
    assert_eq!(can[&Object::Events], [Operation::Read, Operation::Search, Operation::Aggregate]);
    assert_eq!(can[&Object::Alerts][..2], [Operation::Read, Operation::Write]);
    assert!(!can.contains_key(&Object::Users));
    let purposes = guard.purposes(&tier1, Operation::Read, Object::Events);
    assert!(purposes.iter().any(|purpose| purpose.id == "triage" && purpose.title.en == "Alert triage"));
    assert!(guard.purposes(&who(Role::Auditor), Operation::Read, Object::Events).is_empty());
    assert!(!guard.masks(&tier1).free_text() && guard.masks(&who(Role::AnalystTier2)).free_text());
}

#[test]
fn a_purpose_can_be_bound_to_a_role() {
    let guard = with(|text| {
        text.policy = "p, analyst-tier1, all, events, read, triage, allow\np, dpo, all, audit, read, any, allow".into();
    })
    .unwrap();
    let tier1 = who(Role::AnalystTier1);
    assert!(guard.permit(&tier1, Operation::Read, Object::Events, "triage").is_ok());
    let denied = guard.permit(&tier1, Operation::Read, Object::Events, "operations").unwrap_err();
    assert_eq!(denied.reason, Reason::PurposeNotAllowed);
    assert_eq!(guard.purposes(&tier1, Operation::Read, Object::Events).len(), 1);
    assert!(guard.table_markdown().unwrap().contains("all (triage)"));
}

#[test]
fn without_a_policy_everything_is_denied() {
    let every = |guard: &Guard, reason: Reason| {
        for role in Role::ALL {
            for object in Object::ALL {
                for operation in Operation::ALL {
                    let denied = guard.permit(&who(role), operation, object, "triage").unwrap_err();
                    assert_eq!(denied.reason, reason);
                }
            }
            assert_eq!(guard.masks(&who(role)).visibility("event.kind"), Visibility::Hidden);
        }
    };
    let empty = tempfile::tempdir().unwrap();
    let source = PolicySource::Directory(empty.path().to_owned());
    assert!(Guard::open(source.clone(), clock()).is_err());
    let closed = Guard::closed(source, clock(), "policy unreadable");
    every(&closed, Reason::PolicyMissing);
    assert!(closed.reload().is_err() && closed.version().is_none() && closed.can(&who(Role::Admin)).is_empty());
    every(&closed, Reason::PolicyMissing);

    let open = guard();
    open.close("withdrawn");
    every(&open, Reason::PolicyMissing);
    open.reload().unwrap();
    assert!(open.local(0, Operation::Read, Object::Sites).is_ok());

    let clock = clock();
    let aging = Guard::open(PolicySource::Embedded, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let aging = aging.fresh_for(Duration::from_secs(300));
    clock.advance(Duration::from_secs(299));
    assert!(aging.local(0, Operation::Read, Object::Sites).is_ok());
    clock.advance(Duration::from_secs(2));
    every(&aging, Reason::PolicyStale);
    aging.reload().unwrap();
    assert!(aging.local(0, Operation::Read, Object::Sites).is_ok());
}

#[derive(Debug)]
struct Failing;

impl Decider for Failing {
    fn decide(&self, _: &Question<'_>) -> Result<Verdict, PolicyError> {
        Err(PolicyError::Engine { reason: "out of order".to_owned() })
    }
}

#[test]
fn an_engine_that_fails_denies() {
    let guard = guard();
    let mut policy = Policy::read(&PolicyText::embedded()).unwrap();
    policy.decider = Box::new(Failing);
    guard.state.store(Arc::new(State::Open { policy: Arc::new(policy), confirmed: Timestamp::MIN }));
    let denied = guard.local(0, Operation::Read, Object::Sites).unwrap_err();
    assert_eq!(denied.reason, Reason::EngineFailed);
    assert!(denied.because[0].contains("out of order"));
    assert!(guard.table_markdown().is_err());
}

#[test]
fn a_reload_follows_the_files_and_a_bad_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let text = PolicyText::embedded();
    let write = |name: &str, content: &str| std::fs::write(directory.path().join(name), content).unwrap();
    write("model.conf", &text.model);
    write("policy.csv", &text.policy);
    write("purposes.yml", &text.purposes);
    write("masks.yml", &text.masks);
    let guard = Guard::open(PolicySource::Directory(directory.path().to_owned()), clock()).unwrap();
    let first = guard.version();
    let machine = who(Role::Machine);
    assert!(guard.permit(&machine, Operation::Read, Object::Sites, "").is_err());
    write("policy.csv", &format!("{}\np, machine, all, sites, read, any, allow\n", text.policy));
    let other_handle = guard.clone();
    guard.reload().unwrap();
    assert!(other_handle.permit(&machine, Operation::Read, Object::Sites, "").is_ok());
    assert_ne!(guard.version(), first);
    write("policy.csv", "p, machine, everywhere, sites, read, any, allow\n");
    assert!(guard.reload().unwrap_err().to_string().contains("policy.csv:1: unknown scope `everywhere`"));
    assert!(guard.permit(&machine, Operation::Read, Object::Sites, "").is_ok());
}

#[track_caller]
fn check_line(line: &str, expected: &str) {
    let found = with(|text| text.policy = format!("p, dpo, all, audit, read, any, allow\n\n{line}\n"));
    let found = found.map_or_else(|error| error.to_string(), |_| "taken".to_owned());
    assert_eq!(found, expected);
}

#[test]
fn lines_are_checked() {
    check_line("p, admin, all, users, read, any, allow", "taken");
    check_line("g, soc-lead, analyst-tier2", "taken");
    check_line("# comment", "taken");
    check_line("p, boss, all, users, read, any, allow", "policy.csv:3: unknown role `boss`");
    check_line("p, admin, all, secrets, read, any, allow", "policy.csv:3: unknown object `secrets`");
    check_line("p, admin, all, users, delete, any, allow", "policy.csv:3: unknown operation `delete`");
    check_line(
        "p, admin, all, users, read, fun, allow",
        "policy.csv:3: unknown purpose `fun` (neither `any`, `stated` nor in purposes.yml)",
    );
    check_line("p, admin, all, users, read, any, permit", "policy.csv:3: unknown effect `permit` (allow, deny)");
    check_line("p, admin, none, users, read, any, allow", "policy.csv:3: `allow` over `none` can never apply");
    check_line(
        "p, admin, own_agency, users, read, any, deny",
        "policy.csv:3: `deny` goes with the scope `none` or one agency",
    );
    check_line(
        "p, admin, all, users, read, any",
        "policy.csv:3: has 5 columns behind `p`, six are needed (role to effect)",
    );
    check_line("p2, admin, all, users, read, any, allow", "policy.csv:3: `p2` is neither `p`, `g` nor `g2`");
    check_line("p, dpo, all, audit, read, any, allow", "policy.csv:3: stands there twice");
    check_line("g, admin, admin", "policy.csv:3: `admin` inherits from itself");
    check_line("g, admin, dpo\ng, dpo, auditor\ng, auditor, admin", "policy.csv:3: `admin` inherits from itself");
    check_conditions();
    check_line("g, admin, operator", "policy.csv:3: `operator` neither inherits nor is inherited");
    assert!(with(|text| text.policy = "# nothing\n".into()).is_err());
}

fn check_conditions() {
    check_line(
        "p, soc-lead, all, events, reveal, any, allow, class=citizen_id, auth=two-factor, grant=needed",
        "taken",
    );
    check_line("p, soc-lead, agency:so-y-te, events, read, any, deny, time=sat-sun", "taken");
    check_line("g2, agency:tram-y-te-1, agency:so-y-te", "taken");
    let events = |rest: &str| format!("p, soc-lead, all, events, read, any, allow, {rest}");
    check_line(
        &events("auth=strong"),
        "policy.csv:3: unknown strength `strong` (any, unknown, token, password, federated, certificate, two-factor)",
    );
    check_line(&events("time=08:00-08:00"), "policy.csv:3: `08:00-08:00` holds no minute, so it can never apply");
    check_line(&events("class=shoe_size"), "policy.csv:3: unknown class `shoe_size` (see rules/privacy/)");
    check_line(
        &events("basis=whim"),
        "policy.csv:3: unknown legal basis `whim` (neither `any`, `stated` nor in purposes.yml)",
    );
    check_line(&events("grant=some"), "policy.csv:3: `grant=some`: a grant is `any` or `needed`");
    check_line(&events("colour=red"), "policy.csv:3: unknown condition `colour` (class, basis, time, auth, grant)");
    check_line(&events("auth=token, auth=token"), "policy.csv:3: condition `auth` stands there twice");
    check_line(&events("quickly"), "policy.csv:3: `quickly` is no condition such as `auth=two-factor`");
    check_line(
        "p, admin, all, users, read, any, allow, class=email",
        "policy.csv:3: `class` can never apply: `users` has no personal fields",
    );
    check_line("p, machine, all, ingest, reveal, any, allow", "policy.csv:3: `reveal` can never apply to `ingest`");
    check_line("g2, so-y-te, agency:ubnd", "policy.csv:3: `so-y-te` is no agency; write `agency:ID`");
    check_line("g2, agency:a, agency:b\ng2, agency:b, agency:a", "policy.csv:3: `agency:a` inherits from itself");
    let chain: String = (0..40).map(|at| format!("g2, agency:a{at}, agency:a{}\n", at + 1)).collect();
    check_line(&chain, "policy.csv:3: `agency:a0` inherits over more than 8 steps");
}

#[track_caller]
fn check_model(from: &str, to: &str, expected: &str) {
    assert!(PolicyText::embedded().model.contains(from), "`{from}` is not in the model");
    let error = with(|text| text.model = text.model.replace(from, to)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn models_that_cannot_be_trusted_are_refused() {
    check_model("!some(where (p.eft == deny))", "some(where (p.eft == deny))", "policy_effect must be");
    check_model("some(where (p.eft == allow)) && !some", "!some", "policy_effect must be");
    check_model("r = sub, dom, own", "r = sub, own", "request_definition must be");
    check_model("grant, eft", "grant", "policy_definition must be");
    check_model("g = _, _", "g = _, _, _", "role_definition must be");
    check_model("g2 = _, _", "g2 = _, _\ng3 = _, _", "second definition");
    check_model("[matchers]\nm = ", "[matchers]\nmm = ", "there is no matcher");
    check_model("m = r.obj == p.obj &&", "m = r.thing == p.obj &&", "engine failed");
    check_model("g(r.sub, p.sub)", "g(r.sub, p.sub", "engine failed");
    check_model("g(r.sub, p.sub)", "42", "engine failed");
    check_model("g(r.sub, p.sub)", "eval(p.sub)", "`eval` would run text");
    check_model("g(r.sub, p.sub)", &"(".repeat(40), "nested deeper");
    check_model("g(r.sub, p.sub)", &"!".repeat(400), "operators");
    check_model("g(r.sub, p.sub)", "true\nm2 = true", "second definition");
    let error = with(|text| text.model = " ".repeat(100_000)).unwrap_err().to_string();
    assert!(error.contains("at most 16384 are read"), "{error}");
}

#[test]
fn purposes_are_checked() {
    for bad in ["", "version: 2\npurposes: []", "version: 1\npurposes: [{id: any, title: {vi: a, en: b}}]", "{"] {
        assert!(with(|text| text.purposes = bad.into()).is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_refused_and_never_panics(which in 0..4_usize, garbage in "\\PC{0,200}", at in 0..400_usize) {
        let opened = with(|text| {
            let file = [&mut text.model, &mut text.policy, &mut text.purposes, &mut text.masks].into_iter().nth(which).unwrap();
            let start = file.char_indices().map(|(at, _)| at).nth(at).unwrap_or(0);
            file.replace_range(start.., &garbage);
        });
        // Cut in the middle and ended with garbage none of the four is a policy any more.
        prop_assert!(opened.is_err() || which == 1);
        if let Ok(guard) = opened {
            prop_assert!(guard.permit(&who(Role::Auditor), Operation::Read, Object::Events, "triage").is_err());
        }
    }

    #[test]
    fn garbage_matchers_never_panic(tokens in prop::collection::vec("(r\\.sub|p\\.sub|r\\.obj|==|&&|\\|\\||!|\\(|\\)|\"x\"|g\\(|,|1|true|if|\\{|\\}|\\[|\\])", 0..30)) {
        let matcher = tokens.join(" ");
        let _ = with(|text| {
            let start = text.model.find("m = ").unwrap();
            text.model.replace_range(start.., &format!("m = {matcher}\n"));
        });
    }

    #[test]
    fn odd_words_are_denied(purpose in "\\PC{1,40}") {
        let denied = guard().permit(&who(Role::SocLead), Operation::Read, Object::Events, &purpose);
        let known = guard().purposes(&who(Role::SocLead), Operation::Read, Object::Events);
        prop_assert_eq!(denied.is_ok(), known.iter().any(|known| known.id == purpose));
    }
}

fn over(agencies: &[&str]) -> Reach<AgencyId> {
    Reach::Only(agencies.iter().map(|agency| AgencyId::new(*agency).unwrap()).collect())
}

#[test]
fn scopes_are_put_together_agency_by_agency() {
    let guard = with(|text| {
        text.policy = "g2, agency:tram-1, agency:so-y-te\ng2, agency:tram-2, agency:so-y-te\n\
                       p, agency-officer, own_agency, sites, read, any, allow\n\
                       p, auditor, all, sites, read, any, allow\n\
                       p, auditor, agency:tram-2, sites, any, any, deny\n\
                       p, dpo, agency:so-y-te, sites, read, any, allow\n\
                       p, dpo, agency:cong-an, sites, read, any, allow\n"
            .into();
    })
    .unwrap();
    let sees = |role| {
        let permit = guard.permit(&who(role), Operation::Read, Object::Sites, "");
        permit.map(|permit| permit.scope().agencies.clone()).unwrap()
    };
    assert_eq!(sees(Role::AgencyOfficer), over(&["so-y-te", "tram-1", "tram-2"]));
    // A unit does not see its department.
    let unit = Subject { agency: Some(AgencyId::new("tram-1").unwrap()), ..who(Role::AgencyOfficer) };
    let permit = guard.permit(&unit, Operation::Read, Object::Sites, "").unwrap();
    assert_eq!(permit.scope().agencies, over(&["tram-1"]));
    assert_eq!(sees(Role::Dpo), over(&["so-y-te", "tram-1", "tram-2", "cong-an"]));
    // All but one is everything that the policy names but that one.
    assert_eq!(sees(Role::Auditor), over(&["so-y-te", "tram-1", "cong-an"]));
}

fn denied_for(guard: &Guard, circumstances: &Circumstances) -> Reason {
    let lead = who(Role::SocLead);
    let denied = guard.permit_in(&lead, Operation::Reveal, Object::Events, "incident-response", circumstances);
    denied.unwrap_err().reason
}

#[test]
fn conditions_are_named_one_by_one() {
    let line = "p, soc-lead, all, events, reveal, incident-response, allow";
    let guard = |conditions: &str| with(|text| text.policy = format!("{line}{conditions}\n")).unwrap();
    let plain = Circumstances::default();
    let sure = Circumstances::of(Strength::TwoFactor);
    assert_eq!(denied_for(&guard(", auth=two-factor"), &plain), Reason::StrengthMissing);
    assert_eq!(
        denied_for(&guard(", auth=two-factor"), &Circumstances::of(Strength::Password)),
        Reason::StrengthMissing
    );
    assert_eq!(denied_for(&guard(", grant=needed"), &sure), Reason::GrantMissing);
    assert_eq!(denied_for(&guard(", basis=consent"), &plain), Reason::BasisMissing);
    assert_eq!(denied_for(&guard(", auth=two-factor, grant=needed"), &plain), Reason::ConditionsMissing);
    // The clock of the tests stands at 2027-01-15T08:00:00Z, a Friday afternoon in the city.
    assert_eq!(denied_for(&guard(", time=sat-sun"), &plain), Reason::TimeNotAllowed);
    let lead = who(Role::SocLead);
    for (conditions, circumstances) in [
        (", time=fri/14:00-16:00", &plain),
        (", auth=two-factor", &sure),
        // The purpose's own basis, nothing stated.
        (", basis=network-security", &plain),
    ] {
        let guard = guard(conditions);
        let permit = guard.permit_in(&lead, Operation::Reveal, Object::Events, "incident-response", circumstances);
        assert!(permit.is_ok(), "{conditions}");
    }
    let whim = Circumstances { basis: "whim".into(), ..Circumstances::default() };
    assert_eq!(denied_for(&guard(""), &whim), Reason::BasisMissing);
}

#[test]
fn a_grant_ends_and_a_clock_that_goes_back_does_not_bring_it_back() {
    let clock = clock();
    let text = PolicyText {
        policy: "p, soc-lead, all, events, reveal, any, allow, grant=needed".into(),
        ..PolicyText::embedded()
    };
    let guard = Guard::open(PolicySource::Text(text), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let until = clock.now().plus(Duration::from_secs(600));
    let grant = AccessGrant::over("grant-7", Object::Events, over(&["so-y-te"]), clock.now(), until);
    let held = Circumstances { grant: Some(grant), ..Circumstances::default() };
    let lead = who(Role::SocLead);
    let reveal = |guard: &Guard| guard.permit_in(&lead, Operation::Reveal, Object::Events, "", &held);
    let permit = reveal(&guard).unwrap();
    assert_eq!(permit.scope().agencies, over(&["so-y-te"]));
    let explained = guard.explain_in(&lead, Operation::Reveal, Object::Events, "", &held);
    assert_eq!(explained.grant.as_deref(), Some("grant-7"));
    clock.advance(Duration::from_secs(570));
    let permit = reveal(&guard).unwrap();
    assert!(!permit.allows(Operation::Reveal, Object::Events, clock.now().plus(Duration::from_secs(31))));
    clock.advance(Duration::from_secs(30));
    assert_eq!(reveal(&guard).unwrap_err().reason, Reason::GrantMissing);
    let back = Arc::new(ManualClock::at(clock.now().minus(Duration::from_secs(300))));
    let guard = Guard { clock: back as Arc<dyn Clock>, ..guard };
    assert_eq!(reveal(&guard).unwrap_err().reason, Reason::GrantMissing);
    // A grant about something else is none.
    assert!(guard.permit_in(&lead, Operation::Reveal, Object::Alerts, "", &held).is_err());
}

#[test]
fn classes_that_lines_deny_are_hidden() {
    let guard = with(|text| {
        text.policy = "p, analyst-tier2, all, events, read, any, allow\n\
                       p, analyst-tier2, none, events, read, any, deny, class=phone\n"
            .into();
    })
    .unwrap();
    let permit = guard.permit(&who(Role::AnalystTier2), Operation::Read, Object::Events, "triage").unwrap();
    assert_eq!(permit.masks().visibility("app.customer.phone"), Visibility::Hidden);
    assert_eq!(permit.masks().show("app.customer.phone", "0912345678"), None);
    assert_eq!(permit.masks().visibility("user.name"), Visibility::Clear);
    assert_eq!(permit.masks().visibility("event.outcome"), Visibility::Clear);
    // A number may stand in any text.
    assert_eq!(permit.masks().visibility("message"), Visibility::Hidden);
    assert!(!permit.masks().free_text());
    let explained = guard.explain(&who(Role::AnalystTier2), Operation::Read, Object::Events, "triage");
    assert_eq!(explained.hidden_classes, ["phone"]);
}

#[test]
fn whoever_is_suspended_is_denied() {
    let guard = guard();
    let lead = who(Role::SocLead);
    guard
        .suspend(BTreeMap::from([(lead.name.clone(), "the confidentiality agreement ended on 2026-11-01".to_owned())]));
    let denied = guard.permit(&lead, Operation::Read, Object::Rules, "").unwrap_err();
    assert_eq!(denied.reason, Reason::PersonnelMissing);
    guard.suspend(BTreeMap::new());
    assert!(guard.permit(&lead, Operation::Read, Object::Rules, "").is_ok());
}

#[test]
fn decisions_are_counted_by_the_hour() {
    let guard = guard();
    for _ in 0..3 {
        let _ = guard.permit(&who(Role::AnalystTier1), Operation::Read, Object::Events, "triage");
    }
    let _ = guard.permit(&who(Role::AnalystTier1), Operation::Export, Object::Events, "triage");
    let mut counted = guard.tally().take();
    counted.sort_by_key(|one| one.count);
    let [denied, allowed] = counted.as_slice() else { panic!("{counted:?}") };
    assert!(
        (denied.count, denied.decided.allowed) == (1, false) && (allowed.count, allowed.decided.allowed) == (3, true)
    );
    assert_eq!(allowed.decided.hour.nanos() % 3_600_000_000_000, 0);
    assert!(guard.tally().take().is_empty());
}

#[test]
fn a_reload_leaves_no_gap() {
    let guard = guard();
    let more = |line: &str| {
        let mut text = PolicyText::embedded();
        text.policy.push_str(line);
        text
    };
    let one = more("p, machine, all, sites, read, any, allow\n");
    let other = more("p, machine, all, rules, read, any, allow\n");
    let mut replaced = 0;
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            // Both policies allow it: so it is with either in force, and while one replaces the other.
            for _ in 0..30_000 {
                guard.permit(&who(Role::AnalystTier1), Operation::Read, Object::Events, "triage").unwrap();
            }
        });
        for policy in [&one, &other].into_iter().cycle() {
            guard.replace(policy.clone()).unwrap();
            assert_eq!(guard.version(), Some(policy.version()));
            replaced += 1;
            if asking.is_finished() {
                break;
            }
        }
    });
    assert!(replaced > 1, "{replaced} replacements");
}

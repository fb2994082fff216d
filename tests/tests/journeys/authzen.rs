//! Decisions for other systems by AuthZEN 1.0: over a program's certificate, and for the scenario that decision points are
//! compared by (a list of things to do, with viewers, editors, an evil genius and an administrator), in words of our own.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Api, Role, Server, Setup, repository};

/// Whose things to do they are: everybody is an agency of one.
const SITES: &str =
    "hcm-r,R,rick,dc1,\nhcm-m,M,morty,dc1,\nhcm-s,S,summer,dc1,\nhcm-b,B,beth,dc1,\nhcm-j,J,jerry,dc1,\n";
/// Things to do are responses here: to create is to write, to update to respond, to delete to manage them. A viewer is of tier
/// 1, an editor of tier 2, the evil genius leads, and the administrator decides on data.
const SCENARIO: &str = "\
p, analyst-tier1, all, users, read, any, allow
p, analyst-tier1, all, responses, read, any, allow
g, analyst-tier2, analyst-tier1
p, analyst-tier2, own_agency, responses, write, any, allow
p, analyst-tier2, own_agency, responses, respond, any, allow
p, analyst-tier2, own_agency, responses, manage, any, allow
g, soc-lead, analyst-tier2
p, soc-lead, all, responses, respond, any, allow
g, data-owner, soc-lead
p, data-owner, all, responses, manage, any, allow
";
/// The same in the scenario's words: people by an id that says nothing, owners by their address.
const LISTS: &str = "\
p, viewer, can_read_user, user, any, allow
p, viewer, can_read_todos, todo, any, allow
p, editor, can_create_todo, todo, any, allow
p, editor, can_update_todo, todo, own, allow
p, editor, can_delete_todo, todo, own, allow
p, evil_genius, can_update_todo, todo, any, allow
p, admin, can_delete_todo, todo, any, allow
g, editor, viewer
g, evil_genius, editor
g, admin, editor
g, id-of-rick, admin
g, id-of-rick, evil_genius
g, id-of-morty, editor
g, id-of-summer, editor
g, id-of-beth, viewer
g, id-of-jerry, viewer
n, id-of-rick, rick@house.example
n, id-of-morty, morty@house.example
n, id-of-summer, summer@house.example
n, id-of-beth, beth@house.example
n, id-of-jerry, jerry@house.example
";
const PEOPLE: [(&str, &str); 5] = [
    ("rick", "data-owner"),
    ("morty", "analyst-tier2"),
    ("summer", "analyst-tier2"),
    ("beth", "analyst-tier1"),
    ("jerry", "analyst-tier1"),
];

/// Files that are closed only a keeper changes, what is deleted goes into the bin, and a gateway's routes are told by their id.
const FILES: &str = "\
p, clerk, open, file, any, allow
p, clerk, change, file, any, allow
p, clerk, change, file, any, deny, resource.state=closed, subject.role!=keeper
p, clerk, delete, file, any, allow, action.bin=true
p, visitor, open, file, any, allow
p, visitor, change, file, any, allow, subject.role=keeper, resource.state=closed
p, visitor, GET, route, any, allow, resource.id=/files/{id}
p, clerk, PUT, route, any, allow, resource.id=/files/{id}
g, clerk, visitor
g, lan, clerk
g, minh, visitor
";

fn scenario() -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.conf", "purposes.yml", "masks.yml"] {
        std::fs::copy(repository().join("rules/policy").join(name), folder.path().join(name)).unwrap();
    }
    let shipped = std::fs::read_to_string(repository().join("rules/policy/policy.csv")).unwrap();
    let kept = shipped.lines().filter(|line| line.starts_with("p, operator") || line.starts_with("p, machine"));
    let policy: String = kept.map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.path().join("policy.csv"), policy + SCENARIO).unwrap();
    std::fs::write(folder.path().join("applications.csv"), format!("{LISTS}{FILES}")).unwrap();
    let config = format!("[policy]\npath = \"{}\"\n", folder.path().display());
    let server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    for (name, role) in PEOPLE {
        server.cli(&["user", "add", name, "--role", role, "--agency", name, "--no-password"]).unwrap();
    }
    (server, folder)
}

fn evaluation(who: &str, action: &str, kind: &str, owner: &str) -> Value {
    json!({
        "subject": { "type": "user", "id": who }, "action": { "name": action },
        "resource": { "type": kind, "id": "todo-1", "properties": { "agency": owner } },
    })
}

#[test]
fn the_scenario_of_things_to_do_is_decided_as_it_says() {
    let (server, _folder) = scenario();
    let api = server.user("pep", Role("machine", None)).unwrap();
    // Reading people and lists, creating, then updating and deleting the own one and that of somebody else.
    let table: [(&str, [bool; 7]); 5] = [
        ("rick", [true, true, true, true, true, true, true]),
        ("morty", [true, true, true, true, true, false, false]),
        ("summer", [true, true, true, true, true, false, false]),
        ("beth", [true, true, false, false, false, false, false]),
        ("jerry", [true, true, false, false, false, false, false]),
    ];
    let mut every = Vec::new();
    let mut expected = Vec::new();
    for (who, decisions) in table {
        let other = if who == "rick" { "morty" } else { "rick" };
        let asked = [
            ("read", "users", other),
            ("read", "responses", other),
            ("write", "responses", who),
            ("respond", "responses", who),
            ("manage", "responses", who),
            ("respond", "responses", other),
            ("manage", "responses", other),
        ];
        let own_words = [
            ("can_read_user", "user", other),
            ("can_read_todos", "todo", other),
            ("can_create_todo", "todo", who),
            ("can_update_todo", "todo", who),
            ("can_delete_todo", "todo", who),
            ("can_update_todo", "todo", other),
            ("can_delete_todo", "todo", other),
        ];
        let ours = asked.into_iter().map(|(action, kind, owner)| evaluation(who, action, kind, owner));
        let theirs = own_words.into_iter().map(|(action, kind, owner)| {
            json!({
                "subject": { "type": "identity", "id": format!("id-of-{who}") }, "action": { "name": action },
                "resource": { "type": kind, "id": "7", "properties": { "ownerID": format!("{owner}@house.example") } },
            })
        });
        for (one, decision) in ours.zip(decisions).chain(theirs.zip(decisions)) {
            let (status, answer) = api.post("/access/v1/evaluation", &one).unwrap();
            assert_eq!((status, &answer["decision"]), (200, &json!(decision)), "{one} {answer}");
            let because = answer["context"]["because"].as_array().map(Vec::len);
            assert!(!decision || because > Some(0), "{one} {answer}");
            every.push(one);
            expected.push(decision);
        }
    }
    // The same in one request; and what neither policy knows is denied.
    let (status, answer) = api.post("/access/v1/evaluations", &json!({ "evaluations": every })).unwrap();
    let decided: Vec<bool> =
        answer["evaluations"].as_array().unwrap().iter().map(|one| one["decision"].as_bool().unwrap()).collect();
    assert_eq!((status, decided), (200, expected));
    for (who, action, kind) in [("rick", "can_delete_todo", "house"), ("nobody", "read", "responses")] {
        let (status, answer) = api.post("/access/v1/evaluation", &evaluation(who, action, kind, "rick")).unwrap();
        assert_eq!((status, &answer["decision"]), (200, &json!(false)), "{answer}");
    }
}

/// One question of the table below: who does what to what, and whether he may.
type Question = (Value, Value, Value, bool);

#[test]
fn conditions_are_decided_by_what_a_request_states() {
    let (server, _folder) = scenario();
    let api = server.user("pep", Role("machine", None)).unwrap();
    let who = |id: &str, role: Option<&str>| json!({ "type": "user", "id": id, "properties": role.map_or(json!({}), |role| json!({ "role": role, "agency": "Ward 3" })) });
    let act = |name: &str, bin: Option<bool>| json!({ "name": name, "properties": bin.map_or(json!({}), |bin| json!({ "bin": bin })) });
    let file = |state: Option<&str>| json!({ "type": "file", "id": "7", "properties": state.map_or(json!({}), |state| json!({ "state": state })) });
    let route = |id: &str| json!({ "type": "route", "id": id });
    let table: [Question; 12] = [
        (who("lan", None), act("open", None), file(None), true),
        (who("lan", Some("keeper of nothing")), act("open", None), file(Some("open")), true),
        (who("lan", None), act("change", None), file(None), true),
        (who("lan", None), act("change", None), file(Some("closed")), false),
        (who("minh", None), act("change", None), file(None), false),
        (who("minh", Some("keeper")), act("change", None), file(Some("closed")), true),
        (who("lan", None), act("delete", Some(true)), file(None), true),
        (who("lan", None), act("delete", Some(false)), file(None), false),
        (who("lan", None), act("delete", None), file(None), false),
        (who("minh", None), act("GET", None), route("/files/{id}"), true),
        (who("minh", None), act("PUT", None), route("/files/{id}"), false),
        (who("lan", None), act("PUT", None), route("/people/{id}"), false),
    ];
    for (subject, action, resource, expected) in &table {
        let one = json!({ "subject": subject, "action": action, "resource": resource, "future": { "word": true } });
        let (status, answer) = api.post("/access/v1/evaluation", &one).unwrap();
        assert_eq!((status, &answer["decision"]), (200, &json!(expected)), "{one} {answer}");
    }
    // In one request: what is said for all of them is completed by each; one that cannot be read fails alone.
    let whole = json!({
        "subject": { "type": "user", "id": "lan" }, "action": { "name": "change" }, "resource": { "type": "file" },
        "evaluations": [
            { "resource": { "id": "7", "properties": { "state": "open" } } },
            { "resource": { "id": "8", "properties": { "state": "closed" } } },
            { "subject": { "type": "user", "id": "minh", "properties": { "role": "keeper" } },
              "resource": { "id": "8", "properties": { "state": "closed" } } },
            {},
        ],
    });
    let (status, answer) = api.post("/access/v1/evaluations", &whole).unwrap();
    let decisions: Vec<&Value> = (0..4).map(|at| &answer["evaluations"][at]["decision"]).collect();
    assert_eq!((status, decisions), (200, vec![&json!(true), &json!(false), &json!(true), &json!(false)]), "{answer}");
    assert_eq!(answer["evaluations"][3]["context"]["error"]["status"], 400, "{answer}");
    // A body that is not said to be JSON is none.
    let text = api.request(Method::POST, "/access/v1/evaluation").header("content-type", "text/plain").body("{}");
    assert_eq!(text.send().unwrap().status(), 400);
}

#[test]
fn a_program_with_a_certificate_is_told_the_legal_basis_of_a_decision() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    server.cli(&["user", "add", "lgsp", "--role", "machine", "--no-password"]).unwrap();
    let folder = server.path("certificates");
    server.cli(&["pki", "machine", "lgsp", "--out", &folder.display().to_string()]).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let identity = format!("{}{}", read("lgsp.pem"), read("lgsp.key.pem"));
    let api = Api::with_identity(server.port("https"), server.roots(), None, Some(&identity)).unwrap();
    let ask = |context: Value| {
        let request = json!({
            "subject": { "type": "role", "id": "agency-officer", "properties": { "agency": "beth" } },
            "action": { "name": "read" }, "resource": { "type": "events", "id": "*" }, "context": context,
        });
        let (status, answer) = api.post("/access/v1/evaluation", &request).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let answer = ask(json!({ "purpose": "agency-review" }));
    assert_eq!(answer["decision"], true, "{answer}");
    assert_eq!(answer["context"]["legal_basis"], "public-task", "the purpose's own: {answer}");
    assert_eq!(answer["context"]["purpose"], "agency-review", "{answer}");
    let answer = ask(json!({ "purpose": "agency-review", "legal_basis": "official-request" }));
    assert_eq!(answer["context"]["legal_basis"], "official-request", "as it was stated: {answer}");
    for wrong in [json!({ "purpose": "agency-review", "legal_basis": "curiosity" }), json!({})] {
        let answer = ask(wrong);
        assert_eq!(answer["decision"], false, "{answer}");
        assert!(!answer["context"]["reason"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.anonymous().unwrap().post("/access/v1/evaluation", &json!({})).unwrap().0, 401);
}

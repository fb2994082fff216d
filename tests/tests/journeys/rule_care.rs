//! Rules under care: from a signed bundle into force, their versions in the ledger, what they compared in alerts, the
//! risk that follows, what exceptions hide over a restart, and which rules can never fire here.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const ID: &str = "6b4d2f8e-3f1e-4d55-9d4e-0c8a6b1d2e3f";
const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const PORTS: &str = "[https]\nlisten = \"[::]:0\"\n[syslog]\nudp = \"\"\ntcp = \"\"\ntls = \"\"\n";

fn rule(word: &str) -> String {
    format!(
        "title: A word nobody says\nid: {ID}\nstatus: test\nmodified: 2026-11-22\nlogsource:\n    product: linux\n\
         detection:\n    selection:\n        message|contains: {word}\n    condition: selection\nlevel: high\n\
         risk_score: 80\n"
    )
}

/// Makes a bundle of this one rule.
fn bundle(maker: &Server, folder: &Path, word: &str) {
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    std::fs::write(folder.join("rules/word.yml"), rule(word)).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let (rules, key, output) = (path("rules"), path("rules.key"), path("city.rules"));
    maker.cli(&["rules", "bundle", "create", &rules, "--key", &key, "-o", &output]).unwrap();
}

fn say(server: &Server, name: &str, words: &str) {
    let file = server.path(name);
    std::fs::write(&file, format!("<86>1 2026-11-03T00:00:01Z srv-1 app 10 - - {words}\n")).unwrap();
    server.cli(&["import", "--site", "hcm-a", &file.display().to_string()]).unwrap();
}

/// The alerts of the rule; the product's own record raises others.
fn alerts_of(api: &Api) -> Vec<Value> {
    let (status, answer) = api.get("/api/v1/alerts").unwrap();
    assert_eq!(status, 200, "{answer}");
    let all = answer["alerts"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|alert| alert["rule"]["id"] == ID).collect()
}

fn hang_up(server: &Server) {
    let before = server.log().matches("reloaded").count();
    tests::run(Command::new("kill").args(["-HUP", &server.pid().to_string()])).unwrap();
    wait_for("reloaded", 20, || Ok((server.log().matches("reloaded").count() > before).then_some(()))).unwrap();
}

fn versions(api: &Api) -> Vec<Value> {
    let (status, answer) = api.get(&format!("/api/v1/rules/{ID}/versions")).unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["versions"].as_array().cloned().unwrap()
}

fn prepared(folder: &Path) -> Server {
    let maker = Server::start(&Setup { config: PORTS.to_owned(), ..Setup::default() }).unwrap();
    let key = folder.join("rules.key").display().to_string();
    let made = maker.cli(&["rules", "bundle", "key", "--name", "hcm-rules", "-o", &key]).unwrap();
    let verifier = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    bundle(&maker, folder, "xyzzy");
    let config =
        format!("{PORTS}[rules]\nbundles = [\"{}/city.rules\"]\nbundle_keys = [\"{verifier}\"]\n", folder.display());
    Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap()
}

#[test]
fn a_rule_from_a_bundle_is_followed_from_its_load_to_its_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = prepared(folder.path());
    let lead_token = server.token("lead", Role("soc-lead", None)).unwrap();
    let api =
        |server: &Server, token: &str| Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap();
    let lead = api(&server, &lead_token);
    let tier1 = server.user("tu", Role("analyst-tier1", None)).unwrap();

    // It is in force, and its first version is known.
    let first = versions(&lead);
    assert_eq!((first.len(), &first[0]["action"], &first[0]["actor"]), (1, &json!("added"), &json!("metrosoc")));
    assert_eq!((&first[0]["text"], &first[0]["modified"]), (&json!(rule("xyzzy")), &json!("2026-11-22")));

    // What it compared stands in the alert, for who may see it.
    say(&server, "one.log", "somebody said xyzzy");
    let alert = wait_for("an alert", 20, || Ok(alerts_of(&lead).pop())).unwrap();
    let atom = json!({
        "selection": "selection", "field": "message", "operator": "contains", "pattern": "xyzzy",
        "value": "somebody said xyzzy",
    });
    assert_eq!((&alert["atoms"], &alert["risk_score"]), (&json!([atom]), &json!(80)));
    let masked = alerts_of(&tier1).pop().unwrap();
    assert!(!masked["atoms"].to_string().contains("xyzzy"), "{masked}");

    // The event is weeks old, so it is no risk of today; what is one is that an account with much power was made here.
    let (status, risk) = lead.get("/api/v1/risk?kind=host").unwrap();
    assert_eq!((status, &risk["entities"]), (200, &json!([])), "{risk}");
    let (_, risk) = lead.get("/api/v1/risk?kind=site").unwrap();
    assert_eq!((&risk["entities"][0]["name"], &risk["entities"][1]), (&json!("local"), &Value::Null), "{risk}");
    let (_, risk) = tier1.get("/api/v1/risk").unwrap();
    assert!(risk["left_out"].to_string().contains("user.name"), "{risk}");
    assert_eq!(lead.get("/api/v1/risk?kind=nothing").unwrap().0, 400);

    // The log source was seen; most of our own rules are for others.
    let (_, silent) = lead.get("/api/v1/rules/silent").unwrap();
    assert!(!silent.to_string().contains(ID) && silent.to_string().contains("source_never_seen"), "{silent}");

    // What an exception hides is counted over a restart.
    let (field, reason) = ("host.name=srv-1", "tried by a test");
    let except = ["rules", "except", "add", "--rule", ID, "--field", field, "--reason", reason, "--expires", "now+30d"];
    server.cli(&except).unwrap();
    say(&server, "two.log", "again xyzzy");
    let hidden = |api: &Api| api.get("/api/v1/exceptions").unwrap().1["exceptions"][0]["hidden"].clone();
    wait_for("it is hidden", 20, || Ok((hidden(&lead) == 1).then_some(()))).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    server.restart().unwrap();
    let lead = api(&server, &lead_token);
    assert_eq!((hidden(&lead), alerts_of(&lead).len()), (json!(1), 1));
    assert_eq!(versions(&lead).len(), 1, "a restart with the same rules changes nothing");
    let (_, silent) = lead.get("/api/v1/rules/silent").unwrap();
    assert!(!silent.to_string().contains(ID), "what was seen is kept: {silent}");

    // A bundle with one changed byte is refused as a whole.
    let path = folder.path().join("city.rules");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&path, bad).unwrap();
    hang_up(&server);
    server.wait_logged("the rules before stay in force").unwrap();
    assert_eq!(versions(&lead).len(), 1);

    // A good one with a changed rule brings a second version.
    bundle(&server, folder.path(), "plugh");
    hang_up(&server);
    let both = versions(&lead);
    assert_eq!((both.len(), &both[0]["action"], &both[0]["before"]), (2, &json!("changed"), &both[1]["digest"]));
    let told = server.cli(&["rules", "history", ID, "--diff"]).unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("-         message|contains: xyzzy") && told.contains("+         message|contains: plugh"),
        "{told}"
    );
    let auditor = server.user("thu", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get(&format!("/api/v1/audit?object=rule:{ID}")).unwrap();
    assert_eq!(audit["entries"][0]["action"], "rule_changed", "{audit}");
    assert_eq!(audit["entries"][0]["detail"]["digest"], both[0]["digest"], "{audit}");
}

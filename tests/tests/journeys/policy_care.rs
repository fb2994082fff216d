//! The policy is cared for: explained, tested, simulated, imported, reviewed; sensitive roles take two.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, repository, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\nhcm-b,Site B,agency-b,dc2,\nhcm-b1,Site B1,agency-b1,dc2,\n";
const PASSWORD: &str = "mot cau rat dai cho may thu";

fn prepared() -> Server {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    for (site, address) in [("hcm-a", "203.0.113.1"), ("hcm-b", "203.0.113.2"), ("hcm-b1", "2001:db8::b1")] {
        let file = server.path(&format!("{site}.log"));
        let line = format!(
            "<86>1 2026-11-03T00:00:01Z srv-1 sshd 10 - - Failed password for root from {address} port 22 ssh2\n"
        );
        std::fs::write(&file, line.repeat(3)).unwrap();
        server.cli(&["import", "--site", site, &file.display().to_string()]).unwrap();
    }
    server
}

fn token_file(server: &Server, name: &str, token: &str) -> PathBuf {
    let file = server.path(&format!("{name}.token"));
    std::fs::write(&file, token).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn as_user(server: &Server, file: &PathBuf, arguments: &[&str]) -> Output {
    server.command(arguments).arg("--token-file").arg(file).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn shipped() -> String {
    std::fs::read_to_string(repository().join("rules/policy/policy.csv")).unwrap()
}

fn sees(api: &Api) -> u64 {
    let (status, answer) = api.post("/api/v1/search", &json!({ "query": "*", "limit": 0 })).unwrap();
    if status == 200 { answer["total"].as_u64().unwrap() } else { 0 }
}

#[test]
fn a_change_is_simulated_imported_compared_and_taken_back() {
    let server = prepared();
    let officer = server.user("lan", Role("agency-officer", Some("agency-b"))).unwrap();
    wait_for("the events", 20, || Ok((sees(&officer) == 3).then_some(()))).unwrap();
    let admin = token_file(&server, "an", &server.token("an", Role("admin", None)).unwrap());

    // A unit belongs to the officer's agency, and officers export.
    let changed = server.path("policy.csv");
    let more = "g2, agency:agency-b1, agency:agency-b\np, agency-officer, own_agency, events, export, stated, allow\n";
    std::fs::write(&changed, shipped() + more).unwrap();
    let changed = changed.display().to_string();
    let trial = server.cli(&["policy", "simulate", &changed, "--json"]).unwrap();
    let trial: Value = serde_json::from_slice(&trial.stdout).unwrap();
    let groups = trial["simulation"]["groups"].as_array().unwrap();
    assert!(
        groups.iter().any(|group| group["difference"] == "scope"
            && group["agency"] == "agency-b"
            && group["role"] == "agency-officer"),
        "{trial}"
    );
    assert_eq!(sees(&officer), 3, "a simulation changes nothing");

    // The operator at the socket looks and does not change; a wrong line is refused by its number.
    let refused = server.command(&["policy", "import", &changed, "--reason", "x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(77), "{}", text(&refused));
    let wrong = server.path("wrong.csv");
    std::fs::write(&wrong, shipped() + "p, agency-officer, everywhere, events, read, any, allow\n").unwrap();
    let refused = as_user(&server, &admin, &["policy", "import", &wrong.display().to_string(), "--reason", "x"]);
    assert_eq!(refused.status.code(), Some(65), "{}", text(&refused));
    let number = shipped().lines().count() + 1;
    assert!(text(&refused).contains(&format!("policy.csv:{number}: unknown scope `everywhere`")), "{}", text(&refused));
    std::fs::write(&wrong, shipped() + "g, admin, dpo\ng, dpo, admin\n").unwrap();
    let refused = as_user(&server, &admin, &["policy", "import", &wrong.display().to_string(), "--reason", "x"]);
    assert!(text(&refused).contains("inherits from itself"), "{}", text(&refused));
    assert_eq!(sees(&officer), 3);

    let imported = as_user(&server, &admin, &["policy", "import", &changed, "--reason", "units of agency B"]);
    assert!(imported.status.success(), "{}", text(&imported));
    assert_eq!(sees(&officer), 6, "in force at once");
    let history = text(&server.cli(&["policy", "history"]).unwrap());
    assert!(history.contains("units of agency B"), "{history}");
    let diff = text(&server.cli(&["policy", "diff", "embedded"]).unwrap());
    assert!(diff.contains("+ g2, agency:agency-b1, agency:agency-b") && !diff.contains("- "), "{diff}");
    let exported = text(&server.cli(&["policy", "export"]).unwrap());
    assert_eq!(exported, shipped() + more, "as it was written, comments too");
    let auditor = server.user("thu", Role("auditor", None)).unwrap();
    let (_, audit) = auditor.get("/api/v1/audit?action=policy_changed").unwrap();
    assert_eq!(audit["entries"][0]["actor"], "an", "{audit}");
    assert_eq!(audit["entries"][0]["detail"]["added"], 2, "{audit}");

    let back = server.path("back.csv");
    std::fs::write(&back, shipped()).unwrap();
    let back = as_user(&server, &admin, &["policy", "import", &back.display().to_string(), "--reason", "taken back"]);
    assert!(back.status.success(), "{}", text(&back));
    assert_eq!(sees(&officer), 3);
}

#[test]
fn an_imported_policy_outlives_a_restart() {
    let mut server = prepared();
    let token = server.token("lan", Role("agency-officer", Some("agency-b"))).unwrap();
    let admin = token_file(&server, "an", &server.token("an", Role("admin", None)).unwrap());
    let changed = server.path("policy.csv");
    std::fs::write(&changed, shipped() + "p, agency-officer, none, events, any, any, deny\n").unwrap();
    let import = ["policy", "import", &changed.display().to_string(), "--reason", "halt"];
    let refused = as_user(&server, &admin, &import);
    let said = text(&refused);
    assert!(refused.status.code() == Some(65) && said.contains("an officer sees the own agency"), "{said}");
    assert_eq!(text(&server.cli(&["policy", "export"]).unwrap()), shipped(), "nothing has changed");
    let case = "{ name: officers are halted, role: agency-officer, agency: agency-b, operation: read, object: events, \
                purpose: agency-review, expect: deny }";
    std::fs::write(server.path("policy.test.yml"), format!("version: 1\ncases:\n  - {case}\n")).unwrap();
    let imported = as_user(&server, &admin, &import);
    assert!(imported.status.success(), "{}", text(&imported));
    server.kill_and_restart().unwrap();
    let officer = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    let (status, answer) = officer.post("/api/v1/search", &json!({ "query": "*" })).unwrap();
    assert_eq!(status, 403, "{answer}");
    assert!(answer["because"].to_string().contains("agency-officer, none, events"), "{answer}");
}

#[test]
fn why_and_what_is_missing_stand_on_one_screen() {
    let server = prepared();
    server.user("lan", Role("soc-lead", None)).unwrap();
    let explain = |arguments: &[&str]| {
        let all = [&["policy", "explain", "user:lan", "reveal", "events"], arguments].concat();
        text(&server.cli(&all).unwrap())
    };
    let told = explain(&["--purpose", "incident-response", "--auth", "password", "--grant"]);
    assert!(told.starts_with("DENIED") && told.contains("a stronger sign-in is needed"), "{told}");
    assert!(told.contains("auth=two-factor, grant=needed") && told.lines().count() < 20, "{told}");
    let told = explain(&["--purpose", "incident-response", "--auth", "two-factor", "--grant"]);
    assert!(told.starts_with("ALLOWED") && told.contains("network-security"), "{told}");
    let told = text(&server.cli(&["policy", "explain", "admin", "read", "events", "--purpose", "operations"]).unwrap());
    assert!(told.contains("p, admin, none, events, any, any, deny"), "{told}");
    let passed = text(&server.cli(&["policy", "test"]).unwrap());
    assert!(passed.contains(" 0 do not hold"), "{passed}");
    let folder = server.path("policy");
    tests::run(std::process::Command::new("cp").arg("-r").arg(repository().join("rules/policy")).arg(&folder)).unwrap();
    std::fs::write(
        folder.join("policy.csv"),
        shipped().replace("p, admin, none, events, any, any, deny\n", "p, admin, all, events, read, any, allow\n"),
    )
    .unwrap();
    let failed = server.command(&["policy", "test", &folder.display().to_string()]).output().unwrap();
    assert_eq!(failed.status.code(), Some(65), "{}", text(&failed));
    assert!(text(&failed).contains("FAIL  an administrator reads no event"), "{}", text(&failed));
}

#[test]
fn a_sensitive_role_takes_a_second_person_and_records() {
    let server = prepared();
    // While the platform is set up the operator works alone.
    let mut tokens = Vec::new();
    for (name, role) in [("an", "admin"), ("bao-ve", "dpo")] {
        server.user_with_password(name, role, PASSWORD).unwrap();
        let token = String::from_utf8(server.cli(&["user", "token", name]).unwrap().stdout).unwrap();
        tokens.push(token_file(&server, name, token.trim()));
    }
    let [admin, dpo] = tokens.as_slice() else { panic!("{tokens:?}") };
    let add = ["user", "add", "lan", "--role", "soc-lead", "--token"];
    let refused = as_user(&server, admin, &add);
    assert_eq!(refused.status.code(), Some(65), "{}", text(&refused));
    assert!(text(&refused).contains("waits for a second person"), "{}", text(&refused));
    let listed = server.cli(&["policy", "requests", "--json"]).unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&listed["requests"][0]["account"], &listed["requests"][0]["state"]),
        (&"lan".into(), &"waiting".into())
    );
    let id = listed["requests"][0]["id"].as_str().unwrap();
    let own = as_user(&server, admin, &["policy", "approve", id]);
    assert!(own.status.code() == Some(77) && text(&own).contains("nobody approves"), "{}", text(&own));
    let early = as_user(&server, dpo, &["policy", "approve", id]);
    assert!(text(&early).contains("no record in force of: training, appointment, confidentiality"), "{}", text(&early));
    for kind in ["training", "appointment", "confidentiality"] {
        let dates = ["--begins", "2026-01-01T00:00:00Z", "--ends", "2099-01-01T00:00:00Z", "--document", "QD 12/2026"];
        let recorded =
            as_user(&server, dpo, &[&["policy", "personnel", "lan", "--kind", kind][..], &dates[..]].concat());
        assert!(recorded.status.success(), "{}", text(&recorded));
    }
    let approved = as_user(&server, dpo, &["policy", "approve", id]);
    assert!(approved.status.success(), "{}", text(&approved));
    let made = as_user(&server, admin, &add);
    assert!(made.status.success(), "{}", text(&made));
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let lead = Api::new(server.port("https"), server.roots(), Some(token)).unwrap();
    assert_eq!(lead.get("/api/v1/rules").unwrap().0, 200);

    // One approval is good for one use: the administrator gets no token of the lead's for himself.
    let again = as_user(&server, admin, &["user", "token", "lan"]);
    assert!(text(&again).contains("waits for a second person"), "{}", text(&again));
    // An account that is not sensitive is made at once.
    server.token("tu", Role("analyst-tier1", None)).unwrap();

    let notices = as_user(&server, dpo, &["policy", "notices", "--json"]);
    let notices: Value = serde_json::from_slice(&notices.stdout).unwrap();
    let about = |kind: &str| {
        let all = notices["notices"].as_array().unwrap();
        all.iter().filter(|one| one["kind"] == kind && one["object"] == "lan").count()
    };
    assert_eq!((about("sensitive_role"), about("sensitive_role_asked")), (1, 2), "{notices}");
    assert_eq!(as_user(&server, admin, &["policy", "notices"]).status.code(), Some(77));

    // A record that has ended suspends the role.
    let ended = ["--begins", "2026-01-01T00:00:00Z", "--ends", "2026-02-01T00:00:00Z", "--document", "x"];
    let over = [&["policy", "personnel", "lan", "--kind", "confidentiality"][..], &ended[..]].concat();
    assert!(as_user(&server, dpo, &over).status.success());
    let (status, answer) = lead.get("/api/v1/rules").unwrap();
    assert_eq!(status, 403, "{answer}");
    assert!(answer["because"].to_string().contains("`confidentiality` of `lan` ended at"), "{answer}");

    let review = as_user(&server, dpo, &["policy", "review", "--json"]);
    let review: Value = serde_json::from_slice(&review.stdout).unwrap();
    let review = &review["review"];
    assert!(review["ending"].to_string().contains("confidentiality"), "{review}");
    assert!(review["records_missing"]["lan"].to_string().contains("confidentiality"), "{review}");
    assert!(review["records_missing"]["an"].to_string().contains("training"), "{review}");
    assert!(!review["seers"].to_string().contains("\"an\""), "administrators see no data: {review}");
    assert!(review["unused"].to_string().contains("certificates, read"), "{review}");
}

//! SIGHUP brings in new rules, a new policy, policies of other applications, rules of reveals, holidays and a new certificate
//! while the server runs; what cannot be read leaves the old in force.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tests::{Api, Role, Server, Setup, repository, wait_for};

const LISTEN: &str = "listen = \"[::]:0\"";
const SYSLOG: &str = "[syslog]\nudp = \"\"\ntcp = \"\"\ntls = \"\"\n";

const RULE: &str = "title: A word nobody says
id: 5a3c1f7e-2f0e-4d55-9d4e-0c8a6b1d2e3f
status: test
logsource:
    product: linux
detection:
    selection:
        message|contains: xyzzy
    condition: selection
level: high
";

/// A certificate for `localhost` from a CA of its own; gives the CA, PEM.
fn certificate(folder: &Path) -> String {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("https.pem"), leaf.pem()).unwrap();
    write_key(folder, &key.serialize_pem());
    ca_pem
}

fn write_key(folder: &Path, pem: &str) {
    let path = folder.join("https.key.pem");
    std::fs::write(&path, pem).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn hang_up(server: &Server) {
    let before = server.log().matches("reloaded").count();
    tests::run(Command::new("kill").args(["-HUP", &server.pid().to_string()])).unwrap();
    wait_for("reloaded", 20, || Ok((server.log().matches("reloaded").count() > before).then_some(()))).unwrap();
}

/// Whether a new connection is believed by who trusts `roots` alone.
fn believed(server: &Server, roots: &str) -> bool {
    let api = Api::new(server.port("https"), roots, None).unwrap();
    api.get("/healthz").is_ok_and(|(status, _)| status == 200)
}

fn has_rule(api: &Api) -> bool {
    let (status, answer) = api.get("/api/v1/rules").unwrap();
    assert_eq!(status, 200, "{answer}");
    answer.to_string().contains("A word nobody says")
}

#[test]
fn rules_policy_and_certificate_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, policy) = (folder.path().join("rules"), folder.path().join("policy"));
    std::fs::create_dir_all(&rules).unwrap();
    tests::run(Command::new("cp").arg("-r").arg(repository().join("rules/policy")).arg(&policy)).unwrap();
    let first = certificate(folder.path());
    let config = format!(
        "[https]\n{LISTEN}\ncertificate = \"{0}/https.pem\"\nkey = \"{0}/https.key.pem\"\n{SYSLOG}\
         [rules]\npaths = [\"{0}/rules\"]\n[policy]\npath = \"{0}/policy\"\n",
        folder.path().display()
    );
    let server = Server::start(&Setup { config, ..Setup::default() }).unwrap();
    assert!(believed(&server, &first), "the operator's certificate is shown");
    assert!(!believed(&server, server.roots()), "and ours is not");
    let token = server.token("lead", Role("soc-lead", None)).unwrap();
    let lead = Api::new(server.port("https"), &first, Some(token.clone())).unwrap();
    assert!(!has_rule(&lead));
    assert_eq!(lead.count("*").unwrap(), 0);

    // All three change at once.
    std::fs::write(rules.join("xyzzy.yml"), RULE).unwrap();
    let csv = policy.join("policy.csv");
    let old_policy = std::fs::read_to_string(&csv).unwrap();
    let denied = "p, soc-lead, none, events, any, any, deny\n";
    std::fs::write(&csv, format!("{old_policy}\n{denied}")).unwrap();
    let second = certificate(folder.path());
    hang_up(&server);
    assert!(believed(&server, &second), "the new certificate is shown");
    assert!(!believed(&server, &first), "and the old one is not");
    let lead = Api::new(server.port("https"), &second, Some(token.clone())).unwrap();
    assert!(has_rule(&lead));
    assert_eq!(lead.post("/api/v1/search", &json!({ "query": "*" })).unwrap().0, 403);

    // The new rule matches what comes from now on.
    let file = server.path("app.log");
    std::fs::write(&file, "<86>1 2026-11-03T00:00:01Z srv-1 app 10 - - somebody said xyzzy\n").unwrap();
    server.cli(&["import", &file.display().to_string()]).unwrap();
    wait_for("an alert of the new rule", 20, || {
        let (_, answer) = lead.get("/api/v1/alerts")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.iter().any(|alert| alert["rule"]["id"] == "5a3c1f7e-2f0e-4d55-9d4e-0c8a6b1d2e3f").then_some(()))
    })
    .unwrap();

    // None of the three can be read: what is in force stays, and the log says what is wrong.
    std::fs::write(&csv, "p, soc-lead, everywhere, events\n").unwrap();
    write_key(folder.path(), "no key");
    std::fs::write(rules.join("broken.yml"), "title: [\n").unwrap();
    std::fs::write(policy.join("reveals.yml"), "version: 1\nhours_max: 99\n").unwrap();
    hang_up(&server);
    assert!(believed(&server, &second), "a certificate without its key is not taken");
    assert_eq!(lead.post("/api/v1/search", &json!({ "query": "*" })).unwrap().0, 403);
    assert!(has_rule(&lead));
    let log = server.log();
    for told in ["policy: ", "certificate: ", "rule rejected", "the rules of reveals before stay in force"] {
        assert!(log.contains(told), "{told}");
    }
    let (_, rejected) = lead.get("/api/v1/rules/rejected").unwrap();
    assert!(rejected.to_string().contains("broken.yml"), "{rejected}");

    // Put right again, the same signal is enough.
    std::fs::write(&csv, old_policy).unwrap();
    let third = certificate(folder.path());
    hang_up(&server);
    let lead = Api::new(server.port("https"), &third, Some(token)).unwrap();
    assert_eq!(lead.count("xyzzy").unwrap(), 1);
}

#[test]
fn policies_of_other_applications_and_holidays_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, privacy) = (folder.path().join("policy"), folder.path().join("privacy"));
    std::fs::create_dir_all(&privacy).unwrap();
    tests::run(Command::new("cp").arg("-r").arg(repository().join("rules/policy")).arg(&policy)).unwrap();
    let (lists, holidays) = (policy.join("applications.csv"), privacy.join("holidays.csv"));
    let head = "date,counts,status,name_vi,name_en\n";
    std::fs::write(&lists, "p, reader, can_read, todo, any, allow\ng, id-of-lan, reader\n").unwrap();
    std::fs::write(&holidays, head).unwrap();
    let config = format!("[policy]\npath = \"{}\"\n[privacy]\nrules = \"{}\"\n", policy.display(), privacy.display());
    let server = Server::start(&Setup { config, ..Setup::default() }).unwrap();
    let gateway = server.user("lgsp", Role("machine", None)).unwrap();
    let officer = server.user("huong", Role("dpo", None)).unwrap();
    let may = |action: &str| {
        let asked = json!({
            "subject": { "type": "identity", "id": "id-of-lan" }, "action": { "name": action },
            "resource": { "type": "todo", "id": "7" },
        });
        let (status, answer) = gateway.post("/access/v1/evaluation", &asked).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["decision"] == json!(true)
    };
    // A Monday; receipt is confirmed within two working days.
    let due = |reference: &str| {
        let new = json!({ "kind": "access", "reference": reference, "received": "2026-11-16T02:00:00Z" });
        let (status, answer) = officer.post("/api/v1/subjects/requests", &new).unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["request"]["owed"][0]["by"].as_str().unwrap().to_owned()
    };
    assert!(may("can_read") && !may("can_write"));
    assert!(due("1/2026").starts_with("2026-11-18T16:59:59"), "{}", due("1/2026"));

    std::fs::write(&lists, "p, writer, can_write, todo, any, allow\ng, id-of-lan, writer\n").unwrap();
    std::fs::write(&holidays, format!("{head}2026-11-17,holiday,confirmed,a,b\n")).unwrap();
    hang_up(&server);
    assert!(!may("can_read") && may("can_write"));
    assert!(due("2/2026").starts_with("2026-11-19T16:59:59"), "{}", due("2/2026"));

    // Neither can be read: those before stay.
    std::fs::write(&lists, "p, writer, can_write\n").unwrap();
    std::fs::write(&holidays, format!("{head}2026-11-31,holiday,confirmed,a,b\n")).unwrap();
    hang_up(&server);
    assert!(!may("can_read") && may("can_write"));
    assert!(due("3/2026").starts_with("2026-11-19T16:59:59"), "{}", due("3/2026"));
    let log = server.log();
    assert!(log.contains("applications: ") && log.contains("`2026-11-31` is no day"), "{log}");
}

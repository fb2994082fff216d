//! Sites that send, fall silent, never spoke, or whose clock is off: the register shows it, alerts say it, a restart keeps
//! it, and who comes back is in the record.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use event::{Clock as _, SystemClock};
use serde_json::Value;
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,127.0.0.2/32\n\
                     hcm-b,Site B,agency-b,dc1,127.0.0.3/32\n\
                     hcm-c,Site C,agency-b,dc2,127.0.0.4/32\n\
                     hcm-never,Site N,agency-b,dc2,127.0.0.5/32\n";
const CONFIG: &str =
    "[health]\nsilence_secs_min = 6\nlearn_secs_min = 5\nlearn_arrivals_min = 5\nnever_spoke_secs = 20\n";
const SILENT: &str = "d1a4c5ff-6045-4786-ac4e-92e1ee625a2d";
const CLOCK: &str = "aa854d98-22d1-4f37-857e-57db503ce19c";

/// A sender of its own address, which says a line now and then while it is on.
struct Sender {
    is_on: Arc<AtomicBool>,
}

impl Sender {
    fn start(address: &str, port: Arc<AtomicU16>, behind: Duration) -> Self {
        let is_on = Arc::new(AtomicBool::new(true));
        let (socket, on) = (UdpSocket::bind((address, 0)).unwrap(), Arc::clone(&is_on));
        std::thread::spawn(move || {
            // Ends with the test's process.
            for number in 0_u64.. {
                if on.load(Ordering::Relaxed) {
                    let time = SystemClock.now().minus(behind);
                    let line = format!("<30>1 {time} host app 1 - - line {number}");
                    let _ = socket.send_to(line.as_bytes(), ("127.0.0.1", port.load(Ordering::Relaxed)));
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Self { is_on }
    }

    fn turn(&self, on: bool) {
        self.is_on.store(on, Ordering::Relaxed);
    }
}

fn site(api: &Api, id: &str) -> anyhow::Result<Value> {
    let (status, answer) = api.get("/api/v1/sites")?;
    anyhow::ensure!(status == 200, "{answer}");
    let sites = answer["sites"].as_array().cloned().unwrap_or_default();
    Ok(sites.into_iter().find(|site| site["id"] == id).unwrap_or_default())
}

fn until(api: &Api, id: &str, state: &str) -> Value {
    wait_for(&format!("`{id}` is `{state}`"), 60, || {
        let site = site(api, id)?;
        Ok((site["state"] == state).then_some(site))
    })
    .unwrap()
}

fn alert(api: &Api, rule: &str, id: &str) -> Value {
    wait_for(&format!("the alert of `{id}`"), 60, || {
        let (_, answer) = api.get("/api/v1/alerts?limit=100")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().find(|alert| alert["rule"]["id"] == rule && alert["entities"]["site"] == id))
    })
    .unwrap()
}

#[test]
fn a_site_that_falls_silent_is_seen_and_told() {
    let mut server = Server::start(&Setup { sites: SITES.to_owned(), config: CONFIG.to_owned() }).unwrap();
    let port = Arc::new(AtomicU16::new(server.port("syslog-udp")));
    let start = |address, behind| Sender::start(address, Arc::clone(&port), Duration::from_secs(behind));
    let (a, b, c) = (start("127.0.0.2", 0), start("127.0.0.3", 0), start("127.0.0.4", 600));
    let (lead_token, auditor_token) =
        (server.token("lead", Role("soc-lead", None)).unwrap(), server.token("mai", Role("auditor", None)).unwrap());
    let api =
        |server: &Server, token: &str| Api::new(server.port("https"), server.roots(), Some(token.to_owned())).unwrap();
    let lead = api(&server, &lead_token);

    // The rhythm is learnt, and a clock that is ten minutes behind is seen.
    until(&lead, "hcm-a", "ok");
    // Volume is known when a whole window is.
    let known = wait_for("the volume of `hcm-a` is measured", 180, || {
        Ok(Some(site(&lead, "hcm-a")?).filter(|site| site["events_per_hour"].as_f64() > Some(0.0)))
    })
    .unwrap();
    assert!(known["usual_interval_secs"].as_f64().is_some_and(|secs| secs > 0.0), "{known}");
    assert_eq!((&known["sources"], &known["sources_silent"], &known["undecoded"]), (&1.into(), &0.into(), &0.into()));
    let skewed = until(&lead, "hcm-c", "skewed");
    assert!(skewed["clock_skew_secs"].as_f64().is_some_and(|secs| (599.0..700.0).contains(&secs)), "{skewed}");
    assert_eq!(alert(&lead, CLOCK, "hcm-c")["entities"]["agency"], "agency-b");

    // One that was expected and never spoke counts as silent.
    until(&lead, "hcm-never", "never_spoke");
    alert(&lead, SILENT, "hcm-never");

    // One stops; the other goes on.
    a.turn(false);
    let silent = until(&lead, "hcm-a", "silent");
    assert_eq!(silent["sources_silent"], 1, "{silent}");
    assert_eq!(alert(&lead, SILENT, "hcm-a")["entities"]["agency"], "agency-a");
    let told = SystemTime::now();
    assert_eq!(site(&lead, "hcm-b").unwrap()["state"], "ok");
    let (_, filtered) = lead.get("/api/v1/sites?state=silent,never_spoke").unwrap();
    assert_eq!((&filtered["total"], &filtered["states"]["silent"]), (&2.into(), &1.into()), "{filtered}");
    assert_eq!(lead.get("/api/v1/sites?state=dead").unwrap().0, 400);
    let (_, sources) = lead.get("/api/v1/sources?site=hcm-a").unwrap();
    assert_eq!(sources["sources"][0]["state"], "silent", "{sources}");
    let officer = server.user("officer", Role("agency-officer", Some("agency-b"))).unwrap();
    let (_, theirs) = officer.get("/api/v1/sites").unwrap();
    assert_eq!((&theirs["total"], &theirs["states"]["silent"]), (&3.into(), &Value::Null), "{theirs}");
    let listed = String::from_utf8(server.cli(&["site", "list", "--state", "silent"]).unwrap().stdout).unwrap();
    assert!(listed.contains("hcm-a") && !listed.contains("hcm-b"), "{listed}");
    let listed = String::from_utf8(server.cli(&["site", "sources", "hcm-b"]).unwrap().stdout).unwrap();
    assert!(listed.contains("syslog-udp:127.0.0.3") && listed.contains(" ok "), "{listed}");
    let metrics = server.anonymous().unwrap().request(reqwest::Method::GET, "/metrics").send().unwrap().text().unwrap();
    assert!(metrics.contains("metrosoc_sites{state=\"silent\"} 1"), "{metrics}");

    // A power cut: what was learnt and told is known again, and our absence is nobody's silence.
    let state = server.data().join("health.state");
    wait_for("what was told is kept", 60, || {
        let kept = std::fs::metadata(&state).and_then(|kept| kept.modified());
        Ok(kept.is_ok_and(|kept| kept > told).then_some(()))
    })
    .unwrap();
    server.kill_and_restart().unwrap();
    port.store(server.port("syslog-udp"), Ordering::Relaxed);
    let (lead, auditor) = (api(&server, &lead_token), api(&server, &auditor_token));
    until(&lead, "hcm-b", "ok");
    assert_eq!(site(&lead, "hcm-a").unwrap()["state"], "silent");

    // Back again: shown and recorded.
    a.turn(true);
    until(&lead, "hcm-a", "ok");
    let question = serde_json::json!({ "query": "event.action:site_back AND site.id:\"hcm-a\"", "limit": 5 });
    wait_for("the return is in the record", 30, || {
        let (status, answer) = auditor.post("/api/v1/audit/search", &question)?;
        anyhow::ensure!(status == 200, "{answer}");
        Ok((answer["total"] == 1).then_some(()))
    })
    .unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    b.turn(false);
    c.turn(false);
}

#[test]
fn many_sites_silent_at_once_are_one_alert() {
    const MANY_AT_ONCE: &str = "3c0f1a52-7f0e-4d0b-9b0a-5d2a8d1f6c11";
    let sites: String = (1..=30).map(|site| format!("hcm-{site},Site {site},agency-{},dc1,\n", site % 3)).collect();
    let config = "[health]\nnever_spoke_secs = 3\n".to_owned();
    let server = Server::start(&Setup { sites, config }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let of_rule = |rule: &str| -> anyhow::Result<Vec<Value>> {
        let (_, answer) = lead.get("/api/v1/alerts?limit=100")?;
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        Ok(alerts.into_iter().filter(|one| one["rule"]["id"] == rule).collect())
    };
    let told = wait_for("the alert of all", 60, || Ok(Some(of_rule(MANY_AT_ONCE)?).filter(|all| !all.is_empty())));
    assert_eq!(told.unwrap().len(), 1);
    let auditor = server.user("mai", Role("auditor", None)).unwrap();
    let question = serde_json::json!({ "query": "event.action:many_sites_silent", "limit": 5 });
    let event = wait_for("the event of all", 30, || {
        let (_, answer) = auditor.post("/api/v1/audit/search", &question)?;
        Ok(answer["hits"].as_array().and_then(|hits| hits.first().cloned()))
    });
    assert_eq!(event.unwrap()["fields"]["site.sites_count"], 30);
    assert_eq!(of_rule(SILENT).unwrap(), Vec::<Value>::new(), "none is told alone");
}

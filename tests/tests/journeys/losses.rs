//! What somebody deletes or a disk damages while the server is down is missed: taken from the spool again where that has it, told
//! otherwise.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value;
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";

struct Place {
    server: Server,
    lead: String,
    shipper: String,
}

impl Place {
    fn start() -> Self {
        let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
        let lead = server.token("lead", Role("soc-lead", None)).unwrap();
        let shipper = server.token("shipper", Role("machine", None)).unwrap();
        Self { server, lead, shipper }
    }

    fn api(&self, token: &str) -> Api {
        Api::new(self.server.port("https"), self.server.roots(), Some(token.to_owned())).unwrap()
    }

    fn lead(&self) -> Api {
        self.api(&self.lead)
    }

    fn send(&self, text: &str) {
        let request = self.api(&self.shipper).request(Method::POST, "/api/v1/ingest?site=hcm-a").body(text.to_owned());
        assert_eq!(request.send().unwrap().status().as_u16(), 200);
    }

    fn found(&self, query: &str, expected: u64) {
        let lead = self.lead();
        wait_for(query, 30, || Ok((lead.count(query)? == expected).then_some(()))).unwrap();
    }

    fn slices(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.server.data().join("index")).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }

    fn warnings(&self) -> Value {
        let (status, ready) = self.server.anonymous().unwrap().get("/readyz").unwrap();
        assert_eq!(status, 200, "{ready}");
        ready["warnings"].clone()
    }

    fn delete_slices(&self) {
        let slices = self.slices();
        assert!(!slices.is_empty());
        slices.iter().for_each(|slice| std::fs::remove_dir_all(slice).unwrap());
    }

    /// The entries of the record, by its files.
    fn entries(&self) -> String {
        let entries = std::fs::read_dir(self.server.data().join("ledger/entries")).unwrap();
        entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    fn entry(&self, action: &str) -> Value {
        wait_for(action, 30, || {
            let text = self.entries();
            let line = text.lines().find(|line| line.contains(&format!("\"{action}\"")));
            Ok(line.and_then(|line| serde_json::from_str(line.split_once(' ')?.1).ok()))
        })
        .unwrap()
    }
}

#[test]
fn a_slice_that_was_deleted_is_taken_from_the_spool_again() {
    let mut place = Place::start();
    place.send(&"equal lines are evidence\n".repeat(30));
    place.found("\"equal lines\"", 30);
    place.server.kill().unwrap();
    place.delete_slices();
    place.server.restart().unwrap();
    place.found("\"equal lines\"", 30);
    let entry = place.entry("index_slice_lost");
    assert_eq!(entry["detail"]["missing"], 0, "{entry}");
    wait_for("no warning", 20, || Ok((place.warnings() == serde_json::json!([])).then_some(()))).unwrap();
    place.send("a new line\n");
    place.found("\"a new line\"", 1);
    place.server.cli(&["ledger", "verify"]).unwrap();
    place.server.kill_and_restart().unwrap();
    place.found("\"equal lines\"", 30);
}

#[test]
fn a_slice_that_was_deleted_and_that_nothing_has_any_more_is_told() {
    let mut place = Place::start();
    place.send(&"gone for ever\n".repeat(30));
    place.found("\"gone for ever\"", 30);
    assert_eq!(place.server.stop().unwrap(), 0);
    place.delete_slices();
    place.server.restart().unwrap();
    let entry = place.entry("index_slice_lost");
    assert!(entry["detail"]["missing"].as_u64().unwrap() >= 30, "{entry}");
    assert_eq!(place.warnings(), serde_json::json!(["index_events_lost"]));
    place.server.wait_logged("events of the index are missing").unwrap();
    place.found("\"gone for ever\"", 0);
    let lead = place.lead();
    wait_for("the alert", 30, || {
        let (_, answer) = lead.get("/api/v1/alerts")?;
        Ok(answer.to_string().contains("Storage of the platform in danger").then_some(()))
    })
    .unwrap();
    // Told once: what is known to be lost is not missed again.
    assert_eq!(place.server.stop().unwrap(), 0);
    place.server.restart().unwrap();
    assert_eq!(place.warnings(), serde_json::json!([]));
}

#[test]
fn a_damaged_segment_of_the_spool_is_told_and_the_rest_is_kept() {
    let mut place = Place::start();
    for number in 0..20 {
        place.send(&format!("line number {number} of twenty\n").repeat(5));
    }
    place.found("\"of twenty\"", 100);
    place.server.kill().unwrap();
    // The index is gone too, so that only the spool has the records.
    place.delete_slices();
    let spool = place.server.data().join("spool");
    let segments = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|found| found == "seg")).max().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    place.server.restart().unwrap();
    let entry = place.entry("spool_damaged");
    let lost = entry["detail"]["count"].as_u64().unwrap();
    assert!((1..100).contains(&lost), "{entry}");
    let warnings = wait_for("warnings", 20, || {
        let warnings = place.warnings();
        Ok(warnings.to_string().contains("spool_damaged").then_some(warnings))
    });
    warnings.unwrap();
    let lead = place.lead();
    let missing = place.entry("index_slice_lost");
    let found = lead.count("\"of twenty\"").unwrap();
    assert!((95..=100).contains(&found), "{found}: {entry} {missing}");
    place.server.wait_logged("spool: records cannot be read any more").unwrap();
    assert_eq!(lead.count("\"number 0 of twenty\"").unwrap(), 5, "what was before it is kept");
    assert_eq!(lead.count("\"number 19 of twenty\"").unwrap(), 5, "and what was behind it");

    // Its header too: nothing of it can be read, and the server starts all the same, with new numbers.
    place.server.kill().unwrap();
    let segments = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|found| found == "seg")).max().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    place.server.restart().unwrap();
    assert_eq!(place.lead().count("\"of twenty\"").unwrap(), found);
    place.send("a line behind the damage\n");
    place.found("\"behind the damage\"", 1);
}

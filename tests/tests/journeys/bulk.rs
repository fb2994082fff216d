//! Elasticsearch's `_bulk` as Filebeat, Vector and Fluent Bit send it: what they send is found, and what is refused is
//! said item by item.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Api, Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";

fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    let mut request = api.request(Method::POST, path).header("content-type", "application/x-ndjson");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(body.to_vec()).send().unwrap();
    let (status, product) = (response.status().as_u16(), response.headers().get("x-elastic-product").cloned());
    assert_eq!(status != 200, product.is_none(), "those clients look for the product's name");
    (status, response.json().unwrap())
}

/// What `_bulk` says of each item: `OPERATION STATUS`.
fn items(answer: &Value) -> Vec<String> {
    let one = |item: &Value| {
        let (operation, about) = item.as_object().unwrap().iter().next().unwrap();
        format!("{operation} {}", about["status"])
    };
    answer["items"].as_array().unwrap().iter().map(one).collect()
}

fn gzip(folder: &std::path::Path, text: &str) -> Vec<u8> {
    let file = folder.join("body");
    std::fs::write(&file, text).unwrap();
    tests::run(Command::new("gzip").arg("-c").arg(&file)).unwrap().stdout
}

fn found(api: &Api, query: &str, expected: u64) {
    wait_for(query, 20, || Ok((api.count(query)? == expected).then_some(()))).unwrap();
}

#[test]
fn the_forms_of_filebeat_vector_and_fluent_bit_are_taken() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let shipper = server.user("shipper", Role("machine", None)).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let folder = tempfile::tempdir().unwrap();

    // Filebeat: compressed, `create` into a data stream named in the action, with its own id.
    let filebeat = concat!(
        "{\"create\":{\"_index\":\"filebeat-8.15.0\",\"_id\":\"f1\"}}\n",
        "{\"@timestamp\":\"2026-11-03T00:00:01.000Z\",\"message\":\"of filebeat\",\"host\":{\"name\":\"srv-f\"},",
        "\"agent\":{\"type\":\"filebeat\"}}\n",
    );
    let headers = [("content-encoding", "gzip")];
    let (status, answer) = post(&shipper, "/_bulk?site=hcm-a", &headers, &gzip(folder.path(), filebeat));
    assert_eq!((status, &answer["errors"]), (200, &json!(false)), "{answer}");
    assert_eq!(answer["items"][0]["create"]["_index"], "filebeat-8.15.0");
    assert_eq!(answer["items"][0]["create"]["_id"], "f1");
    assert_eq!(items(&answer), ["create 201"]);
    found(&lead, "host.name:srv-f AND metrosoc.site.id:hcm-a", 1);

    // Vector: `index` actions, the index in the path, no newline at the end.
    let vector = "{\"index\":{}}\n{\"message\":\"of vector\",\"host\":\"srv-v\",\"source_type\":\"syslog\"}\n\
                  {\"index\":{\"_index\":\"own\"}}\n{\"message\":\"of vector too\"}";
    let (status, answer) = post(&shipper, "/vector-2026.11.03/_bulk?site=hcm-a", &[], vector.as_bytes());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(items(&answer), ["index 201", "index 201"]);
    assert_eq!(answer["items"][0]["index"]["_index"], "vector-2026.11.03");
    assert_eq!(answer["items"][1]["index"]["_index"], "own");
    found(&lead, "\"of vector\"", 2);

    // Fluent Bit: `_type` beside the index from before Elasticsearch 7, a blank line at the end.
    let fluent_bit = "{\"create\":{\"_index\":\"fluent-bit\",\"_type\":\"_doc\"}}\n\
                      {\"@timestamp\":\"2026-11-03T00:00:02.000Z\",\"log\":\"of fluent bit\"}\n\n";
    let (status, answer) = post(&shipper, "/_bulk?site=hcm-a", &[], fluent_bit.as_bytes());
    assert_eq!((status, items(&answer)), (200, vec!["create 201".to_owned()]), "{answer}");
    found(&lead, "metrosoc.site.id:hcm-a", 4);
}

#[test]
fn what_is_refused_is_said_item_by_item() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let shipper = server.user("shipper", Role("machine", None)).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();

    // Records are never changed or removed: those items are refused, the others beside them are kept.
    let mixed = "{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"2\"}}\n{\"doc\":{}}\n\
                 {\"create\":{}}\n{\"message\":\"kept beside\"}\n{\"index\":{\"_id\":\"\"}}\n{\"message\":\"bad id\"}\n{\"create\":{}}";
    let (status, answer) = post(&shipper, "/_bulk?site=hcm-a", &[], mixed.as_bytes());
    assert_eq!((status, &answer["errors"]), (200, &json!(true)), "{answer}");
    assert_eq!(items(&answer), ["delete 400", "update 400", "create 201", "index 400", "create 400"]);
    assert_eq!(answer["items"][0]["delete"]["error"]["type"], "illegal_argument_exception");
    found(&lead, "\"kept beside\"", 1);

    // As in Elasticsearch, an action that is none spoils the whole: nobody can tell where the next one begins.
    for body in
        ["{\"upsert\":{}}\n{\"message\":\"lost\"}\n", "not json\n", "", "\n\n", "{\"create\":{},\"index\":{}}\n{}\n"]
    {
        let (status, answer) = post(&shipper, "/_bulk?site=hcm-a", &[], body.as_bytes());
        assert_eq!(status, 400, "{body}: {answer}");
    }
    for (path, status) in [("/_bulk?site=nowhere", 404), ("/a/b/_bulk", 404)] {
        let sent =
            shipper.request(Method::POST, path).body("{\"create\":{}}\n{\"message\":\"lost\"}\n").send().unwrap();
        assert_eq!(sent.status().as_u16(), status, "{path}");
    }
    // A body that says gzip and is none.
    let sent = shipper.request(Method::POST, "/_bulk?site=hcm-a").header("content-encoding", "gzip").body("{}").send();
    assert_eq!(sent.unwrap().status().as_u16(), 400);
    assert_eq!(lead.count("*").unwrap(), 1);
}

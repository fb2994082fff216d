//! `/readyz` is red while the index cannot be written and green again when it can; what came meanwhile is found.

use tests::{Role, Server, Setup, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";

#[test]
fn an_index_that_cannot_be_written_is_red_until_it_can() {
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let send = |text: &str| {
        let sent = machine.request(reqwest::Method::POST, "/api/v1/ingest?site=hcm-a").body(text.to_owned()).send();
        assert_eq!(sent.unwrap().status().as_u16(), 200);
    };
    send("the line before");
    wait_for("the line before", 20, || Ok((lead.count("\"line before\"")? == 1).then_some(()))).unwrap();
    let anonymous = server.anonymous().unwrap();
    let ready = || anonymous.get("/readyz").unwrap();
    assert_eq!(ready().0, 200, "{:?}", ready());

    // A file stands where the slice's directory was: nothing can be written into it, whoever the server runs as.
    let index = server.data().join("index");
    let mut slices: Vec<_> = std::fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()).collect();
    slices.retain(|path| path.is_dir());
    assert_eq!(slices.len(), 1, "{slices:?}");
    let aside = server.path("slice-aside");
    std::fs::rename(&slices[0], &aside).unwrap();
    std::fs::write(&slices[0], "").unwrap();
    send("the line meanwhile");
    let parts = wait_for("red", 20, || {
        let (status, answer) = ready();
        Ok((status == 503).then(|| answer["parts"].clone()))
    })
    .unwrap();
    assert_eq!(parts["index"], "failed", "{parts}");
    assert_eq!(parts["spool"], "ok", "{parts}");
    server.wait_logged("part=\"index\"").unwrap();

    std::fs::remove_file(&slices[0]).unwrap();
    std::fs::rename(&aside, &slices[0]).unwrap();
    wait_for("green again", 20, || Ok((ready().0 == 200).then_some(()))).unwrap();
    for line in ["\"line before\"", "\"line meanwhile\""] {
        wait_for(line, 20, || Ok((lead.count(line)? == 1).then_some(()))).unwrap();
    }
}

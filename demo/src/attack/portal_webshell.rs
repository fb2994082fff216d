//! `portal-webshell`: a look around a one-stop portal, an upload that is a script, and commands given to it.

use std::time::Duration;

use super::Promise;
use super::story::Story;
use crate::people::Person;
use crate::site::Kind;
use crate::source::portal::step;
use crate::source::web::{Request, request};
use crate::source::{Scene, intruder};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 3] = [
    Promise { rule: "99356597-6fba-4662-b6a7-30b7b12e9eed", title: "Request for a file that holds secrets" },
    Promise { rule: "c1acc990-6424-450a-a36b-f9b3ddcb369d", title: "Web shell uploaded or called" },
    Promise {
        rule: "0fae528d-8d9f-4d10-86f1-c426415c93b2",
        title: "Script uploaded with a dossier of the one-stop portal",
    },
];

const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
const LOOKS: [(&str, u16); 6] = [
    ("/dichvucong/.env", 404),
    ("/.git/config", 404),
    ("/dichvucong/quan-tri/", 403),
    ("/dichvucong/nop-ho-so/buoc-1", 200),
    ("/dichvucong/nop-ho-so/dinh-kem", 200),
    ("/dichvucong/web.config.bak", 404),
];
const SHELL: &str = "/dichvucong/uploads/2026/11/giay-khai-sinh.php";
const COMMANDS: [&str; 6] =
    ["id", "whoami", "uname%20-a", "cat%20/etc/hosts", "ls%20-la%20/srv/dichvucong", "net%20user"];

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let site = story.site(Kind::Portal, None)?;
    let client = intruder(story.dice());
    let ask = |method: &'static str, target: String, status: u16, bytes: u64| {
        move |scene: &mut Scene<'_>| {
            request(scene, &Request { client, method, target: &target, status, bytes, agent: BROWSER })
        }
    };
    story.life(&site, 3);
    for (target, status) in LOOKS {
        story.wait(Duration::from_secs(1));
        story.tell(&site, ask("GET", target.to_owned(), status, 1_240));
        story.life(&site, 1);
    }
    story.wait(Duration::from_secs(2));
    story.tell(&site, ask("POST", "/dichvucong/nop-ho-so/dinh-kem".to_owned(), 201, 96));
    let citizen = Person::invent(story.dice());
    story.tell(&site, |scene| step(scene, "dossier_file_uploaded", &citizen, client, Some("giay-khai-sinh.php")));
    story.life(&site, 2);
    story.wait(Duration::from_secs(1));
    story.tell(&site, ask("GET", SHELL.to_owned(), 200, 0));
    for command in COMMANDS {
        story.wait(Duration::from_secs(2));
        let bytes = story.dice().between(12, 4_000);
        story.tell(&site, ask("GET", format!("{SHELL}?cmd={command}"), 200, bytes));
        story.life(&site, 1);
    }
    Some(())
}

//! `ward-ransomware`: on a ward's file server the shadow copies go, then every file gets another name.

use std::time::Duration;

use serde_json::json;

use super::Promise;
use super::story::Story;
use crate::entry::{Body, Entry, stamp_utc};
use crate::site::Kind;
use crate::source::Scene;
use crate::source::windows::{file_created, process};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 3] = [
    Promise { rule: "ac3e0b5b-c291-4709-8c1e-26038dabf68e", title: "Shadow copies deleted" },
    Promise { rule: "c498b6e7-3648-445e-9afa-3a387f006745", title: "Rights of the current user listed with whoami" },
    Promise { rule: "2336900c-29d0-4c0c-ae0c-3270fd2d4383", title: "File written with the ending of ransomware" },
];

/// Facility `local6` (22), severity notice.
const NOTICE: u8 = 181;
const NOTE: &str = "HOW_TO_RESTORE_FILES.txt";
const SHELL: &str = r"C:\Windows\System32\cmd.exe";
const PREPARATIONS: [(&str, &str); 5] = [
    (r"C:\Windows\System32\whoami.exe", "whoami /all"),
    (r"C:\Windows\System32\net.exe", "net view /all"),
    (r"C:\Windows\System32\vssadmin.exe", "vssadmin.exe Delete Shadows /All /Quiet"),
    (r"C:\Windows\System32\bcdedit.exe", "bcdedit /set {default} recoveryenabled No"),
    (r"C:\Windows\System32\wbadmin.exe", "wbadmin delete catalog -quiet"),
];
const FOLDERS: [&str; 4] = ["HoTich", "DatDai", "XayDung", "ChinhSach"];

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let site = story.site(Kind::Ward, None)?;
    let user = story.officer(&site);
    story.life(&site, 3);
    for (program, command) in PREPARATIONS {
        story.wait(Duration::from_secs(2));
        story.tell(&site, |scene| process(scene, "fs", &user, program, command, SHELL));
        story.life(&site, 1);
    }
    story.wait(Duration::from_secs(2));
    for number in 0..30_u32 {
        story.wait(Duration::from_millis(120));
        let folder = story.dice().one(&FOLDERS);
        let file = format!(r"E:\DuLieu\{folder}\ho-so-{number:04}.docx.locked");
        story.tell(&site, |scene| file_created(scene, "fs", &user, &file));
        story.tell(&site, |scene| {
            audited(scene, "file_renamed", &user, folder, &format!("ho-so-{number:04}.docx.locked"))
        });
        if number % 10 == 9 {
            story.life(&site, 1);
        }
    }
    for folder in FOLDERS {
        let file = format!(r"E:\DuLieu\{folder}\{NOTE}");
        story.tell(&site, |scene| file_created(scene, "fs", &user, &file));
        story.tell(&site, |scene| audited(scene, "file_created", &user, folder, NOTE));
    }
    Some(())
}

/// The file server's own record of a file.
fn audited(scene: &mut Scene<'_>, action: &str, user: &str, folder: &str, name: &str) -> Entry {
    let document = json!({
        "@timestamp": stamp_utc(scene.at),
        "event": { "dataset": "fileserver.audit", "action": action, "outcome": "success" },
        "file": { "name": name, "path": format!("/DuLieu/{folder}/{name}") },
        "fileserver": { "share": "DuLieu" },
        "user": { "name": user },
        "source": { "ip": scene.site.v6(0x31).to_string() },
    });
    Entry { pid: None, ..scene.entry("fs", "fileserver", NOTICE, Body::Document(document)) }
}

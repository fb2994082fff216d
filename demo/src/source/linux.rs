//! Linux servers: sshd, sudo, cron, systemd and the kernel.

use std::net::IpAddr;

use super::{Scene, somebody};
use crate::entry::{Body, Entry};

/// Facility `authpriv` (10), severity informational.
pub(crate) const AUTH: u8 = 86;
/// Facility `cron` (9), severity informational.
pub(crate) const CRON: u8 = 78;
/// Facility `daemon` (3), severity informational.
pub(crate) const DAEMON: u8 = 30;
/// Facility `kern` (0), severity warning.
pub(crate) const KERNEL: u8 = 4;

const COMMANDS: [&str; 8] = [
    "/usr/bin/systemctl reload nginx",
    "/usr/bin/systemctl status postgresql",
    "/usr/bin/apt-get update",
    "/usr/bin/journalctl -u nginx --since today",
    "/usr/bin/tail -n 100 /var/log/nginx/error.log",
    "/usr/bin/df -h",
    "/usr/sbin/logrotate /etc/logrotate.conf",
    "/usr/local/bin/sao-luu --hang-ngay",
];
const JOBS: [&str; 5] = [
    "(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
    "(postgres) CMD (/usr/local/bin/sao-luu --nhanh)",
    "(www-data) CMD (/usr/bin/php8.2 /srv/dichvucong/bin/hang-doi.php)",
    "(root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)",
];
const UNITS: [&str; 6] = [
    "Started nginx.service - A high performance web server and a reverse proxy server.",
    "Finished logrotate.service - Rotate log files.",
    "Starting apt-daily.service - Daily apt download activities...",
    "Finished sysstat-collect.service - system activity accounting tool.",
    "Started session-114.scope - Session 114 of User vanhanh.",
    "postgresql@15-main.service: Consumed 3.914s CPU time.",
];

/// What a server writes on an ordinary day.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let officer = scene.officer().login;
    let (address, port) = (scene.workstation(), scene.dice.port());
    match scene.dice.below(100) {
        0..24 => {
            let key: String = scene.dice.hex(40);
            let text =
                format!("Accepted publickey for {officer} from {address} port {port} ssh2: ED25519 SHA256:{key}abc");
            sshd(scene, text)
        }
        24..40 => {
            let text = format!("pam_unix(sshd:session): session closed for user {officer}");
            sshd(scene, text)
        }
        40..50 => sshd(scene, format!("Disconnected from user {officer} {address} port {port}")),
        50..52 => sshd(scene, failed(&officer, address, port)),
        52..66 => {
            let command = scene.dice.one(&COMMANDS);
            sudo(scene, &officer, "root", command)
        }
        66..82 => {
            let job = scene.dice.one(&JOBS);
            scene.entry("srv", "CRON", CRON, Body::Text(job.to_owned()))
        }
        82..97 => {
            let unit = scene.dice.one(&UNITS);
            scene.entry("srv", "systemd", DAEMON, Body::Text(unit.to_owned()))
        }
        _ => dropped(scene),
    }
}

/// A line of sshd.
pub(crate) fn sshd(scene: &mut Scene<'_>, text: String) -> Entry {
    scene.entry("srv", "sshd", AUTH, Body::Text(text))
}

/// A wrong password for an account that exists.
pub(crate) fn failed(user: &str, address: IpAddr, port: u16) -> String {
    format!("Failed password for {user} from {address} port {port} ssh2")
}

/// A command run through sudo.
pub(crate) fn sudo(scene: &mut Scene<'_>, user: &str, target: &str, command: &str) -> Entry {
    let text = format!("{user:>8} : TTY=pts/0 ; PWD=/home/{user} ; USER={target} ; COMMAND={command}");
    Entry { pid: None, ..scene.entry("srv", "sudo", AUTH, Body::Text(text)) }
}

/// A packet that the server's own filter dropped.
fn dropped(scene: &mut Scene<'_>) -> Entry {
    let (from, port) = (somebody(scene.dice), scene.dice.port());
    let to = if from.is_ipv4() { IpAddr::from(scene.site.v4(10)) } else { scene.site.v6(10).into() };
    let wanted = scene.dice.one(&[5060_u16, 8081, 6881, 11211, 1900]);
    let seconds = scene.dice.between(10_000, 900_000);
    let text = format!(
        "[{seconds}.{:06}] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:0a SRC={from} DST={to} LEN=60 PROTO=UDP \
         SPT={port} DPT={wanted} LEN=40",
        scene.dice.below(1_000_000)
    );
    Entry { pid: None, ..scene.entry("srv", "kernel", KERNEL, Body::Text(text)) }
}

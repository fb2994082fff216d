//! nginx before the portals: access lines in the combined format.

use std::net::IpAddr;

use super::{Scene, somebody};
use crate::entry::{Body, Entry, local};

/// Facility `local7` (23), severity informational.
const ACCESS: u8 = 190;

const PAGES: [&str; 12] = [
    "/dichvucong/",
    "/dichvucong/tra-cuu-ho-so",
    "/dichvucong/nop-ho-so/buoc-1",
    "/dichvucong/nop-ho-so/buoc-2",
    "/dichvucong/thu-tuc/dang-ky-khai-sinh",
    "/dichvucong/thu-tuc/cap-giay-phep-xay-dung",
    "/dichvucong/thu-tuc/xac-nhan-cu-tru",
    "/dichvucong/lich-hen",
    "/static/css/chinh.css",
    "/static/js/ung-dung.js",
    "/static/anh/quoc-huy.svg",
    "/api/trang-thai",
];
const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Zalo/25.10 Android/15",
];

/// One request, with its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'r> {
    /// Who asks.
    pub client: IpAddr,
    /// `GET`, `POST` …
    pub method: &'r str,
    /// Path and query as they are sent.
    pub target: &'r str,
    /// The answer's status.
    pub status: u16,
    /// The answer's bytes.
    pub bytes: u64,
    /// What the client calls itself.
    pub agent: &'r str,
}

/// What people ask of a portal.
pub(crate) fn ordinary(scene: &mut Scene<'_>) -> Entry {
    let client = if scene.dice.chance(0.8) { somebody(scene.dice) } else { scene.workstation() };
    let dossier = scene.dice.digits(6);
    let page = scene.dice.one(&PAGES);
    let asks_for_one = page.ends_with("tra-cuu-ho-so") || page.ends_with("trang-thai");
    let target = if asks_for_one { format!("{page}?ma=HS-2026-{dossier}") } else { page.to_owned() };
    let method = if page.contains("buoc-") { "POST" } else { "GET" };
    let status = scene.dice.weighted(&[(90, 200), (5, 304), (3, 302), (2, 404), (1, 502)]).copied().unwrap_or(200);
    let bytes = scene.dice.between(180, 40_000);
    let agent = scene.dice.one(&AGENTS);
    request(scene, &Request { client, method, target: &target, status, bytes, agent })
}

/// The line of a request.
pub(crate) fn request(scene: &mut Scene<'_>, request: &Request<'_>) -> Entry {
    let Request { client, method, target, status, bytes, agent } = request;
    let time = local(scene.at).strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
    let text = format!("{client} - - [{time}] \"{method} {target} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"");
    Entry { pid: None, ..scene.entry("web", "nginx", ACCESS, Body::Text(text)) }
}

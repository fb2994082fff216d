//! `rogue-ipv6-router`: a machine that the switches do not know says that it is the router.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::Promise;
use super::story::Story;
use crate::entry::{Body, Entry};
use crate::site::Kind;
use crate::source::Scene;
use crate::source::linux::{DAEMON, KERNEL};
use crate::source::switch::{Advertisement, advertisement, ordinary, own_router};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 2] = [
    Promise { rule: "d869213f-9343-4f77-9d0e-4f4c6afd4667", title: "Router advertisement from a port for computers" },
    Promise {
        rule: "f164153f-9f46-4960-8ee0-abf1a4a66fd4",
        title: "Router advertisement with a prefix that is not the city’s",
    },
];

const MAC: &str = "de:ad:64:00:13:37";
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xdcad, 0x64ff, 0xfe00, 0x1337);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0x64, 0, 0, 0, 0);

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let site = story.site(Kind::Ward, None)?;
    story.life(&site, 2);
    story.tell(&site, ordinary);
    let port = format!("gi0/{}", story.dice().between(2, 24));
    let rogue = Advertisement {
        mac: MAC,
        router: ROUTER,
        prefix: PREFIX,
        port: &port,
        port_role: "access",
        lifetime_secs: 9_000,
    };
    for round in 0..10 {
        story.wait(Duration::from_secs(2));
        story.tell(&site, |scene| advertisement(scene, &rogue));
        match round % 4 {
            1 => story.tell(&site, noticed_by_router),
            2 => story.tell(&site, noticed_by_kernel),
            3 => story.tell(&site, ordinary),
            _ => story.life(&site, 1),
        }
    }
    Some(())
}

/// The site's own router daemon sees advertisements that differ from its own.
fn noticed_by_router(scene: &mut Scene<'_>) -> Entry {
    let text = format!("our AdvDefaultLifetime on eth0 doesn't agree with {ROUTER}");
    scene.entry("rt", "radvd", DAEMON, Body::Text(text))
}

/// A kernel hears its own router's address claimed by the stranger.
fn noticed_by_kernel(scene: &mut Scene<'_>) -> Entry {
    let seconds = scene.dice.between(10_000, 900_000);
    let router = own_router(scene.site);
    let text = format!("[{seconds}.000417] ICMPv6: NA: {MAC} advertised our address {router} on eth0!");
    Entry { pid: None, ..scene.entry("rt", "kernel", KERNEL, Body::Text(text)) }
}

//! `stolen-certificate`: somebody holds a site's key and sends in its name, from another address, what it never sends.

use std::sync::Arc;
use std::time::Duration;

use super::Promise;
use super::story::{Door, Story};
use crate::entry::Entry;
use crate::site::{Kind, Site, Via};
use crate::source::Scene;
use crate::source::linux::{sshd, sudo};

/// Rules that must raise an alert.
pub(super) const PROMISES: [Promise; 1] =
    [Promise { rule: "6301bbfc-a0c5-454e-8ff9-bb510944fe0c", title: "User without sudo rights tried sudo" }];

pub(super) fn tell(story: &mut Story<'_>) -> Option<()> {
    let site = story.site(Kind::Health, Some(Via::Tls))?;
    let user = story.officer(&site);
    story.life(&site, 3);
    let (from, port) = (site.v6(0x5a), story.dice().port());
    forge(story, &site, |scene| sshd(scene, format!("Accepted password for {user} from {from} port {port} ssh2")));
    for command in ["/bin/bash", "/usr/bin/cat /etc/shadow", "/usr/sbin/tcpdump -i any -w /tmp/a"] {
        forge(story, &site, |scene| {
            let mut entry = sudo(scene, &user, "root", command);
            if let crate::entry::Body::Text(text) = &mut entry.body {
                *text = text.replacen(" : ", " : user NOT in sudoers ; ", 1);
            }
            entry
        });
        story.life(&site, 1);
    }
    for command in ["/usr/bin/openssl req -new -key /etc/metrosoc/agent.key", "/usr/bin/systemctl stop rsyslog"] {
        forge(story, &site, |scene| sudo(scene, "root", "root", command));
        story.life(&site, 1);
    }
    Some(())
}

/// Something that the holder of the key says.
fn forge(story: &mut Story<'_>, site: &Arc<Site>, what: impl FnOnce(&mut Scene<'_>) -> Entry) {
    story.wait(Duration::from_secs(2));
    story.tell_through(Door::Stolen, site, story.now(), what);
}

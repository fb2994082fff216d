//! What an event must hold to belong to a log source: the other side of [`super::logsource`].
//!
//! It says no more than `logsource` derives, and a test compares the two over generated events: whoever adds a way to
//! derive a source there adds it here.

use super::logsource::LogSource;
use super::need::{Need, Probe, all, any};

const CHANNEL: [&str; 2] = ["Channel", "winlog.channel"];
const PROVIDER: [&str; 2] = ["Provider_Name", "winlog.provider_name"];
const SYSTEM: [&str; 2] = ["host.os.type", "host.os.family"];
/// Products whose datasets are called otherwise than they.
const LINUX_DATASETS: [&str; 5] = ["system.", "auditd.", "iptables.", "netfilter.", "linux."];
const WEB_DATASETS: [&str; 5] = ["nginx.", "apache.", "iis.", "lighttpd.", "caddy."];

/// The need; `None` when nothing can be told.
pub(super) fn of(source: &LogSource) -> Option<Need> {
    let category = match (source.category.as_deref(), source.product.as_deref()) {
        (Some("webserver"), _) => dataset(&WEB_DATASETS),
        (Some("proxy"), None) => any([dataset(&["squid."]), dataset_is("cef")].into_iter()),
        (Some("api_gateway"), _) => dataset(&["lgsp."]),
        _ => None,
    };
    all([source.product.as_deref().and_then(of_product), category].into_iter())
}

fn of_product(product: &str) -> Option<Need> {
    let own = format!("{product}.");
    let mut ways = vec![dataset(&[&own]), device(product)];
    match product {
        "windows" => {
            ways.push(has(&CHANNEL, vec![Probe::present()]));
            ways.push(has(&PROVIDER, vec![Probe::equal("Microsoft-Windows-Sysmon")]));
            ways.push(has(&SYSTEM, vec![Probe::equal(product)]));
        }
        "linux" => {
            ways.push(dataset(&LINUX_DATASETS));
            ways.push(has(&CHANNEL, vec![Probe::equal("linux-sysmon/operational")]));
            ways.push(has(&PROVIDER, vec![Probe::equal("Linux-Sysmon")]));
            ways.push(has(&SYSTEM, vec![Probe::equal(product)]));
            ways.push(has(&["type"], vec![Probe::present()]));
        }
        "macos" => ways.push(has(&SYSTEM, vec![Probe::equal(product)])),
        "fortigate" => ways.push(has(&["observer.vendor"], vec![Probe::equal("Fortinet")])),
        "aws" => ways.push(has(&["awsRegion"], vec![Probe::present()])),
        "kubernetes" => ways.push(has(&["apiVersion"], vec![Probe::present()])),
        "zeek" => ways.push(has(&["_path"], vec![Probe::present()])),
        _ => {}
    }
    any(ways.into_iter())
}

/// Devices that speak CEF have the product that they name, with `_` for spaces.
fn device(product: &str) -> Option<Need> {
    let named = has(&["observer.product"], vec![Probe::equal(product)]).filter(|_| !product.contains('_'));
    all([dataset_is("cef"), named].into_iter())
}

fn dataset(starts: &[&str]) -> Option<Need> {
    has(&["event.dataset"], starts.iter().map(|start| Probe::start(start)).collect())
}

fn dataset_is(text: &str) -> Option<Need> {
    has(&["event.dataset"], vec![Probe::equal(text)])
}

fn has(names: &[&str], probes: Vec<Probe>) -> Option<Need> {
    Some(Need::Has { names: names.iter().map(|name| (*name).to_owned()).collect(), probes })
}

#[cfg(test)]
mod tests {
    use event::Event;
    use proptest::prelude::*;

    use super::super::logsource::sources_of;
    use super::super::need::tests::holds;
    use super::*;

    const NAMES: [&str; 22] = [
        "Channel",
        "winlog.channel",
        "Provider_Name",
        "winlog.provider_name",
        "EventID",
        "event.dataset",
        "event.dataset",
        "event.dataset",
        "observer.vendor",
        "observer.product",
        "observer.type",
        "host.os.type",
        "host.os.family",
        "event.category",
        "event.type",
        "type",
        "msg",
        "awsRegion",
        "eventSource",
        "kind",
        "apiVersion",
        "_path",
    ];
    const VALUES: [&str; 37] = [
        "",
        "Security",
        "Linux-Sysmon/Operational",
        "Microsoft-Windows-Sysmon",
        "Linux-Sysmon",
        "4688",
        "1",
        "system.auth",
        "auditd.log",
        "nginx.access",
        "iis.access",
        "squid.access",
        "suricata.eve",
        "iptables.log",
        "zeek.dns",
        "lgsp.gateway",
        "Windows.x",
        "windows.security",
        "cef",
        "Fortinet",
        "Fortigate",
        "Windows",
        "windows",
        "linux",
        "macos",
        "firewall",
        "proxy",
        "process",
        "start",
        "EXECVE",
        "x",
        "Event",
        "audit.k8s.io/v1",
        "dns",
        "aws.cloudtrail",
        "PAN OS",
        ".",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn an_event_of_a_source_holds_what_the_source_needs(
            fields in prop::collection::vec((prop::sample::select(NAMES.to_vec()), prop::sample::select(VALUES.to_vec())), 0..6),
        ) {
            let mut event = Event::new();
            for (name, value) in fields {
                event.push(name, value).unwrap();
            }
            for found in sources_of(&event) {
                let lower = |part: &Option<String>| part.as_ref().map(|part| part.to_lowercase());
                let (product, category, service) =
                    (lower(&found.product), lower(&found.category), lower(&found.service));
                for asked in [
                    LogSource { product: product.clone(), ..LogSource::default() },
                    LogSource { category: category.clone(), ..LogSource::default() },
                    LogSource { product, category, service },
                ] {
                    if let Some(need) = of(&asked) {
                        prop_assert!(holds(&need, &event), "{asked}: {event:?}");
                    }
                }
            }
        }
    }
}

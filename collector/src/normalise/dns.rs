//! Name servers: BIND, dnsmasq, Unbound.

use event::{Event, EventFull, Value};

use super::{classify, dataset, is_ip};

/// Adds the addresses among the answers, the outcome and the category.
pub(crate) fn to_ecs(event: &mut Event) -> Result<(), EventFull> {
    if !event.has("dns.question.name") {
        // BIND's other lines: transfers, updates, security.
        return match event.has("bind.log.category") {
            true => dataset("bind.log", event),
            false => Ok(()),
        };
    }
    // Answers have a narrower dataset than questions.
    if let Some(dataset) = event.get_str("event.dataset") {
        let module = dataset.split('.').next().unwrap_or_default().to_owned();
        event.set_default("event.module", module.as_str())?;
    }
    answers(event)?;
    if let Some(code) = event.get_str("dns.response_code") {
        let outcome = if matches!(code, "NOERROR" | "NXDOMAIN") { "success" } else { "failure" };
        event.set_default("event.outcome", outcome)?;
    }
    event.set_default("network.protocol", "dns")?;
    classify("network", &["protocol"], event)
}

/// Copies those of `dns.answers.data` that are addresses to `dns.resolved_ip`, once.
pub(crate) fn answers(event: &mut Event) -> Result<(), EventFull> {
    if event.has("dns.resolved_ip") {
        return Ok(());
    }
    let texts = event.get_all("dns.answers.data").filter_map(Value::as_str).filter(|text| is_ip(text));
    let found: Vec<String> = texts.take(100).map(str::to_owned).collect();
    found.iter().try_for_each(|ip| event.push("dns.resolved_ip", ip.as_str()))
}

//! The tags that ModSecurity writes behind its text in a web server's error log: `[id "942100"] [msg "…"] [severity "…"]`.

use event::{Event, EventFull};

use super::scan::{Scan, unescape};

/// Most tags that are looked at.
const TAGS_MAX: usize = 64;

/// Adds the rule, the severity, the address of the page and the request's id.
pub(super) fn tags(text: &str, event: &mut Event) -> Result<(), EventFull> {
    event.push("modsecurity.message", text.split(" [").next().unwrap_or(text))?;
    event.push("event.outcome", if text.contains("Access denied") { "failure" } else { "unknown" })?;
    let mut scan = Scan::new(text);
    for _ in 0..TAGS_MAX {
        if scan.until("[").is_none() {
            break;
        }
        let key = scan.run(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let name = match key {
            "id" => "rule.id",
            "msg" => "rule.name",
            "file" => "rule.ruleset",
            "tag" => "rule.category",
            "severity" => "modsecurity.severity",
            "hostname" => "url.domain",
            "uri" => "url.path",
            "unique_id" => "event.id",
            "data" => "modsecurity.data",
            _ => continue,
        };
        if scan.eat(" ").is_none() {
            continue;
        }
        if let Some(value) = scan.quoted() {
            let value = unescape(value, |found| matches!(found, '"' | '\\').then_some(found));
            match key {
                "tag" => event.push(name, &*value)?,
                _ => event.set_default(name, &*value)?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_read() {
        let text = "ModSecurity: Access denied with code 403 (phase 2). detected SQLi [file \"/etc/r.conf\"] [line \"7\"] \
                    [id \"942100\"] [msg \"SQL \\\"x\\\"\"] [tag \"a\"] [tag \"b\"] [uri \"/q\"]";
        let mut event = Event::new();
        tags(text, &mut event).unwrap();
        let listed: Vec<_> = event.iter().map(|(name, value)| format!("{name}={}", value.text())).collect();
        assert_eq!(
            listed.join(" "),
            "modsecurity.message=ModSecurity: Access denied with code 403 (phase 2). detected SQLi \
             event.outcome=failure rule.ruleset=/etc/r.conf rule.id=942100 rule.name=SQL \"x\" rule.category=a \
             rule.category=b url.path=/q",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z\\[\\]\" é\\\\]{0,80}") {
            tags(&text, &mut Event::new()).unwrap();
        }
    }
}

//! OpenDMARC's verdicts: `QUEUE: DOMAIN pass|fail|none`.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "opendmarc.log", strict: true, decode, normalise: crate::normalise::mail::to_ecs };

/// Whether every line of `app` belongs to this format.
pub(super) fn owns(app: &str) -> bool {
    app == "opendmarc"
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if !line.app.is_some_and(owns) {
        return Ok(Fit::No);
    }
    let parts = line.text.split_once(": ").and_then(|(queue, rest)| Some((queue, rest.rsplit_once(' ')?)));
    if let Some((queue, (domain, verdict))) = parts
        && matches!(verdict, "pass" | "fail" | "none" | "reject" | "quarantine")
        && !domain.contains(' ')
    {
        event.push("opendmarc.log.queue_id", queue)?;
        event.push("opendmarc.log.domain", domain)?;
        event.push("opendmarc.log.result", verdict)?;
        event.push("event.action", "dmarc_check")?;
        if verdict != "none" {
            event.push("event.outcome", if verdict == "pass" { "success" } else { "failure" })?;
        }
    }
    Ok(Fit::Yes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn verdicts_are_read() {
        let check = |app: &str, text: &str, expected: &str| assert_eq!(testing::listed(&FORMAT, app, text), expected);
        check(
            "opendmarc",
            "7C1A2: tphcm.gov.vn fail",
            "opendmarc.log.queue_id=7C1A2 opendmarc.log.domain=tphcm.gov.vn opendmarc.log.result=fail \
             event.action=dmarc_check event.outcome=failure",
        );
        check("opendmarc", "ignoring connection from localhost", "");
        check("sshd", "7C1A2: tphcm.gov.vn fail", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~é]{0,60}( fail| pass)?") {
            testing::listed(&FORMAT, "opendmarc", &text);
        }
    }
}

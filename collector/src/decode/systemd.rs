//! What systemd says about its units: started, stopped, failed.

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "system.syslog", strict: true, decode, normalise: crate::normalise::systemd::to_ecs };

/// Endings of the names of units (systemd.unit(5)).
const ENDINGS: [&str; 10] =
    [".service", ".socket", ".timer", ".path", ".mount", ".automount", ".target", ".scope", ".slice", ".device"];

/// The first words of a line that names its unit behind them: action, outcome.
const BEFORE: [(&str, &str, Option<&str>); 7] = [
    ("Started ", "unit_started", Some("success")),
    ("Stopped ", "unit_stopped", Some("success")),
    ("Starting ", "unit_starting", None),
    ("Stopping ", "unit_stopping", None),
    ("Reloaded ", "unit_reloaded", Some("success")),
    ("Failed to start ", "unit_started", Some("failure")),
    ("Finished ", "unit_finished", Some("success")),
];

/// The first words behind `UNIT: `.
const BEHIND: [(&str, &str, Option<&str>); 5] = [
    ("Failed with result ", "unit_failed", Some("failure")),
    ("Main process exited", "unit_exited", None),
    ("Scheduled restart job", "unit_restarted", None),
    ("Deactivated successfully", "unit_stopped", Some("success")),
    ("Succeeded", "unit_stopped", Some("success")),
];

/// Whether every line of `app` belongs to this format.
pub(super) fn owns(app: &str) -> bool {
    app == "systemd"
}

fn decode(line: Line<'_>, _dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    if !line.app.is_some_and(owns) {
        return Ok(Fit::No);
    }
    let text = line.text;
    if let Some((begin, action, outcome)) = BEFORE.iter().find(|(begin, ..)| text.starts_with(begin)) {
        let named = text.strip_prefix(begin).unwrap_or(text);
        // Since version 247: `Started nginx.service - A web server.`; before that the description alone.
        let (first, described) = named.split_once(" - ").unwrap_or((named, named));
        let unit = first.trim_end_matches('.');
        if is_unit(unit) {
            event.push("systemd.unit", unit)?;
        }
        event.push("systemd.description", described.trim_end_matches('.'))?;
        return tell(action, *outcome, event);
    }
    if let Some((unit, rest)) = text.split_once(": ").filter(|(unit, _)| is_unit(unit)) {
        event.push("systemd.unit", unit)?;
        if let Some((_, action, outcome)) = BEHIND.iter().find(|(begin, ..)| rest.starts_with(begin)) {
            return tell(action, *outcome, event);
        }
    }
    Ok(Fit::Yes)
}

fn tell(action: &str, outcome: Option<&str>, event: &mut Event) -> Result<Fit, EventFull> {
    event.push("event.action", action)?;
    if let Some(outcome) = outcome {
        event.push("event.outcome", outcome)?;
    }
    Ok(Fit::Yes)
}

fn is_unit(word: &str) -> bool {
    !word.contains(' ') && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn units_are_read() {
        let check = |text: &str, expected: &str| assert_eq!(testing::listed(&FORMAT, "systemd", text), expected);
        check(
            "Started nginx.service - A web server.",
            "systemd.unit=nginx.service systemd.description=A web server event.action=unit_started \
             event.outcome=success",
        );
        check(
            "Started A web server.",
            "systemd.description=A web server event.action=unit_started event.outcome=success",
        );
        check(
            "Started session-4.scope.",
            "systemd.unit=session-4.scope systemd.description=session-4.scope event.action=unit_started \
             event.outcome=success",
        );
        check(
            "auditd.service: Failed with result 'signal'.",
            "systemd.unit=auditd.service event.action=unit_failed event.outcome=failure",
        );
        check("Reached target Basic System.", "");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Started |a\\.service: )?[ -~é]{0,60}") {
            testing::listed(&FORMAT, "systemd", &text);
        }
    }
}

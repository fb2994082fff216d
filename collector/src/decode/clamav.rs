//! ClamAV: what its daemon and its scanners found, `PATH: SIGNATURE FOUND`, through syslog or in their own file with the
//! time before it (`Tue Nov  3 07:00:00 2026 -> …`).

use event::{Event, EventFull};

use super::{Dates, Fit, Line, TextFormat};

/// The registry's line.
pub(crate) const FORMAT: TextFormat =
    TextFormat { name: "clamav.log", strict: true, decode, normalise: crate::normalise::clamav::to_ecs };

/// Programs of ClamAV that tell of finds.
const PROGRAMS: [&str; 5] = ["clamd", "clamonacc", "clamscan", "clamdscan", "clamav-milter"];

fn decode(line: Line<'_>, dates: &Dates<'_>, event: &mut Event) -> Result<Fit, EventFull> {
    let (text, time) = match line.app {
        Some(app) if PROGRAMS.contains(&app) => (line.text, None),
        Some(_) => return Ok(Fit::No),
        None => {
            let Some((stamp, text)) = line.text.split_once(" -> ") else { return Ok(Fit::No) };
            let Some(time) = stamp_of(stamp, dates) else { return Ok(Fit::No) };
            (text, Some(time))
        }
    };
    // A path may hold anything, the signature neither a space nor a colon at its end.
    let found = text.trim_ascii_end().strip_suffix(" FOUND").and_then(|rest| rest.rsplit_once(": "));
    let Some((path, signature)) = found.filter(|(path, signature)| !path.is_empty() && !signature.contains(' ')) else {
        return Ok(Fit::No);
    };
    // `Signature(md5:size)`: the daemon adds what identifies the file.
    let name = signature.split_once('(').map_or(signature, |(name, _)| name);
    event.push("rule.name", name)?;
    event.push("file.path", path)?;
    if let Some((hash, _)) = signature.split_once('(').and_then(|(_, rest)| rest.split_once(':'))
        && hash.len() == 32
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        event.push("file.hash.md5", hash)?;
    }
    Ok(time.map_or(Fit::Yes, Fit::At))
}

/// `Tue Nov  3 07:00:00 2026`; the outer `None` is none.
fn stamp_of(stamp: &str, dates: &Dates<'_>) -> Option<Option<event::Timestamp>> {
    let words: Vec<&str> = stamp.split_ascii_whitespace().collect();
    let [weekday, month, day, clock, year] = words.as_slice() else { return None };
    let is_time = weekday.len() == 3 && month.len() == 3 && clock.len() == 8 && year.len() == 4;
    is_time.then(|| dates.bsd_text(&format!("{month} {day} {year} {clock}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::testing;

    #[test]
    fn finds_are_read() {
        let check = |app: &str, text: &str, expected: &str| {
            assert_eq!(testing::listed(&FORMAT, app, text), expected, "{text}");
        };
        check(
            "clamd",
            "/srv/tai lieu/a: b.exe: Win.Tool.Mimikatz-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND",
            "rule.name=Win.Tool.Mimikatz-1 file.path=/srv/tai lieu/a: b.exe \
             file.hash.md5=44d88612fea8a8f36de82e1278abb02f",
        );
        check(
            "",
            "Tue Nov  3 07:00:00 2026 -> /srv/x: Eicar-Signature FOUND",
            "rule.name=Eicar-Signature file.path=/srv/x",
        );
        check("clamd", "SelfCheck: Database status OK.", "no");
        check("sshd", "/srv/x: Eicar-Signature FOUND", "no");
        check("", "/srv/x: Eicar-Signature FOUND", "no");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}(: )?\\PC{0,20}( FOUND)?") {
            testing::listed(&FORMAT, "clamd", &text);
            testing::listed(&FORMAT, "", &format!("Tue Nov  3 07:00:00 2026 -> {text}"));
        }
    }
}

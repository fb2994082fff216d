//! A correlation's `timespan`: a whole number and one letter.

use crate::sigma::suggest::suggestion;

/// Longest timespan in seconds: a leap year.
const SECS_MAX: u64 = 366 * 86_400;
/// Seconds of a month `M` and a year `y`: the means of the Gregorian calendar (365.2425 days), always the same length,
/// so that a window does not depend on the day on which it is asked.
const MONTH_SECS: u64 = 2_629_746;
const YEAR_SECS: u64 = 12 * MONTH_SECS;

/// Reads `30s`, `5m`, `1h`, `2d`, `1w`, `1M` or `1y` into nanoseconds.
///
/// # Errors
/// A sentence for anything else, for zero and for more than 366 days.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let fault = || format!("timespan `{}` is no whole number with one of `s m h d w M y`, like `5m`", short(text));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    let unit_secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        "M" => MONTH_SECS,
        "y" => YEAR_SECS,
        "" => return Err(format!("timespan `{digits}` has no unit; write `{digits}s` or `{digits}m`")),
        _ => return Err(fault() + &unit_of(unit)),
    };
    let count: u64 = digits.parse().unwrap_or(u64::MAX);
    match count.saturating_mul(unit_secs) {
        0 => Err(format!("timespan `{}` is empty", short(text))),
        secs if secs > SECS_MAX => Err(format!("timespan `{}` is longer than 366 days", short(text))),
        secs => Ok(i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)),
    }
}

fn unit_of(word: &str) -> String {
    let words = [("s", "sec seconds"), ("m", "min minutes"), ("h", "hours"), ("d", "days"), ("w", "weeks")];
    let lower = word.trim().to_lowercase();
    let near = words.iter().find(|(unit, long)| {
        lower == *unit || (lower.len() > 1 && long.split(' ').any(|long| long.starts_with(lower.as_str())))
    });
    near.map(|(unit, _)| suggestion(unit, &[unit])).unwrap_or_default()
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u64, &str>) {
        let found = parse(text).map(|nanos| nanos.unsigned_abs() / 1_000_000_000);
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn spans_are_read() {
        check("30s", Ok(30));
        check("90m", Ok(5_400));
        check("1h", Ok(3_600));
        check("2d", Ok(172_800));
        check("1w", Ok(604_800));
        check("1M", Ok(2_629_746));
        check("12M", Ok(31_556_952));
        check("1y", Ok(31_556_952));
        check("5", Err("timespan `5` has no unit; write `5s` or `5m`"));
        check("0s", Err("timespan `0s` is empty"));
        check("2y", Err("timespan `2y` is longer than 366 days"));
        check("99999999999999999999999s", Err("timespan `99999999999999999999999s` is longer than 366 days"));
        let fault = "timespan `5min` is no whole number with one of `s m h d w M y`, like `5m` (did you mean `m`?)";
        check("5min", Err(fault));
        check("", Err("timespan `` is no whole number with one of `s m h d w M y`, like `5m`"));
        check("-5m", Err("timespan `-5m` is no whole number with one of `s m h d w M y`, like `5m`"));
        check("1é", Err("timespan `1é` is no whole number with one of `s m h d w M y`, like `5m`"));
    }
}

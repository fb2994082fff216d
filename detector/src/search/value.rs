//! What a condition asks of one value: the meaning that term dictionaries, columns and highlights share.

use std::cmp::Ordering;
use std::net::IpAddr;

use event::Timestamp;
use ipnet::IpNet;

use super::SearchError;
use crate::query::{Condition, Limit, Pattern, Test};

/// A test of one value, in text form.
#[derive(Debug, Clone)]
pub(crate) enum ValueTest {
    /// Any value.
    Any,
    /// This text, letter by letter.
    Is(String),
    /// This address, however it is written.
    Address(IpAddr),
    /// An address in this network.
    Network(IpNet),
    /// Text that fits a pattern.
    Like(Pattern),
    /// Between two bounds.
    Between(Box<Between>),
}

/// A range, with its bounds as the kinds that both can be read as.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    low: Limit,
    high: Limit,
    kind: RangeKind,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeKind {
    Number,
    Address,
    Time,
    Text,
}

impl ValueTest {
    /// Reads what a condition on a field asks.
    pub(crate) fn of(condition: &Condition, now: Timestamp) -> Result<Self, SearchError> {
        match &condition.test {
            Test::Exists => Ok(Self::Any),
            Test::Word(pattern) => match pattern.as_literal() {
                Some(literal) => Self::literal(literal, condition.position),
                None => Ok(Self::Like(pattern.clone())),
            },
            Test::Phrase { text, .. } => Self::literal(text, condition.position),
            Test::Range { low, high } => Ok(Self::Between(Box::new(Between::new(low.clone(), high.clone(), now)))),
        }
    }

    fn literal(text: &str, position: usize) -> Result<Self, SearchError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        if let Some((address, length)) = text.split_once('/')
            && address.parse::<IpAddr>().is_ok()
            && length.bytes().all(|byte| byte.is_ascii_digit())
        {
            let reason = || format!("`{text}` is not a network: the length is at most 32 (v4) or 128 (v6)");
            let network: IpNet = text.parse().map_err(|_| SearchError::Value { position, reason: reason() })?;
            return Ok(Self::Network(network));
        }
        Ok(Self::Is(text.to_owned()))
    }

    /// Whether a value passes.
    pub(crate) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(text) => text == value,
            Self::Address(address) => read_address(value) == Some(*address),
            Self::Network(network) => read_address(value).is_some_and(|address| network.contains(&address)),
            Self::Like(pattern) => pattern.matches(value),
            Self::Between(between) => between.holds(value),
        }
    }

    /// The text that every value which passes begins with.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Like(pattern) => pattern.prefix(),
            _ => "",
        }
    }
}

fn read_address(value: &str) -> Option<IpAddr> {
    value.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

impl Between {
    fn new(low: Limit, high: Limit, now: Timestamp) -> Self {
        let all = |is: &dyn Fn(&str) -> bool| [&low, &high].into_iter().filter_map(text_of).all(is);
        let kind = if all(&|text| text.trim().parse::<f64>().is_ok()) {
            RangeKind::Number
        } else if all(&|text| text.parse::<IpAddr>().is_ok()) {
            RangeKind::Address
        } else if all(&|text| read_time(text, now).is_some()) {
            RangeKind::Time
        } else {
            RangeKind::Text
        };
        Self { low, high, kind, now }
    }

    /// Whether a value lies in it.
    fn holds(&self, value: &str) -> bool {
        self.above(value) && self.below(value)
    }

    fn above(&self, value: &str) -> bool {
        match &self.low {
            Limit::Open => true,
            Limit::Included(low) => self.compare(value, low).is_some_and(Ordering::is_ge),
            Limit::Excluded(low) => self.compare(value, low).is_some_and(Ordering::is_gt),
        }
    }

    fn below(&self, value: &str) -> bool {
        match &self.high {
            Limit::Open => true,
            Limit::Included(high) => self.compare(value, high).is_some_and(Ordering::is_le),
            Limit::Excluded(high) => self.compare(value, high).is_some_and(Ordering::is_lt),
        }
    }

    /// `None` when the value is not of the bounds' kind.
    fn compare(&self, value: &str, bound: &str) -> Option<Ordering> {
        match self.kind {
            RangeKind::Text => Some(value.cmp(bound)),
            RangeKind::Number => compare_numbers(value.trim(), bound.trim()),
            RangeKind::Time => Some(read_time(value, self.now)?.0.cmp(&read_time(bound, self.now)?.0)),
            RangeKind::Address => {
                let (value, bound) = (read_address(value)?, read_address(bound)?);
                (value.is_ipv4() == bound.is_ipv4()).then(|| value.cmp(&bound))
            }
        }
    }
}

fn text_of(limit: &Limit) -> Option<&str> {
    match limit {
        Limit::Open => None,
        Limit::Included(text) | Limit::Excluded(text) => Some(text),
    }
}

fn compare_numbers(value: &str, bound: &str) -> Option<Ordering> {
    if let (Ok(value), Ok(bound)) = (value.parse::<i64>(), bound.parse::<i64>()) {
        return Some(value.cmp(&bound));
    }
    value.parse::<f64>().ok()?.partial_cmp(&bound.parse::<f64>().ok()?)
}

/// Reads a time: RFC 3339, relative, or a date alone, which is its first and its last nanosecond (UTC).
pub(crate) fn read_time(text: &str, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    const DAY_NANOS: i64 = 86_400_000_000_000;
    if let Ok(time) = Timestamp::parse(text, now) {
        return Some((time, time));
    }
    let looks_like_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let first = looks_like_date.then(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()).flatten()?;
    Some((first, Timestamp::from_nanos(first.nanos().saturating_add(DAY_NANOS - 1))))
}

/// The whole numbers that a range holds, both ends included; `None` when its bounds are not numbers.
pub(crate) fn whole_range(low: &Limit, high: &Limit) -> Option<(i64, i64)> {
    let low = match low {
        Limit::Open => i64::MIN,
        Limit::Included(text) => ceil(text, false)?,
        Limit::Excluded(text) => ceil(text, true)?,
    };
    let high = match high {
        Limit::Open => i64::MAX,
        Limit::Included(text) => floor(text, false)?,
        Limit::Excluded(text) => floor(text, true)?,
    };
    Some((low, high))
}

fn ceil(text: &str, beyond: bool) -> Option<i64> {
    if let Ok(whole) = text.trim().parse::<i64>() {
        return Some(if beyond { whole.saturating_add(1) } else { whole });
    }
    let number: f64 = text.trim().parse().ok().filter(|number: &f64| !number.is_nan())?;
    let up = number.ceil() as i64; // saturates
    Some(if beyond && number.fract() == 0.0 { up.saturating_add(1) } else { up })
}

fn floor(text: &str, beyond: bool) -> Option<i64> {
    if let Ok(whole) = text.trim().parse::<i64>() {
        return Some(if beyond { whole.saturating_sub(1) } else { whole });
    }
    let number: f64 = text.trim().parse().ok().filter(|number: &f64| !number.is_nan())?;
    let down = number.floor() as i64; // saturates
    Some(if beyond && number.fract() == 0.0 { down.saturating_sub(1) } else { down })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Joint, Node, parse};

    fn check(query: &str, passing: &[&str], failing: &[&str]) {
        let Node::Match(condition) = parse(query, Joint::Or).unwrap() else { panic!("{query}") };
        let test = ValueTest::of(&condition, Timestamp::from_secs(1_800_000_000)).unwrap();
        for value in passing {
            assert!(test.passes(value), "{query} should take {value}");
        }
        for value in failing {
            assert!(!test.passes(value), "{query} should not take {value}");
        }
    }

    #[test]
    fn values_are_tested() {
        check("x:root", &["root"], &["Root", "roots", ""]);
        check("x:r*t", &["root", "rt"], &["Root", "roots"]);
        check("x:10.0.0.1", &["10.0.0.1", "::ffff:10.0.0.1"], &["10.0.0.10", "x"]);
        check("x:2001:db8::1", &["2001:db8::1", "2001:0db8:0:0:0:0:0:1"], &["2001:db8::2"]);
        check("x:10.0.0.0/8", &["10.255.0.1", "::ffff:10.0.0.1"], &["11.0.0.0", "2001:db8::1", "10"]);
        check("x:2001:db8::/32", &["2001:db8:ffff::1"], &["2001:db9::1", "10.0.0.1"]);
        check("x:\"2001:db8::/32\"", &["2001:db8:ffff::1"], &["2001:db9::1"]);
        check("x:::/0", &["2001:db8::1"], &["10.0.0.1"]);
        check("x:[1 TO 5]", &["1", "5", "3.5", " 2 "], &["0", "5.1", "x", ""]);
        check("x:{1 TO 5}", &["2", "4.9"], &["1", "5"]);
        check("x:>=1.5", &["2", "1.5"], &["1"]);
        check("x:>9007199254740993", &["9007199254740994"], &["9007199254740993"]);
        check("x:[a TO c]", &["a", "b", "c"], &["d", "ca"]);
        check("x:[10.0.0.1 TO 10.0.0.9]", &["10.0.0.5"], &["10.0.0.10", "2001:db8::1", "5"]);
        check("x:[2026-11-03T00:00:00Z TO now]", &["2026-11-03T07:30:00+07:00"], &["2026-11-02T23:00:00Z", "x"]);
    }

    #[test]
    fn a_bad_network_says_so() {
        let Node::Match(condition) = parse("x:10.0.0.0/33", Joint::Or).unwrap() else { panic!() };
        let error = ValueTest::of(&condition, Timestamp::default()).unwrap_err();
        assert!(error.to_string().contains("`10.0.0.0/33` is not a network"), "{error}");
    }

    #[test]
    fn ranges_become_whole_numbers() {
        let check = |low: &str, high: &str, expected| {
            let limits = (Limit::Excluded(low.to_owned()), Limit::Included(high.to_owned()));
            assert_eq!(whole_range(&limits.0, &limits.1), expected);
        };
        check("1", "5", Some((2, 5)));
        check("1.5", "5.5", Some((2, 5)));
        check("1.0", "5", Some((2, 5)));
        check("x", "5", None);
        check("nan", "5", None);
        check("-9e99", "9e99", Some((i64::MIN + 1, i64::MAX)));
    }
}

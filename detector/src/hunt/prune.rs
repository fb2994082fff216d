//! Which events of a segment may match: a rule's need, answered from the index. Never fewer than the rule matches.
//!
//! The index keeps values as they were and rules compare without regard to case, so values are found along the
//! dictionary of their field, each tested once however many events have it; a message is found by the words that its
//! text must have. What the index does not hold is not concluded from: `None` is every event.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::bits::Bits;
use super::walk::{Stop, Walk};
use super::words::{self, Word};
use super::{Restore, words as message_words};
use crate::index::layout::{AGENCY, Column, EMPTY, Kind, LONG, Layout, SITE, SPANS};
use crate::index::to_v6;
use crate::search::{Twins, ValueTest, rest_terms};
use crate::sigma::need::{Need, Probe};
use crate::sigma::pattern::lower_into;

/// Longest text that is compared with values as a whole: their small letters may be of a third of their bytes.
const EQUAL_BYTES_MAX: usize = 4 * 1024;
/// Most names of fields with spaces in one segment that are looked at.
const SPACED_MAX: usize = 4_096;
/// Most different names of one segment.
const NAMES_MAX: usize = 50_000;
/// Fields whose values lie elsewhere or not at all in the index.
const OPAQUE: [&str; 7] =
    ["@timestamp", "event.ingested", "event.original", "metrosoc.original_base64", SPANS, SITE, AGENCY];

/// Answers needs from one segment.
pub(super) struct Pruner<'s> {
    walk: Walk<'s>,
    layout: &'s Layout,
    restore: &'s dyn Restore,
    /// Names of the segment with spaces in them, and the same without; `None` when there are too many names.
    spaced: Option<Vec<(String, String)>>,
}

impl<'s> Pruner<'s> {
    /// Looks at a segment's names.
    pub(super) fn new(walk: Walk<'s>, layout: &'s Layout, restore: &'s dyn Restore) -> Result<Self, Stop> {
        let spaced = spaced(walk, layout)?;
        Ok(Self { walk, layout, restore, spaced })
    }

    /// The documents that hold what is needed; `None` when every one may.
    pub(super) fn documents(&self, need: &Need) -> Result<Option<Bits>, Stop> {
        match need {
            Need::All(parts) => {
                let mut found: Option<Bits> = None;
                for part in parts {
                    let Some(bits) = self.documents(part)? else { continue };
                    match &mut found {
                        Some(found) => found.keep(&bits),
                        None => found = Some(bits),
                    }
                    if found.as_ref().is_some_and(|found| found.len() == 0) {
                        break;
                    }
                }
                Ok(found)
            }
            Need::Any(parts) => {
                let mut found = self.walk.nothing();
                for part in parts {
                    let Some(bits) = self.documents(part)? else { return Ok(None) };
                    found.add(&bits);
                }
                Ok(Some(found))
            }
            Need::Has { names, probes } => self.has(names, probes),
        }
    }

    fn has(&self, names: &[String], probes: &[Probe]) -> Result<Option<Bits>, Stop> {
        let Some(spaced) = &self.spaced else { return Ok(None) };
        let mut found = self.walk.nothing();
        let rest = |name: &str| Layout::rest_name(name).into_owned();
        let twins = spaced.iter().filter(|(_, bare)| names.iter().any(|name| rest(name) == *bare));
        for name in names.iter().map(String::as_str).chain(twins.map(|(name, _)| name.as_str())) {
            if !self.named(name, probes, &mut found)? {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// Adds the documents with a value under one name that passes; `false` when that cannot be told.
    fn named(&self, name: &str, probes: &[Probe], found: &mut Bits) -> Result<bool, Stop> {
        if OPAQUE.contains(&name) || self.restore.touches(name) || !self.unindexed(name, probes, found)? {
            return Ok(false);
        }
        if name == "message" {
            return self.message(probes, found);
        }
        match self.layout.column(name) {
            Some(Column { kind: Kind::Keyword, field, .. }) => self.values(field, &[], probes, found)?,
            Some(Column { kind: Kind::Int, .. }) => self.numbers(name, probes, found)?,
            Some(Column { kind: Kind::Ip, .. }) => self.addresses(name, probes, found)?,
            None => {}
        }
        let rest = rest_terms(self.layout, name);
        self.values(rest.field, &rest.prefix, probes, found)?;
        self.twins(name, probes, found)?;
        Ok(true)
    }

    /// Adds the documents whose value under this name lies under another one.
    fn twins(&self, name: &str, probes: &[Probe], found: &mut Bits) -> Result<(), Stop> {
        let Some(twins) = Twins::of(self.layout, name) else { return Ok(()) };
        let mut small = String::new();
        let mut look = || if self.walk.watch.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) };
        twins.walk(self.walk.reader, &ValueTest::Any, &mut look, &mut |value, docs| {
            lower_into(value, &mut small);
            if probes.iter().any(|probe| probe.passes(value, &small)) {
                docs.iter().for_each(|doc| found.insert(*doc));
            }
        })
    }

    /// Adds the documents whose values the index does not hold; `false` when the slice does not say which they are.
    fn unindexed(&self, name: &str, probes: &[Probe], found: &mut Bits) -> Result<bool, Stop> {
        let may_be_empty = probes.iter().any(|probe| probe.passes("", ""));
        let is_short = |probe: &Probe| probe.as_equal().is_some_and(|text| text.len() <= EQUAL_BYTES_MAX);
        let may_be_long = name == "message" || !probes.iter().all(is_short);
        if !may_be_empty && !may_be_long {
            return Ok(true);
        }
        let Some(field) = self.layout.unindexed else { return Ok(false) };
        for (why, may_be) in [(EMPTY, may_be_empty), (LONG, may_be_long)] {
            if may_be {
                self.walk.term(field, &format!("{why}{}", Layout::rest_name(name)), found)?;
            }
        }
        Ok(true)
    }

    fn values(
        &self,
        field: tantivy::schema::Field,
        prefix: &[u8],
        probes: &[Probe],
        found: &mut Bits,
    ) -> Result<(), Stop> {
        let mut small = String::new();
        self.walk.terms(
            field,
            prefix,
            |value| {
                lower_into(value, &mut small);
                probes.iter().any(|probe| probe.passes(value, &small))
            },
            found,
        )
    }

    /// A number may have been written in several ways: as text it is not known any more.
    fn numbers(&self, name: &str, probes: &[Probe], found: &mut Bits) -> Result<(), Stop> {
        let asked: Vec<(Option<i64>, bool, &Probe)> = probes
            .iter()
            .map(|probe| (probe.as_equal().and_then(|text| text.parse().ok()), probe.as_equal().is_some(), probe))
            .collect();
        let passes = |number: i64| {
            asked.iter().any(|(equal, is_equal, probe)| match (equal, is_equal) {
                (Some(equal), _) => *equal == number,
                (None, true) => false,
                (None, false) if probe.is_numeric() => probe.passes(&number.to_string(), ""),
                (None, false) => true,
            })
        };
        self.walk.numbers(name, passes, found)
    }

    fn addresses(&self, name: &str, probes: &[Probe], found: &mut Bits) -> Result<(), Stop> {
        enum Asked {
            Address(Option<std::net::Ipv6Addr>),
            Network(IpNet),
            Anything,
        }
        let asked: Vec<Asked> = probes
            .iter()
            .map(|probe| match (probe.as_equal(), probe.as_network()) {
                (Some(text), _) => Asked::Address(text.parse::<IpAddr>().ok().map(to_v6)),
                (None, Some(network)) => Asked::Network(network),
                (None, None) => Asked::Anything,
            })
            .collect();
        let passes = |address: std::net::Ipv6Addr| {
            asked.iter().any(|asked| match asked {
                Asked::Address(wanted) => *wanted == Some(address),
                Asked::Network(network) => network.contains(&IpAddr::V6(address).to_canonical()),
                Asked::Anything => true,
            })
        };
        self.walk.addresses(name, passes, found)
    }

    /// Adds the documents whose message has the words that a text which passes must have.
    fn message(&self, probes: &[Probe], found: &mut Bits) -> Result<bool, Stop> {
        let mut forms: Vec<Vec<Word>> = Vec::new();
        for probe in probes {
            let Some(parts) = probe.parts() else { return Ok(false) };
            forms.extend(parts.iter().map(|parts| message_words::of_parts(parts)));
        }
        if forms.iter().any(Vec::is_empty) {
            return Ok(false);
        }
        for form in &forms {
            let mut whole: Option<Bits> = None;
            for word in form {
                let bits = self.word(word)?;
                match &mut whole {
                    Some(whole) => whole.keep(&bits),
                    None => whole = Some(bits),
                }
            }
            whole.iter().for_each(|bits| found.add(bits));
        }
        Ok(true)
    }

    fn word(&self, word: &words::Word) -> Result<Bits, Stop> {
        let mut bits = self.walk.nothing();
        match word {
            Word::Whole(text) => self.walk.term(self.layout.message, text, &mut bits)?,
            open => self.walk.terms(self.layout.message, &[], |text| open.fits(text), &mut bits)?,
        }
        Ok(bits)
    }
}

/// Sigma looks for names without their spaces, so `Logon ID` is `LogonID` too.
fn spaced(walk: Walk<'_>, layout: &Layout) -> Result<Option<Vec<(String, String)>>, Stop> {
    let mut found = Vec::new();
    let mut take = |name: Cow<'_, str>| {
        if name.contains(' ') {
            let bare = name.chars().filter(|c| *c != ' ').collect();
            found.push((name.into_owned(), bare));
        }
        found.len() <= SPACED_MAX
    };
    let inverted = walk.reader.inverted_index(layout.rest)?;
    let mut from: Vec<u8> = Vec::new();
    let mut is_whole = false;
    for _ in 0..NAMES_MAX {
        let mut stream = inverted.terms().range().ge(&from).into_stream()?;
        if !stream.advance() {
            is_whole = true;
            break;
        }
        let name = stream.key().split(|byte| *byte == 0).next().unwrap_or_default();
        if !take(String::from_utf8_lossy(name)) {
            return Ok(None);
        }
        // Behind every key of this name.
        from = name.to_vec();
        from.push(1);
    }
    if let Some(field) = layout.unindexed {
        let mut names = 0;
        let inverted = walk.reader.inverted_index(field)?;
        let mut stream = inverted.terms().stream()?;
        while stream.advance() {
            names += 1;
            let name = stream.key().get(1..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            if !take(name) || names > NAMES_MAX {
                return Ok(None);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(is_whole.then_some(found))
}

//! From the query's tree to a slice's Tantivy query, through the permit.
//!
//! [`check`] refuses what the permit does not let be asked, once a search and before anything is opened; [`Compiler`]
//! then translates for one slice, and ANDs the permit's scope in.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::ops::Bound;
use std::sync::Arc;

use event::{Permit, Reach, Timestamp};
use ipnet::IpNet;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, PhraseQuery, Query, RangeQuery, RegexPhraseQuery,
    TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::SearchError;
use super::message::{self, MessageTest};
use super::part::{Part, own_term};
use super::scan::{Budget, Over, Scan, Settled, Terms};
use super::show::{is_clear, is_free_text};
use super::target::{Target, rest_term, rest_terms, target};
use super::twins::Twins;
use super::value::{ValueTest, read_time, whole_range};
use crate::index::layout::{AGENCY, Column, Kind, Layout, SITE};
use crate::index::to_v6;
use crate::query::{Condition, Joint, Limit, Node, Pattern, Test, parse};

/// Most terms that one word with wildcards inside a phrase may stand for.
const PHRASE_EXPANSIONS_MAX: u32 = 4_096;

type Compiled = Result<Box<dyn Query>, SearchError>;

/// Refuses a query that names a field which is not clear to the permit, or words without free text.
///
/// A field name with wildcards names nothing by itself; it later stands for the clear fields alone.
pub(crate) fn check(permit: &Permit, node: &Node) -> Result<(), SearchError> {
    for condition in node.conditions() {
        match condition.field.as_ref().map(Pattern::as_literal) {
            Some(Some(name)) => check_field(permit, name)?,
            Some(None) => {}
            None if bare_network(condition).is_some() => {}
            None => check_field(permit, "message")?,
        }
    }
    Ok(())
}

/// Whether a query finds the same whoever asks within a scope, and whenever: in it are words of the message and fields by
/// their names alone (names with wildcards and bare networks stand for what is clear to who asks), and no time that is
/// meant from now on.
pub(crate) fn is_fixed(node: &Node) -> bool {
    let from_now = |text: &str| text.trim_start().starts_with("now");
    let limit = |limit: &Limit| match limit {
        Limit::Open => false,
        Limit::Included(text) | Limit::Excluded(text) => from_now(text),
    };
    node.conditions().iter().all(|condition| {
        let named = match &condition.field {
            Some(field) => field.as_literal().is_some(),
            None => bare_network(condition).is_none(),
        };
        let relative = match &condition.test {
            Test::Exists => false,
            Test::Phrase { text, .. } => from_now(text),
            Test::Word(pattern) => pattern.as_literal().is_some_and(from_now),
            Test::Range { low, high } => limit(low) || limit(high),
        };
        named && !relative
    })
}

/// Refuses a field that is not clear to the permit.
pub(crate) fn check_field(permit: &Permit, name: &str) -> Result<(), SearchError> {
    if name == "_id" || is_clear(permit, name) {
        Ok(())
    } else {
        Err(SearchError::FieldMasked { field: name.to_owned() })
    }
}

/// Translates for one slice.
pub(crate) struct Compiler<'a> {
    pub(crate) permit: &'a Permit,
    pub(crate) layout: &'a Layout,
    /// The names of the slice's fields; read only where a query has a field name with wildcards.
    pub(crate) names: &'a [String],
    pub(crate) now: Timestamp,
    pub(crate) budget: &'a Arc<Budget>,
    /// Whether the slice holds events of the product's own.
    pub(crate) holds_own: bool,
}

impl Compiler<'_> {
    /// The query within the permit's scope.
    pub(crate) fn compile(&self, node: &Node) -> Compiled {
        let mut clauses = Vec::new();
        if let Reach::Only(agencies) = &self.permit.scope().agencies {
            clauses.push((Occur::Must, self.one_of(AGENCY, agencies.iter().map(|agency| agency.as_str()))));
        }
        if let Reach::Only(sites) = &self.permit.scope().sites {
            clauses.push((Occur::Must, self.one_of(SITE, sites.iter().map(|site| site.as_str()))));
        }
        match (Part::of(self.permit), own_term(self.layout)) {
            (Part::Received, _) if !self.holds_own => {}
            (Part::Received, Some(term)) => clauses.push((Occur::MustNot, of_term(term))),
            (Part::Own, Some(term)) => clauses.push((Occur::Must, of_term(term))),
            (Part::Received, None) => {}
            (Part::Own, None) => return Ok(nothing()),
        }
        clauses.extend(self.filter()?.map(|filter| (Occur::Must, filter)));
        clauses.extend(self.withheld()?.map(|withheld| (Occur::MustNot, withheld)));
        let query = self.node(node)?;
        if clauses.is_empty() {
            return Ok(query);
        }
        clauses.push((Occur::Must, query));
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    /// What the permit is for, when that is a part of the events alone. Its words are the data owner's, so that the masks
    /// of who asks do not count; field names with wildcards stand for nothing here.
    ///
    /// # Errors
    /// A filter that cannot be read opens nothing.
    pub(crate) fn filter(&self) -> Result<Option<Box<dyn Query>>, SearchError> {
        let Some(filter) = self.permit.filter() else { return Ok(None) };
        let node = parse(filter, Joint::And)?;
        Compiler { names: &[], ..*self }.node(&node).map(Some)
    }

    /// The events that the permit does not reach because of whose tokens stand in them, wherever that is.
    ///
    /// # Errors
    /// When the slice cannot be asked.
    pub(crate) fn withheld(&self) -> Result<Option<Box<dyn Query>>, SearchError> {
        self.permit.withheld().map(|tokens| self.standing(tokens)).transpose()
    }

    /// The events in which one of these tokens stands, whatever the masks say. Give the compiler the names of all fields.
    ///
    /// # Errors
    /// When the slice cannot be asked.
    pub(crate) fn standing(&self, tokens: &BTreeSet<String>) -> Compiled {
        // Quoted: an address has colons.
        let parsed = tokens.iter().map(|token| parse(&format!("\"{token}\""), Joint::Or));
        let nodes = parsed.collect::<Result<Vec<Node>, _>>()?;
        let mut found = Vec::new();
        for node in &nodes {
            for condition in node.conditions() {
                found.push(Box::new(Settled(self.message(condition)?)) as Box<dyn Query>);
            }
            // Fields that the asker may not search hold tokens too.
            let times = ["@timestamp", "event.ingested"];
            for name in self.names.iter().filter(|name| !is_free_text(name) && !times.contains(&name.as_str())) {
                for condition in node.conditions() {
                    found.push(self.named(name, condition)?);
                }
            }
        }
        any(found)
    }

    fn one_of<'v>(&self, name: &str, values: impl Iterator<Item = &'v str>) -> Box<dyn Query> {
        let Some(column) = self.layout.column(name) else { return Box::new(EmptyQuery) };
        let terms: Vec<Term> = values.map(|value| Term::from_field_text(column.field, value)).collect();
        if terms.is_empty() {
            return Box::new(EmptyQuery);
        }
        // Settled: Tantivy would go through all their documents again for each time that the query is asked of a segment.
        Box::new(Settled(Box::new(TermSetQuery::new(terms))))
    }

    fn node(&self, node: &Node) -> Compiled {
        match node {
            Node::All => Ok(Box::new(AllQuery)),
            Node::Match(condition) => self.condition(condition),
            Node::And(nodes) => {
                let mut clauses = Vec::with_capacity(nodes.len() + 1);
                for node in nodes {
                    match node {
                        Node::Not(inner) => clauses.push((Occur::MustNot, self.excluded(inner)?)),
                        other => clauses.push((Occur::Must, self.node(other)?)),
                    }
                }
                if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
                    clauses.push((Occur::Must, Box::new(AllQuery)));
                }
                Ok(Box::new(BooleanQuery::new(clauses)))
            }
            Node::Or(nodes) => any(nodes.iter().map(|node| self.node(node)).collect::<Result<_, _>>()?),
            Node::Not(inner) => Ok(Box::new(BooleanQuery::new(vec![
                (Occur::Must, Box::new(AllQuery)),
                (Occur::MustNot, self.excluded(inner)?),
            ]))),
        }
    }

    /// What is behind a `NOT`: anything but one condition on one field is settled first, since Tantivy seeks in
    /// excluded phrases behind their end.
    fn excluded(&self, node: &Node) -> Compiled {
        let query = self.node(node)?;
        let plain = matches!(node, Node::Match(Condition { field: Some(field), .. })
            if field.as_literal().is_some_and(|name| !matches!(target(self.layout, name), Target::Message)));
        Ok(if plain { query } else { Box::new(Settled(query)) })
    }

    fn condition(&self, condition: &Condition) -> Compiled {
        let Some(field) = &condition.field else {
            return match bare_network(condition) {
                Some(network) => self.any_address(network),
                None => self.message(condition),
            };
        };
        if let Some(name) = field.as_literal() {
            return self.named(name, condition);
        }
        let clear = self.names.iter().filter(|name| field.matches(name) && is_clear(self.permit, name));
        let searchable = clear.filter(|name| !is_free_text(name) && *name != "@timestamp" && *name != "event.ingested");
        any(searchable.map(|name| self.named(name, condition)).collect::<Result<_, _>>()?)
    }

    fn named(&self, name: &str, condition: &Condition) -> Compiled {
        match target(self.layout, name) {
            Target::Message => self.message(condition),
            Target::Time(field) => self.time(field, condition),
            Target::Id(field) => id_query(field, condition),
            Target::Column(column) => self.column(name, column, condition),
            Target::Rest => {
                let test = ValueTest::of(condition, self.now)?;
                let rest = rest_terms(self.layout, name);
                let rest = self.text(rest, &test, condition, |text| rest_term(self.layout, name, text))?;
                let twins = Twins::of(self.layout, name).map(|twins| self.scan(Over::Twins(twins), test));
                any(std::iter::once(rest).chain(twins).collect())
            }
        }
    }

    fn message(&self, condition: &Condition) -> Compiled {
        let field = self.layout.message;
        let term = |word: &str| Term::from_field_text(field, word);
        match message::test_of(condition)? {
            MessageTest::Any => Ok(Box::new(AllQuery)),
            MessageTest::Nothing => Ok(Box::new(EmptyQuery)),
            MessageTest::Words { words, slop } => match words.as_slice() {
                [word] => Ok(Box::new(TermQuery::new(term(word), IndexRecordOption::Basic))),
                words => {
                    let mut phrase = PhraseQuery::new(words.iter().map(|word| term(word)).collect());
                    phrase.set_slop(slop);
                    Ok(Box::new(phrase))
                }
            },
            MessageTest::Patterns(patterns) => match patterns.as_slice() {
                [pattern] => {
                    let terms = Terms { field, prefix: Vec::new() };
                    Ok(self.scan(Over::Terms(terms), ValueTest::Like(pattern.clone())))
                }
                patterns => {
                    let mut phrase = RegexPhraseQuery::new(field, patterns.iter().map(message::regex).collect());
                    phrase.set_max_expansions(PHRASE_EXPANSIONS_MAX);
                    Ok(Box::new(phrase))
                }
            },
        }
    }

    fn time(&self, field: Field, condition: &Condition) -> Compiled {
        let reason = |text: &str| {
            format!("`{text}` is no time: RFC 3339 (`2026-11-03T00:00:00Z`), a date, or relative (`now-15m`)")
        };
        let read = |text: &str| {
            read_time(text, self.now)
                .map(|(first, last)| (first.nanos(), last.nanos()))
                .ok_or_else(|| SearchError::Value { position: condition.position, reason: reason(text) })
        };
        let (low, high) = match &condition.test {
            Test::Exists => return Ok(Box::new(AllQuery)),
            Test::Phrase { text, .. } => read(text)?,
            Test::Word(pattern) => read(pattern.as_literal().unwrap_or("*"))?,
            Test::Range { low, high } => {
                let low = match low {
                    Limit::Open => i64::MIN,
                    Limit::Included(text) => read(text)?.0,
                    Limit::Excluded(text) => read(text)?.1.saturating_add(1),
                };
                let high = match high {
                    Limit::Open => i64::MAX,
                    Limit::Included(text) => read(text)?.1,
                    Limit::Excluded(text) => read(text)?.0.saturating_sub(1),
                };
                (low, high)
            }
        };
        Ok(int_range(field, low, high))
    }

    fn column(&self, name: &str, column: Column, condition: &Condition) -> Compiled {
        let test = ValueTest::of(condition, self.now)?;
        let fitting = match column.kind {
            Kind::Keyword => return self.keyword(name, column, &test, condition),
            Kind::Int => self.int(name, column, &test, condition),
            Kind::Ip => self.ip(name, column, &test, condition),
        };
        let rest = rest_terms(self.layout, name);
        let rest = self.text(rest, &test, condition, |text| rest_term(self.layout, name, text))?;
        any(vec![fitting, rest])
    }

    fn keyword(&self, name: &str, column: Column, test: &ValueTest, condition: &Condition) -> Compiled {
        if column.fast && matches!(test, ValueTest::Any) {
            return Ok(Box::new(ExistsQuery::new(name.to_owned(), false)));
        }
        let terms = Terms { field: column.field, prefix: Vec::new() };
        self.text(terms, test, condition, |text| Term::from_field_text(column.field, text))
    }

    fn int(&self, name: &str, column: Column, test: &ValueTest, condition: &Condition) -> Box<dyn Query> {
        let number = |text: &str| whole_range(&Limit::Included(text.to_owned()), &Limit::Included(text.to_owned()));
        match (test, &condition.test) {
            (ValueTest::Any, _) => Box::new(ExistsQuery::new(name.to_owned(), false)),
            (ValueTest::Is(text), _) => {
                number(text).map_or_else(nothing, |(low, high)| int_range(column.field, low, high))
            }
            (ValueTest::Between(_), Test::Range { low, high }) => {
                whole_range(low, high).map_or_else(nothing, |(low, high)| int_range(column.field, low, high))
            }
            (ValueTest::Like(_), _) => self.scan(Over::Column { name: name.to_owned(), kind: Kind::Int }, test.clone()),
            _ => nothing(),
        }
    }

    fn ip(&self, name: &str, column: Column, test: &ValueTest, condition: &Condition) -> Box<dyn Query> {
        match (test, &condition.test) {
            (ValueTest::Any, _) => Box::new(ExistsQuery::new(name.to_owned(), false)),
            (ValueTest::Address(address), _) => {
                let term = Term::from_field_ip_addr(column.field, to_v6(*address));
                Box::new(TermQuery::new(term, IndexRecordOption::Basic))
            }
            (ValueTest::Network(network), _) => in_network(column.field, *network),
            (ValueTest::Like(_), _) => self.scan(Over::Column { name: name.to_owned(), kind: Kind::Ip }, test.clone()),
            (ValueTest::Between(_), Test::Range { low, high }) => {
                ip_range(column.field, low, high).unwrap_or_else(nothing)
            }
            _ => nothing(),
        }
    }

    /// Values that lie in a dictionary as text.
    fn text(&self, terms: Terms, test: &ValueTest, condition: &Condition, term: impl Fn(&str) -> Term) -> Compiled {
        let exact = |text: &str| -> Box<dyn Query> { Box::new(TermQuery::new(term(text), IndexRecordOption::Basic)) };
        match test {
            ValueTest::Is(text) => Ok(exact(text)),
            ValueTest::Address(address) => {
                let written = match &condition.test {
                    Test::Word(pattern) => pattern.as_literal().unwrap_or_default(),
                    Test::Phrase { text, .. } => text,
                    _ => "",
                };
                any(vec![exact(written), exact(&address.to_string())])
            }
            other => Ok(self.scan(Over::Terms(terms), other.clone())),
        }
    }

    /// A network without a field is looked for in every address column that is clear.
    fn any_address(&self, network: IpNet) -> Compiled {
        let columns = self.layout.columns.iter();
        let clear = columns.filter(|(name, column)| column.kind == Kind::Ip && is_clear(self.permit, name));
        any(clear.map(|(_, column)| in_network(column.field, network)).collect())
    }

    fn scan(&self, over: Over, test: ValueTest) -> Box<dyn Query> {
        Box::new(Scan { over, test: Arc::new(test), budget: Arc::clone(self.budget) })
    }
}

/// The network that a bare word is.
pub(crate) fn bare_network(condition: &Condition) -> Option<IpNet> {
    match &condition.test {
        Test::Word(pattern) if condition.field.is_none() => pattern.as_literal()?.parse().ok(),
        _ => None,
    }
}

fn any(mut queries: Vec<Box<dyn Query>>) -> Compiled {
    Ok(match queries.len() {
        0 => Box::new(EmptyQuery),
        1 => queries.pop().unwrap_or_else(nothing),
        _ => Box::new(BooleanQuery::new(queries.into_iter().map(|query| (Occur::Should, query)).collect())),
    })
}

fn of_term(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn nothing() -> Box<dyn Query> {
    Box::new(EmptyQuery)
}

fn int_range(field: Field, low: i64, high: i64) -> Box<dyn Query> {
    if low > high {
        return nothing();
    }
    let term = |number| Term::from_field_i64(field, number);
    Box::new(RangeQuery::new(Bound::Included(term(low)), Bound::Included(term(high))))
}

fn id_query(field: Field, condition: &Condition) -> Compiled {
    let text = match &condition.test {
        Test::Word(pattern) => pattern.as_literal(),
        Test::Phrase { text, .. } => Some(text.as_str()),
        _ => None,
    };
    let id = text.and_then(|text| text.parse().ok()).ok_or_else(|| SearchError::Value {
        position: condition.position,
        reason: "an event's id is a whole number".to_owned(),
    })?;
    let term = || Bound::Included(Term::from_field_u64(field, id));
    Ok(Box::new(RangeQuery::new(term(), term())))
}

/// The first and last address of a range, v4 as v4-mapped.
fn ip_range(field: Field, low: &Limit, high: &Limit) -> Option<Box<dyn Query>> {
    let bound = |limit: &Limit| match limit {
        Limit::Open => Some((Bound::Unbounded, None)),
        Limit::Included(text) | Limit::Excluded(text) => {
            let address: std::net::IpAddr = text.parse().ok()?;
            let address = address.to_canonical();
            let term = Term::from_field_ip_addr(field, to_v6(address));
            let bound = if matches!(limit, Limit::Included(_)) { Bound::Included(term) } else { Bound::Excluded(term) };
            Some((bound, Some(address.is_ipv4())))
        }
    };
    let ((low, low_v4), (high, high_v4)) = (bound(low)?, bound(high)?);
    let v4 = low_v4.or(high_v4)?;
    if [low_v4, high_v4].into_iter().flatten().any(|other| other != v4) {
        return None;
    }
    Some(within_family(field, low, high, v4))
}

fn in_network(field: Field, network: IpNet) -> Box<dyn Query> {
    let term = |address| Bound::Included(Term::from_field_ip_addr(field, to_v6(address)));
    let (low, high) = (term(network.network()), term(network.broadcast()));
    match network {
        IpNet::V4(_) => Box::new(RangeQuery::new(low, high)), // all of it is v4-mapped
        IpNet::V6(network) if network.network() <= MAPPED_LAST && MAPPED_FIRST <= network.broadcast() => {
            within_family(field, low, high, false)
        }
        IpNet::V6(_) => Box::new(RangeQuery::new(low, high)),
    }
}

/// The first and last v4 address in v4-mapped form.
const MAPPED_FIRST: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
const MAPPED_LAST: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xffff, 0xffff);

/// A range of addresses without those of the other family: v4 addresses lie among the v6 ones, v4-mapped.
fn within_family(field: Field, low: Bound<Term>, high: Bound<Term>, v4: bool) -> Box<dyn Query> {
    let term = |address| Bound::Included(Term::from_field_ip_addr(field, address));
    let mapped = RangeQuery::new(term(MAPPED_FIRST), term(MAPPED_LAST));
    let range = Box::new(RangeQuery::new(low, high));
    let occur = if v4 { Occur::Must } else { Occur::MustNot };
    Box::new(BooleanQuery::new(vec![(Occur::Must, range), (occur, Box::new(mapped))]))
}

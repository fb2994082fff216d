//! Values of a field that lie under the name of another one; see [`crate::index::twin`].

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::schema::{Field, FieldType, IndexRecordOption};
use tantivy::{BitSet, DocId, TantivyError};

use event::Timestamp;

use super::scan::Terms;
use super::target::rest_prefix;
use super::value::ValueTest;
use crate::index::layout::{Layout, TIME, TWIN};
use crate::index::twin::TIME_COLUMN;
use crate::index::{from_v6, to_v6};

/// Where a field's values are that lie under other fields' names.
#[derive(Debug, Clone)]
pub(crate) struct Twins {
    field: Field,
    rest: Field,
    /// What every key begins with; the other field's name follows.
    prefix: Vec<u8>,
}

/// What the names of a slice's own fields begin with: a field of an event that is called so lies in the rest.
const INTERNAL: char = '_';
/// Terms between two looks.
const TERMS_PER_LOOK: usize = 4_096;

/// What holds them.
enum Holding {
    Int(Column<i64>),
    Ip(Column<std::net::Ipv6Addr>),
    Time(Column<i64>),
    /// A dictionary.
    Terms(Terms),
    /// A column without a value in this segment, which no document that is marked has.
    Nothing,
}

/// What a test wants, where it wants one value alone: read once, not for every document.
struct Wanted<'t> {
    test: &'t ValueTest,
    number: Option<i64>,
    time: Option<i64>,
}

impl Twins {
    /// Those of the field called `name`; `None` in slices of earlier versions.
    pub(crate) fn of(layout: &Layout, name: &str) -> Option<Self> {
        let field = layout.unindexed?;
        let mut prefix = format!("{TWIN}{}", Layout::rest_name(name)).into_bytes();
        prefix.push(0);
        Some(Self { field, rest: layout.rest, prefix })
    }

    /// Whether a segment has any.
    pub(crate) fn are_in(&self, reader: &SegmentReader) -> tantivy::Result<bool> {
        let inverted = reader.inverted_index(self.field)?;
        let mut stream = inverted.terms().range().ge(&self.prefix).into_stream()?;
        Ok(stream.advance() && stream.key().starts_with(&self.prefix))
    }

    /// Calls `take` with every value that passes and documents that have it. `look` is asked now and then whether to go on.
    pub(crate) fn walk<E: From<TantivyError>>(
        &self,
        reader: &SegmentReader,
        test: &ValueTest,
        look: &mut dyn FnMut() -> Result<(), E>,
        take: &mut dyn FnMut(&str, &[DocId]),
    ) -> Result<(), E> {
        let wanted = Wanted::of(test);
        let inverted = reader.inverted_index(self.field)?;
        let mut stream = inverted.terms().range().ge(&self.prefix).into_stream().map_err(TantivyError::from)?;
        while stream.advance() {
            let Some(told_by) = stream.key().strip_prefix(self.prefix.as_slice()) else { break };
            let holding = Holding::open(reader, self.rest, &String::from_utf8_lossy(told_by))?;
            let postings = inverted.read_block_postings_from_terminfo(stream.value(), IndexRecordOption::Basic);
            let mut postings = postings.map_err(TantivyError::from)?;
            let mut marked = BitSet::with_max_value(reader.max_doc());
            while !postings.docs().is_empty() {
                look()?;
                for doc in postings.docs() {
                    if let Holding::Terms(_) = holding {
                        marked.insert(*doc);
                    } else if let Some(value) = holding.value(*doc, &wanted) {
                        take(&value, &[*doc]);
                    }
                }
                postings.advance();
            }
            if let Holding::Terms(terms) = &holding {
                among(terms, &marked, reader, test, look, take)?;
            }
        }
        Ok(())
    }
}

/// The values of a dictionary that pass, and which of the marked documents have them.
fn among<E: From<TantivyError>>(
    terms: &Terms,
    marked: &BitSet,
    reader: &SegmentReader,
    test: &ValueTest,
    look: &mut dyn FnMut() -> Result<(), E>,
    take: &mut dyn FnMut(&str, &[DocId]),
) -> Result<(), E> {
    let inverted = reader.inverted_index(terms.field)?;
    let mut start = terms.prefix.clone();
    start.extend_from_slice(test.prefix().as_bytes());
    let mut stream = inverted.terms().range().ge(&start).into_stream().map_err(TantivyError::from)?;
    let (mut visited, mut found): (usize, Vec<DocId>) = (0, Vec::new());
    while stream.advance() && stream.key().starts_with(&start) {
        visited += 1;
        if visited.is_multiple_of(TERMS_PER_LOOK) {
            look()?;
        }
        let value = stream.key().get(terms.prefix.len()..).and_then(|value| std::str::from_utf8(value).ok());
        let Some(value) = value.filter(|value| test.passes(value)) else { continue };
        let postings = inverted.read_block_postings_from_terminfo(stream.value(), IndexRecordOption::Basic);
        let mut postings = postings.map_err(TantivyError::from)?;
        while !postings.docs().is_empty() {
            found.clear();
            found.extend(postings.docs().iter().copied().filter(|doc| marked.contains(*doc)));
            if !found.is_empty() {
                take(value, &found);
            }
            postings.advance();
        }
    }
    Ok(())
}

impl<'t> Wanted<'t> {
    fn of(test: &'t ValueTest) -> Self {
        let text = if let ValueTest::Is(text) = test { text } else { "" };
        let time = Timestamp::parse_rfc3339(text).ok().map(Timestamp::nanos);
        Self { test, number: text.parse().ok(), time }
    }

    /// Whether a value that is read as this one cannot be meant.
    fn excludes<T: PartialEq>(&self, wanted: Option<T>, value: T) -> bool {
        matches!(self.test, ValueTest::Is(_)) && wanted != Some(value)
    }
}

impl Holding {
    fn open(reader: &SegmentReader, rest: Field, name: &str) -> tantivy::Result<Self> {
        if name == TIME_COLUMN {
            return Ok(Self::Time(reader.fast_fields().i64(TIME)?));
        }
        let schema = reader.schema();
        let Some(field) = schema.get_field(name).ok().filter(|_| !name.starts_with(INTERNAL)) else {
            return Ok(Self::Terms(Terms { field: rest, prefix: rest_prefix(name) }));
        };
        Ok(match schema.get_field_entry(field).field_type() {
            FieldType::I64(_) => reader.fast_fields().column_opt(name)?.map_or(Self::Nothing, Self::Int),
            FieldType::IpAddr(_) => reader.fast_fields().column_opt(name)?.map_or(Self::Nothing, Self::Ip),
            _ => Self::Terms(Terms { field, prefix: Vec::new() }),
        })
    }

    /// A document's value as it was written, if it passes.
    fn value(&self, doc: DocId, wanted: &Wanted<'_>) -> Option<String> {
        let text = match self {
            Self::Int(column) => {
                let number = column.first(doc).filter(|number| !wanted.excludes(wanted.number, *number))?;
                number.to_string()
            }
            Self::Ip(column) => {
                let address = column.first(doc)?;
                if let ValueTest::Address(one) = wanted.test
                    && to_v6(*one) != address
                {
                    return None;
                }
                from_v6(address)
            }
            Self::Time(column) => {
                let nanos = column.first(doc).filter(|nanos| !wanted.excludes(wanted.time, *nanos))?;
                Timestamp::from_nanos(nanos).to_string()
            }
            Self::Terms(_) | Self::Nothing => return None,
        };
        wanted.test.passes(&text).then_some(text)
    }
}

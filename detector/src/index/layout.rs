//! How an event lies in a slice: which fields have a column of their own and of which kind.
//!
//! | where | what | how it is indexed |
//! | --- | --- | --- |
//! | `_source` | the whole event, see [`super::packed`] | stored in blocks, zstd |
//! | `_id`, `_time`, `_received` | position, event time, time of receipt in nanoseconds | fast field |
//! | `_message` | the words of `message`, or of `event.original` where there is none | words with positions |
//! | the names in [`COLUMNS`] | common ECS fields | raw text, address or whole number; most are fast fields |
//! | `_unindexed` | names of fields with values that are not indexed: `e` and the name for null and the empty text, `l` and the name for values too long and messages that are no text; `s`, the name, a zero byte and the name of the field that says the same, see [`super::twin`] | raw text |
//! | `_rest` | every other field, and values that do not fit their column | raw text by name |
//!
//! A slice keeps the schema it was made with; [`Layout::of`] reads it back, so that columns can be added later.

use std::borrow::Cow;

use tantivy::schema::{
    BytesOptions, Field, FieldType, IndexRecordOption, IpAddrOptions, JsonObjectOptions, NumericOptions, Schema,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::RAW_TOKENIZER_NAME;

use super::names::Names;
use super::words::WORDS;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text as a whole.
    Keyword,
    /// A whole number; searched through its fast field.
    Int,
    /// An address, v4 or v6.
    Ip,
}

/// A field with a column of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The column's field in the slice's schema.
    pub(crate) field: Field,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it has a fast field.
    pub(crate) fast: bool,
}

/// Which part of an event belongs where in a slice.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) source: Field,
    pub(crate) id: Field,
    pub(crate) time: Field,
    pub(crate) received: Field,
    pub(crate) message: Field,
    pub(crate) rest: Field,
    /// Which fields have values that are not indexed; absent in slices of earlier versions.
    pub(crate) unindexed: Option<Field>,
    pub(crate) columns: Names<String, Column>,
}

/// Internal field: the event's position.
pub(crate) const ID: &str = "_id";
/// Internal field: the event's time in nanoseconds.
pub(crate) const TIME: &str = "_time";
/// Internal field: the time of receipt in nanoseconds.
pub(crate) const RECEIVED: &str = "_received";
const SOURCE: &str = "_source";
const MESSAGE: &str = "_message";
const REST: &str = "_rest";
const UNINDEXED: &str = "_unindexed";

/// In `_unindexed`, before the name: a value is null or empty.
pub(crate) const EMPTY: char = 'e';
/// In `_unindexed`, before the name: a value is too long, or a message that is no text.
pub(crate) const LONG: char = 'l';
/// In `_unindexed`, before the name: the value is that of the column whose name follows behind a zero byte.
pub(crate) const TWIN: char = 's';

/// The field that carries an event's site, taken from where it was received, never from its text.
pub(crate) const SITE: &str = "metrosoc.site.id";
/// The field that carries an event's agency, taken from where it was received, never from its text.
pub(crate) const AGENCY: &str = "metrosoc.agency.id";

/// The field that tells where pseudonyms stand in an event: stored, and searched by nobody.
pub(crate) const SPANS: &str = "metrosoc.pseudonyms";

/// The field that carries the way an event came, taken from where it was received, never from its text.
pub(crate) const TRANSPORT: &str = "metrosoc.transport";
/// The field that carries an event's source, taken from where it was received, never from its text.
pub(crate) const SOURCE_ID: &str = "metrosoc.source.id";

/// Fields with a column: name, kind, fast.
const COLUMNS: &[(&str, Kind, bool)] = &[
    ("destination.bytes", Kind::Int, true),
    ("destination.ip", Kind::Ip, true),
    ("destination.port", Kind::Int, true),
    ("dns.question.name", Kind::Keyword, false),
    ("event.action", Kind::Keyword, true),
    ("event.category", Kind::Keyword, true),
    ("event.code", Kind::Keyword, true),
    ("event.dataset", Kind::Keyword, true),
    ("event.kind", Kind::Keyword, true),
    ("event.module", Kind::Keyword, false),
    ("event.outcome", Kind::Keyword, true),
    ("event.severity", Kind::Int, true),
    ("event.type", Kind::Keyword, false),
    ("file.name", Kind::Keyword, false),
    ("file.path", Kind::Keyword, false),
    ("host.ip", Kind::Ip, true),
    ("host.name", Kind::Keyword, true),
    ("http.request.method", Kind::Keyword, true),
    ("http.response.body.bytes", Kind::Int, true),
    ("http.response.status_code", Kind::Int, true),
    ("lgsp.api", Kind::Keyword, true),
    ("lgsp.consumer", Kind::Keyword, true),
    ("lgsp.records", Kind::Int, true),
    ("log.level", Kind::Keyword, true),
    ("log.source.address", Kind::Ip, true),
    ("log.syslog.facility.code", Kind::Int, true),
    ("log.syslog.severity.code", Kind::Int, true),
    (AGENCY, Kind::Keyword, true),
    (SITE, Kind::Keyword, true),
    ("metrosoc.site.known_by", Kind::Keyword, false),
    (SOURCE_ID, Kind::Keyword, true),
    (TRANSPORT, Kind::Keyword, false),
    ("network.protocol", Kind::Keyword, false),
    ("network.transport", Kind::Keyword, false),
    ("observer.product", Kind::Keyword, true),
    ("observer.type", Kind::Keyword, false),
    ("observer.vendor", Kind::Keyword, false),
    ("process.command_line", Kind::Keyword, false),
    ("process.executable", Kind::Keyword, false),
    ("process.name", Kind::Keyword, true),
    ("process.parent.executable", Kind::Keyword, false),
    ("process.pid", Kind::Int, true),
    ("rule.name", Kind::Keyword, true),
    ("source.bytes", Kind::Int, true),
    ("source.ip", Kind::Ip, true),
    ("source.port", Kind::Int, true),
    ("url.domain", Kind::Keyword, false),
    ("url.original", Kind::Keyword, false),
    ("url.path", Kind::Keyword, false),
    ("url.query", Kind::Keyword, false),
    ("user.domain", Kind::Keyword, false),
    ("user.name", Kind::Keyword, true),
    ("user_agent.original", Kind::Keyword, false),
    ("winlog.channel", Kind::Keyword, true),
    ("winlog.computer_name", Kind::Keyword, false),
    ("winlog.event_id", Kind::Int, true),
    ("winlog.provider_name", Kind::Keyword, false),
];

/// The schema of a new slice.
pub(crate) fn schema() -> Schema {
    let mut builder = Schema::builder();
    builder.add_bytes_field(SOURCE, BytesOptions::default().set_stored());
    builder.add_u64_field(ID, NumericOptions::default().set_fast());
    builder.add_i64_field(TIME, NumericOptions::default().set_fast());
    builder.add_i64_field(RECEIVED, NumericOptions::default().set_fast());
    builder.add_text_field(
        MESSAGE,
        TextOptions::default().set_indexing_options(indexing(WORDS, IndexRecordOption::WithFreqsAndPositions)),
    );
    builder.add_json_field(
        REST,
        JsonObjectOptions::default().set_indexing_options(indexing(RAW_TOKENIZER_NAME, IndexRecordOption::Basic)),
    );
    builder.add_text_field(
        UNINDEXED,
        TextOptions::default().set_indexing_options(indexing(RAW_TOKENIZER_NAME, IndexRecordOption::Basic)),
    );
    for &(name, kind, fast) in COLUMNS {
        add_column(&mut builder, name, kind, fast);
    }
    builder.build()
}

fn add_column(builder: &mut tantivy::schema::SchemaBuilder, name: &str, kind: Kind, fast: bool) {
    match kind {
        Kind::Keyword => {
            let options =
                TextOptions::default().set_indexing_options(indexing(RAW_TOKENIZER_NAME, IndexRecordOption::Basic));
            let options = if fast { options.set_fast(RAW_TOKENIZER_NAME) } else { options };
            builder.add_text_field(name, options);
        }
        Kind::Int => {
            builder.add_i64_field(name, NumericOptions::default().set_fast());
        }
        Kind::Ip => {
            builder.add_ip_addr_field(name, IpAddrOptions::default().set_fast().set_indexed());
        }
    }
}

fn indexing(tokenizer: &str, record: IndexRecordOption) -> TextFieldIndexing {
    TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record).set_fieldnorms(false)
}

impl Layout {
    /// Reads the layout back from a slice's schema; `None` when one of its internal fields is missing.
    pub(crate) fn of(schema: &Schema) -> Option<Self> {
        let field = |name: &str| schema.get_field(name).ok();
        let mut layout = Self {
            source: field(SOURCE)?,
            id: field(ID)?,
            time: field(TIME)?,
            received: field(RECEIVED)?,
            message: field(MESSAGE)?,
            rest: field(REST)?,
            unindexed: field(UNINDEXED),
            columns: Names::default(),
        };
        for (field, entry) in schema.fields().filter(|(_, entry)| !entry.name().starts_with('_')) {
            let kind = match entry.field_type() {
                FieldType::Str(_) => Kind::Keyword,
                FieldType::I64(_) => Kind::Int,
                FieldType::IpAddr(_) => Kind::Ip,
                _ => return None,
            };
            layout.columns.insert(entry.name().to_owned(), Column { field, kind, fast: entry.is_fast() });
        }
        Some(layout)
    }

    /// A field's name as it lies in the rest: without the two characters that Tantivy keeps for itself.
    pub(crate) fn rest_name(name: &str) -> Cow<'_, str> {
        if name.bytes().all(|byte| byte > 1) {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(name.replace(['\0', '\u{1}'], "\u{fffd}"))
        }
    }

    /// The column of the field called `name`, if it has one.
    pub(crate) fn column(&self, name: &str) -> Option<Column> {
        self.columns.get(name).copied()
    }
}

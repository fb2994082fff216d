//! The body of Elasticsearch's `_bulk`: lines of action and document in turn.
//!
//! As in Elasticsearch, an action line that is no action spoils the request as a whole, since nobody can tell where the
//! next one begins; everything else is the fault of one item, answered beside the others.

use serde::Deserialize;
use thiserror::Error;

/// Most items of one request.
pub const BULK_ITEMS_MAX: usize = 100_000;
/// Most bytes of an action line.
const ACTION_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a document's id, as in Elasticsearch.
const ID_BYTES_MAX: usize = 512;

/// What an item asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkOperation {
    /// Store a new document.
    Create,
    /// Store a document.
    Index,
    /// Change a document: refused, records are never changed.
    Update,
    /// Remove a document: refused, records are never removed.
    Delete,
}

impl BulkOperation {
    /// Its key in request and answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One item of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItem<'b> {
    /// What it asks for.
    pub operation: BulkOperation,
    /// The index or data stream that it names.
    pub index: Option<String>,
    /// The sender's own identity for the document.
    pub id: Option<String>,
    /// The document, to be stored as it is, or why it is not.
    pub document: Result<&'b [u8], ItemFault>,
}

/// Why one item is not taken. [`ItemFault::status`] goes into its answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ItemFault {
    /// Records are evidence.
    #[error("`{}` is not possible: records are never changed or removed", .0.as_str())]
    Unsupported(BulkOperation),
    /// The document is longer than a record may be.
    #[error("document of {bytes} bytes is longer than {bytes_max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// There is no document behind the action.
    #[error("no document behind the action")]
    Missing,
    /// The id is empty or too long.
    #[error("`_id` must have 1 to 512 bytes")]
    Id,
}

impl ItemFault {
    /// The HTTP status of the item.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLong { .. } => 413,
            _ => 400,
        }
    }

    /// Elasticsearch's name for this kind of error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "document_parsing_exception",
            _ => "illegal_argument_exception",
        }
    }
}

/// Why a request is not taken at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BulkFault {
    /// A line that should be an action is none.
    #[error("malformed action/metadata line [{line}]: {reason}")]
    Action {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is in it.
    #[error("request body is required")]
    Empty,
    /// More than it may hold.
    #[error("more than {BULK_ITEMS_MAX} items in one request")]
    TooMany,
}

/// Reads the body of a `_bulk` request; documents may have `document_bytes_max` bytes.
///
/// # Errors
/// When an action cannot be read; nothing of the request should be stored then.
pub fn bulk(body: &[u8], document_bytes_max: usize) -> Result<Vec<BulkItem<'_>>, BulkFault> {
    let mut lines = body.split(|&byte| byte == b'\n').zip(1..).map(|(line, number)| (trim(line), number));
    let mut items = Vec::new();
    while let Some((line, number)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        if items.len() >= BULK_ITEMS_MAX {
            return Err(BulkFault::TooMany);
        }
        let (operation, target) = action(line).map_err(|reason| BulkFault::Action { line: number, reason })?;
        let document = match operation {
            BulkOperation::Delete => Err(ItemFault::Unsupported(operation)),
            _ => match lines.next() {
                None | Some(([], _)) => Err(ItemFault::Missing),
                Some(_) if operation == BulkOperation::Update => Err(ItemFault::Unsupported(operation)),
                Some((document, _)) if document.len() > document_bytes_max => {
                    Err(ItemFault::TooLong { bytes: document.len(), bytes_max: document_bytes_max })
                }
                Some((document, _)) => Ok(document),
            },
        };
        let bad_id = target.id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX);
        let document = if bad_id { Err(ItemFault::Id) } else { document };
        items.push(BulkItem { operation, index: target.index, id: target.id, document });
    }
    if items.is_empty() { Err(BulkFault::Empty) } else { Ok(items) }
}

/// What stands behind the operation's name; other keys (routing, pipeline, …) mean nothing here.
#[derive(Debug, Default, Deserialize)]
struct Target {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id", default, deserialize_with = "text_or_number")]
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create(Target),
    Index(Target),
    Update(Target),
    Delete(Target),
}

fn action(line: &[u8]) -> Result<(BulkOperation, Target), String> {
    if line.len() > ACTION_BYTES_MAX {
        return Err(format!("longer than {ACTION_BYTES_MAX} bytes"));
    }
    let action: Action = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(match action {
        Action::Create(target) => (BulkOperation::Create, target),
        Action::Index(target) => (BulkOperation::Index, target),
        Action::Update(target) => (BulkOperation::Update, target),
        Action::Delete(target) => (BulkOperation::Delete, target),
    })
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(i64),
    }
    Ok(Option::<Id>::deserialize(deserializer)?.map(|id| match id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    }))
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &str, expected: &[&str]) {
        let found: Vec<String> = match bulk(body.as_bytes(), 20) {
            Err(fault) => vec![fault.to_string()],
            Ok(items) => items
                .into_iter()
                .map(|item| {
                    let document = match item.document {
                        Ok(document) => String::from_utf8_lossy(document).into_owned(),
                        Err(fault) => format!("{} {fault}", fault.status()),
                    };
                    format!("{} {:?} {:?} {document}", item.operation.as_str(), item.index, item.id)
                })
                .collect(),
        };
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn items_are_read() {
        check("{\"create\":{}}\n{\"a\":1}\n", &["create None None {\"a\":1}"]);
        check(
            "{\"index\":{\"_index\":\"logs\",\"_id\":\"x1\",\"routing\":\"r\"}}\r\n{\"a\":1}\r\n\n{\"create\":{\"_id\":7}}\n{}",
            &["index Some(\"logs\") Some(\"x1\") {\"a\":1}", "create None Some(\"7\") {}"],
        );
        check("{\"create\":{}}\nnot json, kept\n", &["create None None not json, kept"]);
    }

    #[test]
    fn a_bad_item_does_not_spoil_the_others() {
        check(
            "{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n{\"index\":{}}\n{\"a\":1}\n",
            &[
                "delete None Some(\"1\") 400 `delete` is not possible: records are never changed or removed",
                "update None Some(\"1\") 400 `update` is not possible: records are never changed or removed",
                "index None None {\"a\":1}",
            ],
        );
        check(
            "{\"create\":{}}\n{\"a\":\"0123456789abcdef\"}\n",
            &["create None None 413 document of 24 bytes is longer than 20"],
        );
        check("{\"create\":{}}\n", &["create None None 400 no document behind the action"]);
        check("{\"create\":{}}", &["create None None 400 no document behind the action"]);
        check("{\"create\":{\"_id\":\"\"}}\n{}\n", &["create None Some(\"\") 400 `_id` must have 1 to 512 bytes"]);
    }

    #[test]
    fn a_bad_action_spoils_the_request() {
        check("", &["request body is required"]);
        check("\n\n", &["request body is required"]);
        let fault = bulk(b"{\"create\":{}}\n{}\n{\"destroy\":{}}\n{}\n", 20).unwrap_err().to_string();
        assert!(fault.starts_with("malformed action/metadata line [3]: unknown variant `destroy`"), "{fault}");
        assert!(bulk(&[b'['; 20_000], 20).unwrap_err().to_string().contains("longer than 16384 bytes"));
        assert_eq!(bulk(&b"{\"delete\":{}}\n".repeat(BULK_ITEMS_MAX + 1), 20), Err(BulkFault::TooMany));
    }

    proptest! {
        #[test]
        fn documents_come_back(documents in proptest::collection::vec("[ -~]{1,20}", 1..20)) {
            let body: String = documents.iter().map(|document| format!("{{\"create\":{{}}}}\n{document}\n")).collect();
            let items = bulk(body.as_bytes(), 20).unwrap();
            let found: Vec<_> = items.iter().map(|item| item.document.clone().unwrap()).collect();
            prop_assert_eq!(found, documents.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn garbage_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200), text in "[{}\"a-z:_\n ]{0,100}") {
            let _ = bulk(&body, 20);
            let _ = bulk(text.as_bytes(), 20);
        }
    }
}

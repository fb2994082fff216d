//! The cursor: where a page ended, over which events, and a digest that binds it to its query.
//!
//! It holds the last hit's place in the order, the time range as it was resolved for the first page and the first
//! event id that came later; so pages neither repeat nor skip while new events arrive. It grants nothing: every page
//! is asked for under a permit of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};

use super::collect::{Rank, Window};
use super::{DefaultOperator, SearchError, SearchRequest, Sort};

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 16;
const BODY_BYTES: usize = 1 + 8 * 5;

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last hit's place.
    pub(crate) after: Rank,
    /// Over which events.
    pub(crate) window: Window,
}

impl Cursor {
    /// As text for the answer to `request`.
    pub(crate) fn write(&self, request: &SearchRequest) -> String {
        let mut bytes = Vec::with_capacity(BODY_BYTES + DIGEST_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.after.0.to_be_bytes());
        bytes.extend_from_slice(&self.after.1.to_be_bytes());
        bytes.extend_from_slice(&self.window.from.to_be_bytes());
        bytes.extend_from_slice(&self.window.to.to_be_bytes());
        bytes.extend_from_slice(&self.window.below.to_be_bytes());
        let digest = digest(&bytes, request);
        bytes.extend_from_slice(&digest);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor that an answer to the same question gave.
    pub(crate) fn read(text: &str, request: &SearchRequest) -> Result<Self, SearchError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SearchError::Cursor)?;
        let (body, found) = bytes.split_at_checked(BODY_BYTES).ok_or(SearchError::Cursor)?;
        if found != digest(body, request).as_slice() || body.first() != Some(&VERSION) {
            return Err(SearchError::Cursor);
        }
        let mut numbers = body.get(1..).unwrap_or_default().chunks_exact(8).map(|chunk| {
            let mut number = [0; 8];
            number.copy_from_slice(chunk);
            u64::from_be_bytes(number)
        });
        let mut next = || numbers.next().ok_or(SearchError::Cursor);
        Ok(Self {
            after: (next()?.cast_signed(), next()?),
            window: Window { from: next()?.cast_signed(), to: next()?.cast_signed(), below: next()? },
        })
    }
}

fn digest(body: &[u8], request: &SearchRequest) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(b"metrosoc cursor");
    context.update(body);
    let sort = request.sort.unwrap_or_default() == Sort::Descending;
    let joint = request.default_operator.unwrap_or_default() == DefaultOperator::Or;
    context.update(&[u8::from(sort), u8::from(joint)]);
    for part in [Some(&request.query), request.from.as_ref(), request.to.as_ref()] {
        context.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        context.update(part.map_or("", String::as_str).as_bytes());
    }
    context.finish().as_ref().iter().take(DIGEST_BYTES).copied().collect()
}

//! The bytes of a side's segment: its header and a frame.

use super::Kind;
use crate::LineFault;
use crate::merkle::sha256;

const MAGIC: &[u8; 8] = b"metrosoc";
/// The form of segments that is written and read.
const FORM: u8 = 1;
/// Magic, kind, form, six zeros.
pub(super) const HEADER_BYTES: usize = 16;
/// Length, entry, check.
pub(super) const FRAME_BYTES: usize = 20;
/// Bytes of a frame's body at most.
const FRAME_BODY_MAX: usize = 4 << 20;

/// What belongs to one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The entry.
    pub(crate) entry: u64,
    /// In the side's own form.
    pub(crate) body: Vec<u8>,
}

/// A frame's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) bytes: usize,
    pub(super) entry: u64,
    check: [u8; 8],
}

impl Head {
    /// Reads a head. `None` when it is none.
    pub(super) fn parse(head: &[u8; FRAME_BYTES]) -> Option<Self> {
        let (bytes, rest) = head.split_first_chunk::<4>()?;
        let (entry, check) = rest.split_first_chunk::<8>()?;
        let bytes = u32::from_be_bytes(*bytes) as usize;
        let head = Self { bytes, entry: u64::from_be_bytes(*entry), check: check.try_into().ok()? };
        (bytes <= FRAME_BODY_MAX).then_some(head)
    }

    /// Whether the body is the one that was written.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        self.check == check(self.entry, body)
    }
}

pub(super) fn header(kind: Kind) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let start = MAGIC.iter().copied().chain([kind.code(), FORM]);
    header.iter_mut().zip(start).for_each(|(to, from)| *to = from);
    header
}

/// Whether a segment is one of this kind, in the form that is known.
pub(super) fn check_header(kind: Kind, found: &[u8]) -> Result<(), LineFault> {
    if found == header(kind) {
        return Ok(());
    }
    let known = found.strip_prefix(MAGIC).and_then(|rest| rest.split_first()).map(|(code, _)| *code);
    Err(LineFault::Shape(match known {
        Some(code) if code == kind.code() => "it has a form that this program does not know",
        _ => "it is no file of this kind",
    }))
}

/// Writes a frame behind others.
pub(crate) fn write_frame(out: &mut Vec<u8>, entry: u64, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(&entry.to_be_bytes());
    out.extend_from_slice(&check(entry, body));
    out.extend_from_slice(body);
}

fn check(entry: u64, body: &[u8]) -> [u8; 8] {
    let hash = sha256(&[&entry.to_be_bytes(), body]);
    hash.first_chunk().copied().unwrap_or_default()
}

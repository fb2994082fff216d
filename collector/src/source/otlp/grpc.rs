//! The frame of a gRPC message: one byte that says whether it is packed, four bytes of length, the message.

use std::borrow::Cow;
use std::io::Read as _;

use bytes::Bytes;
use thiserror::Error;

/// Bytes before a message.
const PREFIX_BYTES: usize = 5;

/// Why a body holds no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrpcFault {
    /// It is not one frame.
    #[error("the body is not one gRPC message")]
    Frame,
    /// It is packed in a way that is not known here.
    #[error("messages may be packed with `gzip` or not at all")]
    Encoding,
    /// What is said to be gzip is none.
    #[error("the message is no gzip")]
    Packed,
    /// It is longer than a message may be, unpacked.
    #[error("the message is too long; send fewer records at a time")]
    TooLong,
}

/// The message of a unary call's body; `encoding` is the header `grpc-encoding`, `bytes_max` bounds the unpacked message.
///
/// # Errors
/// When it is not exactly one message within the bound.
pub fn message<'b>(body: &'b [u8], encoding: Option<&str>, bytes_max: usize) -> Result<Cow<'b, [u8]>, GrpcFault> {
    let (prefix, message) = body.split_first_chunk::<PREFIX_BYTES>().ok_or(GrpcFault::Frame)?;
    let [packed, length @ ..] = *prefix;
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(GrpcFault::Frame);
    }
    let message = match (packed, encoding) {
        (0, _) => Cow::Borrowed(message),
        (1, Some("gzip")) => {
            let mut plain = Vec::new();
            let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
            let unpacked = flate2::read::GzDecoder::new(message).take(limit).read_to_end(&mut plain);
            unpacked.map_err(|_| GrpcFault::Packed)?;
            Cow::Owned(plain)
        }
        (1, _) => return Err(GrpcFault::Encoding),
        _ => return Err(GrpcFault::Frame),
    };
    if message.len() > bytes_max { Err(GrpcFault::TooLong) } else { Ok(message) }
}

/// The body that holds one message, not packed.
pub fn frame(message: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(PREFIX_BYTES + message.len());
    body.push(0);
    // Answers are a few bytes.
    body.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(message);
    body.into()
}

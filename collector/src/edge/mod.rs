//! What `metrosoc edge` and its server say to each other, and how the server takes it exactly once.
//!
//! An edge numbers what it receives by the positions of its own spool: these are the sequences. Two consumers read that
//! spool, one for what a cheap test marks as urgent and one for the rest, so that each lane's sequences grow. The server
//! knows for each edge (a site's certificate and the spool's own id, the *stream*) the highest sequence of each lane
//! that it stored; what comes again is acknowledged and not stored again.
//!
//! ```text
//! edge: inputs ─> spool ─> two lanes ─> Batch::encode ──POST──> Batch::decode ─> Edges::accept ─> spool :server
//! ```
//!
//! Deliberately absent: a window of unacknowledged batches. One batch of an edge is on its way at a time.

mod batch;
mod receive;
mod stream;
mod urgency;

#[cfg(test)]
mod tests;

pub use batch::{BODY_BYTES_MAX, Batch, BatchFault, RECORDS_MAX, Shipped, Via, encode};
pub use receive::{CONSUMER, Edges, Receipt};
pub use stream::{Marks, Priority, StreamId};
pub use urgency::Urgency;

/// `event.dataset` of what an edge says of itself.
pub const DATASET: &str = "metrosoc.edge";

/// Media type of a batch: zstd, without `Content-Encoding`, since its bounds are the batch's own.
pub const MEDIA_TYPE: &str = "application/vnd.metrosoc.edge-batch";

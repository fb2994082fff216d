//! Where records come from: sockets, HTTP bodies, this machine's own log.
//!
//! A source frames bytes, gives every record the origin that its sender has proved or claimed, and waits until the spool
//! has it. What cannot be taken is left in the socket or refused; what a protocol forces us to drop is counted by source.

pub mod body;
mod framing;
pub mod identity;
mod limits;
pub mod local;
pub mod otlp;
mod own;
pub mod relp;
mod sampled;
mod socket;
pub mod syslog;
pub mod tail;

pub use framing::{FrameLimits, Framer, Frames};
pub use limits::{LimitBounds, Limits, NoSlot, Slot};
pub use socket::{bind_tcp, bind_udp};

//! Logs in: transports (`source`), a durable spool, formats (`decode`) and ECS names (`normalise`).
//!
//! A record is framed by a source under the identity of its sender, made durable by the spool, acknowledged, and only
//! then decoded by the pipeline. Nothing is thrown away because it was not understood; what a protocol forces us to
//! drop is counted by source.

pub mod decode;
pub mod edge;
mod error;
pub mod file;
pub mod health;
pub mod join;
mod leb;
mod normalise;
pub mod pipeline;
mod record;
pub mod sites;
pub mod source;
pub mod spool;

pub use error::{EdgeError, FileError, IntakeError, SitesError, SourceError, SpoolError};
pub use pipeline::{Pipeline, PipelineSettings};
pub use record::{Format, Forwarded, Record};

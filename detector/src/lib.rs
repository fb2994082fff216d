//! Finds: Sigma rules over events, findings grouped into alerts, the index of events and its search.

pub mod alert;
pub mod correlate;
mod error;
pub mod exception;
pub mod hunt;
pub mod index;
pub mod pipelines;
pub mod query;
pub mod rulebook;
pub mod search;
pub mod seen;
pub mod sigma;
pub mod versions;

pub use error::DetectorError;

//! Finds: Sigma rules over events, findings grouped into alerts, the index of events and its search.

pub mod alert;
mod error;
pub mod index;
pub mod query;
pub mod search;
pub mod sigma;

pub use error::DetectorError;

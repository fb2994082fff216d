//! The query language: Lucene syntax as Kibana users know it, read into a tree.

mod error;

pub use error::QueryError;

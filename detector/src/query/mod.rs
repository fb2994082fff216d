//! The query language: Lucene syntax as Kibana users know it, read into a tree.
//!
//! `field:value`, `"a phrase"`, `"near words"~3`, `field:(a OR b)`, `AND OR NOT && || ! + -`, parentheses, `*` and `?`,
//! `[1 TO 5]` `{1 TO 5}` `>=5`, `field:*` and `_exists_:field`, `\` before any character that should mean itself.
//! `AND` binds closer than `OR`, both closer than nothing between two clauses, which is `OR` as in Kibana unless the
//! request says otherwise; beside a clause with `+`, clauses without are optional and therefore decide nothing.
//! A value ends at a space or a parenthesis, so addresses and times need no quotes: `source.ip:2001:db8::/32`.
//! Not here: regular expressions (`/` is an ordinary character) and fuzzy words; boosts are read and ignored.

mod ast;
mod error;
mod parser;
mod pattern;
#[cfg(test)]
mod tests;

pub use ast::{Condition, Limit, Node, Test};
pub use error::QueryError;
pub use parser::{CLAUSES_MAX, DEPTH_MAX, Joint, QUERY_BYTES_MAX, parse};
pub use pattern::{Pattern, Piece};

//! Sigma rules: YAML → documents → compiled rules, routed to events by log source and evaluated one by one.
//!
//! The files in the order of the walk: `files` reads, `yaml` bounds, `collection` completes, `rule` compiles
//! (`detection`, `value`, `modifier`, `encode`, `pattern`, `time`, `condition`, `fields`),
//! `set` routes by `logsource` (`windows`) and asks over a `view` of the event, `finding` tells the outcome.

mod check;
mod collection;
mod condition;
mod detection;
mod encode;
mod fields;
mod files;
mod finding;
mod logsource;
mod modifier;
mod pattern;
mod rule;
mod set;
mod suggest;
mod time;
mod value;
mod view;
mod windows;
mod yaml;

pub use check::{CheckReport, Failure, check};
pub use fields::FieldMap;
pub use files::RuleSource;
pub use finding::{entities_of, finding_of};
pub use logsource::{LogSource, Source, sources};
pub use rule::Rule;
pub use set::{Match, Rejected, RuleSet};

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod tests;

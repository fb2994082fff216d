//! Sigma rules: YAML → documents → compiled rules, routed to events by log source and evaluated one by one.
//!
//! The files in the order of the walk: `files` reads, `yaml` bounds, `collection` completes, all for `documents`; `rule` compiles
//! (`detection`, `value`, `modifier`, `encode`, `pattern`, `time`, `condition`, `fields`),
//! `set` asks the compiled `engine`, which routes by `logsource` (`windows`), over a `view` of the event; `finding` tells
//! the outcome.
//! Beside the walk: `absent` says which rules cannot hold for want of fields; `explain` says why, by the `label` of each item; `lint` looks at rules that load; `selections` are
//! maps of fields from elsewhere.

pub(crate) mod absent;
mod collection;
pub(crate) mod condition;
mod detection;
pub(crate) mod documents;
mod encode;
mod engine;
pub mod explain;
mod fields;
pub(crate) mod files;
mod finding;
mod label;
pub mod lint;
mod logsource;
mod modifier;
mod names;
pub(crate) mod need;
pub(crate) mod pattern;
pub(crate) mod reads;
pub(crate) mod rule;
mod selections;
mod set;
mod source_need;
pub(crate) mod suggest;
mod time;
mod value;
mod view;
mod windows;
pub(crate) mod yaml;

pub use documents::Rejected;
pub use engine::Scratch;
pub use fields::FieldMap;
pub use files::RuleSource;
pub use finding::{entities_of, finding_of};
pub use logsource::{LogSource, sources_of};
pub(crate) use names::NameId;
pub use rule::Rule;
pub use selections::Selections;
pub use set::{Match, RuleSet};

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

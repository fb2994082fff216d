//! Personal data: which classes there are, which fields hold them, and where they stand inside text.
//!
//! [`parse`] reads `rules/privacy/`, [`load`] what an operator adds to it; [`Scanner::scan`] finds personal values in text
//! and tells where they stand in the original bytes, [`Scanner::scan_record`] those in the fields of a record. Nothing is replaced here: `crate::pseudonym` does.

mod class;
mod fields;
mod normal;
mod page;
mod pattern;
mod read;
mod record;
mod scan;
pub mod validate;

pub use class::Class;
pub use fields::{FieldKind, FieldTable};
pub use normal::normalise;
pub use page::classes_markdown;
pub use read::{ClassRule, FILES, Fault, PrivacyFaults, PrivacyRules, PrivacyText, Sensitivity, Switches, load, parse};
pub use record::FieldSpan;
pub(crate) use scan::unescape;
pub use scan::{Complete, Memory, SPANS_MAX, Scanner, Span};

//! Personal data: which classes there are, which fields hold them, and where they stand inside text.
//!
//! [`parse`] reads `rules/privacy/`; [`Scanner::scan`] finds personal values in text and tells where they stand in the
//! original bytes. Nothing is replaced here.

mod class;
mod fields;
mod normal;
mod page;
mod pattern;
mod read;
mod scan;
pub mod validate;

pub use class::Class;
pub use fields::{FieldKind, FieldTable};
pub use normal::normalise;
pub use page::classes_markdown;
pub use read::{ClassRule, FILES, PrivacyFaults, PrivacyRules, PrivacyText, Sensitivity, Switches, parse};
pub use scan::{Complete, Memory, SPANS_MAX, Scanner, Span};

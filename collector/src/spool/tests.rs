//! The spool as a whole.

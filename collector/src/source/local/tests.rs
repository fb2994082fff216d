//! Local logs as a whole.

//! Masks never show what they hide.

//! Findings in small texts.

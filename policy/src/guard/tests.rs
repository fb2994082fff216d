//! The guard against the expectations of the documentation.

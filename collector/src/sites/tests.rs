//! The register as a whole.

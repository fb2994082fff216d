//! Figures of issuing.
fn main() {}

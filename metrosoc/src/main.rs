//! The MetroSOC binary.
fn main() {}

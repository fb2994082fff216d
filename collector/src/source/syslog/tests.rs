//! Listeners as a whole.

//! What the journeys share: a running server, its command line, its HTTP, and patience with a bound.
//!
//! The journeys themselves lie in `tests/`, one file a journey.

mod browser;
mod chaos;
mod data;
mod edge;
mod faults;
mod http;
mod server;
mod sign_on;
mod tool;

pub use browser::Browser;
pub use chaos::{Chaos, Count};
pub use data::{lines_of_zst, repository, shared};
pub use edge::Edge;
pub use faults::Faults;
pub use http::Api;
pub use server::{Role, Server, Setup};
pub use sign_on::{CLIENT_SECRET, SignOnProvider, Walk, walk};
pub use tool::{Child, has, loggen, loggen_count, python, run, wait_for};

//! What the journeys share: a running server, its command line, its HTTP, and patience with a bound.
//!
//! The journeys themselves lie in `tests/`, one file a journey.

mod chaos;
mod data;
mod edge;
mod http;
mod server;
mod tool;

pub use chaos::{Chaos, Count};
pub use data::{lines_of_zst, repository, shared};
pub use edge::Edge;
pub use http::Api;
pub use server::{Role, Server, Setup};
pub use tool::{Child, has, python, run, wait_for};

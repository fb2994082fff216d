//! No core dumps: the memory of every command may hold keys and values in clear.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids them to this process and those it starts, for good. Where the kernel hands dumps to a program (`core_pattern` with
/// `|`), that program is told the limit and systemd's keeps to it.
///
/// # Errors
/// When the kernel refuses, which it does not for a lower limit.
pub fn off() -> std::io::Result<()> {
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

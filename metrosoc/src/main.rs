//! The MetroSOC binary: arguments, configuration, telemetry, run.

#![expect(unreachable_pub, reason = "in a binary, `pub` tells which items a module offers to the others")]

mod api;
mod backup;
mod cli;
mod client;
mod config;
mod core_dumps;
mod edge;
mod erasure;
mod exit;
mod format;
mod oidc;
mod serve;
mod telemetry;
mod wording;

use std::io::Write as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args_os().any(|word| word == "edge") {
        // Pages of 2 MiB, which the allocator asks for, are 8 MB more there, of which nearly nothing is used; reading the
        // arguments takes some already. Kernels without them refuse, and nothing is lost.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
    let arguments = match cli::parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // When the terminal is gone there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { exit::Status::Usage.code().into() } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = core_dumps::off() {
        let _ = writeln!(std::io::stderr().lock(), "metrosoc: core dumps cannot be forbidden: {error}");
        return exit::Status::Unavailable.code().into();
    }
    // Fails only when a provider was installed before, which nothing does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "metrosoc: {error:#}");
            exit::status_of(&error).code().into()
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

//! Running `nft`: with a bound on time and output, keeping what it says on standard error.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::action::FirewallError;

const TIME_MAX: Duration = Duration::from_secs(10);
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const REASON_CHARS_MAX: usize = 400;
/// How often the end of the program is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Runs the program with `input` on its standard input and gives its standard output.
pub(super) fn run(program: &Path, arguments: &[&str], input: &[u8]) -> Result<String, FirewallError> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(program, &error))?;
    let output = reader(child.stdout.take());
    let complaint = reader(child.stderr.take());
    if let Some(mut pipe) = child.stdin.take() {
        // A program that ends early closes the pipe; its exit status tells more than the failed write.
        let _ = pipe.write_all(input);
    }
    let success = wait(&mut child)?;
    let output = output.join().unwrap_or_default();
    let complaint = complaint.join().unwrap_or_default();
    if success { Ok(output) } else { Err(refused(&complaint)) }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> Result<bool, FirewallError> {
    let deadline = Instant::now() + TIME_MAX;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(LOOK_EVERY),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(FirewallError::Slow { secs: TIME_MAX.as_secs() });
            }
            Err(error) => return Err(FirewallError::Refused { reason: error.to_string() }),
        }
    }
}

fn not_started(program: &Path, error: &std::io::Error) -> FirewallError {
    let program = program.display();
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => format!("`{program}` is not installed; install the package nftables"),
        _ => format!("`{program}` cannot be started: {error}"),
    };
    FirewallError::Unavailable { reason }
}

/// What `nft` said, sorted.
pub(super) fn refused(complaint: &str) -> FirewallError {
    let first: String = complaint
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no reason given")
        .chars()
        .take(REASON_CHARS_MAX)
        .collect();
    let any = |texts: &[&str]| texts.iter().any(|text| complaint.contains(text));
    if any(&["Operation not permitted", "Permission denied", "must be root"]) {
        let reason = format!("the capability CAP_NET_ADMIN is missing (`{first}`)");
        return FirewallError::Unavailable { reason };
    }
    if any(&[
        "Unable to initialize Netlink",
        "Protocol not supported",
        "Address family not supported",
        "Operation not supported",
    ]) {
        return FirewallError::Unavailable { reason: format!("this kernel has no nftables (`{first}`)") };
    }
    // The kernel's words for a set that is full.
    if any(&["Too many open files", "No space left"]) {
        return FirewallError::Full;
    }
    FirewallError::Refused { reason: first }
}

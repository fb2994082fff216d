//! Other programs, and patience with a bound.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Whether a program is there; says loudly when it is not.
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: `{program}` is not installed (scripts/install-test-parts installs it)");
    }
    found
}

/// Python with the client libraries of `tests/parts`; `None`, with a loud word, when they are not installed.
pub fn python() -> Option<Command> {
    let program = crate::repository().join("target/parts/python/bin/python");
    if program.exists() {
        let mut command = Command::new(program);
        // Roots that the machine names win over those that a program gives to `requests`.
        command.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
        return Some(command);
    }
    eprintln!("SKIPPED: the Python clients are not installed (scripts/install-test-parts installs them)");
    None
}

/// loggen as `scripts/install-test-parts` unpacks it, or the installed one; `None`, with a loud word, without either.
pub fn loggen() -> Option<Command> {
    let folder = crate::repository().join("target/parts/loggen/usr");
    let program = folder.join("bin/loggen");
    if !program.exists() {
        return has("loggen").then(|| Command::new("loggen"));
    }
    let mut folders = vec![folder.join("lib/syslog-ng")];
    let machine = std::fs::read_dir(folder.join("lib")).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    folders.extend(machine.filter(|path| path.ends_with(format!("{}-linux-gnu", std::env::consts::ARCH))));
    let folders: Vec<String> = folders.iter().map(|path: &PathBuf| path.display().to_string()).collect();
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", folders.join(":")).env("SYSLOGNG_PREFIX", folder);
    Some(command)
}

/// How many messages loggen says it sent.
///
/// # Errors
/// When it does not say so; the message holds what it printed.
pub fn loggen_count(output: &Output) -> anyhow::Result<u64> {
    let report = [output.stdout.as_slice(), output.stderr.as_slice()].map(String::from_utf8_lossy).concat();
    let count = report.split_once(" count=").and_then(|(_, behind)| behind.split(',').next()?.trim().parse().ok());
    count.with_context(|| format!("loggen does not say how many it sent: {report}"))
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// When it cannot be started or fails; the message holds what it printed.
pub fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output()?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// Memory of a process in bytes, by its name in the kernel's account of it (proc(5)): `VmHWM` the most that was resident,
/// `RssAnon` what is now and belongs to no file.
///
/// # Errors
/// When the kernel does not say.
pub(crate) fn memory_of(process: u32, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()).with_context(|| name.to_owned())?.parse()?;
    Ok(kib * 1024)
}

/// Asks again until there is an answer, at most `seconds`.
///
/// # Errors
/// When the time is over; the message holds `what`.
pub fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        anyhow::ensure!(Instant::now() < end, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A program that is killed at the end of the test.
#[derive(Debug)]
pub struct Child(pub std::process::Child);

impl Child {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

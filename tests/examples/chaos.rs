//! `make chaos`: kills the server `KILLS` times (1,000 unless told) under load and prints what was lost.
//!
//! Ends with one line `sent N, resent N, acknowledged N, found N, lost 0, duplicate 0`, and with 1 when anything was lost or doubled.
//! `SEED` repeats the random moments of an earlier run; `BATCHES_PER_SECOND` is each sender's rate in batches of fifty lines (20).

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use tests::Chaos;

fn number(name: &str, unless_told: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("`{name}={text}` is no number")),
        Err(_) => Ok(unless_told),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let chaos = Chaos {
        kills: number("KILLS", 1_000)?,
        batches_per_second: number("BATCHES_PER_SECOND", 20)?,
        seed: number("SEED", now)?,
    };
    eprintln!("{} kills, seed {}", chaos.kills, chaos.seed);
    let count = chaos.run()?;
    writeln!(std::io::stdout(), "{count}")?;
    Ok(if (count.lost, count.duplicate) == (0, 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

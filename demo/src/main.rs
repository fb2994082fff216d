//! `metrosoc-demo`: the simulated MetroNet on the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use demo::{Attack, Platform, Ports, Rhythm, Settings, Simulator, Totals, Town, register_for_this_machine};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_secs(10);
/// Before the first scheduled attack, so that the sites are connected.
const CALM: Duration = Duration::from_secs(45);

/// A simulated MetroNet for MetroSOC: ordinary traffic of 807 sites, and attacks on request.
#[derive(Debug, Parser)]
#[command(name = "metrosoc-demo", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send ordinary traffic, and attacks by schedule, until it is stopped
    Run(RunArguments),
    /// Tell one attack and end; works beside a running simulation
    Attack(AttackArguments),
    /// List the attacks and the rules that each promises to raise
    Attacks,
    /// Print the register with, for each site, the address on this machine that it sends from
    Register {
        /// The register's CSV
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct PlatformArguments {
    /// Folder with `sites.csv`, `certificates/` (`metrosoc pki bulk --out`) and `token`
    #[arg(long, value_name = "DIR", default_value = "data/demo", env = "METROSOC_DEMO_FOLDER")]
    folder: PathBuf,
    /// The platform's name
    #[arg(long, value_name = "NAME", default_value = "localhost", env = "METROSOC_DEMO_HOST")]
    host: String,
    /// Its HTTPS port
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().https, env = "METROSOC_DEMO_HTTPS")]
    https: u16,
    /// Its port for syslog over UDP
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().udp, env = "METROSOC_DEMO_UDP")]
    udp: u16,
    /// Its port for syslog over TCP
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().tcp, env = "METROSOC_DEMO_TCP")]
    tcp: u16,
    /// Its port for syslog over TLS
    #[arg(long, value_name = "PORT", default_value_t = Ports::default().tls, env = "METROSOC_DEMO_TLS")]
    tls: u16,
    /// Seed of all chance
    #[arg(long, default_value_t = 807)]
    seed: u64,
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    platform: PlatformArguments,
    /// Mean events a second, all sites together
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// The same rate at every hour, instead of the city's day
    #[arg(long)]
    steady: bool,
    /// Attacks in turn: `every:10m`, `every:90s`, `none`
    #[arg(long, default_value = "every:10m", value_parser = schedule, value_name = "SCHEDULE")]
    attacks: Schedule,
    /// Connections that are begun a second
    #[arg(long, default_value_t = 25, value_name = "N")]
    connections_per_second: u32,
}

#[derive(Debug, Args)]
struct AttackArguments {
    /// Its name: see `metrosoc-demo attacks`
    #[arg(value_parser = attack_named)]
    name: Attack,
    #[command(flatten)]
    platform: PlatformArguments,
    /// Shorten the pauses so many times
    #[arg(long, default_value_t = 1.0)]
    haste: f64,
    /// Another number tells another story of the same attack; by default the time of day decides
    #[arg(long)]
    round: Option<u64>,
}

/// When attacks happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schedule {
    None,
    Every(Duration),
}

fn schedule(text: &str) -> Result<Schedule, String> {
    if text == "none" {
        return Ok(Schedule::None);
    }
    let wrong = || format!("`{text}` is no schedule; write `none`, `every:90s`, `every:10m` or `every:1h`");
    let every = text.strip_prefix("every:").ok_or_else(wrong)?;
    let unit = every.chars().next_back().ok_or_else(wrong)?;
    let secs = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(wrong()),
    };
    let count: u64 = every.strip_suffix(unit).and_then(|count| count.parse().ok()).ok_or_else(wrong)?;
    let secs = count.checked_mul(secs).filter(|secs| (10..=86_400 * 7).contains(secs));
    secs.map(|secs| Schedule::Every(Duration::from_secs(secs)))
        .ok_or_else(|| format!("`{text}` is no schedule: from ten seconds to a week"))
}

fn attack_named(text: &str) -> Result<Attack, String> {
    let names = || Attack::ALL.map(Attack::name).join("`, `");
    Attack::ALL
        .into_iter()
        .find(|attack| attack.name() == text)
        .ok_or_else(|| format!("`{text}` is no attack; there are `{}`", names()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match carry_out(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metrosoc-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(arguments) => run(arguments).await,
        Command::Attack(arguments) => tell(arguments).await,
        Command::Attacks => list(),
        Command::Register { file } => {
            let csv = std::fs::read_to_string(&file).with_context(|| format!("the register `{}`", file.display()))?;
            print(&register_for_this_machine(&csv)?)
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    std::io::stdout().lock().write_all(text.as_bytes()).context("standard output")
}

fn list() -> anyhow::Result<()> {
    let mut text = String::new();
    for attack in Attack::ALL {
        text.push_str(attack.name());
        text.push('\n');
        for promise in attack.promises() {
            text.push_str(&format!("  {}  {}\n", promise.rule, promise.title));
        }
    }
    print(&text)
}

fn settings(arguments: PlatformArguments) -> anyhow::Result<Settings> {
    let file = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("`{}` (scripts/demo makes it)", path.display()))
    };
    let folder = arguments.folder;
    let town = Town::read(file(&folder.join("sites.csv"))?.as_bytes())?;
    let token = file(&folder.join("token"))?.trim().to_owned();
    let ports = Ports { https: arguments.https, udp: arguments.udp, tcp: arguments.tcp, tls: arguments.tls };
    let platform = Platform { host: arguments.host, ports, certificates: folder.join("certificates"), token };
    Ok(Settings {
        town,
        platform,
        rate: 0.0,
        rhythm: Rhythm::Day,
        seed: arguments.seed,
        connections_per_second: 25,
        haste: 1.0,
    })
}

/// Returns at Ctrl-C or SIGTERM.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C")?,
    }
    Ok(())
}

async fn run(arguments: RunArguments) -> anyhow::Result<()> {
    let settings = Settings {
        rate: arguments.rate,
        rhythm: if arguments.steady { Rhythm::Steady } else { Rhythm::Day },
        connections_per_second: arguments.connections_per_second,
        ..settings(arguments.platform)?
    };
    let sites = settings.town.sites().len();
    eprintln!("metronet: {sites} sites, {} events/s on the mean", settings.rate);
    let simulator = Simulator::start(settings).await?;
    tokio::select! {
        stopped = told_to_stop() => stopped?,
        () = report(&simulator) => {}
        () = by_schedule(&simulator, arguments.attacks) => {}
    }
    let Totals { sent, dropped, .. } = simulator.stop().await?;
    eprintln!("metronet: stopped; {sent} sent, {dropped} dropped");
    Ok(())
}

/// Progress without end.
async fn report(simulator: &Simulator) {
    let (mut before, mut since) = (Totals::default(), Instant::now());
    loop {
        sleep(PROGRESS).await;
        let now = simulator.totals();
        let rate = (now.sent - before.sent) as f64 / since.elapsed().as_secs_f64();
        let Totals { sent, dropped, connected, failures } = now;
        eprintln!("metronet: {connected} connected, {sent} sent ({rate:.0}/s), {dropped} dropped, {failures} failures");
        if failures > before.failures {
            eprintln!("metronet: the last failure: {}", simulator.last_failure());
        }
        (before, since) = (now, Instant::now());
    }
}

/// Attacks in turn without end.
async fn by_schedule(simulator: &Simulator, schedule: Schedule) {
    let Schedule::Every(pause) = schedule else { return std::future::pending().await };
    sleep(CALM.min(pause)).await;
    for (round, attack) in Attack::ALL.into_iter().cycle().enumerate() {
        announce(attack);
        let next = Instant::now() + pause;
        if let Err(error) = simulator.attack(attack, round as u64).await {
            eprintln!("metronet: attack {}: {error:#}", attack.name());
        }
        tokio::time::sleep_until(next).await;
    }
}

fn announce(attack: Attack) {
    eprintln!("metronet: attack {} begins; it promises:", attack.name());
    for promise in attack.promises() {
        eprintln!("metronet:   {} ({})", promise.title, promise.rule);
    }
}

async fn tell(arguments: AttackArguments) -> anyhow::Result<()> {
    let settings = Settings { haste: arguments.haste, ..settings(arguments.platform)? };
    let now = jiff::Timestamp::now().as_second().unsigned_abs();
    let round = arguments.round.unwrap_or(now);
    let simulator = Simulator::start_for(settings, arguments.name, round).await?;
    announce(arguments.name);
    tokio::select! {
        stopped = told_to_stop() => stopped?,
        told = simulator.attack(arguments.name, round) => told?,
    }
    let Totals { sent, failures, .. } = simulator.stop().await?;
    eprintln!("metronet: attack {} told; {sent} events sent, {failures} failures", arguments.name.name());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Schedule>) {
        assert_eq!(schedule(text).ok(), expected, "{text}");
    }

    #[test]
    fn schedules_are_read() {
        check("none", Some(Schedule::None));
        check("every:90s", Some(Schedule::Every(Duration::from_secs(90))));
        check("every:10m", Some(Schedule::Every(Duration::from_secs(600))));
        check("every:1h", Some(Schedule::Every(Duration::from_secs(3_600))));
        for wrong in ["", "every:", "every:5s", "every:1d", "every:9999h", "10m", "every:é"] {
            check(wrong, None);
        }
    }

    #[test]
    fn attacks_are_found_by_name() {
        assert_eq!(attack_named("lgsp-bulk"), Ok(Attack::LgspBulk));
        assert!(attack_named("x").is_err_and(|error| error.contains("`ssh-foothold`")));
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}

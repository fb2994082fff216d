//! A MetroSOC of a test's own: its data directory, its ports, its log.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::tool::memory_of;
use crate::{Api, wait_for};

/// A role with the agency it speaks for.
#[derive(Debug, Clone, Copy)]
pub struct Role(pub &'static str, pub Option<&'static str>);

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Configuration, TOML.
    pub config: String,
    /// Sites to register, CSV without its head.
    pub sites: String,
}

/// A running server. Killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    process: std::process::Child,
    ports: BTreeMap<String, u16>,
    log: Log,
    roots: String,
    /// Variables that it is started with.
    environment: Vec<(String, String)>,
}

/// The binary that the same build made.
pub(crate) fn binary() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors().nth(2).map(|folder| folder.join("metrosoc")).unwrap_or_default()
}

/// Sections of the configuration, for those that a test does not name itself: every port is picked by the system.
const SECTIONS: [(&str, &str); 6] = [
    // What events say is compared in clear, unless a test is about pseudonyms.
    ("[privacy]", "pseudonyms = false"),
    // How full the disk of this machine is decides no test.
    ("[disk]", "warn_below = \"0\"\nstop_below = \"0\""),
    ("[https]", "listen = \"[::]:0\""),
    ("[syslog]", "udp = \"[::]:0\"\ntcp = \"[::]:0\"\ntls = \"[::]:0\""),
    ("[relp]", "tls = \"[::]:0\""),
    ("[otlp]", "grpc = \"[::]:0\""),
];

impl Server {
    /// Starts with the local log off and every port picked by the system.
    ///
    /// # Errors
    /// When it is not ready within its time; the message holds its log.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        Self::start_in(setup, Vec::new())
    }

    /// As [`Server::start`], with these variables in its environment.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_in(setup: &Setup, environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config = setup.config.clone();
        for (section, keys) in SECTIONS {
            if !config.contains(section) {
                config = format!("{section}\n{keys}\n{config}");
            }
        }
        std::fs::write(folder.path().join("metrosoc.toml"), format!("{config}\n[local_log]\nenabled = false\n"))?;
        let (process, log) = spawn(folder.path(), &environment)?;
        let mut server = Self { folder, process, ports: BTreeMap::new(), log, roots: String::new(), environment };
        server.wait_until_ready()?;
        if !setup.sites.is_empty() {
            let csv = server.path("sites.csv");
            std::fs::write(&csv, format!("id,name,agency,data_center,addresses\n{}", setup.sites))?;
            server.cli(&["site", "import", &csv.display().to_string()])?;
        }
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let text = wait_for("the server is ready", 60, || {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("the server ended: {status}\n{}", self.log.read());
            }
            let text = self.log.read();
            Ok(text.contains("\n  data  ").then_some(text))
        })?;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(address)) = (words.next(), words.next())
                && let Some(port) = address.rsplit(':').next().and_then(|port| port.parse().ok())
            {
                self.ports.insert(name.to_owned(), port);
            }
        }
        self.roots = String::from_utf8(self.cli(&["pki", "roots"])?.stdout)?;
        Ok(())
    }

    /// A file in the test's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A port by the name that the start prints: `https`, `syslog-udp`, `syslog-tcp`, `syslog-tls`, `relp`, `otlp`.
    pub fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    /// The root certificates, PEM.
    pub fn roots(&self) -> &str {
        &self.roots
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Waits until it has logged `text`.
    ///
    /// # Errors
    /// When it does not within 20 seconds; the message holds its log.
    pub fn wait_logged(&self, text: &str) -> anyhow::Result<()> {
        wait_for(&format!("`{text}` in the log"), 20, || Ok(self.log().contains(text).then_some(())))
            .with_context(|| self.log())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs the command line on its data directory.
    ///
    /// # Errors
    /// When the command fails; the message holds what it printed.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        crate::run(&mut self.command(arguments))
    }

    /// The command line, to be changed before it runs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--data").arg(self.data()).stdin(Stdio::null());
        for name in ["METROSOC_TOKEN_FILE", "METROSOC_SERVER", "METROSOC_CONFIG"] {
            command.env_remove(name);
        }
        command
    }

    /// Makes an account with a token and gives its HTTP.
    ///
    /// # Errors
    /// When the account cannot be made.
    pub fn user(&self, name: &str, Role(role, agency): Role) -> anyhow::Result<Api> {
        Api::new(self.port("https"), &self.roots, Some(self.token(name, Role(role, agency))?))
    }

    /// Makes an account and gives its token.
    ///
    /// # Errors
    /// When the account cannot be made.
    pub fn token(&self, name: &str, Role(role, agency): Role) -> anyhow::Result<String> {
        let mut arguments = vec!["user", "add", name, "--role", role, "--token"];
        arguments.extend(agency.iter().flat_map(|agency| ["--agency", agency]));
        let token = String::from_utf8(self.cli(&arguments)?.stdout)?.trim().to_owned();
        anyhow::ensure!(!token.is_empty(), "no token for `{name}`");
        Ok(token)
    }

    /// Makes an account with a password.
    ///
    /// # Errors
    /// When the account cannot be made.
    pub fn user_with_password(&self, name: &str, role: &str, password: &str) -> anyhow::Result<()> {
        let mut add = self.command(&["user", "add", name, "--role", role]);
        let mut child = add.stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut stdin = child.stdin.take().context("standard input")?;
        std::io::Write::write_all(&mut stdin, format!("{password}\n").as_bytes())?;
        drop(stdin);
        anyhow::ensure!(child.wait()?.success(), "no account for `{name}`");
        Ok(())
    }

    /// HTTP as nobody.
    ///
    /// # Errors
    /// When the roots cannot be read.
    pub fn anonymous(&self) -> anyhow::Result<Api> {
        Api::new(self.port("https"), &self.roots, None)
    }

    /// Kills it as a power cut would, and starts it again on the same data.
    ///
    /// # Errors
    /// When it is not ready again within its time.
    pub fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.kill()?;
        self.restart()
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it and kills it after so long, ready or not.
    ///
    /// # Errors
    /// When it cannot be started or killed.
    pub fn start_and_kill(&mut self, after: std::time::Duration) -> anyhow::Result<()> {
        (self.process, self.log) = spawn(self.folder.path(), &self.environment)?;
        std::thread::sleep(after);
        self.kill()
    }

    /// Stops it with SIGTERM and gives its exit code.
    ///
    /// # Errors
    /// When it does not stop within its time.
    pub fn stop(&mut self) -> anyhow::Result<i32> {
        crate::run(Command::new("kill").args(["-TERM", &self.process.id().to_string()]))?;
        self.stop_signalled()
    }

    /// Waits until it has stopped after a signal that it was sent, and gives its exit code.
    ///
    /// # Errors
    /// When it does not stop within its time.
    pub fn stop_signalled(&mut self) -> anyhow::Result<i32> {
        let status = wait_for("the server stops", 40, || Ok(self.process.try_wait()?))?;
        status.code().with_context(|| format!("ended by a signal: {status}\n{}", self.log()))
    }

    /// Starts it again on the same data, after [`Server::stop`].
    ///
    /// # Errors
    /// When it is not ready again within its time.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        (self.process, self.log) = spawn(self.folder.path(), &self.environment)?;
        self.ports.clear();
        self.wait_until_ready()
    }

    /// Most memory that it has had resident, in bytes.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn rss_bytes_max(&self) -> anyhow::Result<u64> {
        memory_of(self.process.id(), "VmHWM")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the server's log ----\n{}", self.log());
        }
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &Path, environment: &[(String, String)]) -> anyhow::Result<(std::process::Child, Log)> {
    let binary = binary();
    let mut command = Command::new(&binary);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.args(["serve", "--config"]).arg(folder.join("metrosoc.toml")).arg("--data").arg(folder.join("data"));
    Log::of(&mut command).with_context(|| format!("`{}` (cargo build -p metrosoc)", binary.display()))
}

/// What a program writes to its standard error: a file, so that what it said before it answered is there to be read.
#[derive(Debug)]
pub(crate) struct Log(Option<File>);

impl Log {
    /// Of a program that was not started yet.
    pub(crate) const EMPTY: Self = Self(None);

    /// Starts a program and keeps what it says.
    pub(crate) fn of(command: &mut Command) -> anyhow::Result<(std::process::Child, Self)> {
        let file = tempfile::tempfile()?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file.try_clone()?).spawn()?;
        Ok((process, Self(Some(file))))
    }

    /// All of it so far.
    pub(crate) fn read(&self) -> String {
        let Some(file) = &self.0 else { return String::new() };
        let mut bytes = vec![0; file.metadata().map_or(0, |metadata| metadata.len() as usize)];
        // Read from its place: the program writes at the place that both share.
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("the log cannot be read: {error}"),
        }
    }
}

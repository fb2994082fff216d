//! A `metrosoc edge` of a test's own: its data directory, its ports, its log.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Log, binary};
use crate::tool::memory_of;
use crate::{Server, wait_for};

/// A forwarder at a site. Killed when it is dropped.
#[derive(Debug)]
pub struct Edge {
    folder: TempDir,
    process: Option<std::process::Child>,
    log: Log,
    environment: Vec<(String, String)>,
    tcp: u16,
    udp: u16,
}

impl Edge {
    /// One that is enrolled at `server` as `site` and not started; `config` is more TOML.
    ///
    /// # Errors
    /// When the enrolment fails; the message holds what it printed.
    pub fn enrolled(server: &Server, site: &str, config: &str) -> anyhow::Result<Self> {
        let edge = Self::new(server, config)?;
        let token = String::from_utf8(server.cli(&["pki", "token", site])?.stdout)?;
        edge.enrol(server, &token)?;
        Ok(edge)
    }

    /// One without a certificate.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn new(server: &Server, config: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("https://localhost:{}", server.port("https"));
        let text = format!(
            "[server]\nurl = \"{url}\"\n[syslog]\nudp = \"[::]:0\"\ntcp = \"[::]:0\"\n[local_log]\nenabled = false\n{config}\n"
        );
        std::fs::write(folder.path().join("edge.toml"), text)?;
        std::fs::write(folder.path().join("roots.pem"), server.roots())?;
        Ok(Self { folder, process: None, log: Log::EMPTY, environment: Vec::new(), tcp: 0, udp: 0 })
    }

    /// Enrols by a one-time token, given in a file.
    ///
    /// # Errors
    /// When it is refused; the message holds what was printed.
    pub fn enrol(&self, server: &Server, token: &str) -> anyhow::Result<Output> {
        let path = self.path("token");
        let _ = std::fs::remove_file(&path);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(token.as_bytes())?;
        let url = format!("https://localhost:{}", server.port("https"));
        let (roots, path) = (self.path("roots.pem").display().to_string(), path.display().to_string());
        crate::run(&mut self.command(&["enrol", "--server", &url, "--ca", &roots, "--token-file", &path]))
    }

    /// `metrosoc edge …` on its data directory, to be changed before it runs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("edge").args(arguments).arg("--data").arg(self.path("data")).stdin(Stdio::null());
        for name in ["METROSOC_TOKEN_FILE", "METROSOC_SERVER", "METROSOC_CONFIG", "METROSOC_EDGE_CONFIG"] {
            command.env_remove(name);
        }
        command
    }

    /// A file in the test's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it is not ready within its time; the message holds its log.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let config = self.path("edge.toml").display().to_string();
        let mut command = self.command(&["--config", &config]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let (mut process, log) = Log::of(&mut command)?;
        let text = wait_for("the edge is ready", 60, || {
            let text = log.read();
            if let Some(status) = process.try_wait()? {
                anyhow::bail!("the edge ended: {status}\n{text}");
            }
            Ok(text.contains("\n  data  ").then_some(text))
        });
        (self.process, self.log) = (Some(process), log);
        let text = text?;
        let port = |name: &str| {
            let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
            line.and_then(|line| line.rsplit(':').next()?.trim().parse().ok()).unwrap_or_default()
        };
        (self.tcp, self.udp) = (port("syslog-tcp"), port("syslog-udp"));
        Ok(())
    }

    /// Memory of its own that it has resident now, in bytes: without the pages of the program, of which an unoptimised build
    /// has many more.
    ///
    /// # Errors
    /// When it does not run.
    pub fn own_bytes(&self) -> anyhow::Result<u64> {
        memory_of(self.process.as_ref().context("the edge does not run")?.id(), "RssAnon")
    }

    /// With what variables it is started from now on.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.read()
    }

    /// Its UDP port.
    pub fn udp(&self) -> u16 {
        self.udp
    }

    /// Sends lines over TCP and closes the connection.
    ///
    /// # Errors
    /// When the edge does not take them.
    pub fn send(&self, lines: impl Iterator<Item = String>) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(("::1", self.tcp))?;
        let text: String = lines.map(|line| line + "\n").collect();
        stream.write_all(text.as_bytes())?;
        Ok(())
    }

    /// What it says of itself; the answer also when it is not healthy.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> anyhow::Result<Value> {
        let output = self.command(&["status", "--json"]).output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("status: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Waits until it has stored so many records since it started, the ones about itself left out.
    ///
    /// # Errors
    /// When the time is over.
    pub fn wait_received(&self, records: u64) -> anyhow::Result<()> {
        wait_for(&format!("the edge has {records} records"), 60, || {
            Ok((self.status()?.get("received").and_then(Value::as_u64) == Some(records)).then_some(()))
        })
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Stops it with SIGTERM and gives its exit code.
    ///
    /// # Errors
    /// When it does not stop within its time.
    pub fn stop(&mut self) -> anyhow::Result<i32> {
        let mut process = self.process.take().context("it does not run")?;
        crate::run(Command::new("kill").args(["-TERM", &process.id().to_string()]))?;
        let status = wait_for("the edge stops", 40, || Ok(process.try_wait()?))?;
        status.code().with_context(|| format!("ended by a signal: {status}"))
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the edge's log ----\n{}", self.log());
        }
        // It may have ended by itself.
        let _ = self.kill();
    }
}

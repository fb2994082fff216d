//! A real rsyslog sends over UDP, TCP and TLS with a client certificate; an attack becomes an alert that an analyst reads.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::{Api, Child, Role, Server, Setup, has, wait_for};

const SITES: &str = "hcm-test-tls,Phường Thử Nghiệm,p-thu-nghiem,dc1,\n\
                     hcm-test-plain,Phường Loopback,p-loopback,dc1,::1/128 127.0.0.1/32\n";

/// A running rsyslog.
pub(crate) struct Sender {
    _process: Child,
    /// The socket that it takes messages from.
    pub(crate) socket: std::path::PathBuf,
}

/// Starts an rsyslog that forwards what comes into a socket of its own.
pub(crate) fn rsyslog(folder: &Path, name: &str, action: &str) -> Sender {
    rsyslog_by(Command::new("rsyslogd"), folder, name, action)
}

/// The same, started by `program`: rsyslogd, or what starts it elsewhere.
pub(crate) fn rsyslog_by(mut program: Command, folder: &Path, name: &str, action: &str) -> Sender {
    let socket = folder.join(format!("{name}.sock"));
    let config = folder.join(format!("{name}.conf"));
    let work = folder.join(format!("{name}.work"));
    std::fs::create_dir_all(&work).unwrap();
    let text = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{}\" CreatePath=\"on\" RateLimit.Interval=\"0\")\n{action}\n",
        work.display(),
        socket.display()
    );
    std::fs::write(&config, text).unwrap();
    let process =
        Child::start(program.args(["-n", "-i", "NONE", "-f"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null()))
            .unwrap();
    wait_for("rsyslog listens", 10, || Ok(socket.exists().then_some(()))).unwrap();
    Sender { _process: process, socket }
}

impl Sender {
    fn send(&self, program: &str, message: &str) {
        tests::run(Command::new("logger").args(["-u"]).arg(&self.socket).args([
            "-t",
            program,
            "-p",
            "auth.info",
            message,
        ]))
        .unwrap();
    }
}

fn find(api: &Api, query: &str) -> Value {
    wait_for(query, 20, || {
        let answer = api.search(&json!({ "query": query }))?;
        Ok((answer["total"] != 0).then_some(answer))
    })
    .unwrap()
}

#[test]
fn udp_tcp_and_tls_reach_the_analyst() {
    if !has("rsyslogd") || !has("logger") {
        return;
    }
    let server = Server::start(&Setup { sites: SITES.to_owned(), ..Setup::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("certificates");
    server.cli(&["pki", "issue", "hcm-test-tls", "--out", &certificates.display().to_string()]).unwrap();
    std::fs::write(certificates.join("roots.pem"), server.roots()).unwrap();
    let analyst = server.user("lan", Role("soc-lead", None)).unwrap();

    for (name, target, protocol) in [("udp", "127.0.0.1", "udp"), ("tcp", "::1", "tcp")] {
        let port = server.port(&format!("syslog-{name}"));
        let action = format!(
            "action(type=\"omfwd\" target=\"{target}\" port=\"{port}\" protocol=\"{protocol}\" \
             template=\"RSYSLOG_SyslogProtocol23Format\")"
        );
        let sender = rsyslog(folder.path(), name, &action);
        sender.send("sshd", &format!("Failed password for invalid user over{name} from 2001:db8::7 port 4711 ssh2"));
        let answer = find(&analyst, &format!("user.name:over{name}"));
        let fields = &answer["hits"][0]["fields"];
        assert_eq!(fields["metrosoc.site.id"], "hcm-test-plain", "{fields}");
        assert_eq!(fields["metrosoc.site.known_by"], "address");
        assert_eq!(fields["source.ip"], "2001:db8::7");
        assert_eq!(fields["event.outcome"], "failure");
    }

    let action = format!(
        "global(DefaultNetstreamDriver=\"ossl\" DefaultNetstreamDriverCAFile=\"{0}/roots.pem\" \
         DefaultNetstreamDriverCertFile=\"{0}/hcm-test-tls.pem\" DefaultNetstreamDriverKeyFile=\"{0}/hcm-test-tls.key.pem\")\n\
         action(type=\"omfwd\" target=\"localhost\" port=\"{1}\" protocol=\"tcp\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" \
         StreamDriverAuthMode=\"x509/certvalid\" TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\")",
        certificates.display(),
        server.port("syslog-tls")
    );
    let sender = rsyslog(folder.path(), "tls", &action);
    for attempt in 0..12 {
        sender.send(
            "sshd",
            &format!("Failed password for invalid user oracle from 203.0.113.9 port {} ssh2", 40_000 + attempt),
        );
    }
    let answer = find(&analyst, "metrosoc.site.id:hcm-test-tls AND source.ip:203.0.113.0/24");
    assert_eq!(answer["hits"][0]["fields"]["metrosoc.site.known_by"], "certificate");
    let alerts = wait_for("an alert", 20, || {
        let (status, answer) = analyst.get("/api/v1/alerts")?;
        assert_eq!(status, 200, "{answer}");
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let found =
            alerts.into_iter().find(|alert| alert["entities"]["site"] == "hcm-test-tls" && alert["count"] == 12);
        Ok(found)
    })
    .unwrap();
    assert_eq!(alerts["entities"]["source_ip"], "203.0.113.9");
    assert_eq!(alerts["authenticated"], true);

    // A revoked certificate cuts the live connection and is not let in again.
    server.cli(&["pki", "revoke", "hcm-test-tls", "--reason", "keyCompromise"]).unwrap();
    sender.send("sshd", "Failed password for root from 203.0.113.10 port 1 ssh2");
    sender.send("sshd", "Failed password for root from 203.0.113.10 port 2 ssh2");
    server.wait_logged("revoked").unwrap();
    assert_eq!(analyst.count("source.ip:203.0.113.10").unwrap(), 0);
}

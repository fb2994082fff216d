//! A PostgreSQL database goes through its own tools: `pg_dump` and `pg_restore`, which must be those of its version.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use keys::Secret;
use tokio::process::Command;

use crate::exit::{Failure, Status};

/// How the tools reach a database: by variables, so that no password stands among the arguments.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    variables: Vec<(&'static str, String)>,
    /// The schema that the tables lie in, when it is not the usual one.
    schema: Option<String>,
}

/// What is dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All tables, and all rows but those of the table that is dumped later.
    AllBut(&'static str),
    /// The rows of one table.
    Rows(&'static str),
}

impl Part {
    fn arguments(self, schema: Option<&str>) -> Vec<String> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let table = |table: &str| format!("{}.{table}", schema.map_or("*".to_owned(), quoted));
        match self {
            Self::AllBut(later) => {
                let schema = schema.map(|schema| format!("--schema={}", quoted(schema)));
                schema.into_iter().chain([format!("--exclude-table-data={}", table(later))]).collect()
            }
            Self::Rows(name) => vec!["--data-only".to_owned(), format!("--table={}", table(name))],
        }
    }
}

/// Writes a dump (custom format, compressed).
pub(super) async fn dump(url: &Secret<String>, part: Part, to: &Path) -> anyhow::Result<()> {
    let reach = reach(url.expose()).context("`store.url_file` holds no address of a PostgreSQL")?;
    let mut command = tool("pg_dump", &reach);
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
    command.args(part.arguments(reach.schema.as_deref()));
    run("pg_dump", command.arg("--file").arg(to)).await?;
    use std::os::unix::fs::PermissionsExt as _;
    let kept = || {
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600))?;
        std::fs::File::open(to)?.sync_all()
    };
    kept().with_context(|| format!("`{}`", to.display()))
}

/// Reads a dump into a database that has nothing of it yet, all or nothing.
pub(super) async fn restore(url: &Secret<String>, from: &Path) -> anyhow::Result<()> {
    let reach = reach(url.expose()).context("`store.url_file` holds no address of a PostgreSQL")?;
    let mut command = tool("pg_restore", &reach);
    command.args(["--no-owner", "--no-privileges", "--no-password", "--exit-on-error", "--single-transaction"]);
    let database = reach.variables.iter().find(|(name, _)| *name == "PGDATABASE").map(|(_, value)| value.as_str());
    command.arg("--dbname").arg(database.unwrap_or("postgres")).arg(from);
    run("pg_restore", &mut command).await
}

fn tool(name: &'static str, reach: &Reach) -> Command {
    let mut command = Command::new(name);
    command.envs(reach.variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(name: &str, command: &mut Command) -> anyhow::Result<()> {
    let output = match command.output().await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!(
                "the database is a PostgreSQL, and `{name}` is not installed here: install PostgreSQL's client programs of the \
                 server's version and try again"
            );
            return Err(Failure::new(Status::Unavailable, message).into());
        }
        output => output.with_context(|| format!("`{name}`"))?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "`{name}` failed: {}", said.trim());
    Ok(())
}

/// Takes an address apart as the store's library reads it.
fn reach(url: &str) -> Option<Reach> {
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (place, ""),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut reach = Reach { variables: Vec::new(), schema: None };
    let mut set = |name: &'static str, value: &str| {
        if !value.is_empty() {
            reach.variables.retain(|(known, _)| *known != name);
            reach.variables.push((name, decode(value)));
        }
    };
    for (name, value) in
        [("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGPASSWORD", password), ("PGDATABASE", database)]
    {
        set(name, value);
    }
    let mut schema = None;
    for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "host" | "hostaddr" => set("PGHOST", value),
            "port" => set("PGPORT", value),
            "user" => set("PGUSER", value),
            "password" => set("PGPASSWORD", value),
            "dbname" => set("PGDATABASE", value),
            "sslmode" | "ssl-mode" => set("PGSSLMODE", value),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => set("PGSSLROOTCERT", value),
            "options[search_path]" => schema = Some(decode(value)),
            _ => {}
        }
    }
    reach.schema = schema;
    Some(reach)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hexadecimal = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hexadecimal.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &[(&'static str, &str)], schema: Option<&str>) {
        let found = reach(url).unwrap();
        let expected: Vec<_> = expected.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        assert_eq!(found, Reach { variables: expected, schema: schema.map(str::to_owned) }, "{url}");
    }

    #[test]
    fn addresses_become_variables() {
        check(
            "postgres://soc:ge%40heim@db.city:5433/soc?sslmode=require",
            &[
                ("PGHOST", "db.city"),
                ("PGPORT", "5433"),
                ("PGUSER", "soc"),
                ("PGPASSWORD", "ge@heim"),
                ("PGDATABASE", "soc"),
                ("PGSSLMODE", "require"),
            ],
            None,
        );
        check(
            "postgresql://[2001:db8::1]:5432/x",
            &[("PGHOST", "2001:db8::1"), ("PGPORT", "5432"), ("PGDATABASE", "x")],
            None,
        );
        check(
            "postgres:///soc?host=/run/postgresql&user=root&options[search_path]=journey_1",
            &[("PGDATABASE", "soc"), ("PGHOST", "/run/postgresql"), ("PGUSER", "root")],
            Some("journey_1"),
        );
        assert_eq!(reach("sqlite:///x"), None);
        for (part, schema, expected) in [
            (Part::AllBut("late"), None, vec!["--exclude-table-data=*.late"]),
            (Part::AllBut("late"), Some("Thành"), vec!["--schema=\"Thành\"", "--exclude-table-data=\"Thành\".late"]),
            (Part::Rows("late"), Some("a\"b"), vec!["--data-only", "--table=\"a\"\"b\".late"]),
        ] {
            assert_eq!(part.arguments(schema), expected, "{part:?} {schema:?}");
        }
        assert_eq!(decode("100%"), "100%");
    }
}

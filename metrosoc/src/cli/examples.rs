//! Examples at the end of `--help`, for the commands whose own file gives none.

use clap::{Command, CommandFactory as _, FromArgMatches as _};

use super::Arguments;

/// By the words behind `metrosoc`: the examples, one a line.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("edge status", &["metrosoc edge status --data /var/lib/metrosoc-edge/data"]),
    ("edge check", &["metrosoc edge check --config /etc/metrosoc/edge.toml"]),
    ("rules", &["metrosoc rules check rules/sigma", "metrosoc rules test rules/sigma"]),
    ("rules except", &["metrosoc rules except list"]),
    ("rules except list", &["metrosoc rules except list --json"]),
    ("rules except withdraw", &["metrosoc rules except withdraw ID --reason 'The nightly backup has moved'"]),
    ("rules silent", &["metrosoc rules silent"]),
    ("rules bundle", &["metrosoc rules bundle create rules/ --key rules.key -o city.rules"]),
    ("user", &["metrosoc user add lan --role soc-lead", "metrosoc user list"]),
    ("user list", &["metrosoc user list --json"]),
    ("user token", &["metrosoc user token lan > lan.token && chmod 600 lan.token"]),
    ("user disable", &["metrosoc user disable lan"]),
    ("user enable", &["metrosoc user enable lan"]),
    ("user reset-second-factor", &["metrosoc user reset-second-factor lan"]),
    ("user sessions", &["metrosoc user sessions lan"]),
    ("user end-sessions", &["metrosoc user end-sessions lan"]),
    ("user recovery-code", &["metrosoc user recovery-code lan"]),
    ("site", &["metrosoc site import sites.csv", "metrosoc site list --state silent,never_spoke"]),
    ("site sources", &["metrosoc site sources hcm-q1-p-bennghe"]),
    ("site unknown", &["metrosoc site unknown"]),
    ("pki", &["metrosoc pki issue hcm-q1-p-bennghe --out certificates", "metrosoc pki bulk --out certificates"]),
    ("pki init", &["metrosoc pki init"]),
    ("pki token", &["metrosoc pki token hcm-q1-p-bennghe --hours 4 > token && chmod 600 token"]),
    ("pki revoke", &["metrosoc pki revoke hcm-q1-p-bennghe --reason keyCompromise"]),
    ("pki list", &["metrosoc pki list --json"]),
    ("pki crl", &["metrosoc pki crl > metrosoc.crl.pem"]),
    ("pki roots", &["metrosoc pki roots > roots.pem"]),
    ("pki enrol", &["metrosoc pki enrol"]),
    ("pki renew", &["metrosoc pki renew"]),
    ("pki rotate", &["metrosoc pki rotate"]),
    ("policy check", &["metrosoc policy check rules/policy"]),
    ("policy test", &["metrosoc policy test rules/policy"]),
    ("policy export", &["metrosoc policy export > policy.csv", "metrosoc policy export --version 3"]),
    ("policy import", &["metrosoc policy import policy.csv --reason 'units of the health department' --dry-run"]),
    ("policy diff", &["metrosoc policy diff embedded", "metrosoc policy diff 3 4"]),
    ("policy history", &["metrosoc policy history"]),
    ("policy simulate", &["metrosoc policy simulate policy.csv --days 30"]),
    ("policy review", &["metrosoc policy review --class citizen_id"]),
    ("policy requests", &["metrosoc policy requests"]),
    ("policy approve", &["metrosoc policy approve ID"]),
    ("policy refuse", &["metrosoc policy refuse ID --reason 'no training on record'"]),
    ("policy notices", &["metrosoc policy notices"]),
    ("privacy", &["metrosoc privacy scan portal.log"]),
    ("request", &["metrosoc request submit ask.json --token-file lan.token", "metrosoc request list"]),
    ("request submit", &["metrosoc request submit ask.json --token-file lan.token"]),
    ("request list", &["metrosoc request list --token-file owner.token"]),
    ("request show", &["metrosoc request show ID --token-file owner.token"]),
    ("request agreement", &["metrosoc request agreement ID --token-file lan.token"]),
    ("request approve", &["metrosoc request approve ID --token-file owner.token"]),
    ("request narrow", &["metrosoc request narrow ID less.json --reason 'root alone' --token-file owner.token"]),
    (
        "request refuse",
        &["metrosoc request refuse ID --reason 'no case' --basis 'Law 91/2025' --token-file owner.token"],
    ),
    ("request withdraw", &["metrosoc request withdraw ID --reason 'the case is closed' --token-file lan.token"]),
    ("request delegate", &["metrosoc request delegate ID --to minh --token-file owner.token"]),
    ("request renew", &["metrosoc request renew ID --until now+30d --reason 'not done' --token-file lan.token"]),
    (
        "reveal",
        &[
            "metrosoc reveal list --token-file lead.token",
            "metrosoc reveal take ID --code 123456 --token-file lead.token",
        ],
    ),
    (
        "reveal ask",
        &["metrosoc reveal ask TOKEN --agency so-y-te --case case-7 --reason 'who signed in' --token-file lead.token"],
    ),
    (
        "reveal break-glass",
        &[
            "metrosoc reveal break-glass TOKEN --agency so-y-te --case case-7 --reason 'it spreads' --code 123456 --token-file lead.token",
        ],
    ),
    ("reveal list", &["metrosoc reveal list --state asked --token-file owner.token"]),
    ("reveal show", &["metrosoc reveal show ID --token-file owner.token"]),
    ("reveal approve", &["metrosoc reveal approve ID --token-file owner.token"]),
    ("reveal refuse", &["metrosoc reveal refuse ID --reason 'no case' --token-file owner.token"]),
    ("reveal withdraw", &["metrosoc reveal withdraw ID --reason 'not needed' --token-file lead.token"]),
    ("reveal take", &["metrosoc reveal take ID --code 123456 --token-file lead.token"]),
    ("reveal review", &["metrosoc reveal review ID --justified --finding 'it was an incident' --token-file dpo.token"]),
    ("shred waiting", &["metrosoc shred waiting --token-file dpo.token"]),
    ("shred approve", &["metrosoc shred approve ID --out certificate.json --token-file dpo.token"]),
    ("shred refuse", &["metrosoc shred refuse ID --reason 'the law keeps it' --token-file dpo.token"]),
    ("subject find", &["metrosoc subject find values.txt --reason 'request 12' --token-file dpo.token"]),
    (
        "subject export",
        &[
            "metrosoc subject export values.txt --reason 'request 12' --out held.json --document held.md --token-file dpo.token",
        ],
    ),
    ("subject restrict", &["metrosoc subject restrict values.txt --reason 'request 13' --token-file dpo.token"]),
    ("subject restrictions", &["metrosoc subject restrictions --token-file dpo.token"]),
    ("subject lift", &["metrosoc subject lift ID --reason 'settled' --token-file dpo.token"]),
    ("subject request", &["metrosoc subject request list --token-file dpo.token"]),
    ("subject request list", &["metrosoc subject request list --token-file dpo.token"]),
    (
        "subject request add",
        &["metrosoc subject request add erase values.txt --reference 'paper 14' --token-file dpo.token"],
    ),
    ("subject request acknowledge", &["metrosoc subject request acknowledge ID --token-file dpo.token"]),
    ("subject request extend", &["metrosoc subject request extend ID --reason 'many systems' --token-file dpo.token"]),
    ("subject request close", &["metrosoc subject request close ID fulfilled --token-file dpo.token"]),
    ("subject request form", &["metrosoc subject request form ID --name answer --token-file dpo.token"]),
    ("keys", &["metrosoc keys status", "metrosoc keys rotate all --wait"]),
    ("keys status", &["metrosoc keys status"]),
    ("shred certificate", &["metrosoc shred certificate ID --token-file dpo.token"]),
    ("shred verify", &["metrosoc shred verify c.json"]),
    (
        "respond",
        &["metrosoc respond plan --token-file lead.token", "metrosoc respond undo PLAN --token-file lead.token"],
    ),
    ("respond plan", &["metrosoc respond plan --token-file lead.token"]),
    ("respond run", &["metrosoc respond run PLAN --token-file lead.token"]),
    ("respond undo", &["metrosoc respond undo PLAN --token-file lead.token"]),
    ("respond status", &["metrosoc respond status --token-file lead.token"]),
    ("respond reconcile", &["metrosoc respond reconcile --token-file lead.token"]),
    ("ledger", &["metrosoc ledger verify", "metrosoc ledger prove 4711 --token-file lan.token"]),
    ("ledger verify", &["metrosoc ledger verify --data /var/lib/metrosoc", "metrosoc ledger verify --checkpoint kept"]),
    ("ledger prove", &["metrosoc ledger prove 4711 --token-file lan.token", "metrosoc ledger prove --entry 12"]),
    ("ledger consistency", &["metrosoc ledger consistency older newer"]),
    ("backup verify", &["metrosoc backup verify /mnt/backup/2026-11-22"]),
    ("config", &["metrosoc config show", "metrosoc config check --config metrosoc.toml"]),
    ("config show", &["metrosoc config show --config metrosoc.toml"]),
    ("config check", &["metrosoc config check --config metrosoc.toml"]),
    ("bench ingest", &["metrosoc bench ingest --file lines.log.zst"]),
    ("bench detect", &["metrosoc bench detect --file events.ndjson.zst --rules rules/sigma"]),
    ("bench search", &["metrosoc bench search --file lines.log.zst --events 200000"]),
    ("bench policy", &["metrosoc bench policy --json"]),
    ("bench mask", &["metrosoc bench mask --events 100000"]),
    ("bench pki", &["metrosoc bench pki"]),
    ("bench respond", &["metrosoc bench respond"]),
];

/// Reads the command line.
///
/// # Errors
/// When it cannot be understood, and where help or version is asked for: the error prints what is to be said.
pub fn parse() -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.clone().try_get_matches()?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The command line with examples at every command.
fn command() -> Command {
    with_examples(Arguments::command(), "")
}

fn with_examples(command: Command, path: &str) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = below.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        command.mut_subcommand(name, |below| with_examples(below, &path))
    });
    let Some((_, lines)) = EXAMPLES.iter().find(|(known, _)| *known == path) else { return command };
    let said = command.get_after_help().map(|said| format!("{said}\n")).unwrap_or_default();
    command.after_help(format!("{said}Examples:\n  {}", lines.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line as a shell cuts it, up to what is not for the command.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                other => words.last_mut().unwrap().push(other),
            }
        }
        let ours = words.into_iter().filter(|word| !word.is_empty());
        ours.take_while(|word| !["|", ">", "<", "&&"].contains(&word.as_str())).collect()
    }

    #[test]
    fn every_example_is_understood() {
        for (path, lines) in EXAMPLES {
            for line in *lines {
                let read = command().try_get_matches_from(words(line));
                assert!(read.is_ok(), "`{line}`: {}", read.unwrap_err());
                let first = path.split(' ').next().unwrap();
                assert!(line.starts_with(&format!("metrosoc {first}")), "`{line}` is no example of `{path}`");
            }
        }
    }

    fn without(command: &mut Command, path: &str, missing: &mut Vec<String>) {
        let help = command.render_help().to_string();
        if !help.contains("\nExample") {
            missing.push(path.to_owned());
        }
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
            let path = format!("{path} {}", below.get_name());
            without(below, &path, missing);
        }
    }

    #[test]
    fn every_command_has_examples() {
        let mut missing = Vec::new();
        without(&mut command(), "metrosoc", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
        for (path, _) in EXAMPLES {
            let found = path.split(' ').try_fold(command(), |command, name| command.find_subcommand(name).cloned());
            assert!(found.is_some(), "there is no command `{path}`");
        }
    }
}

//! What a client offers with `open`, and what it is offered in return.

/// What is answered to a good `open`.
pub(super) const OURS: &str = "200 OK\nrelp_version=0\nrelp_software=metrosoc\ncommands=syslog";

/// Reads the offers of `open`: lines of `NAME=VALUE`. Unknown names mean nothing.
///
/// # Errors
/// What is missing, as it is told to the client.
pub(super) fn check(data: &[u8]) -> Result<(), &'static str> {
    let text = std::str::from_utf8(data).map_err(|_| "500 the offers are no text")?;
    let value = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(offered, _)| offered.trim() == name).map(|(_, value)| value.trim())
    };
    match value("relp_version") {
        // Version 1 is what the specification calls the protocol that librelp offers as 0.
        Some("0" | "1") => {}
        Some(_) => return Err("500 this relp_version is not spoken here; 0 is"),
        None => return Err("500 no relp_version offered"),
    }
    let commands = value("commands").unwrap_or_default();
    if commands.split(',').any(|command| command.trim() == "syslog") {
        Ok(())
    } else {
        Err("500 command `syslog` not offered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read() {
        for (offers, expected) in [
            ("relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog", Ok(())),
            ("commands=eventlog,syslog\r\nrelp_version=1\nfuture=x", Ok(())),
            ("", Err("500 no relp_version offered")),
            ("relp_version=7\ncommands=syslog", Err("500 this relp_version is not spoken here; 0 is")),
            ("relp_version=0\ncommands=eventlog", Err("500 command `syslog` not offered")),
            ("relp_version=0", Err("500 command `syslog` not offered")),
        ] {
            assert_eq!(check(offers.as_bytes()), expected, "{offers}");
        }
        assert!(check(b"\xff").is_err());
    }
}

//! From where somebody signs in: for the lock-out, the record, and the list of sessions.

use std::net::IpAddr;

/// Most characters of a browser's own name that are kept.
const USER_AGENT_CHARS_MAX: usize = 160;

/// An address with what the program there calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The address, an IPv4 address as such.
    pub address: IpAddr,
    /// What the browser says that it is, shortened; nothing relies on it.
    pub user_agent: String,
}

impl Visitor {
    /// From `address`, with a program that calls itself `user_agent`: at most 160 characters are kept, none of them a
    /// control character.
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        let shown = user_agent.chars().filter(|character| !character.is_control()).take(USER_AGENT_CHARS_MAX);
        Self { address: address.to_canonical(), user_agent: shown.collect() }
    }
}

impl From<IpAddr> for Visitor {
    fn from(address: IpAddr) -> Self {
        Self::new(address, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_browsers_are_short_and_plain() {
        let address = "::ffff:192.0.2.1".parse().unwrap();
        let long = format!("Mozilla\u{1b}[31m\r\n{}", "x".repeat(1_000));
        let visitor = Visitor::new(address, &long);
        assert_eq!(visitor.address.to_string(), "192.0.2.1");
        assert_eq!(visitor.user_agent.chars().count(), USER_AGENT_CHARS_MAX);
        assert!(visitor.user_agent.starts_with("Mozilla[31mxxx"));
    }
}

//! IP addresses of citizens' lines, and MAC addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::pass::Pass;
use super::token::{Token, gap};
use crate::privacy::Class;

/// Longest writing of an IPv6 address (RFC 4291, section 2.2, with an IPv4 address at its end).
const IPV6_BYTES_MAX: usize = 45;
/// Bytes of a MAC address (EUI-48).
const MAC_GROUPS: usize = 6;
/// The same in groups of two bytes.
const DOTTED_GROUPS: usize = 3;

impl Pass<'_> {
    /// A number of at most four digits that begins an IPv4, IPv6 or MAC address; the token after it.
    pub(super) fn network(&mut self, at: usize, token: &Token) -> Option<usize> {
        let (after, len) = self.tokens.gap(at + 1);
        if len == 1 && after == gap::DOT && token.len <= 3 {
            return self.ipv4(at);
        }
        self.hexadecimal(at, token)
    }

    /// A token of at most four hexadecimal digits that begins an IPv6 or MAC address; the token after it.
    #[inline]
    pub(super) fn hexadecimal(&mut self, at: usize, token: &Token) -> Option<usize> {
        let (after, len) = self.tokens.gap(at + 1);
        // Behind most words stands a space.
        if len == 1 && after == gap::DOT && token.len == 4 {
            return self.dotted_mac(at);
        }
        if len == 0 || len > 2 || after & !(gap::COLON | gap::DASH) != 0 {
            return None;
        }
        self.hexadecimal_groups(at, token, (after, len))
    }

    fn hexadecimal_groups(&mut self, at: usize, token: &Token, (after, len): (u16, u8)) -> Option<usize> {
        if !self.is_hex(token) {
            return None;
        }
        if token.len == 2
            && len == 1
            && let Some(after) = self.mac(at, after)
        {
            return Some(after);
        }
        if after == gap::COLON { self.ipv6(at, token) } else { None }
    }

    fn is_hex(&self, token: &Token) -> bool {
        self.tokens.text(token).iter().all(u8::is_ascii_hexdigit)
    }

    fn ipv4(&mut self, at: usize) -> Option<usize> {
        if self.glued_before(at) {
            return None;
        }
        let mut parts = [0; 4];
        for (number, part) in parts.iter_mut().enumerate() {
            let token = self.tokens.get(at + number);
            if !token.is_number() || token.len > 3 || number > 0 && !token.single(gap::DOT) {
                return None;
            }
            let value = crate::privacy::validate::number(self.tokens.text(token))?;
            *part = u8::try_from(value).ok()?;
        }
        let (after, len) = self.tokens.gap(at + 4);
        if len == 0 || len == 1 && after & (gap::DOT | gap::DASH | gap::UNDER) != 0 && after & gap::EDGE == 0 {
            return None;
        }
        let address = IpAddr::V4(Ipv4Addr::from(parts));
        if self.switches.is_on(Class::IpAddress) && self.scanner.rules.is_citizen_address(address) {
            self.found(Class::IpAddress, at, at + 3, 90);
        }
        Some(at + 4)
    }

    fn ipv6(&mut self, at: usize, token: &Token) -> Option<usize> {
        let start = token.start as usize;
        if matches!(self.byte_before(token), Some(b':' | b'.')) {
            return None;
        }
        let rest = self.bytes.get(start..)?;
        let fits = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let len = rest.iter().take(IPV6_BYTES_MAX + 1).take_while(fits).count();
        let text = std::str::from_utf8(rest.get(..len)?).ok()?.trim_end_matches('.');
        let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
        let address: Ipv6Addr = text.parse().ok()?;
        let end = start + text.len();
        if self.switches.is_on(Class::IpAddress) && self.scanner.rules.is_citizen_address(IpAddr::V6(address)) {
            self.found_bytes(Class::IpAddress, start, end, 90);
        }
        let after = (at..at + 12).find(|&place| self.tokens.get(place).start as usize >= end);
        Some(after.unwrap_or(at + 1))
    }

    fn mac(&mut self, at: usize, separator: u16) -> Option<usize> {
        if self.glued_before(at) || self.byte_before(self.tokens.get(at)) == Some(b':') && self.colon_glued(at) {
            return None;
        }
        for place in at + 1..at + MAC_GROUPS {
            let token = self.tokens.get(place);
            if token.len != 2 || !token.single(separator) || token.gap & gap::EDGE != 0 || !self.is_hex(token) {
                return None;
            }
        }
        let (after, len) = self.tokens.gap(at + MAC_GROUPS);
        if len == 0 || len == 1 && after == separator {
            return None;
        }
        self.found(Class::DeviceId, at, at + MAC_GROUPS - 1, 80);
        Some(at + MAC_GROUPS)
    }

    /// `001b.4464.d0e3`, as some switches write it: with a letter in it, or it is a number.
    fn dotted_mac(&mut self, at: usize) -> Option<usize> {
        let group = |place: usize| {
            let token = self.tokens.get(place);
            (place == at || token.single(gap::DOT)) && token.len == 4 && self.is_hex(token)
        };
        let whole = (at..at + DOTTED_GROUPS).all(group) && !self.glued_before(at) && !self.glued_after(at + 2);
        let letters = (at..at + DOTTED_GROUPS).any(|place| !self.tokens.get(place).is_number());
        let found = whole && letters && self.found(Class::DeviceId, at, at + DOTTED_GROUPS - 1, 80);
        found.then_some(at + DOTTED_GROUPS)
    }

    /// `mac:aa:bb:…` is keyed, `12:aa:bb:…` is part of something longer.
    fn colon_glued(&self, at: usize) -> bool {
        let token = self.tokens.get(at);
        token.gap_len == 1 && at.checked_sub(1).is_some_and(|before| self.is_hex(self.tokens.get(before)))
    }
}

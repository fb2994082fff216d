//! Tokens: random stand-ins for personal values, in letters and digits alone.

use std::fmt;
use std::net::Ipv6Addr;

use crate::privacy::Class;

/// Random bits of a token: 80.
const RANDOM_BYTES: usize = 10;
/// Characters of the random part, five bits each.
const RANDOM_CHARS: usize = 16;
/// Characters of a token: `p`, two for what it stands for, the random part.
pub const TOKEN_CHARS: usize = 3 + RANDOM_CHARS;
/// Small letters and digits without those that look like others.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The network of addresses that stand for addresses (unique local, RFC 4193): `fd` and `pseud`.
const NETWORK: [u8; 6] = [0xfd, 0x70, 0x73, 0x65, 0x75, 0x64];

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A value of a class of personal data.
    Value(Class),
    /// A text of which it is not known what is in it.
    Text,
}

/// Two characters a kind, in the order of [`Class::ALL`]; they lie in stored events and never change.
const CODES: [(Kind, [u8; 2]); 19] = [
    (Kind::Value(Class::PersonName), *b"nm"),
    (Kind::Value(Class::CitizenId), *b"ci"),
    (Kind::Value(Class::OldCitizenId), *b"cm"),
    (Kind::Value(Class::TaxCode), *b"tx"),
    (Kind::Value(Class::Phone), *b"ph"),
    (Kind::Value(Class::Email), *b"em"),
    (Kind::Value(Class::Address), *b"ad"),
    (Kind::Value(Class::Plate), *b"pl"),
    (Kind::Value(Class::Passport), *b"ps"),
    (Kind::Value(Class::SocialInsurance), *b"si"),
    (Kind::Value(Class::HealthInsurance), *b"hi"),
    (Kind::Value(Class::BankAccount), *b"ba"),
    (Kind::Value(Class::Card), *b"cd"),
    (Kind::Value(Class::HealthRecord), *b"hr"),
    (Kind::Value(Class::LandRecord), *b"lr"),
    (Kind::Value(Class::UserName), *b"un"),
    (Kind::Value(Class::IpAddress), *b"ip"),
    (Kind::Value(Class::DeviceId), *b"di"),
    (Kind::Text, *b"tt"),
];

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(kind, _)| *kind)
    }

    /// The class, unless it is a text.
    pub fn class(self) -> Option<Class> {
        match self {
            Self::Value(class) => Some(class),
            Self::Text => None,
        }
    }

    /// As the vault writes it.
    pub fn as_str(self) -> &'static str {
        self.class().map_or("text", Class::as_str)
    }

    fn code(self) -> [u8; 2] {
        let place = self.class().map_or(CODES.len() - 1, |class| class as usize);
        CODES.get(place).map_or(*b"tt", |(_, code)| *code)
    }

    fn of_code(code: [u8; 2]) -> Option<Self> {
        CODES.iter().find(|(_, own)| *own == code).map(|(kind, _)| *kind)
    }

    /// Keeps equal values of different kinds apart.
    pub(super) fn number(self) -> u8 {
        self.class().map_or(u8::MAX, |class| class as u8)
    }
}

/// A random stand-in for one value. Two tokens of one vault are never equal; nothing of the value is in it but its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    kind: Kind,
    random: [u8; RANDOM_BYTES],
}

impl Token {
    /// A new one.
    pub(super) fn random(kind: Kind) -> Self {
        Self { kind, random: keys::random_bytes() }
    }

    /// Another of the same kind, of the first 80 of these bits.
    #[must_use]
    pub(crate) fn with_bits(self, bits: [u8; keys::MARK_BYTES]) -> Self {
        let mut random = [0; RANDOM_BYTES];
        random.iter_mut().zip(bits).for_each(|(own, byte)| *own = byte);
        Self { random, ..self }
    }

    /// What it stands for.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Reads a token as [`Token`] is written, in small letters; `None` for anything else. That a text reads as a token does
    /// not make it one: anybody can write such a text.
    pub fn parse(text: &str) -> Option<Self> {
        let [b'p', first, second, random @ ..] = text.as_bytes() else { return None };
        if random.len() != RANDOM_CHARS {
            return None;
        }
        let mut bits = 0_u128;
        for found in random {
            let place = ALPHABET.iter().position(|own| own == found)?;
            bits = bits << 5 | place as u128;
        }
        let kind = Kind::of_code([*first, *second])?;
        let [_, _, _, _, _, _, random @ ..] = bits.to_be_bytes();
        Some(Self { kind, random })
    }

    /// Writes it behind a text.
    pub(crate) fn push_to(self, text: &mut String) {
        self.with_text(|token| text.push_str(token));
    }

    /// Its characters; made on the stack, since every event has some.
    fn with_text<T>(self, read: impl FnOnce(&str) -> T) -> T {
        let [first, second] = self.kind.code();
        let mut text = [b'a'; TOKEN_CHARS];
        let bits = self.random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        for (place, found) in text.iter_mut().rev().take(RANDOM_CHARS).enumerate() {
            let five = (bits >> (5 * place)) & 31;
            *found = ALPHABET.get(five as usize).copied().unwrap_or(b'a');
        }
        let [p, one, two, ..] = &mut text;
        (*p, *one, *two) = (b'p', first, second);
        // Letters and digits of ASCII: this cannot fail.
        read(std::str::from_utf8(&text).unwrap_or_default())
    }

    /// Every form in which it stands in stored events: itself, and for an address the address that stands for it.
    pub fn forms(self) -> impl Iterator<Item = String> {
        let address = (self.kind == Kind::Value(Class::IpAddress)).then(|| self.as_address().to_string());
        std::iter::once(self.to_string()).chain(address)
    }

    /// The address that stands for an address in fields that hold nothing else; the same random bits.
    pub fn as_address(self) -> Ipv6Addr {
        let mut octets = [0; 16];
        let whole = NETWORK.into_iter().chain(self.random);
        octets.iter_mut().zip(whole).for_each(|(octet, byte)| *octet = byte);
        Ipv6Addr::from(octets)
    }

    /// Reads [`Token::as_address`]; as with [`Token::parse`], anybody can write such an address.
    pub fn of_address(address: Ipv6Addr) -> Option<Self> {
        let [a, b, c, d, e, f, random @ ..] = address.octets();
        ([a, b, c, d, e, f] == NETWORK).then_some(Self { kind: Kind::Value(Class::IpAddress), random })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| formatter.write_str(text))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own_and_reads_back() {
        assert_eq!(CODES.len(), Class::ALL.len() + 1);
        for kind in Class::ALL.into_iter().map(Kind::Value).chain([Kind::Text]) {
            let token = Token::random(kind);
            let text = token.to_string();
            assert_eq!(text.len(), TOKEN_CHARS);
            assert!(text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{text}");
            assert_eq!(Token::parse(&text), Some(token));
            assert_eq!(Kind::of_code(kind.code()), Some(kind));
        }
        assert_ne!(Token::random(Kind::Text), Token::random(Kind::Text));
    }

    #[test]
    fn addresses_carry_the_same_bits() {
        let token = Token::random(Kind::Value(Class::IpAddress));
        assert_eq!(Token::of_address(token.as_address()), Some(token));
        assert!(token.as_address().to_string().starts_with("fd70:7365:7564:"));
        assert_eq!(Token::of_address(Ipv6Addr::LOCALHOST), None);
    }

    #[test]
    fn other_texts_are_no_tokens() {
        for text in
            ["", "p", "pun", "punaaaaaaaaaaaaaaa", "PUNaaaaaaaaaaaaaaaa", "pzzaaaaaaaaaaaaaaaa", "punaaaaaaaaaaaaaaal"]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
        assert!(Token::parse("punaaaaaaaaaaaaaaaa").is_some());
    }

    proptest! {
        #[test]
        fn what_reads_as_a_token_is_written_the_same(text in "p[a-z]{2}[a-z0-9]{16}|\\PC{0,24}") {
            if let Some(token) = Token::parse(&text) {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}

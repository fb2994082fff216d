//! Serial numbers: 128 random bits, written as lower-case hexadecimal digits.

use ring::rand::{SecureRandom, SystemRandom};

use crate::PkiError;

const SERIAL_BYTES: usize = 16;
/// RFC 5280, section 4.1.2.2: at most 20 octets.
const SERIAL_DIGITS_MAX: usize = 40;

/// Draws a serial number; its first byte is never zero, so that it has one written form.
pub(crate) fn draw(random: &SystemRandom) -> Result<String, PkiError> {
    let mut bytes = [0_u8; SERIAL_BYTES];
    loop {
        random.fill(&mut bytes).map_err(|_| PkiError::Random)?;
        if bytes.first().is_some_and(|first| *first != 0) {
            return Ok(hex::encode(bytes));
        }
    }
}

/// The written form of a DER integer's content.
pub(crate) fn written(raw: &[u8]) -> String {
    let start = raw.iter().position(|byte| *byte != 0).unwrap_or(raw.len());
    hex::encode(raw.get(start..).unwrap_or_default())
}

/// Reads what a person writes: either case, with or without colons.
pub(crate) fn read(text: &str) -> Result<String, PkiError> {
    let digits: String = text.trim().chars().filter(|letter| *letter != ':').collect();
    let plain = digits.trim_start_matches('0').to_ascii_lowercase();
    let good = !plain.is_empty()
        && digits.len() <= SERIAL_DIGITS_MAX + 2
        && plain.len() <= SERIAL_DIGITS_MAX
        && plain.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !good {
        return Err(PkiError::Serial { text: text.chars().take(64).collect() });
    }
    Ok(if plain.len() % 2 == 1 { format!("0{plain}") } else { plain })
}

/// The bytes of a written serial number.
pub(crate) fn bytes(serial: &str) -> Result<Vec<u8>, PkiError> {
    hex::decode(serial).map_err(|_| PkiError::Serial { text: serial.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(read(text).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn serials_have_one_written_form() {
        let drawn = draw(&SystemRandom::new()).unwrap();
        assert_eq!(drawn.len(), 32);
        assert_eq!(written(&bytes(&drawn).unwrap()), drawn);
        check(&drawn, Some(&drawn));
        check("0A:FF:00", Some("0aff00"));
        check("00:00:AF", Some("af"));
        check("0", None);
        check("", None);
        check("xyz", None);
        check("é", None);
        check(&"a".repeat(41), None);
    }
}

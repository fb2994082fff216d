//! One writing for each value: what the vault compares.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::Class;

/// The value in the one writing under which it is looked up, so that `+84 912 345 678` and `0912345678`, or `NGUYỄN VĂN
/// AN` in composed and decomposed letters, are one person's. Diacritics stay: `Hoà` and `Hoa` are two names.
///
/// Numbers keep letters and digits only, in lower case; phones begin with `0`; the others are composed (NFC), in lower
/// case, with single spaces. An IPv4 address written as IPv6 becomes IPv4.
pub fn normalise(class: Class, value: &str) -> String {
    match class {
        Class::PersonName | Class::Address => words(value),
        Class::Email | Class::UserName => value.trim().nfc().flat_map(char::to_lowercase).collect(),
        Class::IpAddress => match value.trim().parse::<std::net::IpAddr>() {
            Ok(address) => address.to_canonical().to_string(),
            Err(_) => value.trim().to_lowercase(),
        },
        Class::Phone => {
            let digits = signs_dropped(value);
            match digits.strip_prefix("84").filter(|rest| rest.len() >= 9) {
                Some(rest) => format!("0{}", rest.strip_prefix('0').unwrap_or(rest)),
                None => digits,
            }
        }
        _ => signs_dropped(value),
    }
}

fn words(value: &str) -> String {
    let composed: Cow<'_, str> = if value.is_ascii() { value.into() } else { value.nfc().collect::<String>().into() };
    let mut normal = String::with_capacity(composed.len());
    for word in composed.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal
}

fn signs_dropped(value: &str) -> String {
    let narrow = value.chars().map(|found| match found {
        '\u{FF10}'..='\u{FF19}' => char::from(b'0' + (found as u32 - 0xFF10) as u8),
        _ => found,
    });
    narrow.nfc().filter(|found| found.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_of_a_value_is_one() {
        for (class, writings) in [
            (Class::Phone, ["0912345678", "+84 912 345 678", "(+84) 0912.345.678"]),
            (Class::CitizenId, ["079090012345", "079 090 012 345", "０79090012345"]),
            (Class::PersonName, ["Nguyễn Văn An", "NGUYỄN  VĂN AN", "Nguye\u{302}\u{303}n Va\u{306}n An"]),
            (Class::Email, ["An@hcm.gov.vn", " an@hcm.gov.vn", "AN@HCM.GOV.VN"]),
            (Class::Plate, ["51F-123.45", "51f12345", "51F 12345"]),
            (Class::IpAddress, ["113.161.72.5", "::ffff:113.161.72.5", " 113.161.72.5"]),
        ] {
            let first = normalise(class, writings[0]);
            for writing in writings {
                assert_eq!(normalise(class, writing), first, "{class} {writing}");
            }
        }
        assert_ne!(normalise(Class::PersonName, "Hoà"), normalise(Class::PersonName, "Hoa"));
    }
}

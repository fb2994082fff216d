//! Generalising: a value becomes the larger thing that it lies in. What is not understood gives `None`.

use std::net::IpAddr;

use event::Timestamp;
use ipnet::IpNet;

/// Ages above are no ages.
const AGE_MAX: u16 = 130;
/// Longest value that is looked at.
const BYTES_MAX: usize = 1_024;
/// Words before the name of a city or province, folded.
const CITY_WORDS: [&str; 11] =
    ["thành phố", "tp.", "tp ", "tỉnh", "city", "province", "thanh pho", "tinh", "t.p", "hồ chí minh", "hcm"];
/// Words before what is smaller than a city.
const SMALLER_WORDS: [&str; 26] = [
    "phường",
    "phuong",
    "p.",
    "xã",
    "xa ",
    "thị trấn",
    "thi tran",
    "tt.",
    "quận",
    "quan ",
    "q.",
    "huyện",
    "huyen",
    "h.",
    "thị xã",
    "thi xa",
    "tx.",
    "đường",
    "duong",
    "đ.",
    "ấp",
    "thôn",
    "tổ ",
    "khu phố",
    "ward",
    "district",
];
/// A city within a city: its name alone is smaller than a city.
const INNER_CITIES: [&str; 2] = ["thủ đức", "thu duc"];

/// The band of an age (`34` → `30-39`), or of the year of birth of a date or year (`1987-05-02` → `1980-1989`).
pub fn age_band(value: &str, years: u8) -> Option<String> {
    let value = value.trim();
    let years = u16::from(years.max(1));
    let number = match value.parse::<u16>() {
        Ok(age) if age <= AGE_MAX && value.len() <= 3 => age,
        Ok(year) if (1_850..=2_200).contains(&year) => year,
        Ok(_) => return None,
        Err(_) => year_of(value)?,
    };
    let first = number / years * years;
    Some(format!("{first}-{}", first + years - 1))
}

/// The year of `2024-05-02…` or `02/05/2024`.
fn year_of(value: &str) -> Option<u16> {
    if let Some(date) = super::shift::Date::read(value) {
        return date.start.to_string().get(..4)?.parse().ok();
    }
    None
}

/// The network that an address lies in: `203.0.113.9` → `203.0.113.0/24`. A network stays when it is no smaller.
pub fn network(value: &str, v4: u8, v6: u8) -> Option<String> {
    let value = value.trim();
    let (address, prefix) = match value.parse::<IpNet>() {
        Ok(network) => (network.addr(), network.prefix_len()),
        Err(_) => (value.parse::<IpAddr>().ok()?.to_canonical(), u8::MAX),
    };
    let bits = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, bits.min(prefix)).ok().map(|network| network.trunc().to_string())
}

/// The city of a postal address: its last part, between commas, that is a city or province or the last of several;
/// `Phường Bến Nghé, Quận 1, Thành phố Hồ Chí Minh` → `Thành phố Hồ Chí Minh`. A part with digits or of a street, ward
/// or district is never shown.
pub fn city(value: &str) -> Option<String> {
    if value.len() > BYTES_MAX {
        return None;
    }
    let parts: Vec<&str> = value.split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut last = *parts.last()?;
    let mut at = parts.len() - 1;
    let country = |part: &str| matches!(folded(part).as_str(), "việt nam" | "viet nam" | "vietnam" | "vn");
    if country(last) {
        at = at.checked_sub(1)?;
        last = parts.get(at).copied()?;
    }
    let plain = folded(last);
    let names_city = CITY_WORDS.iter().any(|word| plain.starts_with(word) || plain.ends_with(word));
    let smaller = SMALLER_WORDS.iter().any(|word| plain.starts_with(word) || plain.ends_with(word));
    let inner = INNER_CITIES.iter().any(|name| plain.contains(name));
    let fits = !smaller && !inner && !plain.chars().any(|found| found.is_numeric()) && plain.chars().count() <= 48;
    (fits && (names_city || at > 0)).then(|| last.to_owned())
}

fn folded(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// The hour of a time: RFC 3339 (`2026-11-22T20:34:18Z` → `2026-11-22T20:00:00Z`, in UTC), or seconds or milliseconds
/// since 1970 as a number.
pub fn hour(value: &str) -> Option<String> {
    const HOUR: i64 = 3_600;
    let value = value.trim();
    if let Ok(number) = value.parse::<i64>() {
        // Seconds until the year 2286; more are milliseconds.
        let (unit, digits) = if number.abs() < 10_000_000_000 { (1, number) } else { (1_000, number) };
        let hour = digits.div_euclid(HOUR * unit) * HOUR * unit;
        return Some(hour.to_string());
    }
    let time = Timestamp::parse_rfc3339(value).ok()?;
    Some(Timestamp::from_secs(time.secs().div_euclid(HOUR) * HOUR).to_string())
}

//! How full the disk of the data directory may become.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How full the disk of the data directory may become.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Below so much free room there is an alarm: `"10%"` or bytes such as `"50GiB"`; `"0"` for never.
    pub warn_below: Amount,
    /// Below so much inputs acknowledge nothing more until there is room again; reading goes on. `"0"` for never.
    pub stop_below: Amount,
}

/// A part of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// Hundredths of a percent of the whole.
    Share(u32),
    /// So many bytes.
    Bytes(u64),
}

impl Amount {
    /// In bytes, of a disk of `total` bytes.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) => u64::try_from(u128::from(total) * u128::from(share) / 10_000).unwrap_or(u64::MAX),
        }
    }
}

/// Units with their bytes; those of a thousand and those of 1,024.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is neither a percentage such as `2%` nor bytes such as `500MB` or `2GiB`");
        let trimmed = text.trim();
        if let Some(number) = trimmed.strip_suffix('%') {
            let number: f64 = number.trim().parse().map_err(|_| refused())?;
            let fits = (0.0..100.0).contains(&number);
            return if fits { Ok(Self::Share((number * 100.0).round() as u32)) } else { Err(refused()) };
        }
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((trimmed.strip_suffix(unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((trimmed, 1));
        let number: u64 = number.trim().parse().map_err(|_| refused())?;
        number.checked_mul(unit).map(Self::Bytes).ok_or_else(refused)
    }
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) if share % 100 == 0 => write!(formatter, "{}%", share / 100),
            Self::Share(share) => write!(formatter, "{}.{:02}%", share / 100, share % 100),
            Self::Bytes(bytes) => {
                let unit =
                    UNITS.iter().filter(|(_, unit)| *bytes > 0 && bytes % unit == 0).max_by_key(|(_, unit)| *unit);
                let (name, unit) = unit.copied().unwrap_or(("", 1));
                write!(formatter, "{}{name}", bytes / unit)
            }
        }
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { warn_below: Amount::Share(1_000), stop_below: Amount::Share(200) }
    }
}

impl Disk {
    /// Calls `check` for every bound: whether it holds, the key, what is asked.
    pub(super) fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let orderly = match (self.warn_below, self.stop_below) {
            (Amount::Share(warn), Amount::Share(stop)) => warn >= stop,
            (Amount::Bytes(warn), Amount::Bytes(stop)) => warn >= stop,
            // How much a share is only the disk says.
            _ => true,
        };
        check(orderly, "disk.warn_below", "at least `disk.stop_below`");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<(Amount, &str)>) {
        let found = text.parse::<Amount>().ok().map(|amount| (amount, amount.to_string()));
        assert_eq!(found, expected.map(|(amount, shown)| (amount, shown.to_owned())), "{text}");
    }

    #[test]
    fn amounts_are_read() {
        check("2%", Some((Amount::Share(200), "2%")));
        check(" 0.5 % ", Some((Amount::Share(50), "0.50%")));
        check("500MB", Some((Amount::Bytes(500_000_000), "500MB")));
        check("2 GiB", Some((Amount::Bytes(2 << 30), "2GiB")));
        check("0", Some((Amount::Bytes(0), "0")));
        check("1025", Some((Amount::Bytes(1_025), "1025B")));
        for bad in ["", "%", "100%", "-1%", "NaN%", "2 percent", "1.5GB", "99999999999TiB", "GB"] {
            check(bad, None);
        }
        assert_eq!((Amount::Share(200).of(1_000), Amount::Share(1).of(u64::MAX)), (20, u64::MAX / 10_000));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(bytes: u64, share in 0..10_000_u32) {
            for amount in [Amount::Bytes(bytes), Amount::Share(share)] {
                prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
            }
        }
    }
}

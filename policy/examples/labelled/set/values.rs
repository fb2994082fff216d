//! Invented values: personal ones with their class, and decoys without.

use policy::privacy::Class;

use super::people::{self, Lists};
use super::places;
use super::random::Random;

/// A value of a kind that templates name, and its class; decoys have none.
pub(crate) fn value(random: &mut Random, kind: &str, people: &Lists) -> (String, Option<Class>) {
    match personal(random, kind, people) {
        Some((value, class)) => (value, Some(class)),
        None => (decoy(random, kind.strip_prefix("keep_").unwrap_or(kind)), None),
    }
}

fn personal(random: &mut Random, kind: &str, people: &Lists) -> Option<(String, Class)> {
    Some(match kind {
        "name" => (people::name(random, people), Class::PersonName),
        "cccd" => (citizen_id(random), Class::CitizenId),
        "cmnd" => (old_citizen_id(random), Class::OldCitizenId),
        "mst" => (tax_code(random), Class::TaxCode),
        "phone" => (phone(random), Class::Phone),
        "email" => (email(random, people), Class::Email),
        "address" => (places::address(random), Class::Address),
        "plate" => (plate(random), Class::Plate),
        "passport" => {
            let letter = random.pick(&["B", "C", "N", "P", "E"]);
            (format!("{letter}{}", random.digits(7)), Class::Passport)
        }
        "bhxh" => (format!("{:02}{}", random.between(1, 96), random.digits(8)), Class::SocialInsurance),
        "bhyt" => (health_insurance(random), Class::HealthInsurance),
        "bank" => {
            let digits = *random.pick(&[10, 12, 13, 14]);
            (format!("{}{}", random.between(1, 9), random.digits(digits - 1)), Class::BankAccount)
        }
        "card" => (card(random), Class::Card),
        "mrn" => (record(random), Class::HealthRecord),
        "parcel" | "sheet" => (random.between(1, 999).to_string(), Class::LandRecord),
        "landcert" => {
            let series = random.pick(&["BX", "CA", "DB", "CH", "BN"]);
            (format!("{series} {}", random.digits(6)), Class::LandRecord)
        }
        "user" => (people::account(random, people), Class::UserName),
        "ip" => (citizen_address(random), Class::IpAddress),
        "imei" => (imei(random), Class::DeviceId),
        "mac" => {
            let sign = *random.pick(&[":", ":", "-"]);
            let parts: Vec<String> = (0..6).map(|_| random.hex(2)).collect();
            (parts.join(sign), Class::DeviceId)
        }
        _ => return None,
    })
}

fn decoy(random: &mut Random, kind: &str) -> String {
    match kind {
        "order" => match random.below(4) {
            0 => format!("DH{}", random.digits(8)),
            1 => random.digits(10),
            2 => format!("{}{}", 2024 + random.below(2), random.digits(8)),
            _ => format!("INV-{}-{}", random.between(2020, 2026), random.digits(6)),
        },
        "hash" => {
            let digits = *random.pick(&[32, 40, 64]);
            random.hex(digits)
        }
        "uuid" => {
            let parts = [8, 4, 4, 4, 12].map(|count| random.hex(count));
            parts.join("-")
        }
        "iso" => format!(
            "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{}Z",
            random.between(2020, 2026),
            random.between(1, 12),
            random.between(1, 28),
            random.below(24),
            random.below(60),
            random.below(60),
            random.digits(3)
        ),
        "date" => format!("{:02}/{:02}/{}", random.between(1, 28), random.between(1, 12), random.between(1960, 2026)),
        "epoch" => (1_600_000_000 + random.below(190_000_000)).to_string(),
        "epochms" => (1_600_000_000_000 + random.below(190_000_000_000)).to_string(),
        "stamp" => format!(
            "{}{:02}{:02}{:02}{:02}{:02}",
            random.between(2020, 2026),
            random.between(1, 12),
            random.between(1, 28),
            random.below(24),
            random.below(60),
            random.below(60)
        ),
        "version" => format!("{}.{}.{}", random.below(20), random.below(40), random.below(999)),
        "build" => format!(
            "{}.{}.{}.{}",
            random.below(11),
            random.below(10),
            random.between(10_000, 30_000),
            random.below(5_000)
        ),
        "coord" => format!("10.{}, 106.{}", random.digits(6), random.digits(6)),
        "amount" => format!("{}.{}.000", random.between(1, 999), random.digits(3)),
        "money" => (random.between(10, 9_999) * 100_000).to_string(),
        "num" => random.between(1, 9_999).to_string(),
        "num9" => format!("{}{}", random.between(1, 9), random.digits(8)),
        "num12" => random.digits(12),
        "num16" => random.digits(16),
        "port" => random.between(1024, 65_535).to_string(),
        "lan_ip" => format!("10.{}.{}.{}", random.below(256), random.below(256), random.between(1, 254)),
        "web_ip" => format!("203.0.113.{}", random.between(1, 254)),
        "host" => format!("hcm-{}-{:02}", random.pick(&["web", "db", "app", "gw", "fw"]), random.between(1, 40)),
        "service" => {
            let known = [
                "root",
                "SYSTEM",
                "www-data",
                "postgres",
                "svc_backup",
                "svc-lgsp",
                "nginx",
                "administrator",
                "daemon",
            ];
            (*random.pick(&known)).to_owned()
        }
        "machine" => format!("HCM-PC{:03}$", random.between(1, 400)),
        "noreply" => {
            (*random.pick(&["noreply@hcm.gov.vn", "no-reply@dichvucong.gov.vn", "postmaster@hcm.gov.vn"])).to_owned()
        }
        "place" => places::place(random),
        "sku" => format!("{}{}-{}", random.between(10, 99), random.pick(&["A", "KX", "ZT"]), random.digits(3)),
        "path" => format!("/var/log/{}/{}.log", random.pick(&["nginx", "app", "lgsp"]), random.digits(8)),
        other => panic!("template names the unknown kind `{other}`"),
    }
}

const PROVINCES: [u64; 14] = [79, 79, 79, 79, 79, 1, 31, 48, 75, 74, 80, 82, 92, 72];

fn citizen_id(random: &mut Random) -> String {
    let (province, sex) = (*random.pick(&PROVINCES), random.below(2));
    let (century, year) = if random.below(6) == 0 { (2, random.below(19)) } else { (0, random.between(40, 99)) };
    let digits = format!("{province:03}{}{year:02}{}", century + sex, random.digits(6));
    if random.below(12) == 0 { grouped(&digits, &[3, 3, 3, 3], " ") } else { digits }
}

fn old_citizen_id(random: &mut Random) -> String {
    let digits = format!("0{}{}", random.between(10, 39), random.digits(6));
    if random.below(12) == 0 { grouped(&digits, &[3, 3, 3], " ") } else { digits }
}

fn tax_code(random: &mut Random) -> String {
    const WEIGHTS: [u64; 9] = [31, 29, 23, 19, 17, 13, 7, 5, 3];
    loop {
        let digits = format!("{}{}", random.pick(&["0", "8", "3"]), random.digits(8));
        let sum: u64 = WEIGHTS.iter().zip(digits.bytes()).map(|(weight, digit)| weight * u64::from(digit - b'0')).sum();
        let check = 10 - sum % 11;
        if check > 9 {
            continue;
        }
        return match random.below(4) {
            0 => format!("{digits}{check}-{:03}", random.between(1, 40)),
            _ => format!("{digits}{check}"),
        };
    }
}

fn phone(random: &mut Random) -> String {
    if random.below(8) == 0 {
        let digits = format!("{}{}", random.between(22, 39), random.digits(6));
        return match random.below(3) {
            0 => format!("028{digits}"),
            1 => format!("(028) {}", grouped(&digits, &[4, 4], " ")),
            _ => format!("028.{}", grouped(&digits, &[4, 4], ".")),
        };
    }
    let prefix =
        random.pick(&["90", "91", "93", "97", "98", "96", "86", "32", "38", "70", "77", "79", "81", "85", "56", "58"]);
    let digits = format!("{prefix}{}", random.digits(7));
    match random.below(8) {
        0 => format!("+84{digits}"),
        1 => format!("+84 {}", grouped(&digits, &[3, 3, 3], " ")),
        2 => grouped(&format!("0{digits}"), &[4, 3, 3], " "),
        3 => grouped(&format!("0{digits}"), &[4, 3, 3], "."),
        4 => grouped(&format!("0{digits}"), &[3, 3, 4], "-"),
        _ => format!("0{digits}"),
    }
}

fn email(random: &mut Random, people: &Lists) -> String {
    let account = people::account(random, people);
    let domain = random.pick(&[
        "hcm.gov.vn",
        "tphcm.gov.vn",
        "gmail.com",
        "yahoo.com.vn",
        "vnpt.vn",
        "q1.hcm.gov.vn",
        "student.hcmut.edu.vn",
    ]);
    format!("{account}@{domain}")
}

fn plate(random: &mut Random) -> String {
    let province = random.pick(&["51", "59", "50", "41", "29", "30", "43", "60", "61", "62", "72", "92"]);
    let letter = random.pick(&["A", "C", "D", "F", "G", "H", "K", "L"]);
    let five = random.digits(5);
    let dotted = grouped(&five, &[3, 2], ".");
    match random.below(5) {
        0 => format!("{province}{letter}-{five}"),
        1 => format!("{province}-{letter}{} {dotted}", random.between(1, 9)),
        2 => format!("{province}{letter}{}-{dotted}", random.between(1, 9)),
        3 => format!("{province}{letter} {dotted}"),
        _ => format!("{province}{letter}-{dotted}"),
    }
}

fn health_insurance(random: &mut Random) -> String {
    let group = random.pick(&["DN", "HC", "HT", "TE", "GD", "HS", "SV", "CN", "BT", "CH", "TN"]);
    format!("{group}{}{:02}{}", random.between(1, 5), random.pick(&[79, 79, 1, 48, 75]), random.digits(10))
}

fn card(random: &mut Random) -> String {
    let prefix = match random.below(5) {
        0 => random.between(51, 55).to_string(),
        1 => "970436".to_owned(),
        2 => "970415".to_owned(),
        _ => format!("4{}", random.digits(5)),
    };
    let mut digits = format!("{prefix}{}", random.digits(15 - prefix.len()));
    digits.push(luhn(&digits));
    match random.below(4) {
        0 => grouped(&digits, &[4, 4, 4, 4], " "),
        1 => grouped(&digits, &[4, 4, 4, 4], "-"),
        _ => digits,
    }
}

fn imei(random: &mut Random) -> String {
    let mut digits = format!("35{}", random.digits(12));
    digits.push(luhn(&digits));
    digits
}

fn luhn(digits: &str) -> char {
    let weigh = |(place, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0');
        let weighed = if place % 2 == 0 { digit * 2 } else { digit };
        if weighed > 9 { weighed - 9 } else { weighed }
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(weigh).sum();
    char::from(b'0' + ((10 - sum % 10) % 10) as u8)
}

fn record(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("BA{}-{}", random.between(2020, 2026), random.digits(6)),
        1 => format!("{}.{}", random.between(20, 26), random.digits(6)),
        2 => format!("BN{}", random.digits(8)),
        _ => format!("{}/{}", random.digits(6), random.between(2020, 2026)),
    }
}

fn citizen_address(random: &mut Random) -> String {
    let (third, fourth) = (random.below(256), random.between(1, 254));
    match random.below(5) {
        0 => format!("14.{}.{third}.{fourth}", random.between(160, 191)),
        1 => format!("171.{}.{third}.{fourth}", random.between(224, 255)),
        2 => format!("42.{}.{third}.{fourth}", random.between(112, 119)),
        3 => format!("2402:800:{}:{}::{}", random.hex(4), random.hex(3), random.hex(2)),
        _ => format!(
            "2001:ee0:{}:{}:{}:{}:{}:{}",
            random.hex(4),
            random.hex(4),
            random.hex(4),
            random.hex(4),
            random.hex(4),
            random.hex(4)
        ),
    }
}

fn grouped(digits: &str, parts: &[usize], sign: &str) -> String {
    let mut rest = digits;
    let parts: Vec<&str> = parts
        .iter()
        .map(|part| {
            let (head, tail) = rest.split_at(*part);
            rest = tail;
            head
        })
        .collect();
    parts.join(sign)
}

//! People who do not exist: Vietnamese names built from common parts, with invented numbers.

use crate::dice::Dice;

/// Family names with their spelling without marks, by how common they are.
const FAMILIES: [(u32, (&str, &str)); 16] = [
    (38, ("Nguyễn", "nguyen")),
    (12, ("Trần", "tran")),
    (9, ("Lê", "le")),
    (7, ("Phạm", "pham")),
    (5, ("Huỳnh", "huynh")),
    (5, ("Phan", "phan")),
    (4, ("Võ", "vo")),
    (4, ("Đặng", "dang")),
    (3, ("Bùi", "bui")),
    (2, ("Đỗ", "do")),
    (2, ("Hồ", "ho")),
    (2, ("Ngô", "ngo")),
    (2, ("Dương", "duong")),
    (2, ("Lý", "ly")),
    (1, ("Trương", "truong")),
    (1, ("Mai", "mai")),
];

type Part = (&'static str, &'static str);

const MIDDLES_OF_WOMEN: [Part; 10] = [
    ("Thị", "thi"),
    ("Thị Ngọc", "thingoc"),
    ("Thị Thu", "thithu"),
    ("Ngọc", "ngoc"),
    ("Thanh", "thanh"),
    ("Kim", "kim"),
    ("Bích", "bich"),
    ("Phương", "phuong"),
    ("Hoài", "hoai"),
    ("Mỹ", "my"),
];
const GIVENS_OF_WOMEN: [Part; 16] = [
    ("Lan", "lan"),
    ("Hương", "huong"),
    ("Thảo", "thao"),
    ("Trang", "trang"),
    ("Linh", "linh"),
    ("Hà", "ha"),
    ("Nga", "nga"),
    ("Yến", "yen"),
    ("Vy", "vy"),
    ("Trâm", "tram"),
    ("Ngân", "ngan"),
    ("Tuyết", "tuyet"),
    ("Hạnh", "hanh"),
    ("Diễm", "diem"),
    ("Quỳnh", "quynh"),
    ("Mai", "mai"),
];
const MIDDLES_OF_MEN: [Part; 10] = [
    ("Văn", "van"),
    ("Minh", "minh"),
    ("Quốc", "quoc"),
    ("Hoàng", "hoang"),
    ("Đức", "duc"),
    ("Thành", "thanh"),
    ("Hữu", "huu"),
    ("Công", "cong"),
    ("Xuân", "xuan"),
    ("Anh", "anh"),
];
const GIVENS_OF_MEN: [Part; 16] = [
    ("An", "an"),
    ("Bình", "binh"),
    ("Cường", "cuong"),
    ("Dũng", "dung"),
    ("Hải", "hai"),
    ("Hùng", "hung"),
    ("Khoa", "khoa"),
    ("Long", "long"),
    ("Nam", "nam"),
    ("Phúc", "phuc"),
    ("Quân", "quan"),
    ("Sơn", "son"),
    ("Tài", "tai"),
    ("Thắng", "thang"),
    ("Tuấn", "tuan"),
    ("Vinh", "vinh"),
];

/// Somebody invented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Family, middle and given name as they are written.
    pub name: String,
    /// The name to sign in with: given name, family name, initials of the middle.
    pub login: String,
    /// A citizen's number of 12 digits: province, century and sex, year, serial (no checksum exists).
    pub citizen_id: String,
    /// A mobile number.
    pub phone: String,
}

impl Person {
    /// The next one.
    pub fn invent(dice: &mut Dice) -> Self {
        let woman = dice.chance(0.5);
        let family = dice.weighted(&FAMILIES).copied().unwrap_or_default();
        let (middles, givens) =
            if woman { (&MIDDLES_OF_WOMEN, &GIVENS_OF_WOMEN) } else { (&MIDDLES_OF_MEN, &GIVENS_OF_MEN) };
        let (middle, given) = (dice.one(middles), dice.one(givens));
        let year = dice.between(1948, 2008);
        let century_and_sex = u64::from(woman) + if year >= 2000 { 2 } else { 0 };
        let province = dice.weighted(&[(8, "079"), (1, "074"), (1, "077")]).copied().unwrap_or("079");
        let initials: String = middle.0.split(' ').filter_map(|word| word.chars().next()).map(plain).collect();
        Self {
            name: format!("{} {} {}", family.0, middle.0, given.0),
            login: format!("{}.{}{initials}", given.1, family.1),
            citizen_id: format!("{province}{century_and_sex}{:02}{}", year % 100, dice.digits(6)),
            phone: format!("0{}{}", dice.one(&["3", "5", "7", "8", "9"]), dice.digits(8)),
        }
    }
}

/// The letter in lower case without its mark, as far as names here begin with it.
fn plain(letter: char) -> char {
    match letter {
        'Đ' => 'd',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_the_seed_s_and_have_the_city_s_numbers() {
        let crowd = |seed| {
            let mut dice = Dice::new(seed);
            (0..500).map(|_| Person::invent(&mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(crowd(3), crowd(3));
        assert_ne!(crowd(3), crowd(4));
        for person in crowd(3) {
            assert!(person.name.split(' ').count() >= 3, "{person:?}");
            assert!(person.login.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.'), "{person:?}");
            assert_eq!(person.citizen_id.len(), 12, "{person:?}");
            assert!(person.citizen_id.bytes().all(|byte| byte.is_ascii_digit()), "{person:?}");
            assert!(matches!(person.citizen_id.as_bytes()[3], b'0'..=b'3'), "{person:?}");
            assert!(person.phone.len() == 10 && person.phone.starts_with('0'), "{person:?}");
        }
    }
}

//! Invented people. The lists are not the scanner's: a part of every list is unknown to `rules/privacy/words.yml`.

use super::random::Random;

/// Families, with how often they occur in a thousand.
const FAMILIES: [(&str, u64); 46] = [
    ("Nguyễn", 330),
    ("Trần", 100),
    ("Lê", 85),
    ("Phạm", 60),
    ("Huỳnh", 30),
    ("Hoàng", 25),
    ("Phan", 40),
    ("Vũ", 25),
    ("Võ", 30),
    ("Đặng", 20),
    ("Bùi", 20),
    ("Đỗ", 15),
    ("Hồ", 13),
    ("Ngô", 13),
    ("Dương", 10),
    ("Lý", 6),
    ("Trương", 14),
    ("Đinh", 10),
    ("Đoàn", 9),
    ("Trịnh", 8),
    ("Mai", 7),
    ("Lâm", 7),
    ("Tô", 5),
    ("Tạ", 5),
    ("Châu", 5),
    ("Quách", 4),
    ("Lương", 6),
    ("Cao", 6),
    ("Hà", 6),
    ("Thái", 4),
    ("Kiều", 3),
    ("Nghiêm", 3),
    // unknown to the scanner
    ("Chử", 4),
    ("Lều", 3),
    ("Ung", 4),
    ("Thẩm", 5),
    ("Nhữ", 3),
    ("Bế", 4),
    ("Khúc", 4),
    ("Ngụy", 3),
    ("Vòng", 3),
    ("Sầm", 4),
    ("Cam", 3),
    ("Quàng", 4),
    ("Tưởng", 4),
    ("Khổng", 5),
];
const MIDDLE_WOMEN: [&str; 22] = [
    "Thị",
    "Thị",
    "Thị",
    "Thị",
    "Ngọc",
    "Thị Thu",
    "Thị Ngọc",
    "Thị Mỹ",
    "Thị Kim",
    "Bích",
    "Phương",
    "Quỳnh",
    "Thùy",
    "Thanh",
    "Thị Hồng",
    "Diễm",
    "Tuyết",
    "Huyền",
    "Mộng",
    "Ái",
    "Khả",
    "Thục",
];
const MIDDLE_MEN: [&str; 26] = [
    "Văn",
    "Văn",
    "Văn",
    "Hữu",
    "Đức",
    "Minh",
    "Quốc",
    "Thành",
    "Đình",
    "Công",
    "Xuân",
    "Hoàng",
    "Gia",
    "Trọng",
    "Bá",
    "Tuấn",
    "Anh",
    "Nhật",
    "Chí",
    "Phi",
    "Sĩ",
    "Vĩ",
    "Chấn",
    "Nghĩa",
    "Phú",
    "Thượng",
];
const GIVEN_WOMEN: [&str; 56] = [
    "Lan",
    "Hương",
    "Hoa",
    "Mai",
    "Linh",
    "Trang",
    "Hạnh",
    "Thảo",
    "Ngân",
    "Vy",
    "Nhung",
    "Oanh",
    "Yến",
    "Dung",
    "Hằng",
    "Phượng",
    "Trinh",
    "Tuyền",
    "Loan",
    "Nga",
    "Liên",
    "Thủy",
    "Hiền",
    "Trâm",
    "Quyên",
    "Anh",
    "Châu",
    "Giang",
    "Nhi",
    "My",
    "Thư",
    "Ngọc",
    "Hà",
    "Thúy",
    "Uyên",
    "Tiên",
    "Duyên",
    "Vân",
    "Xuân",
    "Kiều",
    // unknown to the scanner
    "Khuyên",
    "Nhạn",
    "Đoan",
    "Ngoan",
    "Hiên",
    "Phấn",
    "Quế",
    "Xoan",
    "Lành",
    "Tươi",
    "Mận",
    "Lài",
    "Nhài",
    "Thêm",
    "Gấm",
    "Lụa",
];
const GIVEN_MEN: [&str; 60] = [
    "An", "Bình", "Cường", "Dũng", "Hùng", "Khánh", "Long", "Nam", "Phong", "Quân", "Sơn", "Tâm", "Thắng", "Tuấn",
    "Việt", "Vinh", "Hải", "Hiếu", "Hoàng", "Huy", "Khoa", "Kiên", "Lâm", "Minh", "Nghĩa", "Phúc", "Quang", "Tài",
    "Thành", "Toàn", "Trung", "Tùng", "Đạt", "Đức", "Giang", "Bảo", "Khang", "Thiện", "Trí", "Lộc",
    // unknown to the scanner
    "Vượng", "Lượng", "Chuyên", "Huấn", "Luyện", "Cần", "Nghiệp", "Tuân", "Thuần", "Thiệu", "Hoạt", "Khương", "Nhuận",
    "Tịnh", "Uy", "Thoại", "Bền", "Thiệp", "Hoạch", "Trạch",
];

/// A name.
pub(crate) fn name(random: &mut Random) -> String {
    let family = family(random);
    let woman = random.below(2) == 0;
    let (middles, givens): (&[&str], &[&str]) =
        if woman { (&MIDDLE_WOMEN, &GIVEN_WOMEN) } else { (&MIDDLE_MEN, &GIVEN_MEN) };
    let (middle, given) = (random.pick(middles), random.pick(givens));
    match random.below(20) {
        0 | 1 => format!("{family} {given}"),
        2 => format!("{family} {middle} {} {given}", random.pick(givens)),
        _ => format!("{family} {middle} {given}"),
    }
}

fn family(random: &mut Random) -> &'static str {
    let mut left = random.below(FAMILIES.iter().map(|(_, weight)| weight).sum());
    for (family, weight) in FAMILIES {
        match left.checked_sub(weight) {
            Some(rest) => left = rest,
            None => return family,
        }
    }
    "Nguyễn"
}

/// An account as offices make them: `lan.nguyen`, `nvan`, `lannt2`, `an_le90`.
pub(crate) fn account(random: &mut Random) -> String {
    let folded = super::forms::Form::Plain.write(&name(random), false).to_lowercase();
    let words: Vec<&str> = folded.split(' ').collect();
    let (family, given) = (words[0], words[words.len() - 1]);
    let initials: String = words[..words.len() - 1].iter().filter_map(|word| word.chars().next()).collect();
    match random.below(6) {
        0 => format!("{given}.{family}"),
        1 => format!("{given}{initials}"),
        2 => format!("{given}{initials}{}", random.between(1, 99)),
        3 => format!("{given}_{family}{}", random.between(70, 99)),
        4 => format!("{initials}{given}.q{}", random.between(1, 12)),
        _ => format!("{given}.{initials}"),
    }
}

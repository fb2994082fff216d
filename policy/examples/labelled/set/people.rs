//! Invented people. The lists are not the scanner's: a part of every list is unknown to `rules/privacy/words.yml`.

use super::random::Random;

/// Families, with how often they occur, and the other words of names.
pub(crate) struct Lists {
    pub(crate) families: &'static [(&'static str, u64)],
    pub(crate) middle_women: &'static [&'static str],
    pub(crate) middle_men: &'static [&'static str],
    pub(crate) given_women: &'static [&'static str],
    pub(crate) given_men: &'static [&'static str],
}

/// The people of the templates that the scanner was made with.
pub(crate) static LISTS: Lists = Lists {
    families: &[
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
    ],
    middle_women: &[
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
    ],
    middle_men: &[
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
    ],
    given_women: &[
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
    ],
    given_men: &[
        "An", "Bình", "Cường", "Dũng", "Hùng", "Khánh", "Long", "Nam", "Phong", "Quân", "Sơn", "Tâm", "Thắng", "Tuấn",
        "Việt", "Vinh", "Hải", "Hiếu", "Hoàng", "Huy", "Khoa", "Kiên", "Lâm", "Minh", "Nghĩa", "Phúc", "Quang", "Tài",
        "Thành", "Toàn", "Trung", "Tùng", "Đạt", "Đức", "Giang", "Bảo", "Khang", "Thiện", "Trí", "Lộc",
        // unknown to the scanner
        "Vượng", "Lượng", "Chuyên", "Huấn", "Luyện", "Cần", "Nghiệp", "Tuân", "Thuần", "Thiệu", "Hoạt", "Khương",
        "Nhuận", "Tịnh", "Uy", "Thoại", "Bền", "Thiệp", "Hoạch", "Trạch",
    ],
};

/// A name.
pub(crate) fn name(random: &mut Random, lists: &Lists) -> String {
    let family = family(random, lists);
    let woman = random.below(2) == 0;
    let (middles, givens) =
        if woman { (lists.middle_women, lists.given_women) } else { (lists.middle_men, lists.given_men) };
    let (middle, given) = (random.pick(middles), random.pick(givens));
    match random.below(20) {
        0 | 1 => format!("{family} {given}"),
        2 => format!("{family} {middle} {} {given}", random.pick(givens)),
        _ => format!("{family} {middle} {given}"),
    }
}

fn family(random: &mut Random, lists: &Lists) -> &'static str {
    let mut left = random.below(lists.families.iter().map(|(_, weight)| weight).sum());
    for (family, weight) in lists.families {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return family,
        }
    }
    "Nguyễn"
}

/// An account as offices make them: `lan.nguyen`, `nvan`, `lannt2`, `an_le90`.
pub(crate) fn account(random: &mut Random, lists: &Lists) -> String {
    let folded = super::forms::Form::Plain.write(&name(random, lists), false).to_lowercase();
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

//! Invented addresses, and places that are no person's.

use super::random::Random;

const STREETS: [&str; 34] = [
    "Nguyễn Huệ",
    "Lê Lợi",
    "Trần Hưng Đạo",
    "Hai Bà Trưng",
    "Nguyễn Thị Minh Khai",
    "Cách Mạng Tháng Tám",
    "Lý Thường Kiệt",
    "Phan Xích Long",
    "Võ Văn Tần",
    "Điện Biên Phủ",
    "Nguyễn Đình Chiểu",
    "Lê Văn Sỹ",
    "Hoàng Hoa Thám",
    "Phạm Ngọc Thạch",
    "Bà Huyện Thanh Quan",
    "Nguyễn Trãi",
    "Tô Hiến Thành",
    "Trường Sa",
    "Lạc Long Quân",
    "Âu Cơ",
    "Tên Lửa",
    "Kinh Dương Vương",
    "Hậu Giang",
    "Bùi Đình Túy",
    "Nơ Trang Long",
    "Phan Đăng Lưu",
    "Đinh Tiên Hoàng",
    "Ngô Đức Kế",
    "Hồ Tùng Mậu",
    "Tôn Đức Thắng",
    "Nguyễn Văn Cừ",
    "Lê Hồng Phong",
    "Sư Vạn Hạnh",
    "Thành Thái",
];
const WARDS: [&str; 18] = [
    "Bến Nghé",
    "Bến Thành",
    "Đa Kao",
    "Tân Định",
    "Thảo Điền",
    "An Phú",
    "Linh Trung",
    "Hiệp Bình Chánh",
    "Tân Sơn Nhì",
    "Bình Trị Đông",
    "Tân Quy",
    "Phước Long B",
    "Trường Thọ",
    "Tăng Nhơn Phú A",
    "Cầu Ông Lãnh",
    "Phạm Ngũ Lão",
    "Võ Thị Sáu",
    "Bình Hưng Hòa",
];
const DISTRICTS: [&str; 8] =
    ["Gò Vấp", "Bình Thạnh", "Tân Bình", "Tân Phú", "Bình Tân", "Phú Nhuận", "Thủ Đức", "Hóc Môn"];
const COMMUNES: [&str; 6] = ["Vĩnh Lộc A", "Tân Kiên", "Phước Kiển", "Long Hòa", "Tân Thông Hội", "Xuân Thới Thượng"];
const SUBURBS: [&str; 5] = ["Bình Chánh", "Nhà Bè", "Cần Giờ", "Củ Chi", "Hóc Môn"];
const PROVINCES: [&str; 6] = ["Đồng Nai", "Bình Dương", "Long An", "Tiền Giang", "Lâm Đồng", "Bà Rịa Vũng Tàu"];

fn house(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("{}/{}", random.between(1, 300), random.between(1, 90)),
        1 => format!("{}{}", random.between(1, 300), random.pick(&["A", "B", "C", "Bis"])),
        _ => random.between(1, 900).to_string(),
    }
}

/// An address of a house.
pub(crate) fn address(random: &mut Random) -> String {
    let (house, street) = (house(random), random.pick(&STREETS));
    let (number, ward) = (random.between(1, 17), random.pick(&WARDS));
    let (district, count) = (random.pick(&DISTRICTS), random.between(1, 12));
    match random.below(9) {
        0 => format!("{house} {street}, phường {ward}, quận {count}, TP. Hồ Chí Minh"),
        1 => format!("{house} {street}, P. {ward}, Q.{count}, TP.HCM"),
        2 => format!("số {house} đường {street}, phường {number}, quận {district}"),
        3 => format!("{house} đường {street}, Phường {number}, Quận {district}, Thành phố Hồ Chí Minh"),
        4 => format!("{house} {street}, Phường {number}, {district}"),
        5 => {
            let (commune, suburb) = (random.pick(&COMMUNES), random.pick(&SUBURBS));
            format!("ấp {}, xã {commune}, huyện {suburb}", random.between(1, 9))
        }
        6 => format!("{house} {street}, P{number}, Q{count}"),
        7 => format!("hẻm {house} {street}, phường {ward}, TP. Thủ Đức"),
        _ => format!("{house} {street}, thị trấn {ward}, tỉnh {}", random.pick(&PROVINCES)),
    }
}

/// A place that is named like a person, or a body: no personal data.
pub(crate) fn place(random: &mut Random) -> String {
    let (street, ward) = (*random.pick(&STREETS), *random.pick(&WARDS));
    match random.below(8) {
        0 => format!("đường {street}"),
        1 => format!("phường {ward}"),
        2 => format!("trường THPT {street}"),
        3 => format!("công viên {street}"),
        4 => format!("UBND phường {ward}"),
        5 => format!("ngã tư {street}"),
        6 => format!("quận {}", random.between(1, 12)),
        _ => format!("chợ {ward}"),
    }
}

#!/usr/bin/env python3
"""Makes sites.csv and agencies.csv, the demonstration register of 807 sites.

usage: make_sites.py WARDS.csv     (columns ward_code,name,type,latitude_deg,longitude_deg,area_km2)

The same input gives the same files, byte for byte. Names of wards and departments are real; positions (a point near the
middle of a ward), addresses and the split into sites are invented.
"""

import csv
import hashlib
import math
import pathlib
import sys
import unicodedata

HERE = pathlib.Path(__file__).parent
SITES = 807
KINDS = {"Phường": "p", "Xã": "x", "Đặc khu": "dk"}

DEPARTMENTS = [
    "Sở Nội vụ", "Sở Tài chính", "Sở Xây dựng", "Sở Nông nghiệp và Môi trường", "Sở Khoa học và Công nghệ",
    "Sở Công Thương", "Sở Giáo dục và Đào tạo", "Sở Y tế", "Sở Văn hóa và Thể thao", "Sở Du lịch", "Sở Tư pháp",
    "Sở Quy hoạch - Kiến trúc", "Sở Dân tộc và Tôn giáo", "Sở An toàn thực phẩm", "Thanh tra Thành phố",
]
DEPARTMENT_SITES = [("tru-so", "trụ sở"), ("mot-cua", "bộ phận một cửa"), ("luu-tru", "kho lưu trữ")]
CENTRAL = [
    ("ubnd-thanh-pho", "Ủy ban nhân dân Thành phố"),
    ("hdnd-thanh-pho", "Hội đồng nhân dân Thành phố"),
    ("cong-an-thanh-pho", "Công an Thành phố"),
    ("trung-tam-an-toan-thong-tin", "Trung tâm An toàn thông tin"),
    ("trung-tam-dieu-hanh", "Trung tâm điều hành đô thị thông minh"),
    ("truc-lien-thong-lgsp", "Trục liên thông dữ liệu HCM LGSP"),
    ("kho-du-lieu-dung-chung", "Kho dữ liệu dùng chung"),
    ("cong-du-lieu-mo", "Cổng dữ liệu mở"),
    ("trung-tam-du-lieu-1", "Trung tâm dữ liệu số 1"),
    ("trung-tam-du-lieu-2", "Trung tâm dữ liệu số 2"),
]
CORPORATIONS = [
    "Tổng công ty Cấp nước", "Tổng công ty Điện lực", "Tổng công ty Cơ khí Giao thông", "Tổng công ty Thương mại",
    "Tổng công ty Du lịch", "Tổng công ty Địa ốc", "Tổng công ty Xây dựng", "Tổng công ty Nông nghiệp",
    "Công ty Môi trường đô thị", "Công ty Thoát nước đô thị", "Công ty Chiếu sáng công cộng",
    "Công ty Công viên cây xanh", "Công ty Đường sắt đô thị", "Công ty Quản lý bến xe", "Công ty Cảng",
    "Công ty Công viên phần mềm", "Công ty Xổ số kiến thiết", "Công ty Đầu tư tài chính", "Công ty In", "Công ty Sách",
]
SERVICES = [
    "Bệnh viện đa khoa", "Bệnh viện nhi", "Trung tâm cấp cứu", "Trung tâm kiểm soát bệnh tật", "Trung tâm đăng kiểm",
    "Trung tâm quan trắc môi trường", "Trung tâm chống ngập", "Trung tâm quản lý giao thông", "Thư viện",
    "Trung tâm xúc tiến thương mại", "Văn phòng đăng ký đất đai", "Trung tâm dịch vụ việc làm",
]
WARD_SITES = [
    ("ubnd", "Ủy ban nhân dân", None),
    ("hcc", "Trung tâm phục vụ hành chính công", None),
    ("ca", "Công an", "cong-an-thanh-pho"),
    ("tyt", "Trạm y tế", "so-y-te"),
]


def slug(name):
    """ASCII, lower case, words joined by `-`."""
    plain = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(c if c.isascii() and c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return "-".join(plain.lower().split())


def fraction(text, what):
    """A number from 0 to 1 that only depends on the text."""
    return int.from_bytes(hashlib.sha256(f"{what} {text}".encode()).digest()[:6], "big") / (1 << 48)


def place(ward, site):
    """A point in the inner half of a circle of the ward's area around its centre."""
    radius_km = math.sqrt(float(ward["area_km2"]) / math.pi) / 2 * math.sqrt(fraction(site, "radius"))
    angle = 2 * math.pi * fraction(site, "angle")
    latitude = float(ward["latitude_deg"])
    longitude = float(ward["longitude_deg"])
    north, east = radius_km * math.sin(angle), radius_km * math.cos(angle)
    return latitude + north / 111.2, longitude + east / (111.2 * math.cos(math.radians(latitude)))


def main(wards_path):
    with open(wards_path, encoding="utf-8", newline="") as file:
        wards = list(csv.DictReader(file))
    agencies = {}
    wanted = []  # id, name, agency, ward

    def ward_for(text):
        return wards[int(fraction(text, "ward") * len(wards))]

    for identity, name in CENTRAL:
        agencies[identity] = name
        wanted.append((f"hcm-{identity}", name, identity, ward_for(identity)))
    for department in DEPARTMENTS:
        agency = slug(department)
        agencies[agency] = department
        for part, title in DEPARTMENT_SITES:
            identity = f"hcm-{agency}-{part}"
            wanted.append((identity, f"{department}, {title}", agency, ward_for(identity)))
    bases = [f"{KINDS[ward['type']]}-{slug(ward['name'].removeprefix(ward['type']))}" for ward in wards]
    for ward, base in zip(wards, bases):
        # Thanh An and Thạnh An differ by a diacritic only.
        base = base if bases.count(base) == 1 else f"{base}-{ward['ward_code']}"
        agencies[f"ubnd-{base}"] = f"Ủy ban nhân dân {ward['name']}"
        for part, title, agency in WARD_SITES:
            wanted.append((f"hcm-{base}-{part}", f"{title} {ward['name']}", agency or f"ubnd-{base}", ward))
    more = [(name, number) for number in (1, 2) for name in CORPORATIONS] + [
        (name, number) for number in (1, 2, 3, 4) for name in SERVICES
    ]
    for name, number in more[: SITES - len(wanted)]:
        agency = slug(name)
        agencies[agency] = name
        identity = f"hcm-{agency}-{number}"
        wanted.append((identity, f"{name}, cơ sở {number}", agency, ward_for(identity)))
    assert len(wanted) == SITES == len({site[0] for site in wanted}), len(wanted)

    with open(HERE / "sites.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["id", "name", "agency", "data_center", "addresses", "latitude_deg", "longitude_deg", "ward_code"])
        for number, (identity, name, agency, ward) in enumerate(wanted):
            latitude, longitude = place(ward, identity)
            addresses = f"10.{64 + number // 256}.{number % 256}.0/24 fd4d:534f:43:{number:x}::/64"
            center = f"dc{1 + number % 2}"
            row = [identity, name, agency, center, addresses, f"{latitude:.5f}", f"{longitude:.5f}", ward["ward_code"]]
            out.writerow(row)
    with open(HERE / "agencies.csv", "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["id", "name"])
        out.writerows(sorted(agencies.items()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

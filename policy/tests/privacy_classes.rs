//! Each class of personal data in lines that hold a value of it, and in lines that only look like it.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use policy::privacy::{Class, Class::*, Complete, Memory, PrivacyText, Scanner, parse};

/// `{value}` is personal and of the class; a line without braces holds nothing of it.
fn check(class: Class, lines: &[&str]) {
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    let switches = scanner.rules().default_switches();
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let mut wrong = Vec::new();
    for marked in lines {
        let text = marked.replace(['{', '}'], "");
        assert_eq!(scanner.scan(&text, &switches, &mut memory, &mut spans), Complete::Yes);
        let found: Vec<&str> = spans
            .iter()
            .filter(|span| span.class == class)
            .map(|span| text.get(span.start..span.end).unwrap())
            .collect();
        let expected: Vec<&str> = marked.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        if found != expected {
            wrong.push(format!("`{marked}` gave {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{class}: {wrong:#?}");
}

#[test]
fn accounts_of_people_and_of_machines() {
    check(
        UserName,
        &[
            "Failed password for invalid user {lan} from 10.0.0.1",
            r"TargetUserName=HCM\{lan.nguyen} LogonType=3",
            r"C:\Users\{lannt}\Desktop",
            "TargetUserName: {bao.lq@danang.local} Status=0",
            "sudo:  {linhdt} : TTY=pts/3 ; PWD=/home/{linhdt} ; USER=root",
            "10.0.0.1 - {hoa.vtk} [02/Mar/2026:09:25:03 +0700] \"GET / HTTP/1.1\" 200 8",
            "su: (to root) {lan} on pts/0",
            "TargetUserName=HCM-PC01$ TargetUserName=SYSTEM",
            r"account=NT AUTHORITY\SYSTEM",
            "session opened for user root by (uid=0)",
            "Started session of user svc_backup, owner=app-portal",
            "user=postgres user=www-data user=krbtgt user=healthmailbox12",
            "user=noreply@hcm.gov.vn",
            "10.0.0.1 - - [02/Mar/2026:09:25:03 +0700] \"GET /home/index HTTP/1.1\" 200 8",
        ],
    );
}

#[test]
fn addresses_of_citizens_and_of_machines() {
    check(
        IpAddress,
        &[
            "from {14.161.5.6} port 22",
            "client {2402:800:61c5:99a1:5c4:1f0e:77b:9a2} said",
            "src=::ffff:10.0.0.1 dst=203.0.113.9",
            "from 10.0.0.1 to 142.250.197.14",
            "version 14.161.5.6.7 build",
            "relay=mx[98.136.96.91]:25",
        ],
    );
}

#[test]
fn devices() {
    check(
        DeviceId,
        &[
            "imei={356721098844120} os=15",
            "DHCPACK to {a4:83:e7:1c:90:2f} via eth2",
            "client {7C-2A-DB-40-11-F8} associated",
            "imei=356721098844121",
            "at 12:30:45 12:30:46",
            "key a4:83:e7:1c:90:2f:aa:bb",
        ],
    );
}

#[test]
fn insurance_numbers() {
    check(SocialInsurance, &["maSoBHXH: {4820117733}", "sổ BHXH {7912345678}", "seq=4820117733", "invoice 4820117733"]);
    check(
        HealthInsurance,
        &[
            "thẻ BHYT {GD4797912345678}",
            "maThe={DN4484821003457}",
            "{GD4 79 79 123 45678}",
            "sku=ZZ4797912345678",
            "GD9797912345678",
        ],
    );
}

#[test]
fn passports_and_plates() {
    check(
        Passport,
        &["hộ chiếu số {C8842107}", "passport: {B1234567}", "mã phòng C8842107", "flight VN8842107", "part B1234567"],
    );
    check(
        Plate,
        &[
            "xe {51F-123.45} vào bãi",
            "plate={92C1-045.13}",
            "biển số {43H1 9921}",
            "phạt nguội: xe {43C-21907}",
            "biển số: {59-X1 123.45}",
            "bien_so={51F12345}",
            "version 51F-123.45.6 of node-51F-12345",
            "commit 51f12345abc",
            "room 12A-1234",
        ],
    );
}

#[test]
fn tax_codes_and_cards_prove_themselves() {
    check(
        TaxCode,
        &[
            "MST {0301442989}",
            "mst={0301442989-001}",
            "mst=0301442988",
            "order=0301442989",
            "mã số thuế 0301442988-001",
        ],
    );
    check(
        Card,
        &[
            "số thẻ {4111 1182 2045 6717}",
            "pan={4111118220456717}",
            "order=4111118220456718",
            "card 4111 1111 1111 1111",
            "trace 4111118220456717abc",
        ],
    );
}

#[test]
fn ways_to_reach_somebody() {
    check(
        Email,
        &[
            "to=<{tram.huynh88@gmail.com}>",
            "?mail={lan%40hcm.gov.vn}",
            "{mai.hien+hoso@yahoo.com.vn}",
            "noreply@hcm.gov.vn postmaster@danang.gov.vn",
            "message-id=<20260302092210.4F2Kx91zQz@mail.danang.gov.vn>",
            "ssh://git@host.gov.vn/repo",
        ],
    );
    check(
        Phone,
        &[
            "gọi {+84 912 345 678} ngay",
            "sdt={0912.345.678}",
            "dienThoai: {84911203344}",
            "call back {(+84) 292-3820-777}",
            "đt {(028) 3822 1234}",
            "order 0912345678",
            "ifInOctets.12=090512384712",
            "0112345678",
            "at 2026-03-02 0905",
        ],
    );
}

#[test]
fn identity_cards_old_and_new() {
    check(
        CitizenId,
        &[
            "CCCD {079090012345}",
            "/tra-cuu?cccd={048205003918}",
            "đổi sang CCCD {048 079 003 316}",
            "số định danh {001303012345}",
            "order_id=079090012345",
            "offset=079090012345 epoch",
            "sha256:048093001277aa18f2c0",
            "cccd=003090012",
        ],
    );
    check(
        OldCitizenId,
        &[
            "CMND {201458812} cấp",
            "số CMND: {206 113 905}",
            "id 201458812",
            "bytes=201458812",
            "CMND đã huỷ; ref=201458812",
        ],
    );
}

#[test]
fn records_of_health_land_and_banks() {
    check(
        HealthRecord,
        &["mã bệnh nhân {BN26-0018832}", "mrn={00418823}", "bệnh nhân ra viện 14 ngày", "phòng khám 00418823"],
    );
    check(
        LandRecord,
        &[
            "thửa đất số {217}, tờ bản đồ số {34}",
            "hồ sơ GCN số {CT 559102}",
            "giấy chứng nhận {BĐ 883410}",
            "xuất trích lục 14 thửa, 2 tờ A3",
            "công văn CT 559102",
        ],
    );
    check(
        BankAccount,
        &[
            "STK {1903556677019}",
            "số tài khoản {0041000237765}",
            "\"account\":\"{0041000237765}\"",
            "session=0041000237765",
            "tổng cộng 1903556677019",
        ],
    );
}

#[test]
fn names_and_places() {
    check(
        PersonName,
        &[
            "Ông {Nguyễn Văn An} nộp hồ sơ",
            "ho_ten=\"{TRẦN QUỐC BẢO}\"",
            "chủ TK {PHAM THI HONG NHUNG}, nội dung",
            "trường THPT Nguyễn Du, đường Lê Lợi",
            "thành phố Hồ Chí Minh",
        ],
    );
    check(
        Address,
        &["địa chỉ: {12/4B Lê Lợi, P. Bến Thành, Q.1, TP.HCM}", "cấp 12/05/2004 CA Đà Nẵng", "phòng 12, tầng 3"],
    );
}

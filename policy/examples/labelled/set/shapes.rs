//! The templates that the scanner's words and scores were chosen on. `#` begins a sentence, `{{` is a brace.

/// Two thirds of the set.
pub const TEMPLATES: &[&str] = &[
    // JSON of applications and of the LGSP gateway
    r#"{{"time":"{iso}","api":"/citizen/lookup","cccd":"{cccd}","ho_ten":"{name}","sdt":"{phone}","status":200}"#,
    r#"{{"level":"info","msg":"profile updated","fullName":"{name}","email":"{email}","phoneNumber":"{phone}","traceId":"{hash}"}"#,
    r#"{{"order_id":"{order}","customer_name":"{name}","shipping_address":"{address}","amount":{money},"created":{epochms}}"#,
    r#"{{"event":"payment","so_the":"{card}","so_tai_khoan":"{bank}","ma_giao_dich":"{num12}","ts":{epoch}}"#,
    r#"{{"patient":{{"ho_ten":"{name}","ma_benh_an":"{mrn}","bhyt":"{bhyt}"},"request_id":"{uuid}"}"#,
    r#"{{"thua_dat":"{parcel}","to_ban_do":"{sheet}","chu_su_dung":"{name}","so_vao_so":"{landcert}"}"#,
    r#"{{"taxCode":"{mst}","passport_number":"{passport}","maBhxh":"{bhxh}","cmnd":"{cmnd}","session":"{hash}"}"#,
    r#"{{"src":"{ip}","dst":"{lan_ip}","user":"{user}","ua":"curl/{version}","request_id":"{uuid}","bytes":{num9}}"#,
    r#"{{"bien_so_xe":"{plate}","camera":"{host}","toa_do":"{coord}","thoi_gian":"{iso}"}"#,
    r#"{{"device_id":"{imei}","mac":"{mac}","app":"eTax","version":"{version}","user":"{service}"}"#,
    r#"{{"build":"{build}","commit":"{hash}","uptime":{num9},"session_id":"{num16}","epoch":{epoch},"trace":"{uuid}"}"#,
    r#"{{"order_no":"{num12}","invoice":"{order}","sku":"{sku}","timestamp":"{stamp}","total":{money}}"#,
    // key=value
    "time={iso} level=info action=login user={user} src={ip} sport={port} session={hash}",
    "ts={epochms} event=otp.sent sdt={phone} txn_id={num12} result=ok",
    "cccd={cccd} mst={mst} stk={bank} ma_don_hang={num12} amount={money}",
    "action=export user={service} file={path} rows={num} sha256={hash}",
    "so_ho_chieu={passport}; bhxh={bhxh}; bhyt={bhyt}; cmnd={cmnd}; ref={num9}",
    "hoTen=\"{name}\" diaChi=\"{address}\" email={email} requestId={uuid}",
    "imei={imei} mac_address={mac} build={build} seq={num9}",
    // CEF
    "CEF:0|HCM|LGSP|{version}|1001|Tra cuu cong dan|3|src={lan_ip} suser={user} cs1Label=CCCD cs1={cccd} msg=Tra cứu công dân {name} rt={epochms}",
    "CEF:0|Fortinet|FortiGate|{version}|{num9}|traffic|5|src={ip} dst={web_ip} spt={port} dpt=443 smac={mac} externalId={num12}",
    // syslog and audit
    "<134>1 {iso} {keep_host} sshd {num} - - Failed password for invalid user {user} from {ip} port {port} ssh2",
    "<86>{keep_host} sshd[{num}]: Accepted publickey for {user} from {lan_ip} port {port} ssh2: RSA SHA256:{hash}",
    "<86>{keep_host} sshd[{num}]: pam_unix(sshd:session): session opened for user {keep_service} by (uid=0)",
    "<13>{keep_host} CRON[{num}]: ({keep_service}) CMD (/usr/lib/sa/sa1 {num} {num})",
    "<30>{keep_host} dhcpd: DHCPACK on {lan_ip} to {mac} via eth{num}",
    "<38>{keep_host} kernel: nf_conntrack: table full, dropping packet id={num9} hash={hash}",
    "EventID=4624 TargetUserName={user} TargetDomainName=HCM IpAddress={ip} LogonType=3 LogonGuid={uuid}",
    "EventID=4624 TargetUserName={keep_machine} TargetDomainName=HCM IpAddress={lan_ip} LogonType=3 LogonGuid={uuid}",
    // SQL audit
    "AUDIT: SESSION,{num},1,READ,SELECT,,,\"SELECT * FROM cong_dan WHERE so_cccd = '{cccd}' AND ho_ten = '{name}'\"",
    "UPDATE khach_hang SET so_dien_thoai = '{phone}', email = '{email}', dia_chi = '{address}' WHERE id = {num9}",
    "INSERT INTO nguoi_dan VALUES ({num}, '{name}', '{cccd}', '{phone}', '{iso}')",
    "SELECT count(*) FROM log WHERE request_id = '{uuid}' AND created_at > '{iso}' AND order_id = {num12}",
    // sentences
    "#Công dân {name}, CCCD {cccd}, trú tại {address}, số điện thoại {phone}.",
    "#Ông {name} đã nộp hồ sơ số {order} tại UBND ngày {date}.",
    "#Bà {name} yêu cầu cấp lại thẻ BHYT số {bhyt}, liên hệ {phone}.",
    "#Khách hàng {name} thanh toán {amount} đồng cho đơn hàng {num12} bằng thẻ {card}.",
    "#Bệnh nhân {name} nhập viện, mã bệnh án {mrn}, bảo hiểm y tế {bhyt}.",
    "#Xe biển số {plate} vi phạm tại {place} lúc {iso}.",
    "#Chuyển khoản đến số tài khoản {bank}, chủ tài khoản {name}, số tiền {amount} đồng.",
    "#Hộ chiếu số {passport} của {name} hết hạn ngày {date}.",
    "#Thửa đất số {parcel}, tờ bản đồ số {sheet} do {name} đứng tên.",
    "#Doanh nghiệp có mã số thuế {mst} nộp tờ khai, mã tra cứu {num12}.",
    "#Gửi email đến {email} và {noreply} thất bại, mã lỗi {num}.",
    "#Đã cập nhật phiên bản {version} tại {place}, thời gian {num} giây, dung lượng {num9} byte.",
    "#Nhân viên {name} đăng nhập từ {ip}, tài khoản {user} bị khóa.",
    "#Sự cố tại {place} và {place} đã được khắc phục, mã yêu cầu {num9}.",
    "#Số CMND {cmnd} đã đổi sang CCCD {cccd}; mã số BHXH {bhxh}.",
    // English
    "User {user} exported {num} rows for {name}, national id {cccd}, to {email}",
    "Customer {name} called from {phone} about invoice {num12} on {iso}",
    "Backup of {host} finished in {num} s, {num9} bytes, checksum {hash}, job id {num12}",
    "Message-ID {num16} queued, version {build}, build {stamp}, coordinates {coord}",
];

// Invented events and alerts of an invented city: the same ones every time, counted back from now.

/** A small generator of numbers that repeats itself from run to run. */
export function dice(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    below: (n) => Math.floor(next() * n),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

const SITES = [
  ["hcm-p-ben-nghe", "ubnd-p-ben-nghe"],
  ["hcm-p-sai-gon", "ubnd-p-sai-gon"],
  ["hcm-p-thu-duc", "ubnd-p-thu-duc"],
  ["hcm-p-tan-dinh", "ubnd-p-tan-dinh"],
  ["hcm-p-cho-lon", "ubnd-p-cho-lon"],
  ["hcm-x-can-gio", "ubnd-x-can-gio"],
  ["hcm-x-cu-chi", "ubnd-x-cu-chi"],
  ["hcm-so-y-te", "so-y-te"],
  ["hcm-so-tu-phap", "so-tu-phap"],
  ["hcm-so-tai-chinh", "so-tai-chinh"],
  ["hcm-so-khcn", "so-khcn"],
  ["hcm-ttdl-1", "trung-tam-du-lieu"],
  ["hcm-lgsp-1", "so-khcn"],
];
const USERS = ["nva.tuan", "ltm.hoa", "pq.khanh", "dtt.linh", "hv.phuc", "vn.my", "root", "admin", "backup"];
const OUTSIDE = ["203.0.113.45", "203.0.113.77", "198.51.100.23", "192.0.2.146", "2001:db8:51::9f", "2001:db8:77::2"];
const APIS = ["/citizens/v1/lookup", "/land/v2/parcels", "/business/v1/search", "/health/v1/records"];
const CONSUMERS = ["so-y-te", "so-tu-phap", "ubnd-p-sai-gon", "ubnd-p-thu-duc"];

const inside = (d) => `10.${20 + d.below(12)}.${d.below(250)}.${1 + d.below(250)}`;

const MAKERS = {
  "system.auth": (d) => {
    const fails = d.next() < 0.7;
    const user = d.pick(USERS);
    const ip = fails ? d.pick(OUTSIDE) : inside(d);
    const port = 30000 + d.below(30000);
    return {
      message: `${fails ? "Failed" : "Accepted"} password for ${user} from ${ip} port ${port} ssh2`,
      "event.category": "authentication",
      "event.type": "start",
      "event.outcome": fails ? "failure" : "success",
      "event.action": "ssh_login",
      "user.name": user,
      "source.ip": ip,
      "source.port": port,
      "process.name": "sshd",
      "process.pid": 1000 + d.below(9000),
      "host.name": `srv-${d.pick(["web", "db", "app", "mail"])}-0${1 + d.below(4)}`,
    };
  },
  "nginx.access": (d) => {
    const path = d.pick(["/", "/dich-vu-cong", "/ho-so/tra-cuu", "/wp-login.php", "/api/thu-tuc", "/tin-tuc/2026"]);
    const status = path.startsWith("/wp") ? 404 : d.pick([200, 200, 200, 200, 302, 304, 500]);
    const ip = d.pick([...OUTSIDE, "2001:db8:100::5", "198.51.100.99"]);
    return {
      message: `${ip} - - "GET ${path} HTTP/1.1" ${status} ${200 + d.below(9000)}`,
      "event.category": "web",
      "event.type": "access",
      "event.outcome": status < 400 ? "success" : "failure",
      "source.ip": ip,
      "http.request.method": "GET",
      "http.response.status_code": status,
      "http.response.body.bytes": 200 + d.below(9000),
      "url.path": path,
      "user_agent.original": d.pick(["Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "curl/8.5.0", "sqlmap/1.8"]),
      "host.name": "srv-web-01",
    };
  },
  cef: (d) => {
    const denied = d.next() < 0.5;
    const from = d.pick(OUTSIDE);
    const to = inside(d);
    const port = d.pick([22, 443, 445, 3389, 8080]);
    return {
      message: `Tường lửa ${denied ? "chặn" : "cho qua"} ${from} → ${to}:${port}`,
      "event.category": "network",
      "event.type": denied ? "denied" : "allowed",
      "event.action": denied ? "deny" : "allow",
      "event.outcome": denied ? "failure" : "success",
      "source.ip": from,
      "destination.ip": to,
      "destination.port": port,
      "observer.vendor": "Fortinet",
      "observer.product": "Fortigate",
      "cef.extensions.act": denied ? "deny" : "accept",
      "host.name": "fw-bien-01",
    };
  },
  "lgsp.gateway": (d) => {
    const records = d.next() < 0.05 ? 900 + d.below(4000) : 1 + d.below(20);
    const api = d.pick(APIS);
    const consumer = d.pick(CONSUMERS);
    return {
      message: `${consumer} ${api} 200 ${records} bản ghi`,
      "event.category": "api",
      "event.outcome": "success",
      "lgsp.consumer": consumer,
      "lgsp.api": api,
      "lgsp.records": records,
      "lgsp.purpose": d.pick(["Giải quyết thủ tục hành chính", "Xác minh hộ tịch", "Thống kê"]),
      "lgsp.token_id": `tk-${1000 + d.below(40)}`,
      "source.ip": inside(d),
      "user.name": d.pick(USERS.slice(0, 6)),
      "url.path": api,
      "host.name": "lgsp-gw-01",
    };
  },
  "windows.security": (d) => {
    const user = d.pick(USERS);
    const fails = d.next() < 0.4;
    return {
      message: fails ? `An account failed to log on: ${user}` : `A new process has been created by ${user}`,
      "event.category": fails ? "authentication" : "process",
      "event.code": fails ? "4625" : "4688",
      "event.outcome": fails ? "failure" : "success",
      "winlog.channel": "Security",
      "winlog.event_id": fails ? 4625 : 4688,
      "winlog.computer_name": "PC-TIEPDAN-07",
      "user.name": user,
      "source.ip": inside(d),
      "host.name": "PC-TIEPDAN-07",
      ...(fails
        ? {}
        : {
            "process.executable": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
            "process.command_line": "powershell -nop -w hidden -enc SQBFAFgA…",
          }),
    };
  },
};

export function makeEvents(now, count = 6000) {
  const d = dice(20261122);
  const kinds = Object.keys(MAKERS);
  const events = [];
  for (let n = 0; n < count; n += 1) {
    const burst = d.next() < 0.18;
    const ageMs = burst ? (3.2 + d.next() * 0.7) * 3600e3 : Math.pow(d.next(), 2.2) * 7 * 864e5;
    const [site, agency] = d.pick(SITES);
    const dataset = burst ? "system.auth" : d.pick(kinds);
    const fields = MAKERS[dataset](d);
    const time = new Date(now - ageMs).toISOString();
    events.push({
      time,
      fields: {
        "@timestamp": time,
        "event.ingested": new Date(now - ageMs + 400).toISOString(),
        "event.kind": "event",
        "event.module": dataset.split(".")[0],
        "event.dataset": dataset,
        "event.original": `<38>${time} ${fields["host.name"]} ${fields.message}`,
        "metrosoc.site.id": site,
        "metrosoc.agency.id": agency,
        "metrosoc.site.known_by": d.pick(["certificate", "certificate", "address"]),
        "metrosoc.source.id": `syslog-tls:${site}`,
        "metrosoc.transport": "syslog-tls",
        ...fields,
      },
    });
  }
  events.sort((a, b) => (a.time < b.time ? -1 : 1));
  events.forEach((event, id) => (event.id = id));
  return events;
}

const RULES = [
  ["Dò mật khẩu SSH từ một địa chỉ", "high", ["attack.credential-access", "attack.t1110.001"], "system.auth"],
  ["Nhiều lần đăng nhập Windows thất bại", "medium", ["attack.credential-access", "attack.t1110"], "windows.security"],
  ["PowerShell mã hóa chạy ẩn", "critical", ["attack.execution", "attack.t1059.001", "attack.t1027"], "windows.security"],
  ["Quét lỗ hổng WordPress", "low", ["attack.reconnaissance", "attack.t1595.002"], "nginx.access"],
  ["Công cụ SQL injection truy cập cổng dịch vụ công", "high", ["attack.initial-access", "attack.t1190"], "nginx.access"],
  ["Tra cứu hàng loạt hồ sơ công dân qua LGSP", "critical", ["attack.collection", "attack.t1213"], "lgsp.gateway"],
  ["Kết nối RDP từ ngoài bị chặn", "informational", ["attack.lateral-movement", "attack.t1021.001"], "cef"],
  ["SMB từ ngoài vào mạng nội bộ", "medium", ["attack.lateral-movement", "attack.t1021.002"], "cef"],
];

/** What a rule would have compared of such an event. */
function atomsOf(fields) {
  const atom = (field, operator, pattern) => ({ selection: "selection", field, operator, pattern, value: String(fields[field]) });
  const atoms = [atom("event.dataset", "", fields["event.dataset"])];
  if (fields["event.outcome"]) atoms.push(atom("event.outcome", "", fields["event.outcome"]));
  const first = String(fields.message ?? "").split(" ")[0];
  if (first) atoms.push(atom("message", "contains", first));
  if (fields["source.ip"]) atoms.push({ selection: "group-by", field: "source.ip", operator: "", value: fields["source.ip"] });
  return atoms;
}

export const RULE_TEXTS = RULES.map(([title, level, tags, dataset], at) => ({
  rule: { id: `b7f1c0de-${1000 + at}`, title, level, tags },
  dataset,
  path: `embedded/${dataset.split(".")[0]}/rule_${at}.yml`,
}));

export { SITES };

export function makeAlerts(now, events, count = 137) {
  const d = dice(807);
  const alerts = [];
  for (let n = 0; n < count; n += 1) {
    const [title, level, tags, dataset] = d.pick(RULES);
    const about = events.filter((event) => event.fields["event.dataset"] === dataset);
    const event = d.pick(about.slice(-400));
    const f = event.fields;
    const last = Date.parse(event.time);
    const age = (now - last) / 3600e3;
    const roll = d.next();
    const status =
      age > 30 && roll < 0.6 ? (roll < 0.35 ? "closed_false" : "closed_true") : roll < 0.25 ? "acknowledged" : "new";
    const found = about.filter((e) => e.fields["metrosoc.site.id"] === f["metrosoc.site.id"]).slice(-14);
    alerts.push({
      id: `al-${(4096 + n).toString(36)}${(n * 7919).toString(36)}`,
      rule: { id: `b7f1c0de-${1000 + RULES.findIndex((r) => r[0] === title)}`, title, level, tags },
      status,
      assignee: status === "new" ? null : d.pick(["lan", "minh", "tier2", "quang"]),
      count: 1 + d.below(d.next() < 0.2 ? 4200 : 60),
      first_seen: new Date(last - d.below(5400e3)).toISOString(),
      last_seen: event.time,
      created: event.time,
      updated: event.time,
      entities: {
        site: f["metrosoc.site.id"],
        agency: f["metrosoc.agency.id"],
        host: f["host.name"] ?? null,
        user: f["user.name"] ?? null,
        source_ip: f["source.ip"] ?? null,
        destination_ip: f["destination.ip"] ?? null,
      },
      events: found.map((e) => e.id),
      risk_score: { critical: 99, high: 73, medium: 47, low: 21, informational: 1 }[level],
      atoms: atomsOf(f),
      authenticated: f["metrosoc.site.known_by"] === "certificate",
    });
  }
  return alerts.sort((a, b) => (a.last_seen < b.last_seen ? 1 : -1));
}

// A stand-in for the server: the page's files and its HTTP API over invented data, for work on the page alone.
// `node mock/server.mjs [--port N]` prints its address, the set-up code and the accounts.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as http } from "node:http";
import { createServer as https } from "node:https";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { makeAlerts, makeEvents } from "./data.mjs";
import { answerNoun, Nouns } from "./nouns.mjs";
import { compile, QueryError, segments } from "./query.mjs";

const DIST = fileURLToPath(new URL("../../../dashboards/dist/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
export const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";
const PURPOSES = [
  { id: "triage", title: { vi: "Phân loại cảnh báo", en: "Alert triage" } },
  { id: "investigation", title: { vi: "Điều tra sự cố", en: "Incident investigation" } },
  { id: "hunting", title: { vi: "Săn tìm mối đe dọa", en: "Threat hunting" } },
];
const WATCH = { rules: ["read"], sites: ["read"], responses: ["read"] };
const FULL = { ...WATCH, events: ["read", "export"], alerts: ["read", "write"], rules: ["read", "write"] };
const ROLES = {
  admin: { ...FULL, users: ["manage"], certificates: ["read", "manage"], responses: ["read", "manage"] },
  "analyst-tier1": { ...WATCH, events: ["read"], alerts: ["read", "write"] },
  "analyst-tier2": FULL,
  "agency-officer": { alerts: ["read"], sites: ["read"] },
  auditor: { audit: ["read", "export"], users: ["read"] },
};
const MASKED = new Set(["user.name", "source.ip", "lgsp.token_id"]);
const HIDDEN = new Set(["message", "event.original"]);

class Refusal extends Error {
  constructor(status, title, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, title, more });
  }
}

export class Mock {
  constructor(options = {}) {
    this.now = Date.now();
    this.events = makeEvents(this.now);
    this.alerts = makeAlerts(this.now, this.events);
    this.history = new Map();
    this.sessions = new Map();
    this.users = new Map(Object.entries(options.users ?? {}));
    this.setupCode = options.setupCode;
    this.ledger = 48210;
    this.nouns = new Nouns(this);
  }

  answer(user, csrf) {
    const limited = user.role === "analyst-tier1";
    return {
      user: { name: user.name, role: user.role, agency: user.agency ?? null },
      csrf,
      can: ROLES[user.role] ?? {},
      free_text: !limited,
      purposes: PURPOSES,
    };
  }

  enter(user, headers) {
    const id = randomBytes(24).toString("base64url");
    const csrf = randomBytes(24).toString("base64url");
    this.sessions.set(id, { user, csrf });
    headers["set-cookie"] = `__Host-metrosoc=${id}; Path=/; Secure; HttpOnly; SameSite=Strict`;
    return this.answer(user, csrf);
  }

  visibility(user, field) {
    if (user.role !== "analyst-tier1") return "clear";
    return HIDDEN.has(field) ? "hidden" : MASKED.has(field) ? "masked" : "clear";
  }

  hit(user, event, marks = []) {
    const fields = {};
    const highlight = {};
    for (const [name, value] of Object.entries(event.fields)) {
      const seen = this.visibility(user, name);
      if (seen === "hidden") continue;
      fields[name] = seen === "masked" ? `••••${String(value).slice(-4)}` : value;
      const found = seen === "clear" && segments(String(value), marks.filter((m) => m.field === name).map((m) => m.text));
      if (found) highlight[name] = found;
    }
    return { id: event.id, time: event.time, fields, highlight };
  }

  why(user, object, operation) {
    return [`p, ${user.role}, *, ${object}, ${operation}, allow`, `mask, ${user.role}, ${user.role === "analyst-tier1" ? "user.name keep-last-4" : "none"}`];
  }

  route(method, url, body, session, headers) {
    const path = url.pathname.slice("/api/v1".length);
    const user = session?.user;
    if (path === "/setup") return this.setup(method, body, headers);
    if (path === "/session" && method === "POST") return this.signIn(body, headers);
    if (!user) throw new Refusal(401, "not signed in", "sign in first");
    if (path === "/session" && method === "GET") return this.answer(user, session.csrf);
    if (path === "/session" && method === "DELETE") {
      this.sessions.delete(session.id);
      return undefined;
    }
    this.nouns.note(user, method, path);
    if (path === "/stats") return this.stats();
    if (path === "/users/assignable") return { users: ["lan", "minh", "quang", "tier2"] };
    if (path === "/fields") return this.fields(user);
    if (path === "/search") return this.search(user, body);
    if (path === "/alerts") return this.listAlerts(user, url.searchParams);
    const alert = /^\/alerts\/([^/]+)$/.exec(path);
    if (alert) return this.oneAlert(user, method, decodeURIComponent(alert[1]), body);
    const noun = answerNoun(this.nouns, { user, can: ROLES[user.role] ?? {}, method, path, query: url.searchParams, body, Refusal });
    if (noun !== undefined) return noun;
    throw new Refusal(404, "not found", `no \`${path}\` here`);
  }

  setup(method, body, headers) {
    if (method === "GET") return { needed: this.setupCode !== undefined };
    if (this.setupCode === undefined) throw new Refusal(409, "already set up", "an administrator exists already");
    if (body.code !== this.setupCode) throw new Refusal(403, "wrong code", "the one-time code is wrong or has expired");
    this.setupCode = undefined;
    const user = { name: body.name, password: body.password, role: "admin" };
    this.users.set(body.name, user);
    return this.enter(user, headers);
  }

  signIn(body, headers) {
    const user = [...this.users.values()].find((one) => one.name === body.name);
    if (!user || user.password !== body.password) throw new Refusal(401, "not signed in", "name or password is wrong");
    return this.enter(user, headers);
  }

  stats() {
    return {
      events_total: 18_412_907 + Math.floor((Date.now() - this.now) / 9),
      alerts_open: this.alerts.filter((a) => !a.status.startsWith("closed")).length,
      sites_total: 807,
      sites_seen: 781,
      sources: 1312,
    };
  }

  fields(user) {
    const all = new Set(this.events.flatMap((event) => Object.keys(event.fields)));
    const names = [...all].filter((name) => this.visibility(user, name) !== "hidden");
    return { fields: names.sort().map((name) => ({ name, visibility: this.visibility(user, name), aggregatable: !["message", "event.original", "@timestamp"].includes(name) })) };
  }

  search(user, body) {
    if (!ROLES[user.role]?.events) throw new Refusal(403, "denied", "your role may not read events", { because: ["no policy line allows it"] });
    const started = performance.now();
    let compiled;
    try {
      compiled = compile(body.query ?? "");
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      throw new Refusal(400, "bad query", error.message, { position: error.position, expected: error.expected });
    }
    const shut = compiled.marks.find((mark) => this.visibility(user, mark.field) !== "clear");
    if (shut) throw new Refusal(403, "masked field", `field \`${shut.field}\` is masked for your role and cannot be searched`);
    const from = time(body.from);
    const to = time(body.to);
    const found = this.events.filter((e) => {
      const at = Date.parse(e.time);
      return at >= from && at <= to && compiled.matches(e.fields);
    });
    found.reverse();
    const start = Number(body.cursor ?? 0);
    const hits = found.slice(start, start + body.limit);
    const aggregations = {};
    for (const [name, wanted] of Object.entries(body.aggregations ?? {})) aggregations[name] = { buckets: buckets(found, wanted) };
    return {
      total: found.length,
      hits: hits.map((event) => this.hit(user, event, compiled.marks)),
      aggregations,
      next: body.limit && start + body.limit < found.length ? String(start + body.limit) : null,
      took_ms: Math.round((performance.now() - started) * 10) / 10,
      explanation: this.why(user, "events", "read"),
      ledger: (this.ledger += 1),
    };
  }

  /** An alert as the user may see it. */
  shown(user, alert) {
    const entities = { ...alert.entities };
    const named = { user: "user.name", source_ip: "source.ip" };
    for (const [name, field] of Object.entries(named))
      if (entities[name] && this.visibility(user, field) === "masked") entities[name] = `••••${entities[name].slice(-4)}`;
    return { ...alert, entities };
  }

  listAlerts(user, query) {
    const list = (name) => (query.get(name) ?? "").split(",").filter(Boolean);
    const [status, level] = [list("status"), list("level")];
    const text = (query.get("q") ?? "").toLowerCase();
    const found = this.alerts.filter(
      (alert) =>
        (!status.length || status.includes(alert.status)) &&
        (!level.length || level.includes(alert.rule.level)) &&
        (!text || `${alert.rule.title} ${alert.rule.id} ${alert.rule.tags.join(" ")} ${alert.entities.site}`.toLowerCase().includes(text)),
    );
    const start = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    return {
      total: found.length,
      alerts: found.slice(start, start + limit).map((alert) => this.shown(user, alert)),
      next: start + limit < found.length ? String(start + limit) : null,
      explanation: this.why(user, "alerts", "read"),
      ledger: (this.ledger += 1),
    };
  }

  oneAlert(user, method, id, body) {
    const alert = this.alerts.find((one) => one.id === id);
    if (!alert) throw new Refusal(404, "not found", `no alert \`${id}\``);
    const entries = this.history.get(id) ?? [{ time: alert.created, actor: "detector", action: "created", detail: {} }];
    this.history.set(id, entries);
    if (method === "PATCH") {
      if (!ROLES[user.role]?.alerts?.includes("write")) throw new Refusal(403, "denied", "your role may not change alerts");
      if (body.status === "new") throw new Refusal(400, "bad request", "an alert never becomes new again");
      for (const name of ["status", "assignee"]) {
        if (!(name in body) || body[name] === alert[name]) continue;
        entries.push({ time: new Date().toISOString(), actor: user.name, action: name, detail: { from: alert[name], to: body[name] } });
        alert[name] = body[name];
      }
      alert.updated = new Date().toISOString();
      return { alert: this.shown(user, alert) };
    }
    return {
      alert: this.shown(user, alert),
      rule: {
        ...alert.rule,
        description:
          "Một nguồn gây ra nhiều phát hiện giống nhau trong thời gian ngắn. Hãy xem địa chỉ nguồn có thuộc mạng của thành phố hay không, và tài khoản nào bị nhắm tới.",
        references: ["https://attack.mitre.org/", "Quy trình ứng cứu sự cố số 12"],
        falsepositives: ["Kiểm thử xâm nhập đã được phê duyệt", "Người dùng quên mật khẩu"],
      },
      events: alert.events.slice(-10).map((n) => this.hit(user, this.events[n])),
      history: entries,
      explanation: this.why(user, "alerts", "read"),
      ledger: (this.ledger += 1),
    };
  }

  async handle(request, response) {
    const headers = { "content-security-policy": CSP, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store" };
    const url = new URL(request.url, "https://mock");
    if (!url.pathname.startsWith("/api/")) return file(url.pathname, response, headers);
    try {
      const body = await read(request);
      const id = /__Host-metrosoc=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1];
      const kept = id && this.sessions.get(id);
      const session = kept ? { ...kept, id } : undefined;
      if (session && request.method !== "GET" && !["/api/v1/session", "/api/v1/setup"].includes(url.pathname) && request.headers["x-csrf-token"] !== session.csrf)
        throw new Refusal(403, "csrf", "the CSRF token is missing or wrong");
      const answer = this.route(request.method, url, body, session, headers);
      if (typeof answer === "string") {
        headers["content-type"] = "text/plain; charset=utf-8";
        return response.writeHead(200, headers).end(answer);
      }
      if (answer === undefined) return response.writeHead(204, headers).end();
      headers["content-type"] = "application/json";
      response.writeHead(200, headers).end(JSON.stringify(answer));
    } catch (error) {
      const status = error.status ?? 500;
      headers["content-type"] = "application/problem+json";
      response
        .writeHead(status, headers)
        .end(JSON.stringify({ type: "about:blank", title: error.title ?? "error", status, detail: error.message, ...error.more }));
    }
  }

  /** Listens; gives back the address and how to stop. */
  async listen({ port = 0, tls = true } = {}) {
    const act = (request, response) => void this.handle(request, response);
    const server = tls ? https(certificate(), act) : http(act);
    await new Promise((ready) => server.listen(port, "127.0.0.1", ready));
    const url = `${tls ? "https" : "http"}://localhost:${server.address().port}`;
    return { url, stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) };
  }
}

function time(text) {
  const relative = /^now(?:([+-])(\d+)([smhdw]))?$/.exec(text ?? "now");
  if (!relative) return Date.parse(text);
  const unit = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }[relative[3]] ?? 0;
  return Date.now() + (relative[1] === "-" ? -1 : 1) * Number(relative[2] ?? 0) * unit;
}

function buckets(events, wanted) {
  const counts = new Map();
  const add = (key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  if (wanted.date_histogram) {
    const [, n, unit] = /^(\d+)([smhd])$/.exec(wanted.date_histogram.interval);
    const ms = Number(n) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[unit];
    for (const event of events) add(Math.floor(Date.parse(event.time) / ms) * ms);
    return [...counts].sort((a, b) => a[0] - b[0]).map(([key, count]) => ({ key: new Date(key).toISOString(), count }));
  }
  for (const event of events) {
    const value = event.fields[wanted.terms.field];
    if (value !== undefined) add(value);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, wanted.terms.size).map(([key, count]) => ({ key, count }));
}

function file(path, response, headers) {
  const wanted = normalize(join(DIST, path === "/" ? "index.html" : path));
  if (!wanted.startsWith(DIST) || !existsSync(wanted)) return response.writeHead(404, headers).end();
  headers["content-type"] = TYPES[extname(wanted)] ?? "application/octet-stream";
  response.writeHead(200, headers).end(readFileSync(wanted));
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString();
  return text ? JSON.parse(text) : {};
}

/** A certificate for localhost, made on the spot. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), "metrosoc-mock-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...name, "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.argv[process.argv.indexOf("--port") + 1]) || 8444;
  const users = Object.fromEntries(
    ["analyst-tier1", "analyst-tier2", "agency-officer", "auditor"].map((role) => {
      const name = role.replace("analyst-", "");
      return [name, { name, role, password: `${name} for the mock only` }];
    }),
  );
  const mock = new Mock({ users });
  const { url } = await mock.listen({ port });
  console.log(url);
  for (const user of mock.users.values()) console.log(`${user.role}: ${user.name} / ${user.password}`);
}

// The stand-in's rules, exceptions, backtests, risk, sites, responses, record and ledger.
import { createHash } from "node:crypto";
import { RULE_TEXTS, SITES } from "./data.mjs";

const DAY_MS = 864e5;
const ORIGIN = "mock-ledger";
const STATES = ["ok", "ok", "silent", "ok", "drop", "never_spoke", "source_silent", "ok", "skewed", "surge", "ok", "learning", "ok"];

/** What these nouns keep. */
export class Nouns {
  constructor(mock) {
    this.mock = mock;
    this.exceptions = [];
    this.jobs = new Map();
    this.record = [];
    this.made = 0;
  }

  /** Everything that is asked is an entry of the record, as on the real server. */
  note(user, method, path) {
    const action = `${method === "GET" ? "read" : "change"}${path.split("/").slice(0, 2).join("_")}`.replace(/[^a-z_]/g, "");
    this.enter(user.name, action, path.slice(1), { address: "127.0.0.1" }, user.role);
  }

  enter(actor, action, object, detail, role) {
    const index = this.record.length;
    const previous = this.record.at(-1)?.hash ?? "0".repeat(64);
    const time = new Date().toISOString();
    const hash = createHash("sha256").update(JSON.stringify([index, time, actor, action, object, detail, previous])).digest("hex");
    this.record.push({ index, time, actor, action, object, detail, hash, previous, role });
    return index;
  }

  note_text() {
    const root = createHash("sha256").update(this.record.at(-1)?.hash ?? "").digest("base64");
    return `${ORIGIN}\n${this.record.length}\n${root}\n\n— ${ORIGIN} ${createHash("sha256").update(root).digest("base64")}\n`;
  }

  rules() {
    return RULE_TEXTS.map((one, at) => ({
      rule: one.rule,
      risk_score: { critical: 99, high: 73, medium: 47, low: 21, informational: 1 }[one.rule.level],
      path: one.path,
      line: 1,
      status: at % 3 ? "test" : "stable",
      logsource: `${one.dataset.replace(".", "/-/")}`,
    }));
  }

  text(one, first = false) {
    const tags = one.rule.tags.map((tag) => `    - ${tag}\n`).join("");
    return `title: ${one.rule.title}\nid: ${one.rule.id}\nstatus: test\ntags:\n${tags}logsource:\n    product: ${one.dataset.split(".")[0]}\ndetection:\n    selection:\n        event.dataset: ${one.dataset}\n${first ? "" : "        event.outcome: failure\n"}    condition: selection\nlevel: ${one.rule.level}\n`;
  }

  versions(one) {
    const made = (number, action, text) => ({
      rule: one.rule.id,
      number,
      time: new Date(this.mock.now - (3 - number) * DAY_MS).toISOString(),
      actor: "metrosoc",
      action,
      title: one.rule.title,
      path: one.path,
      modified: "2026-11-22",
      digest: createHash("sha256").update(text).digest("hex"),
      before: null,
      text,
      ledger: 40 + number,
    });
    return [made(2, "changed", this.text(one)), made(1, "added", this.text(one, true))];
  }

  /** Findings are alerts of the rule's data set, counted by day; none is hidden but by the draft's conditions. */
  hunt(dataset, fields) {
    const all = this.mock.events.filter((event) => event.fields["event.dataset"] === dataset);
    const hides = (event) => fields && Object.entries(fields).every(([name, value]) => String(event.fields[name]) === String(value));
    const counted = (events) => ({
      total: events.length,
      by_day: tally(events.map((event) => event.time.slice(0, 10))).sort().map(([day, count]) => ({ day, count })),
      by_site: tally(events.map((event) => event.fields["metrosoc.site.id"])).map(([site, count]) => ({ site, count })),
      by_rule: [],
      samples: events.slice(-3).map((event) => ({ rule: "", time: event.time, events: [event.id], matched: ["selection"], hit: event })),
    });
    const seen = counted(all.filter((event) => !hides(event)));
    const work = { events_total: this.mock.events.length, scanned: this.mock.events.length, candidates: all.length, matched: all.length, elapsed_secs: 0.2, events_per_sec: 30000, left_secs: 0 };
    return { seen, hidden: counted(all.filter((event) => hides(event))), work, pruned: true, truncated: [], explanation: ["p, analyst-tier2, all, events, read, stated, allow"] };
  }

  begin(result) {
    const id = `bt-${(this.made += 1)}`;
    this.jobs.set(id, { result, looks: 0 });
    return { id, state: "running", from: "now-7d", to: "now" };
  }

  look(id, Refusal) {
    const job = this.jobs.get(id);
    if (!job) throw new Refusal(404, "not found", `no backtest \`${id}\` of yours`);
    job.looks += 1;
    const { work } = job.result;
    if (job.looks > 1) return { id, state: "done", progress: work, result: job.result };
    return { id, state: "running", progress: { ...work, scanned: Math.floor(work.events_total / 2), left_secs: 1 } };
  }

  risk(user) {
    const sums = new Map();
    const add = (alert, kind, name, site) => {
      if (!name) return;
      const key = `${kind} ${site ?? ""} ${name}`;
      const one = sums.get(key) ?? { kind, name, ...(site ? { site } : {}), risk: 0, alerts: 0, risk_score_max: 0, last_seen: alert.last_seen };
      one.risk += alert.risk_score;
      one.alerts += 1;
      one.risk_score_max = Math.max(one.risk_score_max, alert.risk_score);
      sums.set(key, one);
    };
    const fresh = this.mock.alerts.filter((a) => a.status !== "closed_false" && Date.parse(a.last_seen) > Date.now() - DAY_MS);
    const shut = ["user.name", "source.ip"].filter((field) => this.mock.visibility(user, field) !== "clear");
    for (const alert of fresh) {
      const { site, host, user: who, source_ip } = alert.entities;
      add(alert, "site", site);
      add(alert, "host", host, site);
      if (!shut.includes("user.name")) add(alert, "user", who, site);
      if (!shut.includes("source.ip")) add(alert, "source_address", source_ip);
    }
    const entities = [...sums.values()].sort((a, b) => b.risk - a.risk);
    return { entities, alerts: fresh.length, truncated: false, left_out: shut, explanation: this.mock.why(user, "alerts", "read"), ledger: 1 };
  }

  sites() {
    return SITES.map(([id, agency], at) => {
      const own = this.mock.events.filter((event) => event.fields["metrosoc.site.id"] === id);
      const state = STATES[at % STATES.length];
      const spoke = state !== "never_spoke";
      const health = { state, state_since: new Date(Date.now() - 3_600_000).toISOString(), usual_interval_secs: spoke ? 1 + at : null, events_per_hour: spoke ? 900 * (at + 1) : 0, undecoded: at % 5 === 3 ? 17 : 0, clock_skew_secs: state === "skewed" ? 412.5 : spoke ? 0.1 : null, sources: spoke ? 1 : 0, sources_silent: state === "silent" ? 1 : 0 };
      return { id, name: `Điểm ${at + 1}`, agency, data_center: at % 2 ? "dc2" : "dc1", addresses: [`10.${20 + at}.0.0/24`, `fd4d:534f:43:${at}::/64`], events: spoke ? own.length : 0, last_seen: (spoke && own.at(-1)?.time) || null, ...health };
    });
  }

  sources() {
    const spoke = this.sites().filter((site) => site.last_seen);
    return spoke.map(({ id, last_seen, events, state, state_since, usual_interval_secs, events_per_hour, undecoded, clock_skew_secs }) => ({ id: `syslog-tls:${id}`, site: id, known_by: "certificate", transport: "syslog-tls", address: null, first_seen: last_seen, last_seen, records: events, bytes: events * 420, dropped: 0, refused: 0, state, state_since, usual_interval_secs, silent_after_secs: Math.max(60, 3 * usual_interval_secs), events_per_hour, expected_per_hour: events_per_hour, undecoded, clock_skew_secs }));
  }

  auditSearch(body) {
    const person = /user\.name:([\w.-]+)(?: |$)/.exec(body.query ?? "")?.[1];
    const action = /event\.action:([\w.]+)/.exec(body.query ?? "")?.[1];
    const found = this.record.filter((one) => (!person || one.actor === person) && (!action || one.action === action)).reverse();
    const hit = (one) => ({ id: one.index, time: one.time, fields: { "user.name": one.actor, "user.roles": one.role, "event.action": one.action, "event.outcome": "success", "metrosoc.audit.object": one.object, "metrosoc.audit.entry": one.index } });
    const top = (name) => ({ buckets: tally(found.map((one) => one[name])).map(([key, count]) => ({ key, count })) });
    return { total: found.length, hits: found.slice(0, body.limit).map(hit), aggregations: { people: top("actor"), actions: top("action") }, next: null, took_ms: 1, explanation: ["p, auditor, all, audit, read, any, allow"], ledger: this.record.length };
  }
}

function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** The answer to a request about one of these nouns; nothing when it is about none. */
export function answerNoun(nouns, { user, can, method, path, query, body, Refusal }) {
  const need = (object, operation = "read") => {
    if (!can[object]?.includes(operation)) throw new Refusal(403, "denied", `your role may not ${operation} ${object}`, { because: ["no policy line allows it"] });
  };
  const one = (pattern) => pattern.exec(path)?.slice(1).map(decodeURIComponent);
  let found;
  if (path === "/rules") return need("rules"), { total: RULE_TEXTS.length, rejected: 1, rules: nouns.rules() };
  if (path === "/rules/rejected") return need("rules"), { rejected: [{ path: "rules/own/broken.yml", reason: "unknown modifier `contians` (did you mean `contains`?)" }] };
  if (path === "/rules/silent") {
    need("rules");
    const { rule, path: file } = RULE_TEXTS[7];
    return { since: null, days: 30, sources_seen: 5, total: RULE_TEXTS.length, silent: 1, rules: [{ rule, path: file, line: 1, reason: "fields_never_seen", logsource: "cef/-/-", fields: ["network.protocol"] }] };
  }
  if ((found = one(/^\/rules\/([^/]+)\/versions$/))) {
    need("rules");
    const rule = RULE_TEXTS.find((text) => text.rule.id === found[0]);
    if (!rule) throw new Refusal(404, "not found", `rule \`${found[0]}\` was never in force`);
    return { rule: found[0], versions: nouns.versions(rule) };
  }
  if (path === "/rules/backtest") {
    need("rules");
    need("events");
    const rule = RULE_TEXTS.find((text) => text.rule.id === body.rule || body.yaml?.includes(text.dataset));
    if (!rule) throw new Refusal(400, "bad request", "yaml: no rule in it");
    return nouns.begin(nouns.hunt(rule.dataset));
  }
  if ((found = one(/^\/rules\/backtest\/([^/]+)$/))) {
    if (method !== "DELETE") return nouns.look(found[0], Refusal);
    nouns.jobs.delete(found[0]);
    return {};
  }
  if (path === "/exceptions/preview") {
    need("rules", "write");
    const rule = RULE_TEXTS.find((text) => text.rule.id === body.exception.rules[0]);
    return nouns.begin(nouns.hunt(rule.dataset, body.exception.fields));
  }
  if (path === "/exceptions" && method === "POST") {
    need("rules", "write");
    const now = new Date().toISOString();
    const exception = { id: `ex-${nouns.exceptions.length + 1}`, target: { rules: body.rules }, fields: body.fields, reason: body.reason, owner: user.name, created: now, created_by: user.name, expires: body.expires, withdrawn: null, hidden: 0, state: "active", fault: null };
    nouns.exceptions.push(exception);
    return { exception };
  }
  if (path === "/exceptions") return need("rules"), { total: nouns.exceptions.length, exceptions: nouns.exceptions };
  if ((found = one(/^\/exceptions\/([^/]+)\/withdraw$/))) {
    need("rules", "write");
    const exception = nouns.exceptions.find((other) => other.id === found[0]);
    if (!exception) throw new Refusal(404, "not found", `no exception \`${found[0]}\``);
    Object.assign(exception, { state: "withdrawn", withdrawn: { time: new Date().toISOString(), by: user.name, reason: body.reason } });
    return { exception };
  }
  if (path === "/risk") return need("alerts"), nouns.risk(user);
  if (path === "/sites") return need("sites"), { total: SITES.length, sites: nouns.sites() };
  if (path === "/sources") return need("sites"), { sources: nouns.sources() };
  if (path === "/sites/unknown") return need("sites"), { senders: [] };
  if (path === "/certificates") return need("certificates"), { certificates: [] };
  if (path === "/responses") {
    need("responses");
    const alert = nouns.mock.alerts.find((other) => other.id === query.get("alert"));
    if (!alert?.entities.source_ip || alert.rule.level !== "critical") return { plans: [] };
    return { plans: [{ id: `plan-${alert.id}`, alert: alert.id, playbook: "block-critical", target: alert.entities.source_ip, action: { kind: "block_address", address: alert.entities.source_ip, duration_secs: 14_400 }, status: "planned", why: "a critical alert names the address", checks: [{ name: "never_block", passed: true, detail: "not on the list" }, { name: "enabled", passed: false, detail: "actions are not enabled" }], note: "waits for a person", created: alert.created, updated: alert.updated, ends: null }] };
  }
  if (path === "/audit/search") return need("audit"), nouns.auditSearch(body);
  if (path === "/audit") {
    need("audit");
    const before = Number(query.get("before") ?? Infinity);
    const fits = (entry) => entry.index < before && ["actor", "action", "object"].every((name) => !query.get(name) || entry[name] === query.get(name));
    const entries = nouns.record.filter(fits).reverse().slice(0, Number(query.get("limit") ?? 100));
    return { entries: entries.map(({ role: _, ...entry }) => entry), next: null, explanation: ["p, auditor, all, audit, read, any, allow"], ledger: nouns.record.length };
  }
  if (path === "/ledger/checkpoint") return need("audit"), nouns.note_text();
  if (path === "/ledger/verify") return need("audit"), { sound: true, entries: nouns.record.length, root: nouns.record.at(-1).hash, signed_by: `${ORIGIN}+mock`, fault: null };
  if ((found = one(/^\/ledger\/proof\/(\d+)$/))) {
    need("audit");
    const entry = nouns.record[Number(found[0])];
    if (!entry) throw new Refusal(404, "not found", `no entry ${found[0]}`);
    return { index: entry.index, leaf: entry.hash, path: [entry.previous], checkpoint: nouns.note_text() };
  }
  return undefined;
}

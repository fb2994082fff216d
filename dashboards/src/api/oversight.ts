// Risk, sites, responses, the audit record and the ledger: what the server sends and takes.
import { call, callText } from "./client";
import type { SearchAnswer, SearchRequest, Value } from "./types";

export type EntityKind = "host" | "user" | "source_address" | "site";

export interface EntityRisk {
  kind: EntityKind;
  name: string;
  site?: string;
  risk: number;
  alerts: number;
  risk_score_max: number;
  last_seen: string;
}

export interface RiskPage {
  entities: EntityRisk[];
  alerts: number;
  truncated: boolean;
  /** Fields that are masked for who asks. */
  left_out: string[];
  explanation?: string[];
  ledger?: number | null;
}

/** What a site or a source is judged to be. */
export type Health =
  | "waiting"
  | "learning"
  | "ok"
  | "skewed"
  | "surge"
  | "drop"
  | "source_silent"
  | "silent"
  | "never_spoke";

/** What is measured of a site or a source; nothing before it was heard of. */
export interface Measures {
  state_since?: string;
  usual_interval_secs?: number | null;
  events_per_hour?: number;
  undecoded?: number;
  clock_skew_secs?: number | null;
}

export interface Site extends Measures {
  id: string;
  name: string;
  agency: string;
  data_center: string;
  addresses: string[];
  ward_code?: string | null;
  events: number;
  last_seen?: string | null;
  state: Health;
  sources?: number;
  sources_silent?: number;
}

export interface Source extends Measures {
  id: string;
  site: string;
  known_by: string;
  transport: string;
  address?: string | null;
  first_seen: string;
  last_seen: string;
  records: number;
  bytes: number;
  dropped: number;
  refused: number;
  state?: Health;
  silent_after_secs?: number | null;
  expected_per_hour?: number | null;
}

export interface Certificate {
  serial: string;
  profile: string;
  subject: string;
  key_origin: "authority" | "agent";
  status: string;
  not_before: string;
  not_after: string;
  revoked?: string | null;
  reason?: string | null;
}

export interface Plan {
  id: string;
  alert: string;
  playbook: string;
  target: string;
  /** `block_address` with what it acts on and for how long. */
  action: { kind: string; duration_secs?: number };
  status: "planned" | "refused" | "running" | "done" | "undone" | "expired" | "failed";
  why: string;
  checks: { name: string; passed: boolean; detail: string }[];
  note: string;
  created: string;
  updated: string;
  ends?: string | null;
}

export interface AuditEntry {
  index: number;
  time: string;
  actor: string;
  action: string;
  object: string;
  detail: Value;
  hash: string;
  previous: string;
}

export interface AuditFilter {
  actor: string;
  action: string;
  object: string;
  /** RFC 3339. */
  from: string;
  to: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  next?: number | null;
  explanation?: string[];
  ledger?: number | null;
}

export interface Verified {
  sound: boolean;
  entries?: number;
  root?: string;
  signed_by?: string | null;
  fault?: string | null;
}

export interface Proof {
  index: number;
  leaf: string;
  path: string[];
  checkpoint: string;
}

const enc = encodeURIComponent;

export const oversightApi = {
  risk: (limit: number) => call<RiskPage>("GET", `/risk?limit=${limit}`),

  sites: () => call<{ sites: Site[] }>("GET", "/sites"),
  sources: () => call<{ sources: Source[] }>("GET", "/sources"),
  unknownSenders: () => call<{ senders: Source[] }>("GET", "/sites/unknown"),
  certificates: () => call<{ certificates: Certificate[] }>("GET", "/certificates"),

  plansOf: (alert: string) => call<{ plans: Plan[] }>("GET", `/responses?alert=${enc(alert)}`),
  runPlan: (id: string) => call<{ plan: Plan }>("POST", `/responses/${enc(id)}/run`),
  undoPlan: (id: string) => call<{ plan: Plan }>("POST", `/responses/${enc(id)}/undo`),

  audit(filter: AuditFilter, limit: number, before?: number, signal?: AbortSignal) {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value);
    if (before !== undefined) query.set("before", String(before));
    return call<AuditPage>("GET", `/audit?${query}`, undefined, signal);
  },
  auditSearch: (request: SearchRequest, signal?: AbortSignal) =>
    call<SearchAnswer>("POST", "/audit/search", request, signal),
  checkpoint: () => callText("/ledger/checkpoint"),
  verify: (checkpoint?: string) => call<Verified>("POST", "/ledger/verify", checkpoint ? { checkpoint } : {}),
  proof: (index: number) => call<Proof>("GET", `/ledger/proof/${index}`),
};

// Rules, exceptions and backtests: what the server sends and takes.
import { call } from "./client";
import type { Hit, Level, Value } from "./types";

export interface RuleRef {
  id: string;
  title: string;
  level: Level;
  tags: string[];
}

export interface RuleEntry {
  rule: RuleRef;
  risk_score: number;
  path: string;
  line: number;
  status?: string | null;
  /** `product/category/service`; servers before 0.2 do not tell it. */
  logsource?: string | null;
  /** The rules that a correlation joins, as it names them. */
  correlation?: string[];
}

export interface RuleList {
  total: number;
  rejected: number;
  rules: RuleEntry[];
}

export interface Rejected {
  path: string;
  reason: string;
}

export interface SilentRule {
  rule: RuleRef;
  path: string;
  line: number;
  reason: "source_never_seen" | "fields_never_seen" | "rules_silent";
  logsource?: string;
  fields?: string[];
  rules?: string[];
}

export interface SilentList {
  since?: string | null;
  days: number;
  sources_seen: number;
  total: number;
  silent: number;
  rules: SilentRule[];
}

export interface Version {
  number: number;
  time: string;
  actor: string;
  action: "added" | "changed" | "removed";
  title: string;
  path: string;
  modified?: string | null;
  digest?: string | null;
  text: string;
  ledger: number;
}

export type Fields = Record<string, Value>;

export interface Exception {
  id: string;
  target: { rules: string[] } | { level: Level };
  fields: Fields;
  reason: string;
  owner: string;
  created: string;
  created_by: string;
  expires: string;
  withdrawn?: { time: string; by: string; reason: string } | null;
  hidden: number;
  state: "active" | "expired" | "withdrawn";
  fault?: string | null;
}

export interface Draft {
  rules: string[];
  fields: Fields;
  reason: string;
  expires: string;
}

export interface Counted {
  total: number;
  by_day: { day: string; count: number }[];
  by_site: { site: string; count: number }[];
  by_rule: { rule: string; count: number }[];
  samples: { rule: string; time: string; events: number[]; matched: string[]; hit?: Hit }[];
}

export interface Progress {
  events_total: number;
  scanned: number;
  candidates: number;
  matched: number;
  elapsed_secs: number;
  events_per_sec: number;
  left_secs?: number | null;
}

export interface HuntAnswer {
  seen: Counted;
  hidden: Counted;
  alerts?: { total: number; per_day: number; by_day: { day: string; count: number }[] };
  work: Progress;
  pruned: boolean;
  truncated: string[];
  explanation: string[];
}

export interface HuntStart {
  id: string;
  from: string;
  to: string;
}

export interface HuntLook {
  id: string;
  state: "running" | "done" | "failed" | "cancelled";
  progress: Progress;
  problem?: { title?: string; detail?: string };
  result?: HuntAnswer;
}

export type Backtest = ({ rule: string } | { yaml: string }) & { from: string; to: string; purpose?: string };

const enc = encodeURIComponent;

export const rulesApi = {
  list: () => call<RuleList>("GET", "/rules"),
  rejected: () => call<{ rejected: Rejected[] }>("GET", "/rules/rejected"),
  silent: () => call<SilentList>("GET", "/rules/silent"),
  versions: (id: string) => call<{ versions: Version[] }>("GET", `/rules/${enc(id)}/versions`),
  exceptions: () => call<{ exceptions: Exception[] }>("GET", "/exceptions"),
  except: (draft: Draft) => call<{ exception: Exception }>("POST", "/exceptions", draft),
  withdraw: (id: string, reason: string) =>
    call<{ exception: Exception }>("POST", `/exceptions/${enc(id)}/withdraw`, { reason }),
  backtest: (form: Backtest) => call<HuntStart>("POST", "/rules/backtest", form),
  preview: (exception: Draft, purpose?: string) =>
    call<HuntStart>("POST", "/exceptions/preview", purpose ? { exception, purpose } : { exception }),
  look: (id: string) => call<HuntLook>("GET", `/rules/backtest/${enc(id)}`),
  cancel: (id: string) => call<void>("DELETE", `/rules/backtest/${enc(id)}`),
};

// What the server sends and takes, as `/api/v1` documents it.
export type Level = "critical" | "high" | "medium" | "low" | "informational";
export type Status = "new" | "acknowledged" | "closed_true" | "closed_false";
/** What somebody may set: an alert never becomes new again. */
export type Settled = Exclude<Status, "new">;
export type Visibility = "clear" | "masked" | "hidden";
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

export const LEVELS: readonly Level[] = ["critical", "high", "medium", "low", "informational"];

export interface User {
  name: string;
  role: string;
  agency?: string | null;
}

export interface Purpose {
  id: string;
  title: Partial<Record<"vi" | "en", string>>;
}

export interface SessionAnswer {
  second_factor: { enrolled: boolean; due: boolean };
  /** Whether the sign-on provider began it. */
  federated: boolean;
  /** Where to go after signing out, for sessions of the sign-on provider. */
  sign_out_url?: string | null;
  user: User;
  csrf: string;
  can: Record<string, string[]>;
  free_text: boolean;
  purposes: Purpose[];
}

/** The password was right; the second factor is asked for. */
export interface Challenge {
  challenge: string;
  ends: string;
}

export interface SignOn {
  enabled: boolean;
  name: string;
}

export interface Enrolment {
  secret: string;
  uri: string;
  /** Rows of the QR code, `1` for dark modules. */
  qr: string[] | null;
}

export interface SecondFactor {
  enrolled: boolean;
  required: boolean;
  recovery_codes: number;
}

export interface SessionInfo {
  id: string;
  address: string;
  user_agent: string;
  started: string;
  seen: string;
  ends: string;
  strength: string;
  current: boolean;
}

export interface Entities {
  site?: string | null;
  agency?: string | null;
  host?: string | null;
  user?: string | null;
  source_ip?: string | null;
  destination_ip?: string | null;
}

export interface Alert {
  id: string;
  rule: { id: string; title: string; level: Level; tags: string[] };
  status: Status;
  assignee?: string | null;
  count: number;
  first_seen: string;
  last_seen: string;
  created: string;
  updated: string;
  entities: Entities;
  events: number[];
  /** The comparisons that were true; what this account may not see is left out by the server. */
  atoms?: Atom[];
  /** 0 to 100. */
  risk_score?: number;
  authenticated: boolean;
}

/** One comparison of a rule that held. */
export interface Atom {
  /** The rule's selection; `group-by` for a correlation. */
  selection: string;
  /** Nothing for keywords, which are found in the text as a whole. */
  field?: string | null;
  /** The rule's modifiers, `contains|all`; empty for equality. */
  operator: string;
  /** What the rule wants; nothing where that would tell a masked value. */
  pattern?: string | null;
  value?: string | null;
}

export interface AlertPage {
  total: number;
  alerts: Alert[];
  next?: string | null;
  explanation?: string[];
  ledger?: number | null;
}

export interface HistoryEntry {
  time: string;
  actor: string;
  action: string;
  detail?: Value;
}

export interface RuleText {
  title?: string;
  description?: string | null;
  description_vi?: string | null;
  /** The rules that a correlation joins. */
  correlation?: string[];
  level?: Level;
  tags?: string[];
  references?: string[];
  falsepositives?: string[];
}

export interface AlertDetail {
  alert: Alert;
  rule?: RuleText | null;
  events: Hit[];
  history: HistoryEntry[];
  explanation?: string[];
  ledger?: number | null;
}

export interface Segment {
  text: string;
  hit: boolean;
}

export interface Hit {
  id: number | string;
  time: string;
  fields: Record<string, Value>;
  highlight?: Record<string, Segment[][]> | null;
}

export interface Bucket {
  key: string | number | boolean;
  count: number;
}

export type Aggregation =
  | { date_histogram: { field: string; interval: string } }
  | { terms: { field: string; size: number } };

export interface SearchRequest {
  query: string;
  from: string;
  to: string;
  limit: number;
  cursor?: string;
  sort?: string;
  aggregations?: Record<string, Aggregation>;
  purpose?: string;
}

export interface SearchAnswer {
  total: number;
  hits: Hit[];
  aggregations?: Record<string, { buckets: Bucket[] }> | null;
  next?: string | null;
  took_ms: number;
  explanation?: string[];
  ledger?: number | null;
}

export interface FieldInfo {
  name: string;
  visibility: Visibility;
  aggregatable?: boolean;
}

/** What lies within the account's permits; the rest is `null`. */
export interface Stats {
  events_total?: number | null;
  events_per_sec?: number | null;
  alerts_open?: number | null;
  sites_total?: number | null;
  sites_seen?: number | null;
  sources?: number | null;
}

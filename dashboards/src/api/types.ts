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
  user: User;
  csrf: string;
  can: Record<string, string[]>;
  free_text: boolean;
  purposes: Purpose[];
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
  authenticated: boolean;
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

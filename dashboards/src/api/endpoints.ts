// Every endpoint that the page calls, by name.
import { call } from "./client";
import type {
  Alert,
  AlertDetail,
  AlertPage,
  FieldInfo,
  SearchAnswer,
  SearchRequest,
  SessionAnswer,
  Settled,
  Stats,
  Status,
} from "./types";

export interface AlertFilter {
  status: Status[];
  level: string[];
  text: string;
}

const enc = encodeURIComponent;

export const api = {
  setupNeeded: () => call<{ needed: boolean }>("GET", "/setup"),
  setUp: (code: string, name: string, password: string) =>
    call<SessionAnswer>("POST", "/setup", { code, name, password }),
  session: () => call<SessionAnswer>("GET", "/session"),
  signIn: (name: string, password: string) => call<SessionAnswer>("POST", "/session", { name, password }),
  signOut: () => call<void>("DELETE", "/session"),
  stats: () => call<Stats>("GET", "/stats"),

  alerts(filter: AlertFilter, limit: number, cursor?: string, signal?: AbortSignal) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (filter.status.length) query.set("status", filter.status.join(","));
    if (filter.level.length) query.set("level", filter.level.join(","));
    if (filter.text) query.set("q", filter.text);
    if (cursor) query.set("cursor", cursor);
    return call<AlertPage>("GET", `/alerts?${query}`, undefined, signal);
  },
  alert: (id: string, signal?: AbortSignal) => call<AlertDetail>("GET", `/alerts/${enc(id)}`, undefined, signal),
  changeAlert: (id: string, change: { status?: Settled; assignee?: string | null }) =>
    call<{ alert: Alert }>("PATCH", `/alerts/${enc(id)}`, change),
  assignable: () => call<{ users: string[] }>("GET", "/users/assignable"),

  search: (request: SearchRequest, signal?: AbortSignal) => call<SearchAnswer>("POST", "/search", request, signal),
  fields: () => call<{ fields: FieldInfo[] }>("GET", "/fields"),
};

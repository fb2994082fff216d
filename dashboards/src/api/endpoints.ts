// Every endpoint that the page calls, by name.
import { call } from "./client";
import type {
  Alert,
  AlertDetail,
  AlertPage,
  Challenge,
  Enrolment,
  FieldInfo,
  Hit,
  SearchAnswer,
  SearchRequest,
  SecondFactor,
  SessionAnswer,
  SessionInfo,
  SignOn,
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
  signIn: (name: string, password: string) => call<SessionAnswer | Challenge>("POST", "/session", { name, password }),
  secondStep: (challenge: string, code: string) =>
    call<SessionAnswer>("POST", "/session/second-step", { challenge, code }),
  signOn: () => call<SignOn>("GET", "/oidc"),
  stepUp: (code: string) => call<SessionAnswer>("POST", "/session/step-up", { code }),
  confirmPassword: (password: string) => call<SessionAnswer>("POST", "/session/step-up", { password }),
  secondFactor: () => call<SecondFactor>("GET", "/session/second-factor"),
  enrol: () => call<Enrolment>("POST", "/session/second-factor"),
  confirmEnrolment: (code: string) =>
    call<SessionAnswer & { recovery_codes: string[] }>("POST", "/session/second-factor/confirm", { code }),
  recoveryCodes: () => call<{ recovery_codes: string[] }>("POST", "/session/second-factor/codes"),
  removeSecondFactor: () => call<void>("DELETE", "/session/second-factor"),
  sessions: () => call<{ sessions: SessionInfo[] }>("GET", "/sessions"),
  endSession: (id: string) => call<void>("DELETE", `/sessions/${enc(id)}`),
  endOtherSessions: () => call<{ ended: number }>("DELETE", "/sessions"),
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
  event: (id: number | string) => call<Hit>("GET", `/events/${enc(String(id))}`),
  fields: () => call<{ fields: FieldInfo[] }>("GET", "/fields"),
};

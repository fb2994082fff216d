// Access requests and reveals, as the server tells them.
import { call, callText } from "./client";

export interface Terms {
  datasets: string[];
  fields: string[];
  filter: string;
  data_from: string | null;
  data_until: string | null;
  from: string;
  until: string;
  people: string[];
}

export interface Step {
  time: string;
  by: string;
  action: string;
  text: string;
}

export interface Approvals {
  needed: number;
  given: { by: string; unit: string | null; time: string }[];
}

export type RequestState = "asked" | "approved" | "narrowed" | "refused" | "withdrawn" | "expired" | "renewed";

export interface AccessRequest {
  id: string;
  asked_by: string;
  asked_from: string | null;
  asked: string;
  agency: string;
  terms: Terms;
  purpose: string;
  basis: string;
  reason: string;
  sensitive: boolean;
  state: RequestState;
  approvals: Approvals;
  assigned_to: string | null;
  refusal_basis: string | null;
  history: Step[];
  in_force: boolean;
  due: string | null;
}

export type RevealState = "asked" | "approved" | "refused" | "withdrawn" | "ended";

export interface Reveal {
  id: string;
  asked_by: string;
  asked: string;
  agency: string;
  tokens: string[];
  purpose: string;
  case: string;
  reason: string;
  state: RevealState;
  approvals: Approvals;
  break_glass: boolean;
  until: string | null;
  review_due: string | null;
  reviewed_by: string | null;
  history: Step[];
  stands: boolean;
}

export interface RevealValues {
  id: string;
  until: string;
  values: { token: string; class: string; value: string | null }[];
  texts: { event: number; field: string; texts: string[]; whole: boolean }[];
}

export interface Ask {
  agency: string;
  purpose: string;
  basis: string;
  reason: string;
  terms: Partial<Terms>;
}

export interface RevealAsk {
  agency: string;
  tokens: string[];
  events: number[];
  fields: string[];
  purpose: string;
  case: string;
  reason: string;
  hours: number;
}

const enc = encodeURIComponent;
type One = { request: AccessRequest };
type OneReveal = { reveal: Reveal };

export const accessApi = {
  requests: () => call<{ requests: AccessRequest[] }>("GET", "/requests"),
  ask: (ask: Ask) => call<One>("POST", "/requests", ask),
  approve: (id: string) => call<One>("POST", `/requests/${enc(id)}/approve`),
  narrow: (id: string, reason: string, to: Partial<Terms>) =>
    call<One>("POST", `/requests/${enc(id)}/narrow`, { reason, to }),
  refuse: (id: string, reason: string, basis: string) =>
    call<One>("POST", `/requests/${enc(id)}/refuse`, { reason, basis }),
  withdraw: (id: string, reason: string) => call<One>("POST", `/requests/${enc(id)}/withdraw`, { reason }),
  delegate: (id: string, to: string) => call<One>("POST", `/requests/${enc(id)}/delegate`, { to }),
  renew: (id: string, until: string, reason: string) => call<One>("POST", `/requests/${enc(id)}/renew`, { until, reason }),
  agreement: (id: string) => callText(`/requests/${enc(id)}/agreement`),

  reveals: () => call<{ reveals: Reveal[] }>("GET", "/reveals"),
  askReveal: (ask: RevealAsk, breakGlass: boolean) =>
    call<OneReveal>("POST", breakGlass ? "/reveals/break-glass" : "/reveals", ask),
  approveReveal: (id: string) => call<OneReveal>("POST", `/reveals/${enc(id)}/approve`),
  refuseReveal: (id: string, reason: string) => call<OneReveal>("POST", `/reveals/${enc(id)}/refuse`, { reason }),
  withdrawReveal: (id: string, reason: string) => call<OneReveal>("POST", `/reveals/${enc(id)}/withdraw`, { reason }),
  review: (id: string, justified: boolean, finding: string) =>
    call<OneReveal>("POST", `/reveals/${enc(id)}/review`, { justified, finding }),
  values: (id: string) => call<RevealValues>("GET", `/reveals/${enc(id)}/values`),
};

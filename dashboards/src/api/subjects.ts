// Persons whom data is about, as the server tells of them: requests with the clocks of the law, restrictions, destruction.
import { call, callText } from "./client";

export const KINDS = ["access", "rectify", "restrict", "erase", "breach"] as const;
export type Kind = (typeof KINDS)[number];
export const OUTCOMES = ["fulfilled", "refused", "withdrawn"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Duty = "acknowledge" | "answer";

export interface Owed {
  duty: Duty;
  by: string;
}

export interface SubjectStep {
  time: string;
  by: string;
  what: string;
  reason: string;
  basis: string;
}

export interface SubjectRequest {
  id: string;
  kind: Kind;
  reference: string;
  received: string;
  tokens: string[];
  state: "open" | "closed";
  owed: Owed[];
  steps: SubjectStep[];
}

export interface RequestList {
  requests: SubjectRequest[];
  /** The server's clock, by which days are counted. */
  now: string;
  /** The list of public holidays: its last year, and the years that are still to be confirmed. */
  holidays: { until: number | null; unconfirmed: number[] };
}

export interface Person {
  values: string[];
  reason: string;
}

export interface HeldValue {
  token: string;
  class: string;
  writings: number;
}

export interface FoundPerson {
  held: HeldValue[];
  shredded: { token: string; certificate: string; time: string }[];
}

export interface PersonExport {
  events_total: number;
  document: string;
}

export interface Restriction {
  id: string;
  tokens: string[];
  since: string;
  set_by: string;
  reason: string;
  lifted: string | null;
  lifted_by: string | null;
}

export interface WaitingOrder {
  id: string;
  asked: string;
  asked_by: string;
  reason: string;
  tokens: string[];
}

export interface Certificate {
  certificate: { id: string; ordered_by: string; keys_left: number; rows_left: number };
}

export interface NewRequest {
  kind: Kind;
  reference: string;
  values: string[];
  received?: string;
}

const enc = encodeURIComponent;
type One = { request: SubjectRequest };
const step = (id: string, what: string) => `/subjects/requests/${enc(id)}/${what}`;

export const subjectsApi = {
  requests: () => call<RequestList>("GET", "/subjects/requests"),
  receive: (asked: NewRequest) => call<One>("POST", "/subjects/requests", asked),
  acknowledge: (id: string) => call<One>("POST", step(id, "acknowledge")),
  extend: (id: string, reason: string) => call<One>("POST", step(id, "extend"), { reason }),
  close: (id: string, outcome: Outcome, reason: string, basis: string) =>
    call<One>("POST", step(id, "close"), { outcome, reason, basis }),
  form: (id: string) => callText(step(id, "form")),

  find: (person: Person) => call<FoundPerson>("POST", "/subjects/find", person),
  export: (person: Person) => call<PersonExport>("POST", "/subjects/export", person),
  restrict: (person: Person) => call<{ restriction: Restriction }>("POST", "/subjects/restrictions", person),
  shred: (person: Person) => call<{ waiting: WaitingOrder } | Certificate>("POST", "/subjects/shred", person),

  restrictions: () => call<{ restrictions: Restriction[] }>("GET", "/subjects/restrictions"),
  lift: (id: string, reason: string) => call<void>("POST", `/subjects/restrictions/${enc(id)}/lift`, { reason }),

  waiting: () => call<{ waiting: WaitingOrder[] }>("GET", "/subjects/shred"),
  approve: (id: string) => call<Certificate>("POST", `/subjects/shred/${enc(id)}/approve`),
  refuse: (id: string, reason: string) => call<void>("POST", `/subjects/shred/${enc(id)}/refuse`, { reason }),
};

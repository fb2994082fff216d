// How long is left of a duty, and what may be done with a request.
import type { Owed, SubjectRequest } from "../../api/subjects";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface Left {
  tone: "good" | "warn" | "bad";
  unit: "days" | "hours" | "overdue";
  count: number;
}

/** What is left until a moment: whole days, under two days whole hours, past it the days since it passed. */
export function left(by: string, now: number): Left {
  const ms = Date.parse(by) - now;
  if (ms < 0) return { tone: "bad", unit: "overdue", count: Math.floor(-ms / DAY) };
  if (ms < 2 * DAY) return { tone: "warn", unit: "hours", count: Math.floor(ms / HOUR) };
  return { tone: ms < 4 * DAY ? "warn" : "good", unit: "days", count: Math.floor(ms / DAY) };
}

/** The duty that ends first. */
export function next(request: SubjectRequest): Owed | undefined {
  return [...request.owed].sort((a, b) => Date.parse(a.by) - Date.parse(b.by))[0];
}

export type Deed = "acknowledge" | "extend" | "close";

/** What a request still takes. The server decides again; this only leaves out what cannot work. */
export function deeds(request: SubjectRequest): Deed[] {
  if (request.state === "closed") return [];
  const done = (what: string) => request.steps.some((step) => step.what === what);
  const found: Deed[] = ["close"];
  if (request.kind === "breach") return found;
  if (!done("extended")) found.unshift("extend");
  if (!done("acknowledged")) found.unshift("acknowledge");
  return found;
}

/** One value a line, each once; values themselves hold spaces and commas. */
export function values(text: string): string[] {
  return [...new Set(text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean))];
}

/** A day and time of the city's clock, as the server reads it; nothing for an empty box. */
export function received(local: string): string | undefined {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(local) ? `${local}:00+07:00` : undefined;
}

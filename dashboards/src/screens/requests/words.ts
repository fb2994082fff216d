// What people type into the forms, as the server wants it; what may be done with a request by whom.
import type { AccessRequest, RequestState } from "../../api/access";

/** Words that are separated by spaces, commas or new lines, each once. */
export function words(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
}

/** The end of a day so many days from now, as the server reads times. */
export function inDays(days: number, now = new Date()): string {
  return new Date(now.getTime() + days * 86_400_000).toISOString();
}

export type Deed = "decide" | "withdraw" | "renew" | "agreement";

const GRANTED: RequestState[] = ["approved", "narrowed"];

/** What somebody is offered. The server decides again; this only leaves out what cannot work. */
export function deeds(request: AccessRequest, me: string, may: (operation: string) => boolean): Deed[] {
  const own = request.asked_by === me || request.terms.people.includes(me);
  const granted = GRANTED.includes(request.state);
  const found: Deed[] = [];
  const decided = request.approvals.given.some((one) => one.by === me);
  if (request.state === "asked" && may("manage") && !own && !decided) found.push("decide");
  if ((granted || request.state === "asked") && (may("manage") || request.asked_by === me)) found.push("withdraw");
  if ((granted || request.state === "expired") && own && may("write")) found.push("renew");
  if (request.approvals.given.length >= request.approvals.needed) found.push("agreement");
  return found;
}

/** Hours, minutes and seconds until a moment; empty when it is over. */
export function left(until: string, now: number): string {
  const seconds = Math.floor((Date.parse(until) - now) / 1000);
  if (!(seconds > 0)) return "";
  const two = (n: number) => String(n).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

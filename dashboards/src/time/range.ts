// Time ranges as the analyst writes them: relative (`now-15m`), local (`2026-11-22 14:30`) or RFC 3339.

export type Zone = "Asia/Ho_Chi_Minh" | "UTC";

export interface Range {
  from: string;
  to: string;
}

export const QUICK = ["5m", "15m", "1h", "4h", "24h", "7d", "30d", "1y"] as const;
export type Quick = (typeof QUICK)[number];

const UNIT_MS: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const OFFSET: Record<Zone, string> = { "Asia/Ho_Chi_Minh": "+07:00", UTC: "Z" };
const RELATIVE = /^now(?:([+-])(\d{1,6})([smhdw]))?$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(:\d{2})?(\.\d{1,9})?)?$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** What the server takes for what was written: relative times as they are, local times with their zone; nothing if it is no time. */
export function readTime(text: string, zone: Zone): string | undefined {
  const written = text.trim();
  if (RELATIVE.test(written)) return written;
  if (RFC3339.test(written)) return valid(written.replace(" ", "T"));
  const local = LOCAL.exec(written);
  if (!local) return undefined;
  const [, day, minute = "00:00", second = ":00", fraction = ""] = local;
  return valid(`${day}T${minute}${second}${fraction}${OFFSET[zone]}`);
}

function valid(text: string): string | undefined {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return undefined;
  const day = Number(text.slice(8, 10));
  const month = Number(text.slice(5, 7));
  return day <= new Date(Date.UTC(Number(text.slice(0, 4)), month, 0)).getUTCDate() ? text : undefined;
}

/** Milliseconds since the epoch of a time that `readTime` gave. */
export function toMs(text: string, now: number): number {
  const relative = RELATIVE.exec(text);
  if (!relative) return Date.parse(text);
  const [, sign, count, unit] = relative;
  if (!sign || !count || !unit) return now;
  return now + (sign === "-" ? -1 : 1) * Number(count) * (UNIT_MS[unit] ?? 0);
}

export function isRelative(text: string): boolean {
  return RELATIVE.test(text);
}

/** The quick range that this is, if it is one. */
export function quickOf(range: Range): Quick | undefined {
  return range.to === "now" ? QUICK.find((quick) => quickRange(quick).from === range.from) : undefined;
}

export function quickRange(quick: Quick): Range {
  return { from: quick === "1y" ? "now-365d" : `now-${quick}`, to: "now" };
}

/** The same length, one length earlier (-1) or later (+1), as absolute times. */
export function shift(range: Range, direction: -1 | 1, now: number): Range {
  const from = toMs(range.from, now);
  const length = toMs(range.to, now) - from;
  return { from: iso(from + direction * length), to: iso(from + direction * length + length) };
}

/** Twice as long around the same middle; ranges that end now stay there. */
export function widen(range: Range, now: number): Range {
  const from = toMs(range.from, now);
  const to = toMs(range.to, now);
  const length = to - from;
  if (range.to === "now") return { from: `now-${Math.max(1, Math.round((2 * length) / 6e4))}m`, to: "now" };
  return { from: iso(from - length / 2), to: iso(to + length / 2) };
}

export function iso(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}

/** A sound range from outside (the address bar), or the given one. */
export function readRange(from: string | null, to: string | null, otherwise: Range): Range {
  const start = from ? readTime(from, "UTC") : undefined;
  const end = to ? readTime(to, "UTC") : undefined;
  return start && end ? { from: start, to: end } : otherwise;
}

// The histogram's interval and its empty bars.
import type { Bucket } from "../api/types";
import type { Zone } from "./range";

const STEPS: readonly [text: string, ms: number][] = [
  ["1s", 1e3],
  ["5s", 5e3],
  ["10s", 1e4],
  ["30s", 3e4],
  ["1m", 6e4],
  ["5m", 3e5],
  ["10m", 6e5],
  ["30m", 18e5],
  ["1h", 36e5],
  ["3h", 108e5],
  ["6h", 216e5],
  ["12h", 432e5],
  ["1d", 864e5],
  ["7d", 6048e5],
  ["30d", 2592e6],
];
const BARS_MAX = 90;
const BARS_HARD_MAX = 2000;

export interface Interval {
  text: string;
  ms: number;
}

export interface Bar {
  from: number;
  to: number;
  count: number;
}

/** The shortest step that gives at most 90 bars. */
export function intervalFor(from: number, to: number): Interval {
  const [text, ms] = STEPS.find(([, ms]) => (to - from) / ms <= BARS_MAX) ?? STEPS[STEPS.length - 1] ?? ["30d", 2592e6];
  return { text, ms };
}

const TICKS_MS = [
  1e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 12096e5, 2592e6, 7776e6,
];
const ZONE_MS: Record<Zone, number> = { "Asia/Ho_Chi_Minh": 7 * 36e5, UTC: 0 };

/** At most `most` round times for an axis: full hours, local midnights. */
export function ticksBetween(from: number, to: number, most: number, zone: Zone): number[] {
  if (!(to > from)) return [];
  const step = TICKS_MS.find((ms) => (to - from) / ms <= Math.max(1, most)) ?? to - from;
  const first = Math.ceil((from + ZONE_MS[zone]) / step) * step - ZONE_MS[zone];
  const ticks: number[] = [];
  for (let at = first; at < to; at += step) ticks.push(at);
  return ticks;
}

/** Number and unit of an interval, for its label. */
export function parts(interval: string): { n: number; unit: "s" | "m" | "h" | "d" } {
  const found = /^(\d+)([smhd])$/.exec(interval);
  return { n: Number(found?.[1] ?? 1), unit: (found?.[2] ?? "m") as "s" | "m" | "h" | "d" };
}

/** A bucket's key as milliseconds: the server may write RFC 3339, milliseconds or nanoseconds. */
export function keyMs(key: Bucket["key"]): number {
  if (typeof key === "string" && !/^-?\d+$/.test(key)) return Date.parse(key);
  const n = Number(key);
  return Math.abs(n) > 1e16 ? n / 1e6 : n;
}

/** All bars between two times, the empty ones too, on the grid of the buckets that are there. */
export function bars(buckets: readonly Bucket[], from: number, to: number, ms: number): Bar[] {
  const counts = new Map(buckets.map((bucket) => [keyMs(bucket.key), bucket.count]));
  const first = buckets[0] ? keyMs(buckets[0].key) : Math.floor(from / ms) * ms;
  const start = first - Math.ceil(Math.max(0, first - from) / ms) * ms;
  const made: Bar[] = [];
  for (let at = start; (at < to || at <= first) && made.length < BARS_HARD_MAX; at += ms) {
    made.push({ from: at, to: at + ms, count: counts.get(at) ?? 0 });
  }
  return made;
}

// What is a time, what it means, and how ranges move.
import { describe, expect, test } from "vitest";
import { quickOf, quickRange, readRange, readTime, shift, toMs, widen } from "./range";
import { bars, intervalFor, keyMs, parts, ticksBetween } from "./interval";

const NOW = Date.parse("2026-11-22T07:30:00Z");

describe("readTime", () => {
  test.each([
    ["now", "now"],
    [" now-15m ", "now-15m"],
    ["2026-11-22 14:30", "2026-11-22T14:30:00+07:00"],
    ["2026-11-22T14:30:05.25", "2026-11-22T14:30:05.25+07:00"],
    ["2026-11-22", "2026-11-22T00:00:00+07:00"],
    ["2026-11-22T14:30:00Z", "2026-11-22T14:30:00Z"],
    ["2026-11-22 14:30:00+01:00", "2026-11-22T14:30:00+01:00"],
  ])("%s", (written, read) => expect(readTime(written, "Asia/Ho_Chi_Minh")).toBe(read));

  test.each(["", "yesterday", "now-15", "now-15y", "2026-13-01", "2026-02-30", "22/11/2026", "2026-11-22 25:00"])(
    "%s is none",
    (written) => expect(readTime(written, "UTC")).toBeUndefined(),
  );
});

test("relative times are counted from now, local ones from their zone", () => {
  expect(toMs("now-15m", NOW)).toBe(NOW - 900_000);
  expect(toMs("now+1w", NOW)).toBe(NOW + 604_800_000);
  expect(toMs("now", NOW)).toBe(NOW);
  expect(toMs("2026-11-22T14:30:00+07:00", NOW)).toBe(NOW);
});

test("ranges move and widen", () => {
  expect(shift({ from: "now-1h", to: "now" }, -1, NOW)).toEqual({
    from: "2026-11-22T05:30:00.000Z",
    to: "2026-11-22T06:30:00.000Z",
  });
  expect(widen({ from: "now-1h", to: "now" }, NOW)).toEqual({ from: "now-120m", to: "now" });
  expect(quickOf(quickRange("1y"))).toBe("1y");
  expect(quickOf({ from: "now-3h", to: "now" })).toBeUndefined();
  const fallback = quickRange("1h");
  expect(readRange("javascript:alert(1)", "now", fallback)).toBe(fallback);
  expect(readRange("now-5m", "now", fallback)).toEqual({ from: "now-5m", to: "now" });
});

describe("histogram", () => {
  test.each([
    [6e4, "1s"],
    [36e5, "1m"],
    [864e5, "30m"],
    [7 * 864e5, "3h"],
    [365 * 864e5, "7d"],
    [1e13, "30d"],
  ])("a span of %d ms is cut by %s", (span, text) => expect(intervalFor(0, span).text).toBe(text));

  test("keys come as text, milliseconds or nanoseconds", () => {
    expect(keyMs("2026-11-22T07:30:00Z")).toBe(NOW);
    expect(keyMs(NOW)).toBe(NOW);
    expect(keyMs(String(NOW))).toBe(NOW);
    expect(keyMs(NOW * 1e6)).toBe(NOW);
  });

  test("an axis has round times of the zone", () => {
    expect(ticksBetween(NOW - 36e5, NOW, 4, "UTC").map((at) => new Date(at).toISOString().slice(11, 16))).toEqual([
      "06:30",
      "06:45",
      "07:00",
      "07:15",
    ]);
    const days = ticksBetween(NOW - 2 * 864e5, NOW, 3, "Asia/Ho_Chi_Minh");
    expect(days.map((at) => new Date(at).toISOString())).toEqual(["2026-11-20T17:00:00.000Z", "2026-11-21T17:00:00.000Z"]);
    expect(ticksBetween(NOW, NOW, 4, "UTC")).toEqual([]);
  });

  test("empty bars are filled in and nothing is lost", () => {
    const made = bars([{ key: 120_000, count: 3 }, { key: 240_000, count: 1 }], 30_000, 330_000, 60_000);
    expect(made.map((bar) => bar.from)).toEqual([0, 60_000, 120_000, 180_000, 240_000, 300_000]);
    expect(made.map((bar) => bar.count)).toEqual([0, 0, 3, 0, 1, 0]);
    expect(bars([], 0, 1e12, 1000).length).toBe(2000);
    expect(parts("30m")).toEqual({ n: 30, unit: "m" });
  });
});

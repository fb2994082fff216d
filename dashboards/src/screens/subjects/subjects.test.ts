import { expect, test } from "vitest";
import type { SubjectRequest } from "../../api/subjects";
import { deeds, left, next, received, values } from "./clock";

const NOW = Date.parse("2026-11-23T02:00:00Z");

test.each([
  ["2026-12-03T16:59:59Z", { tone: "good", unit: "days", count: 10 }],
  ["2026-11-25T16:59:59Z", { tone: "warn", unit: "days", count: 2 }],
  ["2026-11-24T16:59:59Z", { tone: "warn", unit: "hours", count: 38 }],
  ["2026-11-23T02:00:00Z", { tone: "warn", unit: "hours", count: 0 }],
  ["2026-11-23T01:59:59Z", { tone: "bad", unit: "overdue", count: 0 }],
  ["2026-11-20T16:59:59Z", { tone: "bad", unit: "overdue", count: 2 }],
])("what is left until %s", (by, expected) => {
  expect(left(by, NOW)).toEqual(expected);
});

function request(change: Partial<SubjectRequest>, ...done: string[]): SubjectRequest {
  const steps = ["received", ...done].map((what) => ({ time: "", by: "huong", what, reason: "", basis: "" }));
  const owed = [
    { duty: "answer" as const, by: "2026-12-03T16:59:59Z" },
    { duty: "acknowledge" as const, by: "2026-11-25T16:59:59Z" },
  ];
  return { id: "1", kind: "access", reference: "1/2026", received: "", tokens: [], state: "open", owed, steps, ...change };
}

test("what a request still takes", () => {
  expect(deeds(request({}))).toEqual(["acknowledge", "extend", "close"]);
  expect(deeds(request({}, "acknowledged"))).toEqual(["extend", "close"]);
  expect(deeds(request({}, "acknowledged", "extended"))).toEqual(["close"]);
  expect(deeds(request({ kind: "breach" }))).toEqual(["close"]);
  expect(deeds(request({ state: "closed" }))).toEqual([]);
  expect(next(request({}))?.duty).toBe("acknowledge");
  expect(next(request({ owed: [] }))).toBeUndefined();
});

test("values are lines, and times are of the city", () => {
  expect(values(" +84 912 345 678 \r\n\nNguyễn Văn An, Phường 1\n+84 912 345 678")).toEqual(["+84 912 345 678", "Nguyễn Văn An, Phường 1"]);
  expect(received("2026-11-23T09:30")).toBe("2026-11-23T09:30:00+07:00");
  expect(received("")).toBeUndefined();
  expect(received("yesterday")).toBeUndefined();
});

import { expect, test } from "vitest";
import type { AccessRequest } from "../../api/access";
import { deeds, inDays, left, words } from "./words";

test("words are separated by anything and come once", () => {
  expect(words(" source.ip, user.name\nsource.ip  ")).toEqual(["source.ip", "user.name"]);
  expect(words("")).toEqual([]);
});

test("days from now", () => {
  expect(inDays(2, new Date("2026-12-30T10:00:00Z"))).toBe("2027-01-01T10:00:00.000Z");
});

test.each([
  ["2026-11-22T12:00:00Z", "1:59:59"],
  ["2026-11-22T10:00:02Z", "0:00:01"],
  ["2026-11-22T10:00:01Z", ""],
  ["2026-11-22T09:00:00Z", ""],
  ["no time", ""],
])("left until %s", (until, expected) => {
  expect(left(until, Date.parse("2026-11-22T10:00:01Z"))).toBe(expected);
});

const request = (change: Partial<AccessRequest>): AccessRequest => ({
  id: "1",
  asked_by: "lan",
  asked_from: "agency-a",
  asked: "2026-11-22T10:00:00Z",
  agency: "agency-b",
  terms: {
    datasets: [],
    fields: ["source.ip"],
    filter: "",
    data_from: null,
    data_until: null,
    from: "2026-11-22T10:00:00Z",
    until: "2026-11-23T10:00:00Z",
    people: ["lan", "tu"],
  },
  purpose: "agency-review",
  basis: "public-task",
  reason: "why",
  sensitive: false,
  state: "asked",
  approvals: { needed: 1, given: [] },
  assigned_to: null,
  refusal_basis: null,
  history: [],
  in_force: false,
  due: null,
  ...change,
});
const approved = { needed: 1, given: [{ by: "chu", unit: "agency-b", time: "2026-11-22T10:00:00Z" }] };

test.each([
  ["who asked", "lan", ["read", "write"], request({}), "withdraw"],
  ["the data owner", "chu", ["read", "manage"], request({}), "decide withdraw"],
  ["the data owner who approved already", "chu", ["read", "manage"], request({ approvals: { ...approved, needed: 2 } }), "withdraw"],
  ["somebody for whom it is", "tu", ["read", "write"], request({ state: "approved", approvals: approved }), "renew agreement"],
  ["who asked and is to decide", "lan", ["manage"], request({}), "withdraw"],
  ["the auditor", "kiem", ["read"], request({ state: "narrowed", approvals: approved }), "agreement"],
  ["anybody of a refused one", "lan", ["read", "write"], request({ state: "refused" }), ""],
])("what is offered to %s", (_, me, can, one, expected) => {
  expect(deeds(one, me, (operation) => can.includes(operation)).join(" ")).toBe(expected);
});

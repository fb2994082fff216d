// A link brings the query, the time and the columns, and nothing of it stays in the address.
import { expect, test, vi } from "vitest";

vi.mock("../../state/route.svelte", () => ({
  address: (screen: string, _: undefined, params: URLSearchParams) => `#/${screen}?${params}`,
}));
const { linkOf, readShared } = await import("./share");

const NOW = Date.parse("2026-11-22T07:30:00Z");
const params = (link: string) => new URLSearchParams(link.split("?")[1]);

test("what is written is read", () => {
  const query = 'message:"a & b" AND user.name:Nguyễn#1 OR c:d?';
  const read = readShared(params(linkOf(query, { from: "now-1h", to: "now" }, ["user.name", "@timestamp"], false, NOW)));
  expect(read?.shared).toEqual({ query, columns: ["user.name", "@timestamp"] });
  expect(read?.rest.toString()).toBe("from=now-1h&to=now");
});

test("times can be fixed", () => {
  const link = params(linkOf("", { from: "now-1h", to: "now" }, [], true, NOW));
  expect([link.get("from"), link.get("to"), link.get("q")]).toEqual(["2026-11-22T06:30:00.000Z", "2026-11-22T07:30:00.000Z", ""]);
});

test("other addresses are no links, and odd columns are dropped", () => {
  expect(readShared(new URLSearchParams("from=now-1h&to=now"))).toBeUndefined();
  expect(readShared(new URLSearchParams("q=x&columns=a,<b>,,c.d"))?.shared.columns).toEqual(["a", "c.d"]);
  expect(readShared(new URLSearchParams({ q: "x".repeat(9000) }))?.shared.query).toHaveLength(4096);
});

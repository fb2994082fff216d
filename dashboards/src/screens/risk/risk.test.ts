// Which alerts count to which entity.
import { expect, test } from "vitest";
import type { Alert } from "../../api/types";
import { counts } from "./behind";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const alert = (entities: Alert["entities"], more: Partial<Alert> = {}): Alert =>
  ({ status: "new", last_seen: "2026-11-22T11:00:00Z", entities, ...more }) as Alert;

test.each([
  ["site", "s", undefined, { site: "s" }, true],
  ["site", "s", undefined, { site: "t" }, false],
  ["host", "h", "s", { site: "s", host: "h" }, true],
  ["host", "h", "s", { site: "t", host: "h" }, false],
  ["host", "h", undefined, { host: "h" }, true],
  ["user", "u", "s", { site: "s", user: "u" }, true],
  ["source_address", "::1", undefined, { site: "any", source_ip: "::1" }, true],
] as const)("%s %s at %s", (kind, name, site, entities, expected) => {
  const entity = site === undefined ? { kind, name } : { kind, name, site };
  expect(counts(alert(entities), entity, NOW)).toBe(expected);
});

test("what was closed as false or is older than a day does not count", () => {
  const entity = { kind: "site", name: "s" } as const;
  expect(counts(alert({ site: "s" }, { status: "closed_false" }), entity, NOW)).toBe(false);
  expect(counts(alert({ site: "s" }, { status: "closed_true" }), entity, NOW)).toBe(true);
  expect(counts(alert({ site: "s" }, { last_seen: "2026-11-21T11:59:00Z" }), entity, NOW)).toBe(false);
});

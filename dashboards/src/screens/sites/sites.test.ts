// How a site stands.
import { expect, test } from "vitest";
import type { Certificate, Site } from "../../api/oversight";
import { certificatesBySite, certificateState, GROUPS, isOf, SHOWN, worstFirst } from "./state";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const certificate = (more: Partial<Certificate>): Certificate =>
  ({ serial: "1", profile: "site", subject: "s", not_after: "2027-11-22T00:00:00Z", revoked: null, ...more }) as Certificate;

const site = (id: string, state: Site["state"]): Site => ({ id, state }) as Site;

test("the worst stands first, then by id", () => {
  const sites = [site("a", "ok"), site("c", "silent"), site("d", "never_spoke"), site("b", "silent"), site("e", "drop")];
  expect(worstFirst(sites).map((one) => one.id)).toEqual(["d", "b", "c", "e", "a"]);
});

test.each([
  ["never_spoke", "silent"],
  ["silent", "silent"],
  ["source_silent", "partly"],
  ["drop", "volume"],
  ["surge", "volume"],
  ["learning", "waiting"],
] as const)("%s is among %s alone", (state, group) => {
  const groups = SHOWN.filter((one) => one !== "all" && one !== "certificate").filter((one) => isOf(site("a", state), one));
  expect(groups).toEqual([group]);
  expect(Object.keys(GROUPS)).toContain(group);
});

test.each([
  [undefined, "none"],
  [certificate({}), "valid"],
  [certificate({ not_after: "2026-12-01T00:00:00Z" }), "soon"],
  [certificate({ not_after: "2026-11-01T00:00:00Z" }), "expired"],
  [certificate({ revoked: "2026-11-01T00:00:00Z" }), "revoked"],
])("certificate %#: %s", (one, expected) => expect(certificateState(one, NOW)).toBe(expected));

test("the certificate in force that lasts longest stands first", () => {
  const all = [
    certificate({ serial: "old", not_after: "2026-12-01T00:00:00Z" }),
    certificate({ serial: "revoked", not_after: "2028-01-01T00:00:00Z", revoked: "2026-11-01T00:00:00Z" }),
    certificate({ serial: "new" }),
    certificate({ serial: "server", profile: "server" }),
  ];
  expect(certificatesBySite(all).get("s")?.map((one) => one.serial)).toEqual(["new", "old", "revoked"]);
});

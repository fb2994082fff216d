// Tags become words, and only web addresses become links.
import { expect, test } from "vitest";
import { attackTag, webAddress } from "./attack";
import { present } from "./entities";

test.each([
  ["attack.t1110.001", "T1110.001", "https://attack.mitre.org/techniques/T1110/001/"],
  ["attack.T1059", "T1059", "https://attack.mitre.org/techniques/T1059/"],
  ["attack.credential-access", "Credential access", undefined],
  ["cve.2021-44228", "cve.2021-44228", undefined],
])("%s", (tag, text, url) => {
  expect(attackTag(tag).text).toBe(text);
  expect(attackTag(tag).url).toBe(url);
});

test("no other scheme is linked", () => {
  expect(webAddress("https://example.org/a")).toBe("https://example.org/a");
  expect(webAddress("javascript:alert(1)")).toBeUndefined();
  expect(webAddress("see the wiki")).toBeUndefined();
});

test("missing entities are left out", () => {
  expect(present({ site: "s", user: null, source_ip: "::1" }).map((e) => e.field)).toEqual([
    "metrosoc.site.id",
    "source.ip",
  ]);
});

// What was true is told by its operator, and the place in the value is marked where that is simple.
import { describe, expect, test } from "vitest";
import type { Atom } from "../../api/types";
import { bySelection, isPlain, marked, tell } from "./atoms";
import { candidates, fieldsOf } from "./like";

const atom = (more: Partial<Atom>): Atom => ({ selection: "selection", field: "f", operator: "", pattern: "a", value: "a", ...more });

describe("tell", () => {
  test.each([
    ["", "atom.is", []],
    ["contains|all", "atom.contains", []],
    ["contains|windash", "atom.contains", ["windash"]],
    ["re|i", "atom.re", ["i"]],
    ["cidr", "atom.cidr", []],
    ["lte", "atom.lte", []],
    ["exists", "atom.exists", []],
    ["base64offset|contains", "atom.contains", ["base64offset"]],
  ])("%s", (operator, phrase, notes) => {
    expect(tell(atom({ operator })).phrase).toBe(phrase);
    expect(tell(atom({ operator })).notes).toEqual(notes);
  });

  test("parts of times, absence, keywords and groups", () => {
    expect(tell(atom({ operator: "hour|lt" }))).toMatchObject({ phrase: "atom.lt", part: "atom.part.hour", notes: [] });
    expect(tell(atom({ operator: "exists", pattern: "false" })).phrase).toBe("atom.absent");
    expect(tell(atom({ field: null, pattern: "mimikatz" })).phrase).toBe("atom.keyword");
    expect(tell(atom({ selection: "group-by" })).phrase).toBe("atom.group");
  });
});

describe("marked", () => {
  const text = (more: Partial<Atom>) => marked(atom(more)).map((s) => (s.hit ? `[${s.text}]` : s.text)).join("");
  test.each([
    ["contains", "WHOAMI", "cmd /c whoami /all", "cmd /c [whoami] /all"],
    ["endswith", "\\cmd.exe", "C:\\x\\cmd.exe\\CMD.exe", "C:\\x\\cmd.exe[\\CMD.exe]"],
    ["startswith", "/dev", "/dev/null", "[/dev]/null"],
    ["", "*passwd*", "/etc/passwd", "/etc/[passwd]"],
    ["", "a*c", "abc", "abc"],
    ["re", "a+", "aaa", "aaa"],
    ["contains|base64", "abc", "YWJj", "YWJj"],
    ["contains", "x", "İx", "İx"],
  ])("%s %s", (operator, pattern, value, expected) => expect(text({ operator, pattern, value })).toBe(expected));

  test("a masked value has no pattern and no mark", () => {
    expect(text({ pattern: null, value: "•••n" })).toBe("•••n");
    expect(marked(atom({ value: null }))).toEqual([{ text: "", hit: false }]);
  });
});

test("an equal value is not told twice", () => {
  expect(isPlain(atom({ pattern: "Success", value: "success" }))).toBe(true);
  expect(isPlain(atom({ operator: "contains" }))).toBe(false);
  expect(isPlain(atom({ pattern: null, value: "x" }))).toBe(false);
});

test("atoms stand with their selection", () => {
  const groups = bySelection([atom({}), atom({ selection: "night" }), atom({ field: "g" })]);
  expect(groups.map(([name, atoms]) => [name, atoms.length])).toEqual([["selection", 2], ["night", 1]]);
});

describe("what a like alert would have in common", () => {
  const entities = { site: "s", agency: "x", host: "h", user: "u", source_ip: "::1", destination_ip: null };
  const atoms = [
    atom({ field: "user.name", value: "u" }),
    atom({ field: "process.name", operator: "endswith", pattern: "\\cmd.exe", value: "C:\\cmd.exe" }),
    atom({ field: "event.action", value: "cut…" }),
    atom({ field: "@timestamp", operator: "hour|lt", value: "2026" }),
    atom({ field: null, value: "keyword" }),
    atom({ field: "masked.field", value: "•••n" }),
  ];

  test("entities first, then values that were compared whole and seen in clear", () => {
    const found = candidates(entities, atoms, (field) => field === "masked.field");
    expect(found.map((one) => [one.field, one.value])).toEqual([
      ["metrosoc.site.id", "s"],
      ["host.name", "h"],
      ["user.name", "u"],
      ["source.ip", "::1"],
      ["process.name", "C:\\cmd.exe"],
    ]);
  });

  test("wildcards in a value are meant as they stand", () => {
    expect(fieldsOf([{ field: "a", value: "x*?\\y" }, { field: "b", value: "C:\\cmd.exe" }])).toEqual({ a: "x\\*\\?\\\\y", b: "C:\\\\cmd.exe" });
  });
});

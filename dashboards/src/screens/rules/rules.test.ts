// Differences can be undone in the mind, YAML loses nothing, and rules are chosen by what they are.
import { describe, expect, test } from "vitest";
import type { RuleEntry, SilentRule } from "../../api/rules";
import { days } from "./days";
import { diff } from "./diff";
import { daysLeft, hides, wordsOf } from "./exceptions";
import { choose, readWanted, sourceOf, writeWanted } from "./filter";
import { pieces } from "./yaml";

describe("diff", () => {
  const told = (before: string, after: string, around?: number) =>
    diff(before, after, around).map((line) => ({ same: " ", out: "-", in: "+", gap: "…" })[line.kind] + line.text);

  test.each([
    ["a\nb\nc\n", "a\nx\nc\n", [" a", "-b", "+x", " c"]],
    ["", "a\n", ["+a"]],
    ["a\n", "", ["-a"]],
    ["a", "a\n", ["…"]],
    ["a\nb\na\nb", "b\na\nb\na", ["-a", " b", " a", " b", "+a"]],
  ])("%j to %j", (before, after, lines) => expect(told(before, after)).toEqual(lines));

  test("long unchanged stretches are cut", () => {
    const many = Array.from({ length: 40 }, (_, n) => `line ${n}`);
    const after = many.map((line, n) => (n === 20 ? "other" : line));
    expect(told(many.join("\n"), after.join("\n"), 1)).toEqual(["…", " line 19", "-line 20", "+other", " line 21", "…"]);
  });

  test("both texts can be read back, whatever they are", () => {
    let seed = 7;
    const dice = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    for (let round = 0; round < 300; round += 1) {
      const text = () => Array.from({ length: 1 + dice(12) }, () => "abcd".charAt(dice(4)));
      const [old, now] = [text(), text()];
      const lines = diff(old.join("\n"), now.join("\n"), 99);
      const side = (other: string) => lines.filter((line) => line.kind !== other && line.kind !== "gap").map((line) => line.text);
      if (old.join() === now.join()) continue;
      expect(side("in")).toEqual(old);
      expect(side("out")).toEqual(now);
      for (const line of lines) {
        if (line.before !== undefined) expect(old[line.before - 1]).toBe(line.text);
        if (line.after !== undefined) expect(now[line.after - 1]).toBe(line.text);
      }
    }
  });

  test("texts that would cost too much are still told", () => {
    const [old, now] = ["x", "y"].map((letter) => Array.from({ length: 2500 }, (_, n) => `${letter}${n}`).join("\n"));
    expect(diff(old ?? "", now ?? "")).toHaveLength(5000);
  });
});

test("the pieces of YAML are the line", () => {
  for (const line of ["title: a: b", "  - attack.t1110", "    field|contains: 'x # y'", "# note", "", "- name: x", "  text without colon", '"quoted: key": 1'])
    expect(pieces(line).map((piece) => piece.text).join("")).toBe(line);
  expect(pieces("    field|contains: x")).toEqual([
    { kind: "text", text: "    " },
    { kind: "key", text: "field|contains" },
    { kind: "text", text: ": x" },
  ]);
});

describe("rules", () => {
  const entry = (id: string, more: Partial<RuleEntry> = {}, level: "high" | "low" = "high"): RuleEntry => ({
    rule: { id, title: `Rule ${id}`, level, tags: ["attack.t1110"] },
    risk_score: 1,
    path: "embedded/linux/auth/x.yml",
    line: 1,
    ...more,
  });
  const all = [entry("b", {}, "low"), entry("a"), entry("c", { correlation: ["a"], logsource: "linux/-/sshd" })];
  const silent = new Map([["a", { reason: "source_never_seen" } as SilentRule]]);
  const ids = (wanted: Partial<Parameters<typeof choose>[2]>) =>
    choose(all, silent, { kind: "all", levels: [], text: "", ...wanted }).map((one) => one.rule.id);

  test("are chosen by kind, level and words, the serious first", () => {
    expect(ids({})).toEqual(["a", "c", "b"]);
    expect(ids({ kind: "silent" })).toEqual(["a"]);
    expect(ids({ kind: "able" })).toEqual(["c", "b"]);
    expect(ids({ kind: "correlation" })).toEqual(["c"]);
    expect(ids({ levels: ["low"] })).toEqual(["b"]);
    expect(ids({ text: "T1110 SSHD" })).toEqual(["c"]);
  });

  test("the address keeps what is harmless", () => {
    const wanted = { kind: "silent" as const, levels: ["high" as const], text: "secret" };
    expect(writeWanted(wanted).toString()).toBe("show=silent&level=high");
    expect(readWanted(writeWanted(wanted), "secret")).toEqual(wanted);
    expect(readWanted(new URLSearchParams("show=x&level=y"), undefined)).toEqual({ kind: "all", levels: [], text: "" });
  });

  test("the source is the log source, or else the folder", () => {
    expect(sourceOf(entry("a"))).toBe("linux/auth");
    expect(sourceOf(entry("a", { logsource: "linux/-/sshd" }))).toBe("linux/sshd");
  });
});

describe("exceptions", () => {
  const one = {
    target: { rules: ["r"] },
    expires: "2026-12-02T00:00:00Z",
  } as Parameters<typeof hides>[0];
  test("hide the rules they name, or a level", () => {
    expect(hides(one, { id: "r", title: "", level: "low", tags: [] })).toBe(true);
    expect(hides(one, { id: "s", title: "", level: "low", tags: [] })).toBe(false);
    expect(hides({ ...one, target: { level: "low" } }, { id: "s", title: "", level: "low", tags: [] })).toBe(true);
  });

  test("are told in words", () => {
    expect(wordsOf({ "user.name": "backup", "host.name|startswith": ["a", "b"], "x.y": null })).toEqual([
      "user.name = backup",
      "host.name startswith a, b",
      "x.y = ∅",
    ]);
    expect(daysLeft(one, Date.parse("2026-11-30T12:00:00Z"))).toBe(2);
    expect(daysLeft(one, Date.parse("2027-01-01T00:00:00Z"))).toBe(0);
  });
});

test("days without a count are there too", () => {
  expect(days([{ day: "2026-11-20", count: 2 }], [{ day: "2026-11-22", count: 1 }])).toEqual([
    { day: "2026-11-22", seen: 0, hidden: 1 },
    { day: "2026-11-21", seen: 0, hidden: 0 },
    { day: "2026-11-20", seen: 2, hidden: 0 },
  ]);
  expect(days([], [])).toEqual([]);
});

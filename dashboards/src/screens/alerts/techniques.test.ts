// The shipped rules' techniques have names, and each number stands once.
import { expect, test } from "vitest";
import { attackTag } from "./attack";
import { TECHNIQUES } from "./techniques";

const rules = import.meta.glob<string>("../../../../rules/sigma/**/*.yml", { query: "?raw", import: "default", eager: true });

test("every technique that a shipped rule names has a name", () => {
  const tags = Object.values(rules).flatMap((text) =>
    [...text.matchAll(/^\s*- (attack\.t\d{4}(?:\.\d{3})?)\s*$/gim)].map((found) => found[1] ?? ""),
  );
  expect(tags.length).toBeGreaterThan(100);
  const wanting = new Set(tags.map((tag) => attackTag(tag).text).filter((text) => !TECHNIQUES.has(text)));
  expect([...wanting]).toEqual([]);
});

test("names are names", () => {
  for (const [number, name] of TECHNIQUES) {
    expect(number).toMatch(/^T\d{4}(\.\d{3})?$/);
    expect(name.trim()).not.toBe("");
  }
});

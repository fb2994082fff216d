// Both catalogues say everything, with the same placeholders, and in their own language.
import { describe, expect, test } from "vitest";
import { fill } from "./catalogue";
import { en } from "./en";
import { vi } from "./vi";

const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();

describe("catalogues", () => {
  test("have the same keys", () => {
    expect(Object.keys(vi).sort()).toEqual(Object.keys(en).sort());
  });

  test.each(Object.keys(en) as (keyof typeof en)[])("%s is written in both, with equal placeholders", (key) => {
    expect(en[key].trim()).not.toBe("");
    expect(vi[key].trim()).not.toBe("");
    expect(names(vi[key])).toEqual(names(en[key]));
    expect(vi[key]).toBe(vi[key].normalize("NFC"));
  });

  test("differ, but for names and codes", () => {
    const same = (Object.keys(en) as (keyof typeof en)[]).filter((key) => en[key] === vi[key]);
    expect(same).toEqual(["app.name", "header.zone.UTC", "alert.attack", "search.took", "search.event.json"]);
  });

  test("plural keys come in pairs", () => {
    const bases = Object.keys(en).filter((k) => k.endsWith(".one")).map((k) => k.slice(0, -4));
    expect(bases.every((base) => `${base}.other` in en)).toBe(true);
  });
});

test("fill puts values in and leaves unknown names alone", () => {
  expect(fill("{a} of {b} {c}", { a: "x", b: 1234 }, (n) => `#${n}`)).toBe("x of #1234 {c}");
});

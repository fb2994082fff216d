// Conditions are quoted when they must be, never written twice, and never change what the query meant.
import { describe, expect, test } from "vitest";
import { fault, narrow, quote, unfinishedField } from "./filter";

describe("quote", () => {
  test.each([
    ["failure", "failure"],
    ["so-y-te", "so-y-te"],
    ["10.0.0.1", "10.0.0.1"],
    ["Nguyễn", "Nguyễn"],
    ["2001:db8::1", '"2001:db8::1"'],
    ["a b", '"a b"'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ["OR", '"OR"'],
    ["*", '"*"'],
    ["-1", '"-1"'],
    ["", '""'],
  ])("%s", (value, written) => expect(quote(value)).toBe(written));
});

describe("narrow", () => {
  test.each([
    ["", false, "user.name:root"],
    ["  ", true, "NOT user.name:root"],
    ["event.outcome:failure", false, "event.outcome:failure AND user.name:root"],
    ["user.name:root", false, "user.name:root"],
    ["NOT user.name:root AND a:b", false, "a:b AND user.name:root"],
    ["a:b OR c:d", false, "(a:b OR c:d) AND user.name:root"],
    ["(a:b OR c:d)", false, "(a:b OR c:d) AND user.name:root"],
    ['message:"x OR y"', true, 'message:"x OR y" AND NOT user.name:root'],
    ["ssh failed", false, "(ssh failed) AND user.name:root"],
    ["a:b AND", false, "(a:b AND) AND user.name:root"],
    ['broken "', false, '(broken ") AND user.name:root'],
  ])("%s (leave out: %s)", (query, leaveOut, narrowed) =>
    expect(narrow(query, "user.name", "root", leaveOut)).toBe(narrowed),
  );
});

test("the place of an error is marked, at the end too, and counted in characters", () => {
  expect(fault("a:(b", 3)).toEqual({ before: "a:", at: "(", after: "b" });
  expect(fault("a:", 3)).toEqual({ before: "a:", at: " ", after: "" });
  expect(fault("😀:", 2)).toEqual({ before: "😀", at: ":", after: "" });
  expect(fault("x".repeat(200), 150).before).toHaveLength(60);
});

test("the field under the caret is found", () => {
  expect(unfinishedField("a:b AND sour", 12)).toEqual({ start: 8, text: "sour" });
  expect(unfinishedField("(user.na", 8)).toEqual({ start: 1, text: "user.na" });
  expect(unfinishedField("user.name:ro", 12)).toBeUndefined();
  expect(unfinishedField("a:b AND", 7)).toBeUndefined();
});

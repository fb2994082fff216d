// Who is offered which screens: what a role may not read is no way to go.
import { expect, test, vi } from "vitest";

const can = vi.hoisted(() => ({ now: {} as Record<string, string[]> }));
vi.mock("./route.svelte", () => ({ route: { go: vi.fn() } }));
vi.mock("./session.svelte", () => ({
  session: { may: (object: string, operation: string) => can.now[object]?.includes(operation) ?? false },
}));
const { openScreens, screenKeys, SCREENS } = await import("./screens");

const READ = ["read"];
test.each([
  ["analyst", { events: READ, alerts: ["read", "write"], rules: READ, sites: READ, responses: READ }, "alerts search rules risk sites"],
  ["agency officer", { events: READ, alerts: READ, sites: READ, requests: ["read", "write"] }, "alerts search risk sites requests"],
  ["data owner", { sites: READ, requests: ["read", "manage"], reveals: READ }, "sites requests reveals"],
  ["auditor", { audit: ["read", "export"], users: READ, requests: READ, reveals: READ }, "audit requests reveals"],
  ["protection officer", { audit: READ, reveals: ["read", "manage"], subjects: ["read", "write", "export", "manage"] }, "audit reveals subjects"],
  ["soc lead, who may read of restricted persons in an incident", { subjects: ["reveal"] }, ""],
  ["machine", { ingest: ["write"] }, ""],
  ["somebody who may write and not read", { rules: ["write"] }, ""],
])("%s", (_, may, screens) => {
  can.now = may as Record<string, string[]>;
  expect(openScreens().map((screen) => screen.name).join(" ")).toBe(screens);
  expect(Object.keys(screenKeys())).toHaveLength(screens.split(" ").filter(Boolean).length);
});

test("each screen has its own key", () => {
  expect(new Set(SCREENS.map((screen) => screen.key)).size).toBe(SCREENS.length);
});

// A backtest is watched until it ends, cancelled when it is left, and an answer that comes too late is dropped.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Hunt } from "./hunt.svelte";

vi.mock("../../i18n", () => ({ t: (key: string) => key }));

const PROGRESS = { events_total: 10, scanned: 5, candidates: 1, matched: 1, elapsed_secs: 1, events_per_sec: 5 };
const asked: string[] = [];
let answers: Record<string, unknown>[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  vi.stubGlobal("fetch", (path: string, request: RequestInit) => {
    asked.push(`${request.method} ${path}`);
    if (request.method === "DELETE") return Promise.resolve(new Response(null, { status: 204 }));
    const answer = answers.shift() ?? { status: 500 };
    const status = typeof answer["status"] === "number" ? answer["status"] : 200;
    return Promise.resolve(new Response(JSON.stringify(answer), { status }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const start = (id: string) => () => Promise.resolve({ id, from: "now-7d", to: "now" });

test("it is looked at until it is done", async () => {
  answers = [
    { id: "bt-1", state: "running", progress: PROGRESS },
    { id: "bt-1", state: "done", progress: { ...PROGRESS, scanned: 10 }, result: { seen: { total: 3 } } },
  ];
  const hunt = new Hunt();
  await hunt.begin(start("bt-1"));
  expect([hunt.phase, hunt.share]).toEqual(["running", 0.5]);
  await vi.advanceTimersByTimeAsync(2000);
  expect([hunt.phase, hunt.share, hunt.answer?.seen.total]).toEqual(["done", 1, 3]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toEqual(["GET /api/v1/rules/backtest/bt-1", "GET /api/v1/rules/backtest/bt-1"]);
});

test("cancelling ends it at the server", async () => {
  answers = [{ id: "bt-1", state: "running", progress: PROGRESS }];
  const hunt = new Hunt();
  await hunt.begin(start("bt-1"));
  await hunt.cancel();
  await vi.advanceTimersByTimeAsync(5000);
  expect(hunt.phase).toBe("cancelled");
  expect(asked).toEqual(["GET /api/v1/rules/backtest/bt-1", "DELETE /api/v1/rules/backtest/bt-1"]);
});

test("another start ends the one before", async () => {
  answers = [
    { id: "bt-1", state: "running", progress: PROGRESS },
    { id: "bt-2", state: "failed", progress: PROGRESS, problem: { title: "bad", detail: "time is up" } },
  ];
  const hunt = new Hunt();
  await hunt.begin(start("bt-1"));
  await hunt.begin(start("bt-2"));
  expect([hunt.phase, hunt.problem?.message]).toEqual(["failed", "time is up"]);
  expect(asked[1]).toBe("DELETE /api/v1/rules/backtest/bt-1");
});

test("what was started and left meanwhile is cancelled", async () => {
  answers = [];
  const hunt = new Hunt();
  let begun: (value: { id: string; from: string; to: string }) => void = () => undefined;
  const pending = hunt.begin(() => new Promise((done) => (begun = done)));
  await vi.advanceTimersByTimeAsync(0);
  hunt.leave();
  begun({ id: "bt-9", from: "", to: "" });
  await pending;
  expect(asked).toEqual(["DELETE /api/v1/rules/backtest/bt-9"]);
  expect(hunt.phase).toBe("idle");
});

test("a refusal is told", async () => {
  const hunt = new Hunt();
  await hunt.begin(() => Promise.reject(new Error("no")));
  expect(hunt.phase).toBe("failed");
});

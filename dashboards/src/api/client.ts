// The one door to the server: JSON over fetch, the CSRF header on everything that changes, problems as `Problem`.

/** An error answer (RFC 9457), or no answer at all (`status` 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** Where in the query, counted in characters from 1. */
    readonly position: number | undefined = undefined,
    readonly expected: string | undefined = undefined,
    readonly because: string[] = [],
    readonly retryAfterSeconds: number | undefined = undefined,
    /** The last step of `type`: which kind of problem it is. */
    readonly kind = "",
  ) {
    super(detail || title);
  }
}

let csrf = "";
let ended: () => void = () => {};

/** Keeps the session's CSRF token in memory; it is never stored. */
export function keepCsrf(token: string): void {
  csrf = token;
}

/** Says what to do when the server no longer knows the session. */
export function onSessionEnded(act: () => void): void {
  ended = act;
}

let stepUp: (() => Promise<boolean>) | undefined;

/** Says how somebody shows the second factor again; gives whether he did. */
export function onStepUp(ask: () => Promise<boolean>): void {
  stepUp = ask;
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return withStepUp(path, async () => {
    const response = await answer(method, path, body, signal);
    return (response.status === 204 ? undefined : await response.json()) as T;
  });
}

/** An answer that is text, such as the ledger's signed note. */
export async function callText(path: string): Promise<string> {
  return withStepUp(path, async () => (await answer("GET", path)).text());
}

/** Asks once more when the server wants the second factor first and somebody showed it. */
async function withStepUp<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const due = error instanceof Problem && error.kind === "step-up" && path !== "/session/step-up";
    if (!due || !stepUp || !(await stepUp())) throw error;
    return act();
  }
}

async function answer(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrf) headers["x-csrf-token"] = csrf;
  const request: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) request.body = JSON.stringify(body);
  if (signal) request.signal = signal;
  const response = await fetch(`/api/v1${path}`, request).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "", "");
  });
  if (response.ok) return response;
  const problem = await readProblem(response);
  if (problem.status === 401 && !/^\/(session(\/second-step)?|setup)$/.test(path)) ended();
  throw problem;
}

async function readProblem(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (name: string) => (typeof body[name] === "string" ? body[name] : "");
  const position = typeof body["position"] === "number" ? body["position"] : undefined;
  const because = Array.isArray(body["because"]) ? body["because"].map(String) : [];
  const after = Number(response.headers.get("retry-after") ?? body["retry_after_secs"] ?? NaN);
  return new Problem(
    response.status,
    text("title"),
    text("detail"),
    position,
    text("expected") || undefined,
    because,
    Number.isFinite(after) ? after : undefined,
    text("type").split("/").at(-1) ?? "",
  );
}

/** Whether a request was dropped because a newer one took its place. */
export function aborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

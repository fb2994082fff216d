// The list of alerts: what was asked for, what came, which row is current.
import { aborted, type Problem } from "../../api/client";
import { api, type AlertFilter } from "../../api/endpoints";
import { LEVELS, type Alert, type Level, type Status } from "../../api/types";
import { asProblem } from "../../state/problem";

const PAGE = 50;

export const STATES = {
  open: ["new", "acknowledged"],
  new: ["new"],
  acknowledged: ["acknowledged"],
  closed: ["closed_true", "closed_false"],
  all: [],
} as const satisfies Record<string, Status[]>;
export type State = keyof typeof STATES;

export interface Wanted {
  state: State;
  levels: Level[];
  text: string;
}

/** What the address and the history entry ask for. */
export function readWanted(params: URLSearchParams, text: string | undefined): Wanted {
  const state = params.get("status") ?? "open";
  const levels = (params.get("level") ?? "").split(",");
  return {
    state: state in STATES ? (state as State) : "open",
    levels: LEVELS.filter((level) => levels.includes(level)),
    text: text ?? "",
  };
}

export function writeWanted(wanted: Wanted): URLSearchParams {
  const params = new URLSearchParams();
  if (wanted.state !== "open") params.set("status", wanted.state);
  if (wanted.levels.length) params.set("level", wanted.levels.join(","));
  return params;
}

export class Queue {
  alerts = $state.raw<Alert[]>([]);
  total = $state(0);
  explanation = $state.raw<string[]>([]);
  ledger = $state<number | null>();
  phase = $state<"loading" | "ready" | "failed">("loading");
  busy = $state(false);
  problem = $state.raw<Problem | undefined>();
  current = $state<string | undefined>();
  hasMore = $state(false);
  #next: string | undefined;
  #wanted: Wanted = { state: "open", levels: [], text: "" };
  #request: AbortController | undefined;

  readonly at = $derived(this.alerts.findIndex((alert) => alert.id === this.current));

  /** Asks from the top; `quietly` leaves the rows standing until the answer is there. */
  async load(wanted: Wanted, quietly = false): Promise<void> {
    this.#wanted = wanted;
    if (!quietly) this.phase = "loading";
    await this.#ask(undefined);
  }

  async more(): Promise<void> {
    if (this.#next && !this.busy) await this.#ask(this.#next);
  }

  async #ask(cursor: string | undefined): Promise<void> {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.busy = true;
    const filter: AlertFilter = {
      status: [...STATES[this.#wanted.state]],
      level: this.#wanted.levels,
      text: this.#wanted.text,
    };
    try {
      const page = await api.alerts(filter, PAGE, cursor, request.signal);
      const known = new Set(cursor ? this.alerts.map((alert) => alert.id) : []);
      const fresh = page.alerts.filter((alert) => !known.has(alert.id));
      this.alerts = cursor ? [...this.alerts, ...fresh] : page.alerts;
      this.total = page.total;
      this.#next = page.next ?? undefined;
      this.hasMore = this.#next !== undefined;
      this.explanation = page.explanation ?? [];
      this.ledger = page.ledger ?? null;
      this.problem = undefined;
      this.phase = "ready";
      if (!this.alerts.some((alert) => alert.id === this.current)) this.current = this.alerts[0]?.id;
      this.busy = false;
    } catch (error) {
      if (aborted(error)) return;
      this.busy = false;
      this.problem = asProblem(error);
      if (!cursor) this.phase = "failed";
    }
  }

  /** Makes the neighbour the current row and says which it is. */
  move(by: 1 | -1): Alert | undefined {
    const to = Math.max(0, Math.min(this.alerts.length - 1, this.at + by));
    const alert = this.alerts[to];
    if (alert) this.current = alert.id;
    if (to >= this.alerts.length - 5) void this.more();
    return alert;
  }

  put(changed: Alert): void {
    this.alerts = this.alerts.map((alert) => (alert.id === changed.id ? changed : alert));
  }
}

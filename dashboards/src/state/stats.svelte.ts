// The header's figures, asked for while the page is looked at.
import { api } from "../api/endpoints";
import type { Stats } from "../api/types";

const EVERY_MS = 10_000;

class Figures {
  now = $state.raw<Stats | undefined>();
  clock = $state(Date.now());
  /** Events a second between the last two answers, where the server does not say it itself. */
  rate = $state<number | undefined>();
  #last: { total: number; at: number } | undefined;

  /** Asks until the returned function is called. */
  follow(): () => void {
    const ask = async () => {
      this.clock = Date.now();
      if (document.hidden) return;
      this.now = await api.stats().catch(() => this.now);
      this.#measure();
    };
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MS);
    const seen = () => void ask();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
      this.now = undefined;
      this.rate = undefined;
      this.#last = undefined;
    };
  }

  #measure(): void {
    const total = this.now?.events_total;
    const at = performance.now();
    if (typeof total !== "number") return;
    const last = this.#last;
    if (last && at - last.at < 1000) return;
    const told = this.now?.events_per_sec;
    if (typeof told === "number") this.rate = told;
    else if (last) this.rate = Math.max(0, (total - last.total) / ((at - last.at) / 1000));
    this.#last = { total, at };
  }
}

export const figures = new Figures();

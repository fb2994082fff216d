// The header's figures, asked for while the page is looked at.
import { api } from "../api/endpoints";
import type { Stats } from "../api/types";

const EVERY_MS = 10_000;

class Figures {
  now = $state.raw<Stats | undefined>();
  clock = $state(Date.now());

  /** Asks until the returned function is called. */
  follow(): () => void {
    const ask = async () => {
      this.clock = Date.now();
      if (document.hidden) return;
      this.now = await api.stats().catch(() => this.now);
    };
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MS);
    const seen = () => void ask();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
      this.now = undefined;
    };
  }
}

export const figures = new Figures();

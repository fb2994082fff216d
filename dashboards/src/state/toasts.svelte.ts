// Short messages about what was just done, with a way back where there is one.

export interface Toast {
  id: number;
  kind: "good" | "bad" | "plain";
  text: string;
  action?: { text: string; act: () => void };
}

const SHOWN_MS = 6000;
const TOASTS_MAX = 4;

class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(kind: Toast["kind"], text: string, action?: Toast["action"]): void {
    const id = this.#next++;
    const toast: Toast = action ? { id, kind, text, action } : { id, kind, text };
    this.list = [...this.list, toast].slice(-TOASTS_MAX);
    this.resume(id);
  }

  dismiss(id: number): void {
    this.hold(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** Stops the clock while somebody reads or reaches for the button. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  resume(id: number): void {
    this.hold(id);
    this.#timers.set(id, setTimeout(() => this.dismiss(id), SHOWN_MS));
  }
}

export const toasts = new Toasts();

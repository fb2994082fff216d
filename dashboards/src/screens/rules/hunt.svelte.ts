// A backtest or the preview of an exception, as a job of the server: started, watched, cancelled, read.
import { Problem } from "../../api/client";
import { rulesApi, type HuntAnswer, type HuntStart, type Progress } from "../../api/rules";
import { asProblem } from "../../state/problem";

const LOOK_MS = 700;

export class Hunt {
  phase = $state<"idle" | "running" | "done" | "failed" | "cancelled">("idle");
  progress = $state.raw<Progress | undefined>();
  answer = $state.raw<HuntAnswer | undefined>();
  started = $state.raw<HuntStart | undefined>();
  problem = $state.raw<Problem | undefined>();
  #id: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  /** How much of the events is decided, 0 to 1; nothing before the server has counted them. */
  readonly share = $derived(
    this.progress && this.progress.events_total > 0 ? this.progress.scanned / this.progress.events_total : undefined,
  );

  /** Ends what ran before and starts another. */
  async begin(start: () => Promise<HuntStart>): Promise<void> {
    await this.#end();
    const turn = (this.#turn += 1);
    this.phase = "running";
    this.progress = undefined;
    this.answer = undefined;
    this.problem = undefined;
    try {
      const started = await start();
      if (turn !== this.#turn) {
        await rulesApi.cancel(started.id).catch(() => undefined);
        return;
      }
      this.started = started;
      this.#id = started.id;
      await this.#look(turn);
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  /** Stops it; the server forgets it. */
  async cancel(): Promise<void> {
    this.phase = "cancelled";
    await this.#end();
  }

  /** For when its place on the screen goes: nothing runs on unseen. */
  leave(): void {
    void this.#end();
    this.phase = "idle";
  }

  async #end(): Promise<void> {
    this.#turn += 1;
    clearTimeout(this.#timer);
    const id = this.#id;
    this.#id = undefined;
    // A job that is not there any more has ended by itself.
    if (id) await rulesApi.cancel(id).catch(() => undefined);
  }

  async #look(turn: number): Promise<void> {
    if (!this.#id || turn !== this.#turn) return;
    try {
      const look = await rulesApi.look(this.#id);
      if (turn !== this.#turn) return;
      this.progress = look.progress;
      if (look.state === "running") {
        this.#timer = setTimeout(() => void this.#look(turn), LOOK_MS);
        return;
      }
      this.answer = look.result;
      if (look.problem) this.problem = new Problem(422, look.problem.title ?? "", look.problem.detail ?? "");
      this.phase = look.state;
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  #fail(turn: number, error: unknown): void {
    if (turn !== this.#turn) return;
    this.problem = asProblem(error);
    this.phase = "failed";
  }
}

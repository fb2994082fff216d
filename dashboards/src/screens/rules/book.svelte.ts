// All that is known of the rules: those in force, those that cannot fire, those rejected, and what is hidden.
import type { Problem } from "../../api/client";
import { rulesApi, type Exception, type Rejected, type RuleEntry, type SilentList, type SilentRule } from "../../api/rules";
import { asProblem } from "../../state/problem";

export class Book {
  phase = $state<"loading" | "ready" | "failed">("loading");
  problem = $state.raw<Problem | undefined>();
  rules = $state.raw<RuleEntry[]>([]);
  rejected = $state.raw<Rejected[]>([]);
  silence = $state.raw<SilentList | undefined>();
  exceptions = $state.raw<Exception[]>([]);
  /** What of it could not be read, in words; the rest stands. */
  partial = $state.raw<Problem | undefined>();

  readonly silent = $derived(new Map((this.silence?.rules ?? []).map((one): [string, SilentRule] => [one.rule.id, one])));
  readonly byId = $derived(new Map(this.rules.map((one): [string, RuleEntry] => [one.rule.id, one])));
  readonly active = $derived(this.exceptions.filter((one) => one.state === "active"));

  async load(): Promise<void> {
    this.partial = undefined;
    try {
      this.rules = (await rulesApi.list()).rules;
      this.phase = "ready";
    } catch (error) {
      this.problem = asProblem(error);
      this.phase = "failed";
      return;
    }
    await Promise.all([
      this.#part(async () => (this.silence = await rulesApi.silent())),
      this.#part(async () => (this.rejected = (await rulesApi.rejected()).rejected)),
      this.loadExceptions(),
    ]);
  }

  async loadExceptions(): Promise<void> {
    await this.#part(async () => (this.exceptions = (await rulesApi.exceptions()).exceptions));
  }

  async #part(read: () => Promise<unknown>): Promise<void> {
    try {
      await read();
    } catch (error) {
      this.partial = asProblem(error);
    }
  }
}

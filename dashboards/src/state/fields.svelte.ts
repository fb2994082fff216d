// The fields that events have and what this account may know of each, asked for once a session.
import { api } from "../api/endpoints";
import type { FieldInfo } from "../api/types";

class Fields {
  list = $state.raw<FieldInfo[]>([]);
  readonly #byName = $derived(new Map(this.list.map((field) => [field.name, field])));

  async load(): Promise<void> {
    const answer = await api.fields().catch(() => undefined);
    if (answer) this.list = answer.fields;
  }

  forget(): void {
    this.list = [];
  }

  masked(name: string): boolean {
    return this.#byName.get(name)?.visibility === "masked";
  }

  /** Whether a condition on it would be refused. A field that no event has yet may be asked for. */
  shut(name: string): boolean {
    const known = this.#byName.get(name);
    return known !== undefined && known.visibility !== "clear";
  }
}

export const fields = new Fields();

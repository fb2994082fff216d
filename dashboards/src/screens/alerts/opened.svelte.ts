// The alert that is open beside the list.
import { aborted, type Problem } from "../../api/client";
import { api } from "../../api/endpoints";
import type { AlertDetail } from "../../api/types";
import { asProblem } from "../../state/problem";

export class Opened {
  detail = $state.raw<AlertDetail | undefined>();
  problem = $state.raw<Problem | undefined>();
  busy = $state(false);
  #request: AbortController | undefined;

  async load(id: string | undefined): Promise<void> {
    this.#request?.abort();
    this.problem = undefined;
    if (!id) {
      this.detail = undefined;
      return;
    }
    if (this.detail?.alert.id !== id) this.detail = undefined;
    const request = new AbortController();
    this.#request = request;
    this.busy = true;
    try {
      this.detail = await api.alert(id, request.signal);
      this.busy = false;
    } catch (error) {
      if (aborted(error)) return;
      this.busy = false;
      this.problem = asProblem(error);
    }
  }
}

// Acts of people from the record: what was asked for, what came, who and what stands in it how often.
import { aborted, type Problem } from "../../api/client";
import { oversightApi } from "../../api/oversight";
import type { Bucket, Hit, SearchRequest } from "../../api/types";
import { asProblem } from "../../state/problem";
import type { Range } from "../../time/range";
import { queryOf, type Asked } from "./query";

const PAGE = 50;
const NAMES = 40;

export class Acts {
  phase = $state<"loading" | "ready" | "failed">("loading");
  busy = $state(false);
  hits = $state.raw<Hit[]>([]);
  total = $state(0);
  people = $state.raw<Bucket[]>([]);
  actions = $state.raw<Bucket[]>([]);
  explanation = $state.raw<string[]>([]);
  ledger = $state<number | null>(null);
  problem = $state.raw<Problem | undefined>();
  hasMore = $state(false);
  #next: string | undefined;
  #asked: SearchRequest | undefined;
  #request: AbortController | undefined;

  async run(asked: Asked, range: Range): Promise<void> {
    this.#asked = { query: queryOf(asked), from: range.from, to: range.to, limit: PAGE };
    const aggregations = {
      people: { terms: { field: "user.name", size: NAMES } },
      actions: { terms: { field: "event.action", size: NAMES } },
    };
    await this.#ask({ ...this.#asked, aggregations }, true);
  }

  async more(): Promise<void> {
    if (this.#asked && this.#next && !this.busy) await this.#ask({ ...this.#asked, cursor: this.#next }, false);
  }

  async #ask(request: SearchRequest, fresh: boolean): Promise<void> {
    this.#request?.abort();
    const control = new AbortController();
    this.#request = control;
    this.busy = true;
    try {
      const answer = await oversightApi.auditSearch(request, control.signal);
      const known = new Set(fresh ? [] : this.hits.map((hit) => hit.id));
      this.hits = fresh ? answer.hits : [...this.hits, ...answer.hits.filter((hit) => !known.has(hit.id))];
      this.total = answer.total;
      if (fresh) {
        this.people = answer.aggregations?.["people"]?.buckets ?? [];
        this.actions = answer.aggregations?.["actions"]?.buckets ?? [];
        this.explanation = answer.explanation ?? [];
        this.ledger = answer.ledger ?? null;
      }
      this.#next = answer.next ?? undefined;
      this.hasMore = this.#next !== undefined;
      this.problem = undefined;
      this.phase = "ready";
      this.busy = false;
    } catch (error) {
      if (aborted(error)) return;
      this.busy = false;
      this.problem = asProblem(error);
      if (fresh) this.phase = "failed";
    }
  }
}

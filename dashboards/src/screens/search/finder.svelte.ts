// One search: what was asked, what came, and more of it.
import { aborted, type Problem } from "../../api/client";
import { api } from "../../api/endpoints";
import type { Bucket, Hit, SearchRequest } from "../../api/types";
import { asProblem } from "../../state/problem";
import { bars, intervalFor, type Bar, type Interval } from "../../time/interval";
import { iso, toMs, type Range } from "../../time/range";

const PAGE = 50;
const TOP = 10;

export interface Wanted {
  query: string;
  range: Range;
  purpose: string;
}

export class Finder {
  phase = $state<"idle" | "loading" | "ready" | "failed">("idle");
  busy = $state(false);
  hits = $state.raw<Hit[]>([]);
  total = $state(0);
  tookMs = $state(0);
  bars = $state.raw<Bar[]>([]);
  interval = $state.raw<Interval>({ text: "1m", ms: 60_000 });
  span = $state.raw({ from: 0, to: 0 });
  explanation = $state.raw<string[]>([]);
  ledger = $state<number | null>(null);
  problem = $state.raw<Problem | undefined>();
  asked = $state.raw<Wanted | undefined>();
  current = $state(-1);
  hasMore = $state(false);
  #next: string | undefined;
  #request: AbortController | undefined;

  async run(wanted: Wanted): Promise<void> {
    const now = Date.now();
    const span = { from: toMs(wanted.range.from, now), to: toMs(wanted.range.to, now) };
    const interval = intervalFor(span.from, span.to);
    const request = this.#start(wanted);
    this.phase = "loading";
    try {
      const answer = await api.search(
        {
          ...body(wanted, PAGE),
          aggregations: { time: { date_histogram: { field: "@timestamp", interval: interval.text } } },
        },
        request.signal,
      );
      this.hits = answer.hits;
      this.total = answer.total;
      this.tookMs = answer.took_ms;
      this.#next = answer.next ?? undefined;
      this.hasMore = this.#next !== undefined;
      this.interval = interval;
      this.span = span;
      this.bars = bars(answer.aggregations?.["time"]?.buckets ?? [], span.from, span.to, interval.ms);
      this.explanation = answer.explanation ?? [];
      this.ledger = answer.ledger ?? null;
      this.current = -1;
      this.phase = "ready";
      this.busy = false;
    } catch (error) {
      this.#fail(error);
      if (!aborted(error)) this.phase = "failed";
    }
  }

  async more(): Promise<void> {
    if (!this.#next || !this.asked || this.busy) return;
    const cursor = this.#next;
    const request = this.#start(this.asked);
    try {
      const answer = await api.search({ ...body(this.asked, PAGE), cursor }, request.signal);
      const known = new Set(this.hits.map((hit) => hit.id));
      this.hits = [...this.hits, ...answer.hits.filter((hit) => !known.has(hit.id))];
      this.#next = answer.next ?? undefined;
      this.hasMore = this.#next !== undefined;
      this.busy = false;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The most frequent values of a field in this result. */
  async top(field: string): Promise<Bucket[]> {
    if (!this.asked) return [];
    const aggregations = { top: { terms: { field, size: TOP } } };
    const answer = await api.search({ ...body(this.asked, 0), ...this.#sameTime(), aggregations });
    return answer.aggregations?.["top"]?.buckets ?? [];
  }

  move(by: 1 | -1): void {
    this.current = Math.max(0, Math.min(this.hits.length - 1, this.current + by));
    if (this.current >= this.hits.length - 3) void this.more();
  }

  /** The times of the answer on the screen, so that figures beside it agree with it. */
  #sameTime(): Range {
    return { from: iso(this.span.from), to: iso(this.span.to) };
  }

  #start(wanted: Wanted): AbortController {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.asked = wanted;
    this.busy = true;
    this.problem = undefined;
    return request;
  }

  #fail(error: unknown): void {
    if (aborted(error)) return;
    this.busy = false;
    this.problem = asProblem(error);
  }
}

function body(wanted: Wanted, limit: number): SearchRequest {
  const request: SearchRequest = { query: wanted.query, from: wanted.range.from, to: wanted.range.to, limit };
  if (wanted.purpose) request.purpose = wanted.purpose;
  return request;
}

// A search as a link: what was asked and over which time, never who asks or what for. Whoever opens it needs his own rights.
import { address } from "../../state/route.svelte";
import { iso, toMs, type Range } from "../../time/range";

export interface Shared {
  query: string;
  columns: string[];
}

const QUERY_MAX = 4096;
const COLUMNS_MAX = 12;
const COLUMN = /^[\p{L}\p{N}_@][\p{L}\p{N}_@.\-]{0,127}$/u;

/** The part of the link behind the page's address; `fixed` writes relative times out as they are now. */
export function linkOf(query: string, range: Range, columns: readonly string[], fixed: boolean, now: number): string {
  const { from, to } = fixed ? { from: iso(toMs(range.from, now)), to: iso(toMs(range.to, now)) } : range;
  const params = new URLSearchParams({ from, to });
  if (columns.length) params.set("columns", columns.join(","));
  params.set("q", query);
  return address("search", undefined, params);
}

/** What a link asks for, and the address without it; nothing when the address is no such link. */
export function readShared(params: URLSearchParams): { shared: Shared; rest: URLSearchParams } | undefined {
  const query = params.get("q");
  if (query === null) return undefined;
  const columns = (params.get("columns") ?? "").split(",").filter((name) => COLUMN.test(name));
  const rest = new URLSearchParams(params);
  rest.delete("q");
  rest.delete("columns");
  return { shared: { query: query.slice(0, QUERY_MAX), columns: columns.slice(0, COLUMNS_MAX) }, rest };
}

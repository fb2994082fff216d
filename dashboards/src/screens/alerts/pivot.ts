/** From an alert to the search for what stands around it. */
import type { Alert } from "../../api/types";
import { condition } from "../../query/filter";
import { fields } from "../../state/fields.svelte";
import { route } from "../../state/route.svelte";
import { iso } from "../../time/range";
import { present } from "./entities";

const MARGIN_MS = 15 * 60_000;

/** Opens the search around the alert's time. */
export function pivot(of: Alert, query: string): void {
  const params = new URLSearchParams({
    from: iso(Date.parse(of.first_seen) - MARGIN_MS),
    to: iso(Date.parse(of.last_seen) + MARGIN_MS),
  });
  route.go("search", undefined, params, { query });
}

/** A query for everything that the alert is about, as far as it may be asked. */
export function about(of: Alert): string {
  return present(of.entities)
    .filter((entity) => entity.name !== "agency" && !fields.shut(entity.field))
    .map((entity) => condition(entity.field, entity.value))
    .join(" AND ");
}

// The alerts behind an entity's risk: those of the last day that speak of it and were not closed as false.
import { api } from "../../api/endpoints";
import type { EntityRisk } from "../../api/oversight";
import type { Alert } from "../../api/types";

const WINDOW_MS = 864e5;
const PAGE = 200;
const PAGES_MAX = 10;

export interface Behind {
  alerts: Alert[];
  /** Whether there were more alerts of the day than are looked through. */
  cut: boolean;
}

/** Whether an alert counts to the entity's risk. */
export function counts(alert: Alert, entity: Pick<EntityRisk, "kind" | "name" | "site">, now: number): boolean {
  if (alert.status === "closed_false" || Date.parse(alert.last_seen) <= now - WINDOW_MS) return false;
  const { site, host, user, source_ip } = alert.entities;
  switch (entity.kind) {
    case "site":
      return site === entity.name;
    case "source_address":
      return source_ip === entity.name;
    case "host":
      return host === entity.name && (site ?? undefined) === entity.site;
    case "user":
      return user === entity.name && (site ?? undefined) === entity.site;
  }
}

/** Looks through the day's alerts, the newest first; those of a site are asked for by its id. */
export async function behind(entity: EntityRisk, signal: AbortSignal): Promise<Behind> {
  const now = Date.now();
  const text = (entity.kind === "site" ? entity.name : entity.site) ?? "";
  const found: Alert[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await api.alerts({ status: ["new", "acknowledged", "closed_true"], level: [], text }, PAGE, cursor, signal);
    found.push(...page.alerts.filter((alert) => counts(alert, entity, now)));
    const last = page.alerts.at(-1);
    cursor = page.next ?? undefined;
    if (!cursor || !last || Date.parse(last.last_seen) <= now - WINDOW_MS) return { alerts: heaviest(found), cut: false };
  }
  return { alerts: heaviest(found), cut: true };
}

function heaviest(alerts: Alert[]): Alert[] {
  return alerts.sort((a, b) => (b.risk_score ?? 0) - (a.risk_score ?? 0) || b.last_seen.localeCompare(a.last_seen));
}

// What alerts like this one have in common: the conditions that an exception can be made of.
import type { Fields } from "../../api/rules";
import type { Atom, Entities } from "../../api/types";
import { present } from "./entities";

export interface Condition {
  field: string;
  value: string;
}

const LENGTH_MAX = 400;
const TIMES = ["minute", "hour", "day", "week", "month", "year"];

/** Entities, then values that were compared; nothing that is masked, cut or a time. */
export function candidates(entities: Entities, atoms: readonly Atom[], shut: (field: string) => boolean): Condition[] {
  const found: Condition[] = present(entities)
    .filter((entity) => entity.name === "site" || entity.name === "host" || entity.name === "user" || entity.name === "source_ip")
    .map(({ field, value }) => ({ field, value }));
  for (const atom of atoms) {
    const { field, value, operator } = atom;
    if (!field || !value || value.endsWith("…") || value.length > LENGTH_MAX) continue;
    if (operator.split("|").some((word) => TIMES.includes(word))) continue;
    found.push({ field, value });
  }
  const seen = new Set<string>();
  return found.filter(({ field }) => !shut(field) && !seen.has(field) && seen.add(field));
}

/** The conditions as a map of a rule's search identifier, in which `*`, `?` and backslashes stand for themselves. */
export function fieldsOf(conditions: readonly Condition[]): Fields {
  return Object.fromEntries(conditions.map(({ field, value }) => [field, value.replace(/[\\*?]/g, "\\$&")]));
}

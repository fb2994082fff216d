// Entities of an alert with the fields they stand for.
import type { Entities } from "../../api/types";

export const ENTITY_FIELDS = {
  site: "metrosoc.site.id",
  agency: "metrosoc.agency.id",
  host: "host.name",
  user: "user.name",
  source_ip: "source.ip",
  destination_ip: "destination.ip",
} as const satisfies Record<keyof Entities, string>;

export type EntityName = keyof typeof ENTITY_FIELDS;

/** The entities that are there, in the order of the pane. */
export function present(entities: Entities): { name: EntityName; field: string; value: string }[] {
  return (Object.keys(ENTITY_FIELDS) as EntityName[]).flatMap((name) => {
    const value = entities[name];
    return value ? [{ name, field: ENTITY_FIELDS[name], value }] : [];
  });
}
